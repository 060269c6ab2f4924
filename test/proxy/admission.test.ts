/** What is refused, and which lines of a head stop at the proxy, before a request may go on. */
import { FIELD_LIMIT, HEAD_LIMIT_BYTES, REQUEST_LINE_LIMIT_BYTES } from '../../src/http1/limits.ts'
import { INSTANCE } from '../../src/instance.ts'
import { DEFAULT_LISTENER_LIMITS } from '../../src/model/listener.ts'
import { head, PING, PONG, readError, settled, stage } from './stage.ts'

const { headTimeoutMs } = DEFAULT_LISTENER_LIMITS

/** Sends a request that must be refused, and gives the refusal. */
async function refusal(request: string) {
  await using scene = await stage()
  const client = await scene.client()
  await client.send(request)
  const answer = readError(await client.end())
  expect(scene.engine.connections).toHaveLength(0)
  return answer
}

/** Sends a request that goes on, and gives what the engine receives. */
async function onward(request: string) {
  await using scene = await stage()
  const { client, engine } = await scene.begin(request, '\r\n\r\n')
  await engine.send(PONG)
  await client.until(PONG)
  return engine.text
}

describe('lines that stop here (PS-HEADER-001)', () => {
  test.each(['Powerstrip-Client', 'powerstrip-request-id', 'POWERSTRIP-USER', 'Powerstrip-'])(
    '%s is the proxy’s to give',
    async (name) => {
      expect(await onward(head('GET /_ping HTTP/1.1', `${name}: forged`, 'Host: docker', `${name}:x`))).toBe(
        PING,
      )
    },
  )

  test('a request that this very powerstrip is the reason for is refused, and one of another goes on', async () => {
    const via = (name: string) =>
      head('GET /_ping HTTP/1.1', 'Host: docker', 'Via: 1.1 a', `VIA: 1.1 ${name}, 1.1 b`)
    expect(await refusal(via(`powerstrip-${INSTANCE}`))).toEqual({
      status: 508,
      message: expect.stringContaining('(PS-HEADER-001)'),
    })
    const other = via('powerstrip-elsewhere-0123abcd')
    expect(await onward(other)).toBe(other)
  })

  test('a name that only looks like one goes on', async () => {
    const request = head(
      'GET /_ping HTTP/1.1',
      'Host: docker',
      'X-Powerstrip-Client: a',
      'Powerstrips: b',
      'Powerstrip: c',
    )
    expect(await onward(request)).toBe(request)
  })

  test.each([
    ['a wish for tcp', ['Connection: Upgrade', 'Upgrade: tcp']],
    [
      'a wish for HTTP/2',
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAA'],
    ],
    ['a wish for a WebSocket', ['Upgrade: websocket', 'Connection: keep-alive, Upgrade']],
    ['a wish without Connection', ['Upgrade: tcp']],
    ['Connection without a wish', ['connection: UPGRADE']],
    ['settings alone', ['HTTP2-Settings: x']],
  ])('%s on an operation that does not hijack', async (_, fields) => {
    expect(await onward(head('GET /_ping HTTP/1.1', ...fields, 'Host: docker'))).toBe(PING)
    expect(await onward(head('GET /_ping HTTP/1.1', 'Host: docker', ...fields))).toBe(PING)
  })

  test('Connection lines without a wish go on', async () => {
    const request = head('GET /_ping HTTP/1.1', 'Host: docker', 'Connection: keep-alive, te', 'TE: trailers')
    expect(await onward(request)).toBe(request)
  })

  test('an operation in no table is relayed without its wish to upgrade', async () => {
    expect(
      await onward(head('POST /unheard/of HTTP/1.1', 'Host: docker', 'Connection: Upgrade', 'Upgrade: tcp')),
    ).toBe(head('POST /unheard/of HTTP/1.1', 'Host: docker'))
  })
})

describe('tokens (PS-UPGRADE-001)', () => {
  test.each([
    ['POST /containers/x/attach', 'websocket'],
    ['POST /containers/x/attach', 'h2c'],
    ['POST /v1.41/exec/x/start', 'TCP2'],
    ['POST /v1.41/exec/x/start', 'tcp, h2c'],
    ['POST /v1.41/exec/x/start', ''],
    ['GET /containers/x/attach/ws', 'tcp'],
    ['POST /session', 'tcp'],
    ['POST /v1.45/grpc', 'websocket'],
  ])('%s with %j is refused', async (line, token) => {
    expect(
      await refusal(head(`${line} HTTP/1.1`, 'Host: docker', 'Connection: Upgrade', `Upgrade: ${token}`)),
    ).toEqual({
      status: 400,
      message: expect.stringContaining('(PS-UPGRADE-001)'),
    })
  })
})

