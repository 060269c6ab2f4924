/** Which bodies hooks are shown, and what becomes of those that they are not: O12 to O15, O26 to O30, and rules P7, P8. */
import { adding, echo, editing, modified, saying, setting, silent } from '../../support/cases/adapters.ts'
import { answering, towel } from '../../support/cases/engine.ts'
import { jsonOf, messageOf, setStage } from '../../support/cases/stage.ts'
import { request } from '../../support/raw/box.ts'
import { fieldsOf } from '../../support/raw/message.ts'
import { holdLimits } from '../../support/time-limits.ts'

const TOWEL = '/v1.45/towel'
const PRE = { endpoints: { 'POST /*/towel': { pre: ['x'] }, 'PUT *': { pre: ['x'] } } }
const POST = { endpoints: { '* *': { post: ['x'] } } }

/** A POST whose content type is the test's; `undefined`: none. */
function typed(type: string | undefined, body: string, method = 'POST', target = TOWEL): string {
  return [
    `${method} ${target} HTTP/1.1`,
    'Host: docker',
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

test.each([
  ['O12', 'application/json; charset=utf-8', true],
  ['O12', 'Application/JSON', true],
  ['O12', 'APPLICATION/json ; Charset="UTF-8"', true],
  ['O12', undefined, false],
  ['O12', 'text/plain', false],
  ['O13', 'application/tar', false],
  ['O13', 'application/x-tar', false],
])('%s: of a body that says it is %p the hook sees the text: %j', async (_id, type, isShown) => {
  await using stage = await setStage({ adapters: { x: echo }, ...PRE })
  await using client = await stage.connect()
  client.write(typed(type, '{"Number": 1}'))
  expect((await client.answer()).status).toBe(200)
  const [call] = stage.adapter('x').calls
  expect(call?.message.ClientRequest.Body).toBe(isShown ? '{"Number": 1}' : null)
  expect(stage.engine.onlyRequest.body).toBe('{"Number": 1}')
  // What has been judged as JSON is sent on as nothing but that (PS-TYPE-001).
  expect(stage.engine.onlyRequest.field('content-type')).toBe(isShown ? 'application/json' : type)
})

test('O12: where Docker’s API takes JSON the hook sees the text though no type says so', async () => {
  await using stage = await setStage({
    adapters: { x: echo },
    endpoints: { 'POST /*/containers/create': { pre: ['x'] } },
  })
  await using client = await stage.connect()
  client.write(typed(undefined, '{"Image":"a"}', 'POST', '/v1.45/containers/create'))
  expect((await client.answer()).status).toBe(200)
  expect(stage.adapter('x').calls.map(({ message }) => message.ClientRequest.Body)).toEqual(['{"Image":"a"}'])
  expect(stage.engine.onlyRequest.field('content-type')).toBeUndefined()
})

test.each([
  'text/plain',
  'application/x-tar',
  'application/json; charset=latin1',
  'application/json; charset',
  'application/json, text/plain',
])('where Docker’s API takes JSON a body that says it is %p is refused, not passed by', async (type) => {
  await using stage = await setStage({
    adapters: { x: echo },
    endpoints: { 'POST /*/containers/create': { pre: ['x'] } },
  })
  await using client = await stage.connect()
  client.write(typed(type, '{"Image":"a"}', 'POST', '/v1.45/containers/create'))
  const answer = await client.answer()
  expect([answer.status, messageOf(answer)]).toEqual([415, expect.stringContaining('(PS-TYPE-001)')])
  expect(stage.adapter('x').calls).toEqual([])
  expect(stage.engine.requests).toEqual([])
})

test('O13: a body that is returned for one that was not shown is ignored with a warning', async () => {
  await using stage = await setStage({
    adapters: { x: setting({ Body: '{}' }) },
    engine: answering(200, 'text/plain', ''),
    ...PRE,
  })
  await using client = await stage.connect()
  client.write(typed('application/x-tar', 'not for hooks', 'PUT', '/v1.45/containers/a/archive?path=%2F'))
  await client.answer()
  expect(stage.engine.onlyRequest).toMatchObject({
    body: 'not for hooks',
    target: '/v1.45/containers/a/archive?path=%2F',
  })
  expect(stage.notes()).toMatchObject([{ kind: 'warning', phase: 'pre', adapter: 'x' }])
  expect(await stage.exchange()).toMatchObject({ fate: 'unchanged' })
})

test('O14: for JSON that is empty the hook sees null', async () => {
  await using stage = await setStage({ adapters: { x: echo }, ...PRE })
  await using client = await stage.connect()
  client.write(typed('application/json', ''))
  expect((await client.answer()).status).toBe(200)
  expect(stage.adapter('x').calls[0]?.message.ClientRequest.Body).toBeNull()
  expect(stage.engine.onlyRequest.body).toBe('')
})

test('T8: a body that a hook gives to a request without one becomes its body', async () => {
  await using stage = await setStage({ adapters: { x: setting({ Body: '{"Number":5}' }) }, ...PRE })
  await using client = await stage.connect()
  client.write(`POST ${TOWEL} HTTP/1.1\r\nHost: docker\r\n\r\n`)
  expect(jsonOf(await client.answer())).toEqual({ Number: 5, SeenByFakeDocker: 42 })
  const seen = stage.engine.onlyRequest
  expect([seen.field('content-type'), seen.field('content-length')]).toEqual(['application/json', '12'])
})

test('O15: of chunked JSON the hook gets all, and the engine gets a length', async () => {
  await using stage = await setStage({ adapters: { x: echo }, ...PRE })
  await using client = await stage.connect()
  client.write(
    `POST ${TOWEL} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n` +
      '4\r\n{"Nu\r\n7\r\nmber":1\r\n1\r\n}\r\n0\r\n\r\n',
  )
  expect((await client.answer()).status).toBe(200)
  expect(stage.adapter('x').calls[0]?.message.ClientRequest.Body).toBe('{"Number":1}')
  const seen = stage.engine.onlyRequest
  expect([seen.body, seen.field('content-length'), seen.field('transfer-encoding')]).toEqual([
    '{"Number":1}',
    '12',
    undefined,
  ])
})

test('a client that waits for 100 Continue gets it before its JSON is judged', async () => {
  await using stage = await setStage({ adapters: { x: adding(1) }, ...PRE })
  await using client = await stage.connect()
  client.write(
    `POST ${TOWEL} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n`,
  )
  expect(await client.head()).toMatch(/^HTTP\/1\.1 100 /)
  client.write('{"Number":1}')
  expect(jsonOf(await client.answer())).toEqual({ Number: 2, SeenByFakeDocker: 42 })
  expect(stage.engine.onlyRequest.field('expect')).toBeUndefined()
})

/** Every byte there is. */
const BINARY = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256))

