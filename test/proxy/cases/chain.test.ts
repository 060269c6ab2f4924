/** The cases of 2015, C1 to C11, C13 and S1 to S10 of protocol 1: which hooks run, in which order, on what. */
import {
  adding,
  echo,
  editing,
  type HookMessage,
  modified,
  saying,
  setting,
  silent,
} from '../../support/cases/adapters.ts'
import { answering, send, sendJson, startEngine, towel } from '../../support/cases/engine.ts'
import { type Endpoint, jsonOf, messageOf, setStage } from '../../support/cases/stage.ts'
import { fieldsOf } from '../../support/raw/message.ts'
import { holdLimits } from '../../support/time-limits.ts'

const TOWEL = '/v1.45/towel'

/** Hooks on the one request that the engine of these cases knows. */
function onTowel(hooks: Endpoint) {
  return { endpoints: { 'POST /*/towel': hooks } }
}

const ADDERS = { one: adding(1), two: adding(2) }

test.each([
  ['C1', 'tcp'],
  ['C2', 'unix'],
] as const)('%s: without endpoints a request passes to a %s engine', async (_id, engineAt) => {
  await using stage = await setStage({ engineAt })
  const answer = await stage.ask('POST', TOWEL, { Number: 1 })
  expect(jsonOf(answer)).toEqual({ Number: 1, SeenByFakeDocker: 42 })
  expect(await stage.exchange()).toMatchObject({ fate: 'relayed', status: 200, operation: 'unknown' })
})

test('C3: empty lists of hooks let a request pass', async () => {
  await using stage = await setStage(onTowel({ pre: [], post: [] }))
  const answer = await stage.ask('POST', TOWEL, { Number: 1 })
  expect(jsonOf(answer)).toEqual({ Number: 1, SeenByFakeDocker: 42 })
  expect(await stage.exchange()).toMatchObject({ fate: 'relayed' })
})

test.each([
  ['C4', ['one'], 2],
  ['C5', ['one', 'one'], 3],
  ['C6', ['one', 'two'], 4],
])('%s: the pre-hooks %j make 1 a %i before the engine', async (_id, pre, expected) => {
  await using stage = await setStage({ adapters: ADDERS, ...onTowel({ pre }) })
  const answer = await stage.ask('POST', TOWEL, { Number: 1 })
  expect(stage.engine.onlyRequest.body).toBe(JSON.stringify({ Number: expected }))
  expect(jsonOf(answer)).toEqual({ Number: expected, SeenByFakeDocker: 42 })
  expect(await stage.exchange()).toMatchObject({ fate: 'changed' })
})

test.each([
  ['C7', ['one'], 2],
  ['C8', Array<string>(9).fill('one'), 10],
  ['C9', ['one', 'two'], 4],
])('%s: the post-hooks %j make 1 a %i behind the engine', async (_id, post, expected) => {
  await using stage = await setStage({ adapters: ADDERS, ...onTowel({ post }) })
  const answer = await stage.ask('POST', TOWEL, { Number: 1 })
  expect(stage.engine.onlyRequest.body).toBe(JSON.stringify({ Number: 1 }))
  const text = JSON.stringify({ Number: expected, SeenByFakeDocker: 42 })
  expect(answer.body.toString()).toBe(text)
  expect(fieldsOf(answer.head, 'content-length')).toEqual([String(text.length)])
  expect(await stage.exchange()).toMatchObject({ fate: 'changed' })
})

test.each([
  ['without hooks', {}],
  ['with a pre-hook', { pre: ['null'] }],
  ['with a post-hook', { post: ['null'] }],
])('C10: a raw stream keeps its content type %s', async (_case, hooks: Endpoint) => {
  const type = 'application/vnd.docker.raw-stream'
  await using stage = await setStage({
    engine: answering(200, type, 'raw'),
    adapters: { null: echo },
    ...('pre' in hooks || 'post' in hooks ? onTowel(hooks) : {}),
  })
  const answer = await stage.ask('POST', TOWEL, {})
  expect(fieldsOf(answer.head, 'content-type')).toEqual([type])
  expect(answer.body.toString()).toBe('raw')
})

