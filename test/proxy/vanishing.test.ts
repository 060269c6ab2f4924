/** A client that only half-closes, and one that is gone: a FIN looks the same from both. */
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { isOrphaned } from '../../src/plane/orphan.ts'
import { eventually, PING, stage } from './stage.ts'

describe('isOrphaned', () => {
  let server: Server
  let client: Socket
  let accepted: Socket
  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    client = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true })
    const [socket] = (await once(server, 'connection')) as [Socket]
    accepted = socket
    accepted.resume()
  })
  afterEach(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })

  test('is false of a client that still reads', async () => {
    client.end()
    await once(accepted, 'end')
    expect(await isOrphaned(accepted)).toBe(false)
  })

  test('has one table open at a time, however many ask', async () => {
    const tables = () =>
      readdirSync('/proc/self/fd').filter((name) => linkOf(`/proc/self/fd/${name}`).includes('/net/tcp'))
        .length
    let isOver = false
    const asked = Promise.all(Array.from({ length: 200 }, () => isOrphaned(accepted))).finally(() => {
      isOver = true
    })
    let most = 0
    while (!isOver) {
      most = Math.max(most, tables())
      await new Promise(setImmediate)
    }
    expect(new Set(await asked)).toEqual(new Set([false]))
    expect(most).toBeLessThanOrEqual(1)
  })

  test('hears of a close while others ask', async () => {
    const before = isOrphaned(accepted)
    client.destroy()
    await once(accepted, 'end')
    expect(await isOrphaned(accepted)).toBe(true)
    await before
  })

  test('is true of a client that has closed', async () => {
    client.destroy()
    await once(accepted, 'end')
    expect(await isOrphaned(accepted)).toBe(true)
  })
})

/** What the kernel will do next about each of this machine's TCP sockets (proc_net_tcp in its documentation). */
function timers() {
  const table = readFileSync('/proc/net/tcp', 'latin1')
  return table
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [, own = '', other = '', , , when = ''] = line.trim().split(/\s+/)
      const [timer = '', jiffies = ''] = when.split(':')
      const port = (end: string) => Number.parseInt(end.split(':')[1] ?? '', 16)
      return { own: port(own), other: port(other), timer, inJiffies: Number.parseInt(jiffies, 16) }
    })
}

const KEEPALIVE = '02'
/** 15 s in the hundredths of a second that the kernel tells user space. */
const IDLE_JIFFIES = 1_500

test.each(['tcp', 'tls'] as const)(
  'a peer that lost its network is asked after 15 s of silence: %s',
  async (way) => {
    await using scene = await stage({ clients: way, engine: way })
    await scene.begin(PING)
    const port = (address: { readonly kind: string; readonly port?: number }) => address.port ?? 0
    const ours = () => {
      const rows = timers()
      const client = rows.filter(({ own, other }) => own === port(scene.proxy.addresses[0]!) && other !== 0)
      const engine = rows.filter(({ other }) => other === port(scene.engine.address))
      return [client, engine]
    }
    // Until what was sent is acknowledged, the timer is that of sending it again. An older connection that had the same port may
    // still be in the table.
    await eventually(() =>
      ours().every((rows) =>
        rows.some(({ timer, inJiffies }) => timer === KEEPALIVE && inJiffies <= IDLE_JIFFIES),
      ),
    )
  },
)

/** Empty where the file has been closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