test.each(['application/octet-stream', 'application/x-tar', 'application/json'])(
  'O26: a binary answer labelled %s passes a post-hook byte for byte, unseen',
  async (type) => {
    await using stage = await setStage({
      engine: answering(200, type, BINARY),
      adapters: { x: echo },
      ...POST,
    })
    const answer = await stage.ask('GET', TOWEL)
    expect(answer.body.equals(BINARY)).toBe(true)
    expect(stage.adapter('x').calls).toEqual([])
    expect(stage.notes()).toMatchObject([{ kind: 'post-hooks-skipped', adapters: ['x'], reason: 'binary' }])
    expect(await stage.exchange()).toMatchObject({ fate: 'unchanged', status: 200 })
  },
)

test('O27: without hooks a binary answer is byte-exact', async () => {
  await using stage = await setStage({ engine: answering(200, 'application/octet-stream', BINARY) })
  expect((await stage.ask('GET', TOWEL)).body.equals(BINARY)).toBe(true)
})

test('O28: with a post-hook a slow answer arrives in one piece, with a length', async () => {
  await using stage = await setStage({
    engine: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' })
      const pieces = ['a', 'b', 'c']
      const say = (): void => {
        const piece = pieces.shift()
        if (piece === undefined) return void response.end()
        response.write(piece)
        setImmediate(say)
      }
      say()
    },
    adapters: { x: echo },
    endpoints: { 'POST *': { post: ['x'] } },
  })
  expect(await stage.ask('GET', TOWEL)).toMatchObject({ framing: 'chunked', body: Buffer.from('abc') })
  const held = await stage.ask('POST', TOWEL)
  expect(held).toMatchObject({ framing: 'length', body: Buffer.from('abc') })
  expect(fieldsOf(held.head, 'content-length')).toEqual(['3'])
})

test('O29: HEAD passes both kinds of hooks, and PATCH is no method of Docker’s', async () => {
  await using stage = await setStage({
    engine: (_request, response) => response.writeHead(200, { 'Content-Length': 7 }).end(),
    adapters: { x: echo },
    endpoints: { '* *': { pre: ['x'], post: ['x'] } },
  })
  const head = await stage.ask('HEAD', '/_ping')
  expect([head.status, fieldsOf(head.head, 'content-length')]).toEqual([200, ['7']])
  expect(stage.adapter('x').calls.map(({ message }) => message.Type)).toEqual(['pre-hook', 'post-hook'])

  const patch = await stage.ask('PATCH', TOWEL)
  expect(patch.status).toBe(501)
  expect(stage.adapter('x').calls).toHaveLength(2)
  expect(await stage.exchange(2)).toMatchObject({ fate: 'ambiguous', status: 501 })
})

