/** What protocol 1 makes of replies by their status and body (`docs/protocol-v1.md`), sent by Python's HTTP server. */
import type { HookFailure, PostOutcome, PreOutcome } from '../../../src/model/hook.ts'
import { hookAt, REQUEST, RESPONSE, staying, WAYS } from '../../support/adapters/call.ts'
import { type PythonAdapters, startAdapters } from '../../support/adapters/start.ts'

let adapters: PythonAdapters
beforeAll(async () => {
  adapters = await startAdapters('answering.py')
})
afterAll(() => adapters[Symbol.asyncDispose]())

/** A reply, and what comes of it: an outcome, perhaps with a warning, or a failure. */
interface Row<O> {
  readonly reply: string
  readonly status?: number
  /** `null` for no content type at all. */
  readonly type?: string | null
  readonly body?: unknown
  /** What the hook was shown, where it is not the usual. */
  readonly shown?: string | null
  readonly outcome?: O
  readonly warning?: string
  readonly failure?: HookFailure
}

const pass = { kind: 'pass' } as const

function request(fields: unknown) {
  return { PowerstripProtocolVersion: 1, ModifiedClientRequest: fields }
}

function response(fields: unknown) {
  return { PowerstripProtocolVersion: 1, ModifiedServerResponse: fields }
}

function replaced(body: string): PreOutcome & PostOutcome {
  return { kind: 'replace', body }
}

function badReply(problem: string): HookFailure {
  return { kind: 'bad-reply', problem: expect.stringContaining(problem) }
}

function broken(status: number, message: string): HookFailure {
  return { kind: 'broken', status, message }
}

const NULL_BODY = 'It answered with null for a body that has text.'
const OTHER_PATH = 'It answered with the path "/flocker-adapter".'
const OTHER_METHOD = 'It answered with another method. A hook cannot change the method, so POST was kept.'
const EMPTY = 'It answered with an empty body, which changes nothing'
const TRACE = `<html><pre>Traceback${' (most recent call last)'.repeat(400)}</pre></html>`

/** Whatever the phase. */
const ANY_PHASE: readonly Row<PreOutcome & PostOutcome>[] = [
  { reply: 'T4: an empty object', body: {}, outcome: pass },
  { reply: 'T4: only the version', body: { PowerstripProtocolVersion: 1 }, outcome: pass },
  { reply: 'T4: Modified… null', body: { ...request(null), ...response(null) }, outcome: pass },
  { reply: 'T4: Modified… empty', body: { ...request({}), ...response({}) }, outcome: pass },
  { reply: 'T5: 200, empty', body: '', outcome: pass, warning: EMPTY },
  { reply: 'T5: 204', status: 204, body: '', outcome: pass },
  { reply: 'T15: 403, empty', status: 403, body: '', outcome: { kind: 'deny', status: 403, message: '' } },
  {
    reply: 'T15: 403 with a reason',
    status: 403,
    body: 'not on my host\n',
    outcome: { kind: 'deny', status: 403, message: 'not on my host' },
  },
  {
    reply: 'T15: 409 with a reason in JSON',
    status: 409,
    body: { Err: 'the volume is in use', trace: 'x'.repeat(2000) },
    outcome: { kind: 'deny', status: 409, message: 'the volume is in use' },
  },
  {
    reply: 'T15: 400 with changes',
    status: 400,
    body: { ...request({ Body: '{}' }), Msg: 'no' },
    outcome: { kind: 'deny', status: 400, message: 'no' },
  },
  { reply: 'T16: 500 with text', status: 500, body: 'boom', failure: broken(500, 'boom') },
  { reply: 'T16: 500 with a trace as HTML', status: 500, body: TRACE, failure: broken(500, '') },
  { reply: 'T16: 503 with little HTML', status: 503, body: '<p>later', failure: broken(503, '') },
  {
    reply: 'T16: 500 with valid JSON',
    status: 500,
    body: { ...request({}), ...response({}), message: 'I am not sure' },
    failure: broken(500, 'I am not sure'),
  },
  { reply: 'T17: 301', status: 301, body: request({}), failure: badReply('it answered 301, a redirect') },
  { reply: 'T17: 304', status: 304, body: '', failure: badReply('it answered 304, a redirect') },
  {
    reply: 'T17: 404',
    status: 404,
    body: 'nothing here',
    failure: badReply('it answered 404, as if its URL'),
  },
  { reply: 'T17: 405', status: 405, body: request({}), failure: badReply('it answered 405, as if its URL') },
  { reply: 'T18: text', body: 'ok', failure: badReply('its reply is not JSON') },
  { reply: 'T18: blank text', body: ' \n', failure: badReply('its reply is not JSON') },
  { reply: 'T18: a JSON string', body: '"ok"', failure: badReply('JSON but not an object') },
  { reply: 'T18: null', body: 'null', failure: badReply('JSON but not an object') },
  { reply: 'T18: an array', body: '[]', failure: badReply('JSON but not an object') },
  {
    reply: 'T18: Modified… a string',
    body: { ModifiedClientRequest: '{}', ModifiedServerResponse: '{}' },
    failure: badReply('is not an object'),
  },
]

