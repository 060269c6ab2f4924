/** When one side ends, the other hears of it, and nothing is left behind. */
import { existsSync } from 'node:fs'
import type { Peer } from '../support/connect.ts'
import { eventually, head, PING, PONG, type Stage, settled, stage, WAYS } from './stage.ts'

const EVENTS = head('GET /events HTTP/1.1', 'Host: docker')
const STREAM = head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')
const UPLOAD = head('PUT /containers/x/archive?path=/ HTTP/1.1', 'Host: docker', 'Content-Length: 1000000')
const ATTACH = head('POST /containers/x/attach HTTP/1.1', 'Host: docker', 'Upgrade: tcp')
const SWITCH = head('HTTP/1.1 101 UPGRADED', 'Connection: Upgrade', 'Upgrade: tcp')

describe.each(WAYS)('clients on $clients, engine on $engine', (ways) => {
  test('a client’s FIN on a running exchange means cancel: the engine hears it, and its last words arrive', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(EVENTS)
    await engine.send(`${STREAM}2\r\n{}\r\n`)
    await client.until('{}')
    client.finish()
    await engine.end()
    await engine.send('0\r\n\r\n')
    expect(await client.end()).toBe(`${STREAM}2\r\n{}\r\n0\r\n\r\n`)
    await scene.quiet()
    expect(await scene.ended()).toMatchObject({ status: 200, fate: 'relayed' })
  })

  test('a client that sends its FIN right behind the request still gets its answer', async () => {
    await using scene = await stage(ways)
    const client = await scene.client()
    client.socket.end(PING)
    const engine = await scene.engine.accept()
    await engine.end()
    await engine.send(PONG)
    expect(await client.end()).toBe(PONG)
    await scene.quiet()
  })

  test('a client that connects and says nothing costs nothing', async () => {
    await using scene = await stage(ways)
    const client = await scene.client()
    await eventually(() => scene.proxy.connections === 1)
    client.finish()
    await client.end()
    await scene.quiet()
    expect(scene.engine.connections).toHaveLength(0)
  })
})

describe('a client that is killed', () => {
  test.each([
    ['in its request', UPLOAD, ''],
    ['before its answer', EVENTS, ''],
    ['in its answer', EVENTS, `${STREAM}2\r\n{}\r\n`],
    ['in its stream', ATTACH, SWITCH],
  ])('%s takes its work with it', async (_, request, answer) => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(request)
    if (answer !== '') await engine.send(answer)
    if (answer !== '') await client.until(answer)
    client.leave()
    await engine.close()
    await scene.quiet()
    expect(await scene.ended()).toMatchObject({ fate: request === ATTACH ? 'hijacked' : 'aborted' })
  })

  test('after its FIN is noticed too, on a unix socket, although nothing more comes from it', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(EVENTS)
    await engine.send(STREAM)
    await client.until(STREAM)
    client.finish()
    await engine.end()
    expect(scene.proxy.connections).toBe(1)
    client.leave()
    await scene.quiet()
    expect(await scene.ended()).toMatchObject({ fate: 'aborted' })
  })

  test('while the engine is being dialled leaves no engine connection behind', async () => {
    await using scene = await stage()
    const client = await scene.client()
    await client.send(PING)
    client.leave()
    await scene.quiet()
    await settled()
    for (const engine of scene.engine.connections) await engine.close()
  })
})

