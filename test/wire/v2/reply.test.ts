/** Protocol 2, section 5: what replies mean, and what adapters write. */
import { readFileSync } from 'node:fs'
import type { HookCall, HookReply } from '../../../src/model/call.ts'
import { decodeReceipt, decodeReply, decodeStreamReply, encodeReply } from '../../../src/wire/v2/reply.ts'
import { CALLS, faults, POST, PRE, STREAM } from './samples.ts'

const PASS = { kind: 'pass' } as const
const TERMS = { mutableHeaders: ['x-team', 'x-debug'] }
const VALIDATE = CALLS.validate!

function read(reply: unknown, call: HookCall = PRE, status = 200) {
  const body = typeof reply === 'string' ? reply : JSON.stringify(reply)
  return decodeReply({ status, body }, call, TERMS)
}

const answered = (outcome: unknown, rest: object = {}) => ({
  ok: true,
  value: { outcome, warnings: [], ...rest },
})
const replaced = (changes: object) => answered({ kind: 'replace', ...changes })
const denied = (status: number, message: string) => answered({ kind: 'deny', status, message })
const failing = (problem: string, rest: object = {}) => ({
  ok: false,
  failure: { kind: 'bad-reply', problem: expect.stringContaining(problem), ...rest },
})
const remarks = (some: object) => ({ warnings: [], annotations: {}, compensate: false, ...some })

describe('5: what an adapter writes is what the proxy reads, and as the published schema says', () => {
  const cases: [string, HookReply, HookCall, unknown][] = [
    ['nothing', { outcome: PASS }, PRE, answered(PASS)],
    [
      'a denial',
      { outcome: { kind: 'deny', status: 451, message: 'not here' } },
      VALIDATE,
      denied(451, 'not here'),
    ],
    [
      'a JSON Patch with large numbers',
      {
        outcome: {
          kind: 'replace',
          patch: { type: 'JSONPatch', text: '[{"op":"add","path":"/Memory","value":9007199254740993}]' },
        },
      },
      PRE,
      replaced({
        patch: { type: 'JSONPatch', text: '[{"op":"add","path":"/Memory","value":9007199254740993}]' },
      }),
    ],
    [
      'a merge patch',
      { outcome: { kind: 'replace', patch: { type: 'JSONMergePatch', text: '{"Labels":{"a":null}}' } } },
      POST,
      replaced({ patch: { type: 'JSONMergePatch', text: '{"Labels":{"a":null}}' } }),
    ],
    [
      'a JSON body, as it is written',
      { outcome: { kind: 'replace', body: '{ "n": 1.0 }', form: 'json', target: `${PRE.request.target}2` } },
      PRE,
      replaced({ body: '{ "n": 1.0 }', form: 'json', target: `${PRE.request.target}2` }),
    ],
    [
      'another answer',
      { outcome: { kind: 'replace', status: 410, contentType: 'text/plain', body: 'gone', form: 'utf8' } },
      POST,
      replaced({ status: 410, contentType: 'text/plain', body: 'gone', form: 'utf8' }),
    ],
    [
      'bytes',
      { outcome: { kind: 'replace', body: 'AAEC', form: 'base64' } },
      POST,
      replaced({ body: 'AAEC', form: 'base64' }),
    ],
    [
      'headers',
      { outcome: { kind: 'replace', headers: { set: { 'X-Team': 'infra' }, remove: ['X-Debug'] } } },
      PRE,
      replaced({ headers: { set: { 'x-team': 'infra' }, remove: ['x-debug'] } }),
    ],
    [
      'an immediate response',
      {
        outcome: {
          kind: 'respond',
          status: 200,
          contentType: 'application/json',
          body: '{"Id":"x"}',
          form: 'json',
          skipPost: true,
        },
      },
      PRE,
      answered({
        kind: 'respond',
        status: 200,
        contentType: 'application/json',
        body: '{"Id":"x"}',
        form: 'json',
        skipPost: true,
      }),
    ],
    [
      'remarks',
      {
        outcome: PASS,
        remarks: {
          warnings: ['image tag is mutable'],
          annotations: { signature: 'missing' },
          metadata: '{"volume":"v-17"}',
          compensate: true,
        },
      },
      PRE,
      answered(PASS, {
        remarks: {
          warnings: ['image tag is mutable'],
          annotations: { signature: 'missing' },
          metadata: '{"volume":"v-17"}',
          compensate: true,
        },
      }),
    ],
  ]
  test.each(cases)('%s', (_what, reply, call, expected) => {
    const written = encodeReply(reply, call)
    expect(decodeReply(written, call, TERMS)).toEqual(expected)
    if (written.body !== '') expect(faults('hook-reply', written.body!)).toEqual([])
  })

  test('nothing is said with 204 and no body', () => {
    expect(encodeReply({ outcome: PASS }, PRE)).toEqual({ status: 204, body: '' })
  })

  test.each([
    ['no kind', { outcome: { kind: 'maybe' } }],
    ['a body that is no text', { outcome: { kind: 'replace', body: { a: 1 } } }],
    ['a patch that is no JSON', { outcome: { kind: 'replace', patch: { type: 'JSONPatch', text: '[' } } }],
  ])('an outcome of %s throws', (_what, reply) => {
    expect(() => encodeReply(reply as unknown as HookReply, PRE)).toThrow(TypeError)
  })
})