/** Alike in both phases but for the name of the field, which `named` puts around the body. */
function bodies(named: (fields: unknown) => unknown): readonly Row<PreOutcome & PostOutcome>[] {
  return [
    { reply: 'T3: no Body', body: named({ Method: 'POST', Code: 201 }), outcome: pass },
    { reply: 'T6: Body null for text', body: named({ Body: null }), outcome: pass, warning: NULL_BODY },
    { reply: 'T6: Body null for empty text', shown: '', body: named({ Body: null }), outcome: pass },
    { reply: 'T7: Body "" for text', body: named({ Body: '' }), outcome: replaced('') },
    { reply: 'T7: Body "" for empty text', shown: '', body: named({ Body: '' }), outcome: pass },
    { reply: 'T9: Body an object', body: named({ Body: {} }), failure: badReply('is not a string') },
    { reply: 'T9: Body an array', body: named({ Body: ['{}'] }), failure: badReply('is not a string') },
    { reply: 'T9: Body a number', body: named({ Body: 1 }), failure: badReply('is not a string') },
    { reply: 'T9: Body a boolean', body: named({ Body: false }), failure: badReply('is not a string') },
    {
      reply: 'T14: Body in other spelling',
      body: named({ Body: '{ "a":1 }' }),
      outcome: replaced('{ "a":1 }'),
    },
    {
      reply: 'a Body that is no text',
      body: JSON.stringify(named({ Body: 'half' })).replace('half', '\\ud83d'),
      failure: badReply('half of a surrogate pair'),
    },
    {
      reply: 'a Body with every kind of text',
      body: named({ Body: 'é漢😀\u0000' }),
      outcome: replaced('é漢😀\u0000'),
    },
  ]
}

const PRE: readonly Row<PreOutcome>[] = [
  ...ANY_PHASE,
  ...bodies(request),
  { reply: 'T1: as text/html', type: 'text/html', body: request({ Body: '{}' }), outcome: replaced('{}') },
  { reply: 'T1: without content type', type: null, body: request({ Body: '{}' }), outcome: replaced('{}') },
  {
    reply: 'T1: with a charset, and spread over lines',
    type: 'application/json; charset=utf-8',
    body: `\n${JSON.stringify(request({ Body: '{}' }), null, 4)}\n`,
    outcome: replaced('{}'),
  },
  { reply: 'T2: no version', body: { ModifiedClientRequest: { Body: '{}' } }, outcome: replaced('{}') },
  {
    reply: 'T2: version 0',
    body: { ...request({ Body: '{}' }), PowerstripProtocolVersion: 0 },
    outcome: replaced('{}'),
  },
  {
    reply: 'T2: version 2 and more keys',
    body: { ...request({ Body: '{}', Headers: {} }), PowerstripProtocolVersion: 2, By: 'x' },
    outcome: replaced('{}'),
  },
  {
    reply: 'T2: what was sent, echoed beside the changes',
    body: {
      Type: 'pre-hook',
      ClientRequest: { Method: 'GET', Request: '/', Body: 'x' },
      ...request({ Body: '{}' }),
    },
    outcome: replaced('{}'),
  },
  { reply: 'T3: only Request', body: request({ Request: REQUEST.target }), outcome: pass },
  { reply: 'T7: Body "" for none', shown: null, body: request({ Body: '' }), outcome: pass },
  { reply: 'T8: a Body for none', shown: null, body: request({ Body: '{}' }), outcome: replaced('{}') },
  {
    reply: 'T10: the adapter’s own path',
    body: request({ Request: '/flocker-adapter', Body: '{}' }),
    outcome: replaced('{}'),
    warning: OTHER_PATH,
  },
  { reply: 'P3: another Method', body: request({ Method: 'GET' }), outcome: pass, warning: OTHER_METHOD },
  {
    reply: 'P4: another query',
    body: request({ Request: '/v1.16/containers/create?name=b' }),
    outcome: { kind: 'replace', target: '/v1.16/containers/create?name=b' },
  },
  {
    reply: 'P4: a query that would end the request line',
    body: request({ Request: '/v1.16/containers/create?a HTTP/1.1\r\nX: y' }),
    failure: badReply('must be percent-encoded'),
  },
]