test('C11: the query of a GET arrives', async () => {
  await using stage = await setStage({
    adapters: { null: echo },
    endpoints: { 'GET /*/towel': { pre: ['null'], post: ['null'] } },
  })
  const answer = await stage.ask('GET', '/v1.45/towel?color=a%20b&all=1')
  expect(answer.status).toBe(200)
  expect(stage.engine.onlyRequest.target).toBe('/v1.45/towel?color=a%20b&all=1')
  expect(await stage.exchange()).toMatchObject({ fate: 'unchanged' })
})

test('C13: an exact pattern and one with stars match, both hooks run, and a reload changes the set', async () => {
  await using stage = await setStage({
    engine: answering(200, 'application/json', '{"Number":1}'),
    adapters: { one: adding(1), ten: adding(10) },
    endpoints: {
      'GET /v1.45/images/busybox/json': { post: ['one'] },
      'GET /v*/images/*/json': { post: ['ten'] },
    },
  })
  const number = async (image: string) =>
    (jsonOf(await stage.ask('GET', `/v1.45/images/${image}/json`)) as { Number: number }).Number
  expect(await number('busybox')).toBe(12)
  expect(await number('library/alpine')).toBe(11)

  await stage.change({
    adapters: { hundred: adding(100) },
    endpoints: { '* /v*/images/*/json': { post: ['hundred'] } },
  })
  expect(await number('busybox')).toBe(101)
  expect(await number('library/alpine')).toBe(101)

  await stage.change({})
  expect(await number('busybox')).toBe(1)
  expect(await stage.exchange(5)).toMatchObject({ fate: 'relayed' })
})

test('S1: a chunked answer without post-hooks is streamed', async () => {
  let goOn = (): void => {}
  await using stage = await setStage({
    engine: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).write('{"first":1}')
      goOn = () => response.end('{"last":2}')
    },
    adapters: { null: echo },
    ...onTowel({ pre: ['null'] }),
  })
  await using client = await stage.connect()
  client.write(`POST ${TOWEL} HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\n\r\n`)
  expect(await client.head()).toMatch(/transfer-encoding: chunked/i)
  await client.until('{"first":1}')
  goOn()
  await client.until('{"last":2}\r\n0\r\n\r\n')
})

test('S3: a chunked answer is taken in whole for a post-hook', async () => {
  await using stage = await setStage({
    engine: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).write('{"Num')
      setImmediate(() => response.end('ber":1}'))
    },
    adapters: { one: adding(1) },
    ...onTowel({ post: ['one'] }),
  })
  const answer = await stage.ask('POST', TOWEL, {})
  expect(answer.framing).toBe('length')
  expect(answer.body.toString()).toBe('{"Number":2}')
  expect(stage.adapter('one').calls[0]?.message.ServerResponse?.Body).toBe('{"Number":1}')
})

test.each([
  ['S4', 403, 'denied', 'denied by adapter "no": not this one'],
  ['S5', 500, 'hook-failed', 'adapter "no" failed: not this one'],
] as const)(
  '%s: after a pre-hook that answers %i nothing more is asked',
  async (_id, status, fate, message) => {
    await using stage = await setStage({
      adapters: { first: echo, no: saying(status, 'not this one'), last: echo },
      ...onTowel({ pre: ['first', 'no', 'last'], post: ['last'] }),
    })
    const answer = await stage.ask('POST', TOWEL, { Number: 1 })
    expect([answer.status, messageOf(answer)]).toEqual([status, message])
    expect(fieldsOf(answer.head, 'content-type')).toEqual(['application/json'])
    expect(stage.engine.requests).toEqual([])
    expect(stage.adapter('first').calls).toHaveLength(1)
    expect(stage.adapter('last').calls).toEqual([])
    expect(await stage.exchange()).toMatchObject({ fate, status })
  },
)

test.each([
  [403, 'post-denied', 'denied by adapter "no": too late; the engine had already answered 200'],
  [500, 'post-failed', 'adapter "no" failed: too late; the engine had already answered 200'],
] as const)('S6: after a post-hook that answers %i the rest is skipped', async (status, fate, message) => {
  await using stage = await setStage({
    adapters: { first: adding(1), no: saying(status, 'too late'), last: echo },
    ...onTowel({ post: ['first', 'no', 'last'] }),
  })
  const answer = await stage.ask('POST', TOWEL, { Number: 1 })
  expect([answer.status, messageOf(answer)]).toEqual([status, message])
  expect(stage.engine.requests).toHaveLength(1)
  expect(stage.adapter('last').calls).toEqual([])
  expect(await stage.exchange()).toMatchObject({ fate, status })
})