describe('5: outcomes', () => {
  test('V2-5.1: 204 allows; 200 without changes allows', () => {
    expect(decodeReply({ status: 204, body: '' }, PRE, TERMS)).toEqual(answered(PASS))
    expect(read({})).toEqual(answered(PASS))
    expect(read({ Allowed: true, Uid: PRE.uid, FromTheFuture: 1 })).toEqual(answered(PASS))
  })

  test('V2-5.1: a reply shaped as in protocol 1 is legal', () => {
    const v1 = {
      PowerstripProtocolVersion: 1,
      ModifiedClientRequest: { Method: 'POST', Body: '{"Image":"x"}' },
    }
    expect(read(v1)).toEqual(replaced({ body: '{"Image":"x"}', form: 'utf8' }))
  })

  test.each([
    ['no status', {}, 403, ''],
    ['its own', { Code: 599, Message: 'no' }, 599, 'no'],
    ['a reason alone', { Reason: 'Forbidden' }, 403, 'Forbidden'],
    ['control characters', { Message: 'a\u001b[2Jb' }, 403, 'a[2Jb'],
  ])('V2-5.14: Allowed false is a decision: with %s', (_what, Status, status, message) => {
    expect(read({ Allowed: false, Status })).toEqual(denied(status, message))
  })

  test.each([399, 600, 403.5, '403'])(
    'V2-5.14: a denial with the code %p is a denial still, with 403',
    (Code) => {
      expect(read({ Allowed: false, Status: { Code } })).toMatchObject({
        ok: true,
        value: { outcome: { kind: 'deny', status: 403 }, warnings: [expect.stringContaining('400 to 599')] },
      })
    },
  )

  test('V2-5.18: a denial that is wrong otherwise stays a denial: no failure policy may turn it into a pass', () => {
    expect(read({ Allowed: false, Patch: 7, Warnings: 8 }, VALIDATE)).toEqual(denied(403, ''))
  })

  test.each([
    [400, 'bad', 'it answered 400: bad'],
    [403, '{"message":"no"}', 'it answered 403: no'],
    [404, '', 'it answered 404'],
    [500, '<html>', 'it answered 500'],
    [201, '{}', 'it answered 201: {}'],
  ])('V2-1.1, V2-5.15: the status %d is a failure', (status, body, message) => {
    expect(read(body, PRE, status)).toEqual({ ok: false, failure: { kind: 'broken', status: 502, message } })
  })

  test.each([
    ['200 and empty', '', 'without a body'],
    ['no JSON', '{"Allowed":', 'not JSON'],
    ['no object', '[]', 'not an object'],
    ['the Uid of another call', { Uid: 'x' }, 'another call'],
  ])('%s is a failure after which nobody knows what was done', (_what, reply, problem) => {
    expect(read(reply)).toEqual(failing(problem, { mayHaveActed: true }))
  })

  test('bytes that are no UTF-8 are a failure', () => {
    expect(decodeReply({ status: 200, body: undefined }, PRE, TERMS)).toEqual(
      failing('UTF-8', { mayHaveActed: true }),
    )
  })

  test('a redirect is not followed', () => {
    expect(read('', PRE, 307)).toEqual(failing('redirect'))
  })

  test.each<[string, unknown, string, HookCall?]>([
    [
      'two body mechanisms',
      { Patch: [{ op: 'test', path: '', value: 1 }], ModifiedClientRequest: { Body: 'x' } },
      'two ways',
    ],
    ['Allowed of another type', { Allowed: 'yes' }, 'Allowed'],
    ['a patch of no known type', { PatchType: 'XMLPatch', Patch: [] }, 'Patch'],
    ['a merge patch that is no object', { PatchType: 'JSONMergePatch', Patch: [1] }, 'Patch'],
    ['a body that is a number', { ModifiedClientRequest: { Body: 7 } }, 'Body'],
    ['a body that is no base64', { ModifiedClientRequest: { Body: '?', BodyEncoding: 'base64' } }, 'base64'],
    ['a code out of range', { ModifiedServerResponse: { Code: 600 } }, '200 to 599', POST],
    ['an immediate code out of range', { ImmediateResponse: { Code: 101 } }, '200 to 599'],
    ['an answer and a change', { ImmediateResponse: {}, Patch: [] }, 'both'],
    [
      'a content type over two lines',
      { ModifiedServerResponse: { ContentType: 'a\r\nb' } },
      'content type',
      POST,
    ],
    [
      'a header that it may not change',
      { HeaderMutation: { SetHeaders: { 'x-other': '1' } } },
      'headers.mutate',
    ],
    ['a value over two lines', { HeaderMutation: { SetHeaders: { 'x-team': 'a\r\nb' } } }, 'cannot stand'],
    ['a name that is none', { HeaderMutation: { RemoveHeaders: ['a b'] } }, 'no header name'],
    ['warnings that are no list', { Warnings: 'w' }, 'Warnings'],
    ['annotations that are no texts', { AuditAnnotations: { a: 1 } }, 'AuditAnnotations'],
    ['metadata that are no object', { Metadata: [] }, 'Metadata'],
    ['metadata of more than 16 KiB', { Metadata: { a: 'x'.repeat(16 * 1024) } }, '16384'],
    ['Compensate of another type', { Compensate: 1 }, 'Compensate'],
  ])('%s is a failure', (_what, reply, problem, call = PRE) => {
    expect(read(reply, call)).toEqual(failing(problem))
  })

  test.each(['Content-Length', 'Transfer-Encoding', 'Connection', 'Upgrade', 'Host', 'Via'])(
    'V2-5.8: the header %s is never changed, whatever the configuration allows',
    (name) => {
      const body = JSON.stringify({ HeaderMutation: { SetHeaders: { [name]: 'x' } } })
      const terms = { mutableHeaders: [name.toLowerCase()] }
      expect(decodeReply({ status: 200, body }, PRE, terms)).toEqual(failing('which no hook may'))
    },
  )

  test('a failing reply that asks for compensation gets it', () => {
    expect(read({ Compensate: true, Patch: 7 })).toEqual(failing('Patch', { mayHaveActed: true }))
  })

  test.each<[string, HookCall, object]>([
    ['Patch', VALIDATE, { Patch: [] }],
    ['ModifiedClientRequest', VALIDATE, { ModifiedClientRequest: {} }],
    ['HeaderMutation', VALIDATE, { HeaderMutation: {} }],
    ['ImmediateResponse', VALIDATE, { ImmediateResponse: {} }],
    ['Compensate', VALIDATE, { Compensate: true }],
    ['ImmediateResponse', POST, { ImmediateResponse: {} }],
    ['ModifiedClientRequest', POST, { ModifiedClientRequest: {} }],
    ['ModifiedServerResponse', PRE, { ModifiedServerResponse: {} }],
    ['Events', PRE, { Events: [] }],
  ])('V2-5.13: %s from a hook that may not use it is a failure', (name, call, reply) => {
    expect(read(reply, call)).toMatchObject(failing(`has ${name}`))
  })
})

