/** Connections that turn into two-way streams: on the engine's answer, never on the client's wish (PS-UPGRADE-002). */
import { head, PING, PONG, readError, settled, stage, WAYS } from './stage.ts'

const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp']
const ATTACH = head('POST /containers/x/attach?stream=1&stdin=1 HTTP/1.1', 'Host: docker', ...UPGRADE)
const EXEC_BODY = '{"Detach":false,"Tty":false}'
const EXEC_FIELDS = ['Content-Type: application/json', `Content-Length: ${EXEC_BODY.length}`]
const EXEC = head('POST /v1.41/exec/x/start HTTP/1.1', 'Host: docker', ...UPGRADE, ...EXEC_FIELDS) + EXEC_BODY
const SWITCH = head(
  'HTTP/1.1 101 UPGRADED',
  'Content-Type: application/vnd.docker.raw-stream',
  'Connection: Upgrade',
  'Upgrade: tcp',
)
const RAW = head('HTTP/1.1 200 OK', 'Content-Type: application/vnd.docker.raw-stream')
const NOT_FOUND = `${head('HTTP/1.1 404 Not Found', 'Content-Type: application/json', 'Content-Length: 2')}no`

/** Talks both ways, ends both ways, and checks that nothing else was said. */
async function talk(
  { client, engine }: Awaited<ReturnType<Awaited<ReturnType<typeof stage>>['begin']>>,
  request: string,
  answer: string,
) {
  await engine.send(`${answer}first words`)
  await client.until('first words')
  // It looks like HTTP, and is none any more.
  await client.send(PING)
  await engine.until(PING)
  await engine.send(PONG)
  await client.until(PONG)
  client.finish()
  await engine.end()
  await engine.send('after the end of input')
  engine.finish()
  expect(await client.end()).toBe(`${answer}first words${PONG}after the end of input`)
  expect(engine.text).toBe(request + PING)
}

describe.each(WAYS)('clients on $clients, engine on $engine', (ways) => {
  test.each([
    ['attach by 101', ATTACH, SWITCH],
    ['attach by a raw 200', head('POST /containers/x/attach HTTP/1.1', 'Host: docker'), RAW],
    [
      'attach with Upgrade but without Connection',
      head('POST /containers/x/attach HTTP/1.1', 'Host: docker', 'Upgrade: tcp'),
      SWITCH,
    ],
    ['attach with Upgrade, answered by a raw 200', ATTACH, RAW],
    ['exec start by 101', EXEC, SWITCH],
    [
      'exec start by a raw 200',
      head('POST /exec/x/start HTTP/1.1', 'Host: docker', ...EXEC_FIELDS) + EXEC_BODY,
      RAW,
    ],
    [
      'exec start in chunks',
      `${head('POST /exec/x/start HTTP/1.1', 'Host: docker', ...UPGRADE, 'Transfer-Encoding: chunked')}1c\r\n${EXEC_BODY}\r\n0\r\n\r\n`,
      SWITCH,
    ],
    [
      'attach over a WebSocket',
      head(
        'GET /containers/x/attach/ws HTTP/1.1',
        'Host: docker',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: x',
      ),
      head('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'),
    ],
    [
      'session',
      head(
        'POST /session HTTP/1.1',
        'Host: docker',
        'Connection: Upgrade',
        'Upgrade: h2c',
        'X-Docker-Expose-Session-Grpc-Method: /a',
        'X-Docker-Expose-Session-Grpc-Method: /b',
      ),
      head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: h2c'),
    ],
    [
      'grpc',
      head('POST /grpc HTTP/1.1', 'Host: docker', 'Connection: Upgrade', 'Upgrade: h2c'),
      head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: h2c'),
    ],
  ])('%s', async (_, request, answer) => {
    await using scene = await stage(ways)
    await talk(await scene.begin(request), request, answer)
    await scene.quiet()
    expect(await scene.ended()).toMatchObject({ status: Number(answer.slice(9, 12)), fate: 'hijacked' })
  })

  test('input that was sent early waits for the switch, and comes first after it', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(`${EXEC}early `, EXEC)
    await client.send('input ')
    await settled()
    expect(engine.text).toBe(EXEC)
    await engine.send(SWITCH)
    await engine.until('early input ')
    await client.send('and more')
    expect(await engine.until('and more')).toBe(`${EXEC}early input and more`)
    expect(client.text).toBe(SWITCH)
  })

  test('input and its end that were sent early arrive after the switch', async () => {
    await using scene = await stage(ways)
    const client = await scene.client()
    await client.send(`${ATTACH}all there is`)
    client.finish()
    const engine = await scene.engine.accept()
    await engine.until(ATTACH)
    await settled()
    expect([engine.text, engine.ended]).toEqual([ATTACH, false])
    await engine.send(SWITCH)
    expect(await engine.end()).toBe(`${ATTACH}all there is`)
    await engine.send('output')
    engine.finish()
    expect(await client.end()).toBe(`${SWITCH}output`)
  })

  test('the engine may end first; what the client still says goes on', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(ATTACH)
    await engine.send(`${SWITCH}done`)
    engine.finish()
    expect(await client.end()).toBe(`${SWITCH}done`)
    await client.send('still here')
    await engine.until('still here')
    client.finish()
    await engine.end()
    await scene.quiet()
  })

  test('megabytes go both ways at once', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(ATTACH)
    await engine.send(SWITCH)
    await client.until(SWITCH)
    const up = Buffer.alloc(8 * 1024 * 1024, 'up ')
    const down = Buffer.alloc(8 * 1024 * 1024, 'down ')
    void client.send(up)
    void engine.send(down)
    await client.untilBytes(SWITCH.length + down.length)
    await engine.untilBytes(ATTACH.length + up.length)
    expect(client.received.subarray(SWITCH.length).equals(down)).toBe(true)
    expect(engine.received.subarray(ATTACH.length).equals(up)).toBe(true)
  })
})