test.each([
  '/v1.45/images/quay.io%2Fa%2Fb:1.0/json',
  '/v1.45/images/localhost:5000/busybox:latest/json',
  '/v1.45/networks/?filters=%7B%22a%22%3A%5B%22b%22%5D%7D',
  '/v1.45/containers/json?all=1&limit=',
])('O30: %s reaches the engine as it is, with hooks and without', async (target) => {
  await using stage = await setStage({
    adapters: { x: echo },
    endpoints: { 'GET *': { pre: ['x'], post: ['x'] } },
  })
  await stage.ask('GET', target)
  await stage.change({})
  await stage.ask('GET', target)
  expect(stage.engine.requests.map((seen) => seen.target)).toEqual([target, target])
})

test('O30: an unclean path is refused before any hook', async () => {
  await using stage = await setStage({ adapters: { x: echo }, ...POST })
  expect((await stage.ask('GET', '//v1.16//info')).status).toBe(400)
  expect(stage.adapter('x').calls).toEqual([])
  expect(await stage.exchange()).toMatchObject({ fate: 'ambiguous', status: 400 })
})

test.each([
  ['text', 'PS-JSON-003', 400, 'application/json', 'Number'],
  ['half of it', 'PS-JSON-003', 400, 'application/json', '{"Number":'],
  ['something behind it', 'PS-JSON-003', 400, 'application/json', '{}{}'],
  ['latin 1', 'PS-JSON-006', 400, 'application/json', '{"a":"\xff"}'],
  ['a form', 'PS-FORM-001', 415, 'application/x-www-form-urlencoded', 'fromImage=evil'],
  [
    'a form with odd parameters',
    'PS-FORM-001',
    415,
    'application/x-www-form-urlencoded; ;=',
    'fromImage=evil',
  ],
])('P8: %s instead of JSON is refused before any hook (%s)', async (_case, rule, status, type, body) => {
  await using stage = await setStage({ adapters: { x: echo }, ...PRE })
  await using client = await stage.connect()
  // A character of this text is a byte on the wire.
  const head = typed(type, '').replace('Content-Length: 0', `Content-Length: ${body.length}`)
  client.write(`${head}${body}`)
  const answer = await client.answer()
  expect([answer.status, messageOf(answer)]).toEqual([status, expect.stringContaining(`(${rule})`)])
  expect(stage.adapter('x').calls).toEqual([])
  expect(stage.engine.requests).toEqual([])
  expect(await stage.exchange()).toMatchObject({ fate: 'ambiguous', status })
})

test('P8: a body that is packed is refused where hooks judge it', async () => {
  await using stage = await setStage({ adapters: { x: echo }, ...PRE })
  const answer = await stage.ask('POST', TOWEL, {}, ['Content-Encoding: gzip'])
  expect([answer.status, messageOf(answer)]).toEqual([415, expect.stringContaining('(PS-TYPE-002)')])
})