describe('in whatever state connections are closed, nothing stays open', () => {
  const states: Readonly<Record<string, (scene: Stage) => Promise<Peer>>> = {
    'nothing was sent': (scene) => scene.client(),
    'half a head was sent': async (scene) => {
      const client = await scene.client()
      await client.send(PING.slice(0, 20))
      return client
    },
    'the request is under way': async (scene) => (await scene.begin(UPLOAD)).client,
    'the answer is awaited': async (scene) => (await scene.begin(PING)).client,
    'the answer is awaited, and more was sent': async (scene) =>
      (await scene.begin(PING + PING, PING)).client,
    'the answer is under way': async (scene) => {
      const { client, engine } = await scene.begin(EVENTS)
      await engine.send(STREAM)
      await client.until(STREAM)
      return client
    },
    'the answer is not read': async (scene) => {
      const { client, engine } = await scene.begin(EVENTS)
      client.socket.pause()
      await engine.send(head('HTTP/1.1 200 OK'))
      engine.socket.write(Buffer.alloc(2_000_000))
      await settled()
      return client
    },
    'the connection is kept': async (scene) => {
      const { client, engine } = await scene.begin(PING)
      await engine.send(PONG)
      await client.until(PONG)
      return client
    },
    'the request was refused': async (scene) => {
      const client = await scene.client()
      await client.send('GET / HTTP/1.1\n\n')
      await client.end()
      return client
    },
    'it is two-way': async (scene) => {
      const { client, engine } = await scene.begin(ATTACH)
      await engine.send(SWITCH)
      await client.until(SWITCH)
      return client
    },
    'it is two-way, and the client has ended its side': async (scene) => {
      const { client, engine } = await scene.begin(ATTACH)
      await engine.send(SWITCH)
      await client.until(SWITCH)
      client.finish()
      await engine.end()
      return client
    },
    'it is two-way, and the engine has ended its side': async (scene) => {
      const { client, engine } = await scene.begin(ATTACH)
      await engine.send(SWITCH)
      engine.finish()
      await client.end()
      return client
    },
  }

  /** Sockets and timers that keep a process running, of all kinds together. */
  const open = () =>
    process.getActiveResourcesInfo().filter((kind) => /^(?:PipeWrap|TCPSocketWrap|Timeout)$/.test(kind))
      .length

  describe.each(Object.entries(states))('%s', (_, reach) => {
    test.each(['clients', 'engines', 'the proxy'])('by %s', async (who) => {
      await using scene = await stage()
      await settled()
      const before = open()
      const clients: Peer[] = []
      for (let i = 0; i < 8; i++) clients.push(await reach(scene))
      expect(scene.proxy.connections).toBe(8)

      if (who === 'the proxy') await scene.proxy.drain(0)
      if (who === 'engines') for (const engine of scene.engine.connections) engine.leave()
      if (who === 'engines') await settled()
      for (const client of clients) client.leave()
      await scene.quiet()
      for (const engine of scene.engine.connections) {
        await engine.close()
        engine.leave()
      }
      await eventually(() => open() <= before)
    })
  })
})

describe('told to stop, the proxy', () => {
  test('removes its socket and serves nobody new, while what runs goes on', async () => {
    await using scene = await stage()
    const [address] = scene.proxy.addresses
    const path = address?.kind === 'unix' ? address.path : ''
    const { client, engine } = await scene.begin(EVENTS)
    expect(existsSync(path)).toBe(true)
    const drained = scene.proxy.drain(3_600_000)
    expect(existsSync(path)).toBe(false)
    await expect(scene.client()).rejects.toThrow('ENOENT')

    await engine.send(`${STREAM}2\r\n{}\r\n0\r\n\r\n`)
    expect(await client.end()).toBe(`${STREAM}2\r\n{}\r\n0\r\n\r\n`)
    client.finish()
    await drained
    expect(scene.events).toContainEqual({ kind: 'draining', connections: 1, graceMs: 3_600_000 })
  })

  test('does not look at requests that were sent ahead', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(PING + PING, PING)
    const drained = scene.proxy.drain(3_600_000)
    await engine.send(PONG)
    expect(await client.end()).toBe(PONG)
    client.finish()
    await drained
    expect(engine.text).toBe(PING)
  })

  test('closes connections that are between two requests at once', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(PING)
    await engine.send(PONG)
    await client.until(PONG)
    const other = await scene.client()
    await eventually(() => scene.proxy.connections === 2)
    const drained = scene.proxy.drain(3_600_000)
    for (const peer of [client, other]) {
      await peer.end()
      peer.finish()
    }
    await drained
  })

  test('ends what still runs when the time is over', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(ATTACH)
    await engine.send(SWITCH)
    await client.until(SWITCH)
    await scene.proxy.drain(1)
    await client.close()
    await engine.close()
    expect(scene.proxy.connections).toBe(0)
  })
})

test('many clients at once have an engine connection each, and each gets its own answers', async () => {
  await using scene = await stage()
  const count = 100
  const clients = await Promise.all(Array.from({ length: count }, () => scene.client()))
  await Promise.all(
    clients.map((client, i) => client.send(head(`GET /containers/c${i}/json HTTP/1.1`, 'Host: docker'))),
  )
  for (let i = 0; i < count; i++) {
    const engine = await scene.engine.accept()
    const asked = /\/containers\/(c[0-9]+)\/json/.exec(await engine.until('\r\n\r\n'))![1]!
    await engine.send(head('HTTP/1.1 200 OK', `Content-Length: ${asked.length}`) + asked)
  }
  for (const [i, client] of clients.entries())
    expect(await client.until(`c${i}`)).toMatch(new RegExp(`\\r\\n\\r\\nc${i}$`))
  expect(scene.engine.connections).toHaveLength(count)
})