describe('head and body of such a request leave as one', () => {
  test('however they came', async () => {
    await using scene = await stage()
    const client = await scene.client()
    const bodyStart = EXEC.length - EXEC_BODY.length
    for (const part of [EXEC.slice(0, 20), EXEC.slice(20, bodyStart), EXEC.slice(bodyStart, -3)]) {
      await client.send(part)
      await settled()
    }
    expect(scene.engine.connections).toHaveLength(0)
    await client.send(EXEC.slice(-3))
    const engine = await scene.engine.accept()
    await engine.until(EXEC)
    expect(engine.reads.map(String)).toEqual([EXEC])
  })

  test('chunked and of a megabyte, too', async () => {
    await using scene = await stage()
    const client = await scene.client()
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    const request = `${head('POST /containers/x/attach HTTP/1.1', 'Host: docker', ...UPGRADE, 'Transfer-Encoding: chunked')}${chunk.repeat(16)}0\r\n\r\n`
    void client.send(request)
    const engine = await scene.engine.accept()
    await engine.untilBytes(request.length)
    expect(engine.text === request).toBe(true)
  })

  test('a body that is too large to wait for is refused', async () => {
    await using scene = await stage()
    const client = await scene.client()
    await client.send(head('POST /exec/x/start HTTP/1.1', 'Host: docker', 'Content-Length: 4194305'))
    expect(readError(await client.end())).toMatchObject({
      status: 413,
      message: expect.stringContaining('PS-SIZE-001'),
    })
    expect(scene.engine.connections).toHaveLength(0)
  })

  test('a bad chunk is refused before the engine hears of the request', async () => {
    await using scene = await stage()
    const client = await scene.client()
    await client.send(
      `${head('POST /exec/x/start HTTP/1.1', 'Host: docker', 'Transfer-Encoding: chunked')}2;x\r\n{}\r\n0\r\n\r\n`,
    )
    expect(readError(await client.end())).toMatchObject({
      status: 400,
      message: expect.stringContaining('PS-FRAME-008'),
    })
    expect(scene.engine.connections).toHaveLength(0)
  })
})

describe('Expect', () => {
  const request = head(
    'POST /v1.41/exec/x/start HTTP/1.1',
    'Host: docker',
    ...UPGRADE,
    'Expect: 100-continue',
    ...EXEC_FIELDS,
  )

  test('is met by the proxy, which waits for the body, and does not go on', async () => {
    await using scene = await stage()
    const client = await scene.client()
    await client.send(request)
    expect(await client.until('\r\n\r\n')).toBe(head('HTTP/1.1 100 Continue'))
    await client.send(EXEC_BODY)
    const engine = await scene.engine.accept()
    await engine.until(EXEC)
    expect(engine.reads.map(String)).toEqual([EXEC])
    await engine.send(SWITCH)
    expect(await client.until(SWITCH)).toBe(head('HTTP/1.1 100 Continue') + SWITCH)
  })

  test('without a body there is nothing to go on with', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(
      ATTACH.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'),
      ATTACH,
    )
    await engine.send(SWITCH)
    expect(await client.until(SWITCH)).toBe(SWITCH)
  })

  test('from HTTP/1.0 is not answered by an interim answer it would not know', async () => {
    await using scene = await stage()
    const old = head('POST /exec/x/start HTTP/1.0', 'Expect: 100-continue', ...EXEC_FIELDS)
    const { client, engine } = await scene.begin(old + EXEC_BODY, EXEC_BODY)
    await engine.send(`${RAW}out`)
    expect(await client.until('out')).toBe(`${RAW}out`)
  })
})