describe('forms (PS-FORM-001)', () => {
  test.each([
    ['POST /images/create', 'application/x-www-form-urlencoded'],
    ['POST /images/create', 'Application/X-WWW-Form-Urlencoded; charset=utf-8'],
    ['POST /images/create', 'application/x-www-form-urlencoded;'],
    ['POST /images/create', ' application/x-www-form-urlencoded ;'],
    ['PUT /containers/x/archive', 'application/x-www-form-urlencoded'],
    ['POST /images/create', 'multipart/form-data; boundary=x'],
    ['POST /unheard/of', 'application/x-www-form-urlencoded'],
  ])('%s with %s is refused', async (line, type) => {
    for (const body of ['Content-Length: 14', 'Transfer-Encoding: chunked'])
      expect(await refusal(head(`${line} HTTP/1.1`, 'Host: docker', `Content-Type: ${type}`, body))).toEqual({
        status: 415,
        message: expect.stringContaining('(PS-FORM-001)'),
      })
  })

  test.each([
    head(
      'POST /images/create?fromImage=a HTTP/1.1',
      'Host: docker',
      'Content-Type: application/x-www-form-urlencoded',
      'Content-Length: 0',
    ),
    head(
      'POST /images/create?fromImage=a HTTP/1.1',
      'Host: docker',
      'Content-Type: application/x-www-form-urlencoded',
    ),
    `${head('POST /plugins/create?name=a HTTP/1.1', 'Host: docker', 'Content-Type: multipart/form-data; boundary=x', 'Content-Length: 2')}ab`,
  ])('an empty one, and the parts of a plugin, go on: %j', async (request) => {
    expect(await onward(request)).toBe(request)
  })
})

describe('targets', () => {
  test.each([
    ['http://docker/containers/json', 'PS-PATH-004'],
    ['*', 'PS-PATH-004'],
    ['//containers/json', 'PS-PATH-003'],
    ['/containers/../containers/json', 'PS-PATH-003'],
    ['/v1.41./containers/json', 'PS-PATH-002'],
    ['/v1.23/containers/json', 'PS-PATH-007'],
    ['/containers/%00/json', 'PS-PATH-006'],
    ['/containers/json?all=1&all=0', 'PS-QUERY-001'],
    ['/containers/json?a;b', 'PS-QUERY-002'],
    ['/containers/json?ALL=1', 'PS-QUERY-003'],
  ])('%s is refused by %s', async (target, rule) => {
    expect(await refusal(head(`GET ${target} HTTP/1.1`, 'Host: docker'))).toEqual({
      status: 400,
      message: expect.stringContaining(`(${rule})`),
    })
  })
})

describe('limits of a head (PS-FRAME-011)', () => {
  test.each([
    ['a request line that is too long', 414, `GET /${'a'.repeat(REQUEST_LINE_LIMIT_BYTES)} HTTP/1.1\r\n`],
    ['a request line without an end', 414, `GET /${'a'.repeat(REQUEST_LINE_LIMIT_BYTES)}`],
    ['a head that is too large', 431, `GET / HTTP/1.1\r\nX: ${'a'.repeat(HEAD_LIMIT_BYTES)}\r\n\r\n`],
    ['a head without an end', 431, `GET / HTTP/1.1\r\nX: ${'a'.repeat(HEAD_LIMIT_BYTES)}`],
    ['too many fields', 431, `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(FIELD_LIMIT + 1)}\r\n`],
  ])('%s', async (_, status, request) => {
    expect(await refusal(request)).toEqual({ status, message: expect.stringContaining('(PS-FRAME-011)') })
  })

  test('a head up to the limits goes on', async () => {
    const fields = Array.from({ length: FIELD_LIMIT - 1 }, (_, i) => `X-${i}: ${'a'.repeat(1200)}`)
    const request = head(`GET /info?${'a'.repeat(16_000)} HTTP/1.1`, 'Host: docker', ...fields)
    expect((await onward(request)) === request).toBe(true)
  })
})

describe('a slow head', () => {
  beforeEach(() => {
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask', 'performance'],
    })
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  test('is refused when its time is over, counted from its first byte', async () => {
    await using scene = await stage()
    const client = await scene.client()
    // An idle connection may wait for ever.
    await settled()
    jest.advanceTimersByTime(100 * headTimeoutMs)
    await client.send('GET /_ping HTTP/1.1\r\n')
    await settled()
    jest.advanceTimersByTime(headTimeoutMs / 2)
    await client.send('Host: docker\r\n')
    await settled()
    jest.advanceTimersByTime(headTimeoutMs / 2 - 1)
    await settled()
    expect(client.text).toBe('')

    jest.advanceTimersByTime(1)
    const answer = readError(await client.end())
    expect(answer).toEqual({ status: 408, message: expect.stringContaining('(PS-FRAME-011)') })
    expect(scene.engine.connections).toHaveLength(0)
  })

  test('is not counted while the answer before it is under way', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(`${PING}GET /_ping`, PING)
    await settled()
    jest.advanceTimersByTime(10 * headTimeoutMs)
    await settled()
    await engine.send(PONG)
    await client.until(PONG)
    await client.send(PING.slice('GET /_ping'.length))
    await engine.until(PING + PING)
  })
})
