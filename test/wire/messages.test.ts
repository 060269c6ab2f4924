/** What cannot be said as an example: whatever the text, it arrives, and whatever the reply, it is judged. */
import fc from 'fast-check'
import type { HookRequest, HookResponse } from '../../src/model/hook.ts'
import {
  decodeHookCall,
  decodePostReply,
  decodePreReply,
  encodePostHook,
  encodePostReply,
  encodePreHook,
  encodePreReply,
} from '../../src/wire/v1.ts'

/** Everything that UTF-8 can hold, control characters and beyond the first plane. */
const text = fc.string({ unit: 'binary', maxLength: 200 })

/** Text as JavaScript knows it: any code units, halves of pairs too. */
const units = fc
  .array(fc.oneof(fc.integer({ min: 0xd800, max: 0xdfff }), fc.integer({ min: 0, max: 0xffff })))
  .map((codes) => String.fromCharCode(...codes))

const status = fc.integer({ min: 200, max: 599 })

function requestOf(string: fc.Arbitrary<string>): fc.Arbitrary<HookRequest> {
  const query = fc.stringMatching(/^[\x21\x22\x24-\x7e]{0,20}$/).map((query) => `?${query}`)
  const target = fc
    .tuple(fc.constantFrom('/info', '/v1.16/containers/create'), query)
    .map((pair) => pair.join(''))
  return fc.record({ method: fc.constantFrom('GET', 'POST'), target, body: fc.option(string) })
}

function responseOf(string: fc.Arbitrary<string>): fc.Arbitrary<HookResponse> {
  const contentType = fc.option(fc.constantFrom('application/json', 'text/plain; charset=utf-8'))
  return fc.record({ status, contentType, body: string })
}

describe('a hook call', () => {
  test('arrives as it was sent, halves of surrogate pairs included', () => {
    fc.assert(
      fc.property(requestOf(units), responseOf(units), (request, response) => {
        const pre = { type: 'pre-hook', request }
        expect(decodeHookCall(encodePreHook(request))).toEqual({ ok: true, value: pre })
        const post = { type: 'post-hook', request, response }
        expect(decodeHookCall(encodePostHook(request, response))).toEqual({ ok: true, value: post })
      }),
    )
  })

  test('is UTF-8 whatever it says', () => {
    fc.assert(
      fc.property(requestOf(units), responseOf(units), (request, response) => {
        for (const message of [encodePreHook(request), encodePostHook(request, response)])
          expect(Buffer.from(message).toString()).toBe(message)
      }),
    )
  })

  test.each([
    ['', 'A hook call is a JSON object.'],
    ['null', 'A hook call is a JSON object.'],
    ['[]', 'A hook call is a JSON object.'],
    ['{"PowerstripProtocolVersion":2}', 'PowerstripProtocolVersion is not 1, the only version spoken here.'],
    ['{}', 'ClientRequest is not an object.'],
    ['{"ClientRequest":{}}', 'ClientRequest.Method is not a string.'],
    ['{"ClientRequest":{"Method":"GET","Request":1}}', 'ClientRequest.Request is not a string.'],
    [
      '{"ClientRequest":{"Method":"GET","Request":"/","Body":{}}}',
      'ClientRequest.Body is neither a string nor null.',
    ],
    ['{"ClientRequest":{"Method":"GET","Request":"/"}}', 'Type is neither "pre-hook" nor "post-hook".'],
    [post(null), 'ServerResponse is not an object.'],
    [post({ Body: '' }), 'ServerResponse.Code is not an integer.'],
    [
      post({ Body: '', Code: 200, ContentType: 1 }),
      'ServerResponse.ContentType is neither a string nor null.',
    ],
    [post({ Code: 200 }), 'ServerResponse.Body is not a string.'],
  ])('%s is none', (call, problem) => {
    expect(decodeHookCall(call)).toEqual({ ok: false, failure: problem })
  })

  test('without version or body is one all the same', () => {
    expect(decodeHookCall('{"Type":"pre-hook","ClientRequest":{"Method":"GET","Request":"/"}}')).toEqual({
      ok: true,
      value: { type: 'pre-hook', request: { method: 'GET', target: '/', body: null } },
    })
  })
})