describe('an answer that is no switch', () => {
  test('is an ordinary one, and the connection serves another request', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(EXEC)
    await engine.send(NOT_FOUND)
    await client.until(NOT_FOUND)
    await client.send(PING)
    await engine.until(EXEC + PING)
    await engine.send(PONG)
    expect(await client.until(PONG)).toBe(NOT_FOUND + PONG)
  })

  test.each([
    ['a refused exec', EXEC, NOT_FOUND],
    ['a detached exec', EXEC, head('HTTP/1.1 200 OK', 'Content-Length: 0')],
    ['chunks', EXEC, `${head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}0\r\n\r\n`],
    [
      'a refused attach without Upgrade',
      head('POST /containers/x/attach HTTP/1.1', 'Host: docker'),
      NOT_FOUND,
    ],
    [
      'a refused session',
      head('POST /session HTTP/1.1', 'Host: docker', 'Connection: Upgrade', 'Upgrade: h2c'),
      NOT_FOUND,
    ],
  ])(
    '%s: what was sent early is dropped, above all if it looks like a request, and the connection ends',
    async (_, request, answer) => {
      await using scene = await stage()
      const create = `${head('POST /containers/create HTTP/1.1', 'Host: docker', 'Content-Length: 2')}{}`
      const { client, engine } = await scene.begin(request + create, request)
      await settled()
      await engine.send(answer)
      expect(await client.end()).toBe(answer)
      await engine.close()
      expect(engine.text).toBe(request)
      expect(scene.exchanges).toHaveLength(1)
    },
  )

  test('404 on the raw socket, as attach does it: text up to the close', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(`${ATTACH}early`, ATTACH)
    const answer = `${head('HTTP/1.1 404 Not Found', 'Content-Type: application/vnd.docker.raw-stream')}No such container: x\n`
    await engine.send(answer)
    engine.finish()
    expect(await client.end()).toBe(answer)
    expect(engine.text).toBe(ATTACH)
    expect(await scene.ended()).toMatchObject({ status: 404, fate: 'relayed' })
  })

  test('a raw 200 to a request for a WebSocket is an answer until the close', async () => {
    await using scene = await stage()
    const request = head(
      'GET /containers/x/attach/ws HTTP/1.1',
      'Host: docker',
      'Connection: Upgrade',
      'Upgrade: websocket',
    )
    const { client, engine } = await scene.begin(`${request}early`, request)
    await engine.send(`${head('HTTP/1.1 200 OK')}words`)
    await client.until('words')
    engine.finish()
    await client.end()
    expect(engine.text).toBe(request)
  })

  test('an engine that leaves without an answer: 502, and early input goes nowhere', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(`${ATTACH}early`, ATTACH)
    engine.leave()
    expect(readError(await client.end()).status).toBe(502)
    expect(engine.text).toBe(ATTACH)
  })
})

describe('a stream whose other side is gone', () => {
  test.each(WAYS)('a client that leaves takes the engine’s connection with it, $clients', async (ways) => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(ATTACH)
    await engine.send(SWITCH)
    await client.until(SWITCH)
    client.leave()
    await engine.close()
    await scene.quiet()
  })

  test('over TCP, where leaving looks like the end of input, a word that cannot be delivered tells it too', async () => {
    await using scene = await stage({ clients: 'tcp', engine: 'tcp' })
    const { client, engine } = await scene.begin(ATTACH)
    await engine.send(SWITCH)
    await client.until(SWITCH)
    client.leave()
    await engine.end()
    await engine.send('output that nobody reads')
    await scene.quiet()
  })

  test('a client that half-closed and is killed later is noticed, on a unix socket', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(ATTACH)
    await engine.send(SWITCH)
    await client.until(SWITCH)
    client.finish()
    await engine.end()
    client.leave()
    await scene.quiet()
  })

  test.each(WAYS)(
    'an engine that leaves has its last words delivered first, $clients and $engine',
    async (ways) => {
      await using scene = await stage(ways)
      const { client, engine } = await scene.begin(ATTACH)
      const words = 'x'.repeat(500_000)
      void engine.send(SWITCH + words)
      engine.finish()
      await client.end()
      expect(client.receivedBytes).toBe(SWITCH.length + words.length)
      engine.leave()
      client.finish()
      await scene.quiet()
    },
  )
})