const POST: readonly Row<PostOutcome>[] = [
  ...ANY_PHASE,
  ...bodies(response),
  {
    reply: 'T11: a Code from 400 on within 200',
    body: response({ Code: 500, Body: 'no' }),
    outcome: { kind: 'replace', status: 500, body: 'no' },
  },
  ...['"200"', '199', '600', '200.5', 'true', 'null', '-1', '1e3'].map((code) => ({
    reply: `T12: Code ${code}`,
    body: `{"ModifiedServerResponse":{"Code":${code}}}`,
    failure: badReply('not an integer from 200 to 599'),
  })),
  {
    reply: 'T13: a ContentType for nothing',
    shown: '',
    body: response({ ContentType: 'text/plain' }),
    outcome: pass,
  },
  {
    reply: 'T13: a ContentType with 204',
    body: response({ Code: 204, Body: '', ContentType: 'text/plain' }),
    outcome: { kind: 'replace', status: 204, body: '' },
  },
  { reply: 'a ContentType null', body: response({ ContentType: null }), outcome: pass },
  {
    reply: 'a ContentType that is a number',
    body: response({ ContentType: 1 }),
    failure: badReply('the content type it gave'),
  },
  {
    reply: 'a ContentType that would begin another header',
    body: response({ ContentType: 'text/plain\r\nX: y' }),
    failure: badReply('the content type it gave'),
  },
  {
    reply: 'P6: all three',
    body: response({ Code: 299, ContentType: 'text/plain; a=b', Body: 'new' }),
    outcome: { kind: 'replace', status: 299, contentType: 'text/plain; a=b', body: 'new' },
  },
]

function reply<O>({ status = 200, type = 'application/json', body = '' }: Row<O>): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const query = new URLSearchParams({ status: String(status), body: text, http: '1.1' })
  if (type !== null) query.set('type', type)
  return `/say?${query}`
}

function expected<O>({ outcome, warning, failure }: Row<O>) {
  const warnings = warning === undefined ? [] : [expect.stringContaining(warning)]
  return failure === undefined ? { ok: true, value: { outcome, warnings } } : { ok: false, failure }
}

describe.each(WAYS)('$way', ({ via, fresh }) => {
  test.each(PRE)('a pre-hook answers with $reply', async (row) => {
    await using hook = hookAt(adapters.at(via, reply(row)), { fresh })
    const shown = row.shown === undefined ? REQUEST : { ...REQUEST, body: row.shown }
    expect(await hook.pre(shown, staying())).toEqual(expected(row))
  })

  test.each(POST)('a post-hook answers with $reply', async (row) => {
    await using hook = hookAt(adapters.at(via, reply(row)), { fresh })
    const shown = { ...RESPONSE, body: row.shown ?? RESPONSE.body }
    expect(await hook.post(REQUEST, shown, staying())).toEqual(expected(row))
  })

  test('T17: a redirect is not followed', async () => {
    await using hook = hookAt(adapters.at(via, '/redirect'), { fresh })
    expect(await hook.pre(REQUEST, staying())).toEqual({ ok: false, failure: badReply('it answered 302') })
  })

  test('an adapter that echoes changes nothing', async () => {
    await using hook = hookAt(adapters.at(via, '/echo'), { fresh })
    const unchanged = { ok: true, value: { outcome: pass, warnings: [] } }
    expect(await hook.pre(REQUEST, staying())).toEqual(unchanged)
    expect(await hook.pre({ ...REQUEST, body: null }, staying())).toEqual(unchanged)
    expect(await hook.post(REQUEST, RESPONSE, staying())).toEqual(unchanged)
    expect(await hook.post(REQUEST, { status: 204, contentType: null, body: '' }, staying())).toEqual(
      unchanged,
    )
  })

  test('an adapter that adds to a number is called as often as one likes', async () => {
    await using hook = hookAt(adapters.at(via, '/echo?add=2&http=1.1'), { fresh })
    for (const number of [1, 3, 5]) {
      const call = hook.pre({ ...REQUEST, body: `{"Number":${number}}` }, staying())
      expect(await call).toMatchObject({ value: { outcome: { body: `{"Number": ${number + 2}}` } } })
    }
  })

  test('a large body goes there and back', async () => {
    await using hook = hookAt(adapters.at(via, '/echo?add=1'), { fresh })
    const text = 'é"\\\n'.repeat(250_000)
    const end = await hook.post(
      REQUEST,
      { ...RESPONSE, body: JSON.stringify({ Number: 1, text }) },
      staying(),
    )
    if (!end.ok || end.value.outcome.kind !== 'replace')
      throw new Error(`not changed: ${JSON.stringify(end)}`)
    expect(JSON.parse(end.value.outcome.body ?? '')).toEqual({ Number: 2, text })
  })
})
