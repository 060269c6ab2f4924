/** Protocol 2, section 8: a stream of any length through a stream-hook needs the same memory. A real powerstrip, measured. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { forgetPeak, peakResidentBytes, residentBytes } from '../../support/raw/proc.ts'
import { startScriptedEngine } from '../../support/scripted-engine.ts'
import { V2 } from '../../support/two/adapter.ts'

const IS_LONG = process.env.POWERSTRIP_LONG === '1'
const EVENTS = IS_LONG ? 1_000_000 : 50_000
/** Until the heap has the size that it needs for this. */
const WARM_UP = 20_000
/** Of the heap, between two collections: far less than the 50 MB that even the short form sends. */
const ROOM_BYTES = 24 * 1024 * 1024

const PAD = 'x'.repeat(1000)
const lineOf = (n: number) => `{"n":${n},"pad":"${PAD}"}\n`

interface CountingAdapter extends AsyncDisposable {
  readonly socket: string
  readonly events: number
  readonly inOrder: boolean
}

/** Drops every tenth event and keeps nothing but counts. */
async function startCountingAdapter(): Promise<CountingAdapter> {
  const folder = await mkdtemp(join(tmpdir(), 'counting-'))
  let events = 0
  let inOrder = true
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const reply = (status: number, text: string) =>
      response.writeHead(status, { 'Content-Type': V2 }).end(text)
    if (request.method === 'OPTIONS')
      return reply(
        200,
        '{"PowerstripProtocolVersion":2,"Name":"counting","ProtocolVersions":[2],"Implements":["stream-hook"]}',
      )
    const { Events } = JSON.parse(Buffer.concat(parts).toString()) as { Events: { n: number }[] }
    for (const { n } of Events) inOrder &&= n === events++
    const dropped = Events.flatMap(({ n }, Index) => (n % 10 === 0 ? [{ Index, Action: 'drop' }] : []))
    return dropped.length === 0 ? reply(204, '') : reply(200, JSON.stringify({ Events: dropped }))
  })
  server.keepAliveTimeout = 0
  const socket = join(folder, 'adapter.sock')
  server.listen(socket)
  await once(server, 'listening')
  return {
    socket,
    get events() {
      return events
    },
    get inOrder() {
      return inOrder
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

test(`8: memory stays flat over ${EVENTS} events`, async () => {
  console.log(
    `streams-memory: ${EVENTS} events of 1 kB (${IS_LONG ? 'POWERSTRIP_LONG' : 'the bounded form'})`,
  )
  await using engine = await startScriptedEngine()
  await using adapter = await startCountingAdapter()
  await using powerstrip = await startPowerstrip({
    upstream: `unix://${(engine.address as { path: string }).path}`,
    args: ['--log-level', 'warn'],
    config: JSON.stringify({
      version: 2,
      adapters: { a: { unix: adapter.socket, protocol: 2 } },
      endpoints: { SystemEvents: { stream: ['a'] } },
    }),
  })
  await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
  client.write('GET /v1.45/events HTTP/1.1\r\nHost: docker\r\n\r\n')
  // powerstrip has asked the engine who it is before it listened.
  let dockerd = await engine.accept()
  while (!(await dockerd.until('\r\n\r\n')).includes('/events')) dockerd = await engine.accept()
  await dockerd.send(
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  await client.head()
  client.socket.removeAllListeners('data')
  let lines = 0
  client.socket.on('data', (piece: Buffer) => {
    for (let at = piece.indexOf('{'); at !== -1; at = piece.indexOf('{', at + 1)) lines++
  })

  const send = async (from: number, to: number) => {
    for (let n = from; n < to; n += 50) {
      const data = Array.from({ length: Math.min(50, to - n) }, (_, k) => lineOf(n + k)).join('')
      await dockerd.send(`${data.length.toString(16)}\r\n${data}\r\n`)
    }
    while (adapter.events < to) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await send(0, WARM_UP)
  const before = residentBytes(powerstrip.pid)
  forgetPeak(powerstrip.pid)
  const since = performance.now()
  await send(WARM_UP, EVENTS)
  const seconds = (performance.now() - since) / 1000
  const growth = peakResidentBytes(powerstrip.pid) - before
  console.log(
    `streams-memory: ${(before / 1024 / 1024).toFixed(0)} MiB after the first ${WARM_UP}, at most ${(growth / 1024 / 1024).toFixed(1)} MiB more for the rest; ${Math.round((EVENTS - WARM_UP) / seconds)} events a second`,
  )
  expect(adapter.inOrder).toBe(true)
  await dockerd.send('0\r\n\r\n')
  while (lines < (EVENTS * 9) / 10) await once(client.socket, 'data')
  expect(lines).toBe((EVENTS * 9) / 10)
  expect(growth).toBeLessThan(ROOM_BYTES)
}, 300_000)