describe('5: bodies', () => {
  test.each<[string, object, object]>([
    ['a string is literal text', { Body: '{"a":1}' }, { body: '{"a":1}', form: 'utf8' }],
    ['an object is JSON', { Body: { a: 1 } }, { body: '{"a":1}', form: 'json' }],
    ['an array is JSON', { Body: [1] }, { body: '[1]', form: 'json' }],
    ['json may be any value', { Body: 'text', BodyEncoding: 'json' }, { body: '"text"', form: 'json' }],
  ])('%s', (_what, modified, expected) => {
    expect(read({ ModifiedClientRequest: modified })).toEqual(replaced(expected))
  })

  test('V2-7.9: numbers keep their digits', () => {
    expect(read('{"ModifiedClientRequest":{"Body":{"Memory": 12345678901234567890}}}')).toEqual(
      replaced({ body: '{"Memory": 12345678901234567890}', form: 'json' }),
    )
  })

  test('V2-4.10: absent and null never mean delete; what was sent changes nothing', () => {
    expect(read({ ModifiedClientRequest: { Body: null, Request: null } })).toEqual(answered(PASS))
    expect(read(`{"ModifiedClientRequest":{"Body":${PRE.request.body}}}`)).toEqual(answered(PASS))
    expect(read({ Patch: [] })).toEqual(answered(PASS))
  })

  test('a patch of a body that is not shown as JSON is a failure', () => {
    const reply = { Patch: [{ op: 'add', path: '/a', value: 1 }] }
    expect(read(reply, CALLS['pre-unshown'])).toEqual(failing('not shown as JSON'))
    expect(read(reply, CALLS['post-of-text'])).toEqual(failing('not shown as JSON'))
  })
})