test('S7: post-hooks run on an error of the engine and may change it', async () => {
  await using stage = await setStage({
    engine: answering(500, 'application/json', '{"message":"no space"}'),
    adapters: { kind: editing(({ message }) => ({ message: `sorry: ${message}` })), last: echo },
    ...onTowel({ post: ['kind', 'last'] }),
  })
  const answer = await stage.ask('POST', TOWEL, {})
  expect([answer.status, messageOf(answer)]).toEqual([500, 'sorry: no space'])
  expect(stage.adapter('last').calls).toHaveLength(1)
  expect(await stage.exchange()).toMatchObject({ fate: 'changed', status: 500 })
})

test('S8: the second pre-hook sees the new body and query, and the method as it was', async () => {
  const changed = { Method: 'PUT', Request: `${TOWEL}?name=b`, Body: '{"Number":7}' }
  await using stage = await setStage({
    adapters: { first: setting(changed), second: echo },
    ...onTowel({ pre: ['first', 'second'] }),
  })
  await stage.ask('POST', `${TOWEL}?name=a`, { Number: 1 })
  expect(stage.adapter('second').calls[0]?.message).toEqual({
    PowerstripProtocolVersion: 1,
    Type: 'pre-hook',
    ClientRequest: { Method: 'POST', Request: `${TOWEL}?name=b`, Body: '{"Number":7}' },
  })
  expect(stage.engine.onlyRequest).toMatchObject({
    method: 'POST',
    target: `${TOWEL}?name=b`,
    body: '{"Number":7}',
  })
})

test('S9: the second post-hook sees the new body, code and content type, and the request as it came', async () => {
  const changed = { Code: 202, ContentType: 'text/plain; charset=utf-8', Body: 'new' }
  await using stage = await setStage({
    adapters: { pre: adding(1), first: setting(changed), second: echo },
    ...onTowel({ pre: ['pre'], post: ['first', 'second'] }),
  })
  await stage.ask('POST', TOWEL, { Number: 1 })
  expect(stage.adapter('first').calls[0]?.message.ServerResponse).toEqual({
    ContentType: 'application/json',
    Body: '{"Number":2,"SeenByFakeDocker":42}',
    Code: 200,
  })
  expect(stage.adapter('second').calls[0]?.message).toEqual({
    PowerstripProtocolVersion: 1,
    Type: 'post-hook',
    ClientRequest: { Method: 'POST', Request: TOWEL, Body: '{"Number":1}' },
    ServerResponse: changed,
  })
})

test('S10: a star in an endpoint matches', async () => {
  await using stage = await setStage({
    adapters: { one: adding(1) },
    endpoints: { 'POST /*/to*el': { pre: ['one'] }, 'POST /*/spoon': { pre: ['one'] } },
  })
  await stage.ask('POST', TOWEL, { Number: 1 })
  expect(stage.engine.onlyRequest.body).toBe('{"Number":2}')
})

// What the oracle adds: O1 to O11 and O16 to O25.

test('O1: a pre-hook that gives back what it got changes nothing', async () => {
  await using stage = await setStage({ adapters: { null: echo }, ...onTowel({ pre: ['null'] }) })
  await stage.ask('POST', TOWEL, '{ "Number" : 1.0, "Big":9223372036854775807 }')
  expect(stage.engine.onlyRequest.body).toBe('{ "Number" : 1.0, "Big":9223372036854775807 }')
  expect(await stage.exchange()).toMatchObject({ fate: 'unchanged' })
})

const TEN = { add: adding(1), add10: adding(10) }

test.each([
  ['O2', { pre: ['add', 'add', 'add10'] }, 13, 13],
  ['O3', { post: ['add', 'add', 'add10'] }, 1, 13],
  ['O4', { pre: ['add'], post: ['add'] }, 2, 3],
])('%s: with %j the engine sees %i and the client %i', async (_id, hooks, atEngine, atClient) => {
  await using stage = await setStage({ adapters: TEN, ...onTowel(hooks) })
  const answer = await stage.ask('POST', TOWEL, { Number: 1 })
  expect(JSON.parse(stage.engine.onlyRequest.body)).toEqual({ Number: atEngine })
  expect(jsonOf(answer)).toEqual({ Number: atClient, SeenByFakeDocker: 42 })
})