test.each([
  ['with a length', (text: string) => `Content-Length: ${text.length}\r\n\r\n${text}`],
  [
    'in chunks',
    (text: string) => `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
  ],
])('P8: a body %s over the limit is refused with the limit and the adapter', async (_case, framed) => {
  await using stage = await setStage({
    adapters: { wide: echo, x: { does: echo, maxBodyBytes: '1KiB' } },
    endpoints: { 'POST /*/towel': { pre: ['wide', 'x'] } },
  })
  const send = async (text: string) => {
    await using client = await stage.connect()
    client.write(
      `POST ${TOWEL} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n${framed(text)}`,
    )
    return await client.answer()
  }
  const fits = JSON.stringify({ a: 'x'.repeat(1024 - 8) })
  expect(fits).toHaveLength(1024)
  expect((await send(fits)).status).toBe(200)
  const answer = await send(`${fits} `)
  expect([answer.status, messageOf(answer)]).toEqual([
    413,
    'the request body is larger than 1024 bytes, the most that adapter "x" is shown (PS-SIZE-001)',
  ])
  expect(stage.engine.requests).toHaveLength(1)
  expect(stage.adapter('wide').calls).toHaveLength(1)
  expect(await stage.exchange(2)).toMatchObject({ fate: 'ambiguous', status: 413 })
})

test.each([
  ['with a length', true],
  ['in chunks', false],
])('P14: an answer %s over the limit is a 502 that says what the engine did', async (_case, withLength) => {
  const text = 'x'.repeat(1025)
  await using stage = await setStage({
    engine: (_request, response) => {
      response.writeHead(201, withLength ? { 'Content-Length': text.length } : {}).end(text)
    },
    adapters: { x: echo },
    ...POST,
    limits: { responseBody: '1KiB' },
  })
  const answer = await stage.ask('GET', TOWEL)
  expect([answer.status, messageOf(answer)]).toEqual([
    502,
    "the engine's answer is larger than 1024 bytes, the most that post-hooks are shown (PS-SIZE-002); the engine had already answered 201",
  ])
  expect(stage.adapter('x').calls).toEqual([])
  expect(await stage.exchange()).toMatchObject({ fate: 'post-failed', status: 502 })
})

test('P14: the progress of a pull is taken in whole for a post-hook, the type kept', async () => {
  await using stage = await setStage({
    engine: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).write('{"status":"Pulling"}\r\n')
      setImmediate(() => response.end('{"status":"Done"}\r\n'))
    },
    adapters: {
      x: (message) => modified(message, { Body: `${message.ServerResponse?.Body}{"status":"Judged"}\r\n` }),
    },
    ...POST,
  })
  const answer = await stage.ask('POST', '/v1.45/images/create?fromImage=busybox&tag=latest')
  expect(
    answer.body
      .toString()
      .trim()
      .split('\r\n')
      .map((line) => JSON.parse(line).status),
  ).toEqual(['Pulling', 'Done', 'Judged'])
})

test('the deadline of one adapter is its own', async () => {
  using limits = holdLimits()
  await using stage = await setStage({
    adapters: { x: { does: silent, timeout: '1h' }, y: { does: silent, timeout: '2h' } },
    endpoints: { 'POST /*/towel': { pre: ['x'] }, 'POST /*/spoon': { pre: ['y'] } },
  })
  const asked = stage.ask('POST', TOWEL, {})
  await using other = await stage.connect()
  other.write(request('POST', '/v1.45/spoon', {}))
  const [call, longer] = await Promise.all([stage.adapter('x').called(), stage.adapter('y').called()])
  limits.end(3_600_000)
  const answer = await asked
  expect([answer.status, messageOf(answer)]).toEqual([504, 'adapter "x" failed: no answer within 3600 s'])
  await call.hungUp
  expect(await Promise.race([longer.hungUp, 'still waited for'])).toBe('still waited for')
})

test.each([
  ['UTF-8, up to a KiB', 'é'.repeat(512), `: ${'é'.repeat(512)}`],
  ['longer', 'é'.repeat(513), ''],
  ['a page', '<html>no</html>', ''],
  ['JSON with a message', '{"message":"a reason"}', ': a reason'],
  ['JSON with Err', '{"Err":"a reason","trace":"…"}', ': a reason'],
  ['JSON with Msg', '{"Msg":"a reason"}', ': a reason'],
])('a denial is quoted where it is fit for a terminal: %s', async (_case, said, quoted) => {
  await using stage = await setStage({ adapters: { x: saying(403, said) }, ...PRE })
  expect(messageOf(await stage.ask('POST', TOWEL, {}))).toBe(`denied by adapter "x"${quoted}`)
})

test('a changed body keeps every other field of the request, in order and spelling', async () => {
  await using stage = await setStage({ adapters: { x: editing((body) => ({ ...body, b: 2 })) }, ...PRE })
  await stage.ask('POST', TOWEL, { a: 1 }, [
    'X-Odd-NAME: one',
    'x-odd-name: two',
    'User-Agent: Docker-Client/1',
  ])
  expect(stage.engine.onlyRequest.body).toBe('{"a":1,"b":2}')
  expect(stage.engine.onlyRequest.fields).toEqual([
    ['Host', 'docker'],
    ['Content-Type', 'application/json'],
    ['X-Odd-NAME', 'one'],
    ['x-odd-name', 'two'],
    ['User-Agent', 'Docker-Client/1'],
    ['Content-Length', '13'],
  ])
})

test('hooks see no header of the client, and the engine’s stay behind a changed answer', async () => {
  await using stage = await setStage({
    engine: (request, response) => {
      response.setHeader('Api-Version', '1.45')
      response.setHeader('X-Two', ['a', 'b'])
      towel(request, response)
    },
    adapters: { x: editing((body) => ({ ...body, Number: 3 })) },
    ...POST,
  })
  const answer = await stage.ask('POST', TOWEL, {}, ['X-Registry-Auth: c2VjcmV0'])
  expect(JSON.stringify(stage.adapter('x').calls)).not.toContain('c2VjcmV0')
  expect(stage.engine.onlyRequest.field('x-registry-auth')).toBe('c2VjcmV0')
  expect([fieldsOf(answer.head, 'api-version'), fieldsOf(answer.head, 'x-two')]).toEqual([
    ['1.45'],
    ['a', 'b'],
  ])
  expect(jsonOf(answer)).toMatchObject({ Number: 3 })
})