describe('5: the request', () => {
  test('V2-5.6: its query may change; P4: another path is kept out with a warning', () => {
    const target = '/v1.46/containers/create?name=web2'
    expect(read({ ModifiedClientRequest: { Request: target } })).toEqual(replaced({ target }))
    expect(read({ ModifiedClientRequest: { Request: '/info' } })).toEqual(
      answered(PASS, { warnings: [expect.stringContaining('not the path')] }),
    )
  })

  test('V2-5.6: P3: its method never', () => {
    expect(read({ ModifiedClientRequest: { Method: 'GET' } })).toEqual(
      answered(PASS, { warnings: [expect.stringContaining('cannot change the method')] }),
    )
  })
})

test('V2-5.11: warnings are cut at 256 characters and cannot write on a terminal', () => {
  expect(read({ Warnings: [`\u001b[1m${'é'.repeat(300)}`] })).toEqual(
    answered(PASS, { remarks: remarks({ warnings: [`[1m${'é'.repeat(253)}`] }) }),
  )
})

describe('6, 3: receipts of unwind- and observe-hooks', () => {
  test.each([200, 204])('%d is one', (status) => {
    expect(decodeReceipt({ status, body: 'anything' })).toEqual({ ok: true, value: undefined })
  })
  test.each([202, 404, 500])('%d is none', (status) => {
    expect(decodeReceipt({ status, body: '' })).toMatchObject({ ok: false, failure: { kind: 'broken' } })
  })
})