/** Writes its name behind the others. */
function signing(name: string) {
  return editing(({ Names = '', ...rest }) => ({ ...rest, Names: `${Names}${name}` }))
}

test('O5: of two endpoints that match, both apply, in the order of the file and not reversed', async () => {
  await using stage = await setStage({
    adapters: { a: signing('a'), b: signing('b'), c: signing('c') },
    endpoints: {
      'POST /*/towel': { pre: ['b', 'a'], post: ['b'] },
      '* *': { pre: ['c', 'b'], post: ['a', 'c'] },
    },
  })
  const answer = await stage.ask('POST', TOWEL, {})
  expect(JSON.parse(stage.engine.onlyRequest.body)).toEqual({ Names: 'bacb' })
  expect(jsonOf(answer)).toEqual({ SeenByFakeDocker: 42, Names: 'bacbbac' })
})

test.each([
  ['O6', 'POST /*/towel', '/towel', true],
  ['O6', 'POST /v1.45/towel', '/towel', true],
  ['O7', 'POST /*/to/*', '/v1.45/to/w/e/l', true],
  ['O8', '* *', '/v1.45/to/wel', true],
  ['O10', 'POST /v[12]*/towel', '/v1.45/towel', true],
  ['O10', 'POST /v1.4?/towel', '/v1.45/towel', true],
  ['O10', 'POST /v[!2].45/towel', '/v1.45/towel', true],
  ['O10', 'POST /v1.{44,45}/towel', '/v1.45/towel', false],
  ['O11', 'POST /*/towel', '/v1.45/%74owel', true],
] as const)('%s: "%s" on %s: %j', async (_id, pattern, target, matches) => {
  await using stage = await setStage({
    adapters: { one: adding(1) },
    endpoints: { [pattern]: { pre: ['one'] } },
  })
  await stage.ask('POST', target, { Number: 1 })
  expect(stage.adapter('one').calls).toHaveLength(matches ? 1 : 0)
  expect(stage.engine.onlyRequest).toMatchObject({
    target,
    body: JSON.stringify({ Number: matches ? 2 : 1 }),
  })
})

test('O16: for a GET a hook sees null, the target with its query, and the answer as text', async () => {
  await using stage = await setStage({
    engine: answering(200, 'text/plain', 'OK'),
    adapters: { null: echo },
    endpoints: { '* *': { pre: ['null'], post: ['null'] } },
  })
  const answer = await stage.ask('GET', '/_ping?x=1')
  expect(answer.body.toString()).toBe('OK')
  const request = { Method: 'GET', Request: '/_ping?x=1', Body: null }
  expect(stage.adapter('null').calls.map(({ message }) => message)).toEqual([
    { PowerstripProtocolVersion: 1, Type: 'pre-hook', ClientRequest: request },
    {
      PowerstripProtocolVersion: 1,
      Type: 'post-hook',
      ClientRequest: request,
      ServerResponse: { ContentType: 'text/plain', Body: 'OK', Code: 200 },
    },
  ] satisfies HookMessage[])
})

test.each([
  ['O17', 204],
  ['O18', 304],
])('%s: a %i has no body and no type for the hook, and for the client neither', async (_id, status) => {
  await using stage = await setStage({
    engine: (_request, response) => response.writeHead(status).end(),
    adapters: { typed: setting({ ContentType: 'text/plain' }) },
    endpoints: { 'POST /*/containers/*/start': { post: ['typed'] } },
  })
  const answer = await stage.ask('POST', '/v1.45/containers/a/start')
  expect(stage.adapter('typed').calls[0]?.message.ServerResponse).toEqual({
    ContentType: null,
    Body: '',
    Code: status,
  })
  expect(answer).toMatchObject({ status, framing: 'none' })
  expect(fieldsOf(answer.head, 'content-type')).toEqual([])
  expect(await stage.exchange()).toMatchObject({ fate: 'unchanged', status })
})

