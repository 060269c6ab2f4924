/** What was judged is what is sent: bodies and queries through the whole proxy. */
import { echo, modified, setting } from '../../support/cases/adapters.ts'
import { answering, send } from '../../support/cases/engine.ts'
import { messageOf, setStage } from '../../support/cases/stage.ts'

const CREATE = '/v1.45/containers/create'
const ALL = { '* *': { pre: ['x'] } }

/** A POST of exactly these bytes. */
function posted(target: string, body: string, type = 'application/json'): Buffer {
  return Buffer.from(
    `POST ${target} HTTP/1.1\r\nHost: docker\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

test('a body in odd spelling reaches hook and engine in the engine’s', async () => {
  await using stage = await setStage({ adapters: { x: echo }, endpoints: ALL })
  await using client = await stage.connect()
  client.write(
    posted(
      CREATE,
      '{"image":"a", "hostconfig":{"bind\u017f":["/:/h"],"PRIVILEGED":true,"Memory":9007199254740993}}',
    ),
  )
  expect((await client.answer()).status).toBe(200)
  const plain = '{"Image":"a", "HostConfig":{"Binds":["/:/h"],"Privileged":true,"Memory":9007199254740993}}'
  expect(stage.adapter('x').calls[0]?.message.ClientRequest.Body).toBe(plain)
  expect(stage.engine.onlyRequest.body).toBe(plain)
  expect(stage.engine.onlyRequest.field('content-length')).toBe(String(Buffer.byteLength(plain)))
  expect(await stage.exchange()).toMatchObject({ fate: 'unchanged' })
})

test('PS-HEADER-002: what is written anew leaves behind what belonged to the client’s connection', async () => {
  await using stage = await setStage({ adapters: { x: echo }, endpoints: ALL })
  const chunks = 'b\r\n{"Image":"a\r\n2\r\n"}\r\n0\r\n\r\n'
  for (const [frame, body] of [
    ['Transfer-Encoding: chunked', chunks],
    ['Content-Length: 13', '{"image":"a"}'],
  ]) {
    await using client = await stage.connect()
    client.write(
      [
        `POST ${CREATE} HTTP/1.1`,
        'Host: docker',
        'Connection: keep-alive, te',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'TE: trailers',
        'Trailer: X-Sum',
        'Expect: 100-continue',
        'Upgrade: tcp',
        'HTTP2-Settings: AAMAAABkAARAAAAA',
        'X-Own: kept',
        frame,
        '',
        body,
      ].join('\r\n'),
    )
    expect([(await client.answer()).status, (await client.answer()).status]).toEqual([100, 200])
  }
  for (const { fields, body } of stage.engine.requests) {
    expect(body).toBe('{"Image":"a"}')
    expect(fields.map(([name, value]) => `${name}: ${value}`)).toEqual([
      'Host: docker',
      'X-Own: kept',
      'Content-Type: application/json',
      'Content-Length: 13',
    ])
  }
})

test('a body that is plain already goes on in its own bytes', async () => {
  await using stage = await setStage({ adapters: { x: echo }, endpoints: ALL })
  await using client = await stage.connect()
  const body = '{ "Image":"a",\t"Labels" : {"A":"\\u00e9","a":"é"}\r\n}'
  client.write(posted(CREATE, body))
  expect((await client.answer()).status).toBe(200)
  expect(stage.engine.onlyRequest.body).toBe(body)
})

test('what an adapter returns is respelled before the next sees it, or refused', async () => {
  await using stage = await setStage({
    adapters: { x: setting({ Body: '{"image":"b","cmd":"ls"}' }), y: echo },
    endpoints: { '* *': { pre: ['x', 'y'] } },
  })
  await stage.ask('POST', CREATE, { Image: 'a' })
  expect(stage.adapter('y').calls[0]?.message.ClientRequest.Body).toBe('{"Image":"b","Cmd":["ls"]}')
  expect(stage.engine.onlyRequest.body).toBe('{"Image":"b","Cmd":["ls"]}')

  await stage.change({ adapters: { x: setting({ Body: '{"Image":"b","image":"c"}' }) }, endpoints: ALL })
  const answer = await stage.ask('POST', CREATE, { Image: 'a' })
  expect([answer.status, messageOf(answer)]).toEqual([
    502,
    expect.stringMatching(/^adapter "x" failed: the body that it returned .* \(PS-JSON-002\)$/),
  ])
})

test.each([
  ['/v1.45/containers/a?force=off&v', '/v1.45/containers/a?force=1&v=0', 'DELETE'],
  ['/v1.45/containers/a?force=%20False%20&v=x+y', '/v1.45/containers/a?force=0&v=1', 'DELETE'],
  ['/v1.45/containers/json?all=True&limit=', '/v1.45/containers/json?all=1&limit=', 'GET'],
  ['/v1.45/networks/a?verbose=f', '/v1.45/networks/a?verbose=0', 'GET'],
  ['/v1.45/commit?container=a&pause=', '/v1.45/commit?container=a&pause=1', 'POST'],
  [
    '/v1.45/build?rm=&q=&ulimits=%5B%7B%22NAME%22%3A%22a%22%7D%5D',
    '/v1.45/build?rm=1&q=0&ulimits=%5B%7B%22Name%22%3A%22a%22%7D%5D',
    'POST',
  ],
  [
    '/v1.45/containers/json?filters=%7B%22label%22%3A%7B%22A%22%3Atrue%2C%22a%22%3Atrue%7D%7D',
    undefined,
    'GET',
  ],
  ['/v1.45/containers/json?filters=', undefined, 'GET'],
])('PS-QUERY-004, -005: of %s hook and engine see %s', async (target, plain, method) => {
  await using stage = await setStage({
    adapters: { x: echo },
    endpoints: ALL,
    engine: answering(200, 'text/plain', ''),
  })
  await stage.ask(method, target)
  expect(stage.adapter('x').calls[0]?.message.ClientRequest.Request).toBe(plain ?? target)
  expect(stage.engine.onlyRequest.target).toBe(plain ?? target)

  // A request that no hook asked for is relayed as it came.
  await stage.change({})
  await stage.ask(method, target)
  expect(stage.engine.requests[1]?.target).toBe(target)
})

test('PS-ADAPTER-004: a query that an adapter returns is made plain too', async () => {
  await using stage = await setStage({
    adapters: { x: setting({ Request: '/v1.45/containers/json?all=yes' }) },
    endpoints: ALL,
    engine: answering(200, 'text/plain', ''),
  })
  await stage.ask('GET', '/v1.45/containers/json')
  expect(stage.engine.onlyRequest.target).toBe('/v1.45/containers/json?all=1')
})

test.each([
  ['PS-QUERY-004', 'GET', '/v1.45/networks/a?verbose=maybe'],
  ['PS-QUERY-005', 'GET', '/v1.45/containers/json?filters=%7B%22label%22%3A%5B%5D%2C%22label%22%3A%5B%5D%7D'],
  ['PS-QUERY-005', 'GET', '/v1.45/containers/json?filters=%7B%7D%7D'],
  ['PS-QUERY-005', 'GET', '/v1.45/containers/json?filters=%FF'],
  ['PS-QUERY-005', 'POST', '/v1.45/build?buildargs=%7B%22a%22%3A%22%5Cud800%22%7D'],
  ['PS-QUERY-005', 'POST', '/v1.45/build?ulimits=%5B%7B%22Hard%22%3A1%2C%22hard%22%3A2%7D%5D'],
  ['PS-QUERY-005', 'POST', '/v1.45/build?labels=%7B%22__proto__%22%3A%22a%22%7D'],
])('%s: %s %s is refused, hooked or not', async (rule, method, target) => {
  await using stage = await setStage({ adapters: { x: echo }, endpoints: ALL })
  for (const scene of [undefined, {}]) {
    if (scene !== undefined) await stage.change(scene)
    const answer = await stage.ask(method, target)
    expect([answer.status, messageOf(answer)]).toEqual([400, expect.stringContaining(rule)])
  }
  expect(stage.engine.requests).toEqual([])
})

test.each(['/v1.45/containers/a/stop?t=5', '/v1.45/images/create?fromImage=busybox'])(
  'PS-JSON-009: JSON sent along to %s is neither shown nor sent on',
  async (target) => {
    await using stage = await setStage({
      adapters: { x: echo },
      endpoints: ALL,
      engine: answering(200, 'text/plain', ''),
    })
    const answer = await stage.ask('POST', target, { fromImage: 'good', t: 1 })
    expect(answer.status).toBe(200)
    expect(stage.adapter('x').calls[0]?.message.ClientRequest.Body).toBeNull()
    const seen = stage.engine.onlyRequest
    expect([seen.target, seen.body, seen.field('content-length')]).toEqual([target, '', '0'])
  },
)

test('the archive of an import is no decoy, whatever its type says', async () => {
  await using stage = await setStage({
    adapters: { x: echo },
    endpoints: ALL,
    engine: answering(200, 'text/plain', ''),
  })
  await using client = await stage.connect()
  client.write(posted('/v1.45/images/create?fromSrc=-', 'not for hooks'))
  expect((await client.answer()).status).toBe(200)
  expect(stage.engine.onlyRequest.body).toBe('not for hooks')
})

test('an answer keeps its digits through a post-hook that edits something else', async () => {
  const answer = '{"Id":"a","SizeRw":9223372036854775807,"Ratio":1.0,"Warnings":null}'
  await using stage = await setStage({
    adapters: {
      x: (message) =>
        modified(message, {
          Body: message.ServerResponse!.Body.replace('"Warnings":null', '"Warnings":["seen"]'),
        }),
    },
    endpoints: { '* *': { post: ['x'] } },
    engine: answering(200, 'application/json', answer),
  })
  const got = await stage.ask('GET', '/v1.45/containers/a/json?size=1')
  expect(got.body.toString()).toBe(answer.replace('null', '["seen"]'))
})

test.each([
  ['half of its JSON', '{"Id":'],
  ['keys twice', '{"Id":"a","id":"b","Id":"c"}'],
  ['no JSON at all', 'Bad gateway\n'],
])('an answer with %s is shown as it is and arrives as it is', async (_what, text) => {
  await using stage = await setStage({
    adapters: { x: echo },
    endpoints: { '* *': { post: ['x'] } },
    engine: (_request, response) => send(response, 502, 'application/json', text),
  })
  const got = await stage.ask('GET', '/v1.45/info')
  expect([got.status, got.body.toString()]).toEqual([502, text])
  expect(stage.adapter('x').calls[0]?.message.ServerResponse?.Body).toBe(text)
})