describe('8: what becomes of a batch', () => {
  const stream = (reply: unknown) =>
    decodeStreamReply(
      { status: 200, body: typeof reply === 'string' ? reply : JSON.stringify(reply) },
      STREAM,
    )

  test('a missing index passes', () => {
    expect(decodeStreamReply({ status: 204, body: '' }, STREAM)).toEqual({
      ok: true,
      value: { kind: 'edit', edits: [], inserts: [], end: false },
    })
  })

  test('events are dropped, replaced and inserted, digits kept', () => {
    const reply =
      '{"Events":[{"Index":0,"Action":"drop"},{"Index":1,"Action":"replace","Event":{"n": 12345678901234567890}}],"Insert":[{"Event":{"late":1}}],"End":true}'
    expect(faults('hook-reply', reply)).toEqual([])
    expect(stream(reply)).toEqual({
      ok: true,
      value: {
        kind: 'edit',
        edits: [
          { index: 0, action: 'drop' },
          { index: 1, action: 'replace', event: '{"n": 12345678901234567890}' },
        ],
        inserts: [{ before: 2, event: '{"late":1}' }],
        end: true,
      },
    })
  })

  test('the example of the documentation', () => {
    const page = readFileSync('docs/protocol-v2.md', 'utf8')
    const example = /^```json\n(\{\n {2}"Events".*?)^```/ms.exec(page)![1]!
    expect(faults('hook-reply', example)).toEqual([])
    const call = { ...STREAM, events: ['{"n":0}', '{"n":1}', '{"n":2}'] }
    expect(decodeStreamReply({ status: 200, body: example }, call)).toEqual({
      ok: true,
      value: {
        kind: 'edit',
        edits: [
          { index: 0, action: 'drop' },
          { index: 2, action: 'replace', event: '{ "status": "pull", "id": "hidden" }' },
        ],
        inserts: [{ before: 1, event: '{ "status": "notice" }' }],
        end: false,
      },
    })
  })

  test('an open and a close have no events to name', () => {
    const reply = { status: 200, body: '{"Events":[{"Index":0,"Action":"drop"}]}' }
    const inserting = { status: 200, body: '{"Insert":[{"Event":{"n": 1.0}}],"End":true}' }
    for (const name of ['stream-open', 'stream-close']) {
      expect(decodeStreamReply(reply, CALLS[name]!)).toMatchObject({ ok: false })
      expect(decodeStreamReply(inserting, CALLS[name]!)).toEqual({
        ok: true,
        value: { kind: 'edit', edits: [], inserts: [{ before: 0, event: '{"n": 1.0}' }], end: true },
      })
    }
  })

  test('what an adapter writes is what the proxy reads', () => {
    const outcome = {
      kind: 'edit',
      edits: [{ index: 1, action: 'replace', event: '{"a": 1.0}' }],
      inserts: [{ before: 0, event: '{}' }],
      end: false,
    } as const
    expect(decodeStreamReply(encodeReply({ outcome }, STREAM), STREAM)).toEqual({ ok: true, value: outcome })
  })

  test.each([
    [{ Events: [{ Index: 2, Action: 'drop' }] }],
    [{ Events: [{ Index: 0 }] }],
    [{ Events: [{ Index: 0, Action: 'replace' }] }],
    [{ Events: [{ Index: 0, Action: 'replace', Event: 'text' }] }],
    [{ Events: [{ Index: 0, Action: 'keep' }] }],
    [
      {
        Events: [
          { Index: 0, Action: 'drop' },
          { Index: 0, Action: 'pass' },
        ],
      },
    ],
    [{ Events: {} }],
    [{ Insert: [{ Before: 3, Event: {} }] }],
    [{ Insert: [{}] }],
    [{ Insert: [{ Event: null }] }],
    [{ Insert: 'x' }],
    [{ End: 'yes' }],
    [{ Allowed: false }],
    [{ Patch: [] }],
    [{ Warnings: ['w'] }],
    [{ Metadata: {} }],
  ])('%j is a failure', (reply) => {
    expect(stream(reply)).toMatchObject({ ok: false, failure: { kind: 'bad-reply' } })
  })
})