test.each([
  ['O19', answering(404, 'text/plain', 'no towel'), { Body: 'none left' }, 404, 'text/plain', 'none left'],
  ['O20', towel, { Code: 299, ContentType: 'text/x', Body: 'new' }, 299, 'text/x', 'new'],
  ['O21', answering(404, 'text/plain', 'no'), { Code: 200 }, 200, 'text/plain', 'no'],
] as const)(
  '%s: what a post-hook changes is what the client gets',
  async (_id, engine, changes, ...expected) => {
    await using stage = await setStage({
      engine,
      adapters: { other: setting(changes) },
      ...onTowel({ post: ['other'] }),
    })
    const answer = await stage.ask('POST', TOWEL, {})
    expect([answer.status, fieldsOf(answer.head, 'content-type')[0], answer.body.toString()]).toEqual(
      expected,
    )
    expect(await stage.exchange()).toMatchObject({ fate: 'changed', status: expected[0] })
  },
)

test.each([
  ['O22', 'another query', { Request: `${TOWEL}?name=b&x=%2F` }, `${TOWEL}?name=b&x=%2F`, 0],
  ['O22', 'the path of the adapter', { Request: '/flocker-adapter' }, `${TOWEL}?name=a`, 1],
  ['O23', 'another method', { Method: 'DELETE' }, `${TOWEL}?name=a`, 1],
])('%s: a pre-hook answers with %s', async (_id, _what, changes, target, warnings) => {
  await using stage = await setStage({
    adapters: { other: setting(changes) },
    ...onTowel({ pre: ['other'] }),
  })
  expect((await stage.ask('POST', `${TOWEL}?name=a`, {})).status).toBe(200)
  expect(stage.engine.onlyRequest).toMatchObject({ method: 'POST', target, body: '{}' })
  expect(stage.notes().map(({ kind, adapter }) => [kind, adapter])).toEqual(
    Array(warnings).fill(['warning', 'other']),
  )
})

test('requestRewrite: ignore keeps the query whatever the hook says', async () => {
  await using stage = await setStage({
    adapters: { other: { does: setting({ Request: `${TOWEL}?name=b` }), requestRewrite: 'ignore' } },
    ...onTowel({ pre: ['other'] }),
  })
  await stage.ask('POST', `${TOWEL}?name=a`, {})
  expect(stage.engine.onlyRequest.target).toBe(`${TOWEL}?name=a`)
  expect(await stage.exchange()).toMatchObject({ fate: 'unchanged' })
})

const WELL = { PowerstripProtocolVersion: 1, ModifiedClientRequest: {}, ModifiedServerResponse: {} }
const CLOSED_PORT = 'http://127.0.0.1:1/'

test.each([
  [
    'O24: 500 with valid JSON',
    saying(500, JSON.stringify(WELL)),
    500,
    `adapter "x" failed: ${JSON.stringify(WELL)}`,
  ],
  ['O25: 500 with text', saying(500, 'boom'), 500, 'adapter "x" failed: boom'],
  ['O25: 403, empty', saying(403, ''), 403, 'denied by adapter "x"'],
  [
    'O25: refused',
    { url: CLOSED_PORT },
    502,
    'adapter "x" failed: it could not be reached (connection refused)',
  ],
  [
    'O25: no such host',
    { url: 'http://adapter.invalid/' },
    502,
    /^adapter "x" failed: it could not be reached \((?:no such host|the name of its host could not be looked up)\)$/,
  ],
  [
    'O25: a redirect',
    saying(302, ''),
    502,
    'adapter "x" failed: it answered 302, a redirect, and redirects are not followed; check its URL',
  ],
  [
    'O25: no reply in time',
    { does: silent, timeout: '300ms' },
    504,
    'adapter "x" failed: no answer within 0.3 s',
  ],
])('%s, from a pre-hook and from a post-hook', async (_case, x, status, message) => {
  const expectedBehind = (more: string) =>
    typeof message === 'string' ? `${message}${more}` : expect.stringMatching(message.source.slice(0, -1))
  await using stage = await setStage({
    adapters: { x },
    endpoints: { 'POST /*/towel': { pre: ['x'] }, 'POST /*/spoon': { post: ['x'] } },
  })
  const before = await stage.ask('POST', TOWEL, {})
  expect([before.status, messageOf(before)]).toEqual([status, expectedBehind('')])
  expect(stage.engine.requests).toEqual([])
  expect(await stage.exchange()).toMatchObject({ fate: status === 403 ? 'denied' : 'hook-failed', status })

  const after = await stage.ask('POST', '/v1.45/spoon', {})
  expect([after.status, messageOf(after)]).toEqual([
    status,
    expectedBehind('; the engine had already answered 200'),
  ])
  expect(await stage.exchange(2)).toMatchObject({
    fate: status === 403 ? 'post-denied' : 'post-failed',
    status,
  })
})