describe('a reply', () => {
  test('brings a changed request to the proxy', () => {
    fc.assert(
      fc.property(requestOf(text), text, (request, body) => {
        fc.pre(body !== '' && body !== request.body)
        const outcome = { kind: 'replace', target: `${request.target}x`, body } as const
        const reply = { status: 200, body: encodePreReply(outcome, request) }
        expect(decodePreReply(reply, request)).toEqual({ ok: true, value: { outcome, warnings: [] } })
      }),
    )
  })

  test('brings a changed answer to the proxy', () => {
    fc.assert(
      fc.property(responseOf(text), status, text, (response, newStatus, body) => {
        fc.pre(newStatus !== response.status && newStatus !== 204 && newStatus !== 304)
        fc.pre(body !== '' && body !== response.body)
        const outcome = { kind: 'replace', status: newStatus, contentType: 'text/x', body } as const
        const reply = { status: 200, body: encodePostReply(outcome, response) }
        expect(decodePostReply(reply, response)).toEqual({ ok: true, value: { outcome, warnings: [] } })
      }),
    )
  })

  test('that echoes everything changes nothing', () => {
    const nothing = { ok: true, value: { outcome: { kind: 'pass' }, warnings: [] } }
    fc.assert(
      fc.property(requestOf(text), responseOf(text), (request, response) => {
        const pre = encodePreReply({ kind: 'pass' }, request)
        expect(decodePreReply({ status: 200, body: pre }, request)).toEqual(nothing)
        const post = encodePostReply({ kind: 'pass' }, response)
        expect(decodePostReply({ status: 200, body: post }, response)).toEqual(nothing)
      }),
    )
  })

  test('cannot put half of a surrogate pair into a body', () => {
    fc.assert(
      fc.property(units, (body) => {
        fc.pre(Buffer.from(body).toString() !== body)
        const request = { method: 'POST', target: '/', body: 'x' }
        const reply = { status: 200, body: encodePreReply({ kind: 'replace', body }, request) }
        expect(decodePreReply(reply, request)).toMatchObject({ ok: false, failure: { kind: 'bad-reply' } })
      }),
    )
  })

  test.each([
    ['plain text', 'x'],
    ['quotes and controls', '"\\\n\u0000'],
    ['every plane', 'é漢😀'],
  ])('and a call carry a megabyte of %s', (_what, unit) => {
    const body = unit.repeat(1_000_000 / unit.length)
    const request = { method: 'POST', target: '/', body: 'x' }
    const outcome = { kind: 'replace', body } as const
    const reply = { status: 200, body: encodePreReply(outcome, request) }
    expect(decodePreReply(reply, request)).toEqual({ ok: true, value: { outcome, warnings: [] } })
    const call = decodeHookCall(encodePreHook({ ...request, body }))
    expect(call).toEqual({ ok: true, value: { type: 'pre-hook', request: { ...request, body } } })
  })

  test('of any kind has a result, and never more power than a hook has', () => {
    const field = fc.oneof(
      fc.jsonValue(),
      status,
      text,
      fc.constantFrom('/info', '/info?a=b', '/info?a\r\nb', ''),
    )
    const fields = fc.record(
      { Method: field, Request: field, Body: field, Code: field, ContentType: field },
      { requiredKeys: [] },
    )
    const json = fc.record(
      { ModifiedClientRequest: fc.oneof(fields, field), ModifiedServerResponse: fc.oneof(fields, field) },
      { requiredKeys: [] },
    )
    const body = fc.oneof(
      json.map((value) => JSON.stringify(value)),
      fc.json(),
      text,
    )
    const sent = { method: 'POST', target: '/info', body: '{}' }
    const response = { status: 200, contentType: null, body: '{}' }
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 999 }), body, (code, text) => {
        const reply = { status: code < 600 ? 200 : code, body: text }
        const pre = decodePreReply(reply, sent)
        const post = decodePostReply(reply, response)
        if (reply.status !== 200) expect([pre.ok, post.ok]).toEqual([false, false])
        if (pre.ok && pre.value.outcome.kind === 'replace') {
          const { target = '/info', body = '' } = pre.value.outcome
          expect(target).toMatch(/^\/info(\?[\x21\x22\x24-\x7e]*)?$/)
          expect(typeof body).toBe('string')
        }
        if (post.ok && post.value.outcome.kind === 'replace') {
          const { status = 200, contentType = 'a' } = post.value.outcome
          expect(status).toBeGreaterThanOrEqual(200)
          expect(status).toBeLessThanOrEqual(599)
          expect(contentType).toMatch(/^[\x21-\x7e\t ]+$/)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('what an adapter says of an error', () => {
  test.each([
    ['nothing', '', ''],
    ['bytes that are no text', undefined, ''],
    ['a kibibyte', 'x'.repeat(1024), 'x'.repeat(1024)],
    ['more', 'x'.repeat(1025), ''],
    ['more than a kibibyte in fewer characters', 'é'.repeat(600), ''],
    ['HTML after a blank line', '\n <p>no', ''],
    ['JSON with "message"', '{"message":"no","Err":"x"}', 'no'],
    ['JSON with "Err" and an empty "Msg"', '{"Msg":"","Err":"no"}', 'no'],
    ['JSON with an empty reason', '{"Err":""}', ''],
    ['JSON with a reason that begins like HTML', '{"message":"<nil> is no volume"}', '<nil> is no volume'],
    ['JSON with too long a reason', `{"Msg":"${'é'.repeat(600)}"}`, 'é'.repeat(512)],
    ['JSON with a reason that is no text', '{"message":{"a":1}}', '{"message":{"a":1}}'],
    ['JSON without a reason', '{"error":"no"}', '{"error":"no"}'],
    ['JSON with half a surrogate pair', '{"message":"a\\ud83d"}', 'a\ufffd'],
    ['codes for the terminal', 'no\u001b[31m\u0007\tred\u009b0m', 'no[31m\tred0m'],
  ])('%s', (_what, body, message) => {
    const reply = decodePreReply({ status: 403, body }, { method: 'GET', target: '/', body: null })
    expect(reply).toEqual({
      ok: true,
      value: { outcome: { kind: 'deny', status: 403, message }, warnings: [] },
    })
  })

  test('is at most a kibibyte, whatever it is', () => {
    fc.assert(
      fc.property(units, fc.boolean(), (reason, json) => {
        const long = reason.repeat(50)
        const body = json ? JSON.stringify({ message: long }) : long
        const reply = decodePreReply({ status: 500, body }, { method: 'GET', target: '/', body: null })
        if (reply.ok || reply.failure.kind !== 'broken') throw new Error('not an adapter’s error')
        expect(Buffer.byteLength(reply.failure.message)).toBeLessThanOrEqual(1024)
      }),
    )
  })
})

function post(response: unknown): string {
  return JSON.stringify({
    Type: 'post-hook',
    ClientRequest: { Method: 'GET', Request: '/', Body: null },
    ServerResponse: response,
  })
}