test.each([
  ['Modified… missing', saying(200, '{"PowerstripProtocolVersion":1}')],
  ['an empty 200', saying(200, '')],
])('O25: %s changes nothing', async (_case, x) => {
  await using stage = await setStage({ adapters: { x }, ...onTowel({ pre: ['x'], post: ['x'] }) })
  const answer = await stage.ask('POST', TOWEL, { Number: 1 })
  expect(jsonOf(answer)).toEqual({ Number: 1, SeenByFakeDocker: 42 })
  expect(await stage.exchange()).toMatchObject({ fate: 'unchanged' })
})

test('onError: ignore passes a failing hook over, in both phases, and never a denial', async () => {
  await using stage = await setStage({
    adapters: {
      dead: { url: CLOSED_PORT, onError: 'ignore' },
      one: adding(1),
      odd: { does: (message) => modified(message, { Body: 'not JSON' }), onError: 'ignore' },
      no: { does: saying(403, 'no'), onError: 'ignore' },
    },
    endpoints: {
      'POST /*/towel': { pre: ['dead', 'odd', 'one'], post: ['dead', 'one'] },
      'POST /*/spoon': { pre: ['no'] },
    },
  })
  const answer = await stage.ask('POST', TOWEL, { Number: 1 })
  expect(jsonOf(answer)).toEqual({ Number: 3, SeenByFakeDocker: 42 })
  expect(stage.notes().map(({ kind, phase, adapter }) => [kind, phase, adapter])).toEqual([
    ['failure-ignored', 'pre', 'dead'],
    ['failure-ignored', 'pre', 'odd'],
    ['failure-ignored', 'post', 'dead'],
  ])
  const denied = await stage.ask('POST', '/v1.45/spoon', {})
  expect([denied.status, messageOf(denied)]).toEqual([403, 'denied by adapter "no": no'])
})

test('a pre-hook’s body that is not JSON fails the exchange', async () => {
  await using stage = await setStage({
    adapters: { odd: setting({ Body: '{"Number":' }) },
    ...onTowel({ pre: ['odd'] }),
  })
  const answer = await stage.ask('POST', TOWEL, {})
  expect([answer.status, messageOf(answer)]).toEqual([
    502,
    expect.stringMatching(/^adapter "odd" failed: the body that it returned is not /),
  ])
  expect(stage.engine.requests).toEqual([])
})

test('an adapter may call the engine through the proxy: no lock is held while it decides', async () => {
  let ask = async (): Promise<void> => {}
  await using stage = await setStage({
    engine: (request, response) =>
      request.target === '/version' ? sendJson(response, 200, {}) : send(response, 200, 'text/plain', 'ok'),
    adapters: {
      curious: async (message) => {
        await ask()
        return echo(message)
      },
    },
    ...onTowel({ pre: ['curious'], post: ['curious'] }),
  })
  ask = async () => {
    expect((await stage.ask('GET', '/version')).status).toBe(200)
  }
  const answers = await Promise.all([1, 2, 3].map(() => stage.ask('POST', TOWEL, {})))
  expect(answers.map(({ body }) => body.toString())).toEqual(['ok', 'ok', 'ok'])
})

test('O36: with the engine down the answer is a 502 at once', async () => {
  // At once: for nothing that has to pass first.
  using _limits = holdLimits(1)
  const gone = await startEngine(towel)
  await gone[Symbol.asyncDispose]()
  await using stage = await setStage({
    engine: gone.address,
    adapters: { null: echo },
    ...onTowel({ pre: ['null'], post: ['null'] }),
  })
  const answer = await stage.ask('POST', TOWEL, {})
  expect(answer.status).toBe(502)
  expect(messageOf(answer)).toMatch(/^the Docker Engine at unix:.* cannot be reached/)
  expect(await stage.exchange()).toMatchObject({ fate: 'unreachable', status: 502 })
})
