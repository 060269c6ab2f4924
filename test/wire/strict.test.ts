/** PS-ADAPTER-003: replies of both protocols pass the reader that bodies of clients pass. */
import type { HookCall } from '../../src/model/call.ts'
import type { HookRequest } from '../../src/model/hook.ts'
import { decodePostReply, decodePreReply } from '../../src/wire/v1.ts'
import { decodeAbilities } from '../../src/wire/v2/handshake.ts'
import { decodeReply, decodeStreamReply } from '../../src/wire/v2/reply.ts'
import { CALLS, PRE } from './v2/samples.ts'

const SENT: HookRequest = { method: 'POST', target: '/v1.41/containers/create', body: '{"Image":"x"}' }
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

/** What stands within an otherwise good reply: `{"Allowed":true,…}`. */
const UNFIT: readonly (readonly [what: string, rule: string, members: string])[] = [
  ['a key twice', 'PS-JSON-002', '"X":1,"X":1'],
  ['a known key in two spellings', 'PS-JSON-002', '"Uid":"u","uid":"u"'],
  ['an unknown key in two spellings', 'PS-JSON-002', '"extra":1,"EXTRA":2'],
  ['a long s for an s', 'PS-JSON-002', '"Warnings":[],"Warningſ":[]'],
  ['a key twice, once escaped', 'PS-JSON-002', '"Uid":"u","\\u0055id":"u"'],
  ['a key twice within what nobody knows', 'PS-JSON-002', '"X":{"a":1,"a":2}'],
  ['the key of all objects', 'PS-JSON-008', '"__proto__":{"Allowed":true}'],
  ['the key of all objects, further in', 'PS-JSON-008', '"X":[{"__proto__":{}}]'],
  ['the key of all objects, escaped', 'PS-JSON-008', '"\\u005f_proto__":{}'],
  ['too many levels', 'PS-JSON-007', `"X":${nested(70)}`],
  ['half a surrogate pair', 'PS-JSON-006', '"X":"\\ud800"'],
]

describe('protocol 1', () => {
  test.each(UNFIT)('%s: %s', (_what, rule, members) => {
    for (const name of ['ModifiedClientRequest', 'ModifiedServerResponse']) {
      const bodies = [`{"${name}":{"Body":"{}"},${members}}`, `{"${name}":{"Body":"{}",${members}}}`]
      for (const body of bodies) {
        const pre = decodePreReply({ status: 200, body }, SENT)
        const post = decodePostReply({ status: 200, body }, { status: 200, contentType: null, body: '' })
        for (const read of [pre, post])
          expect(read).toEqual({
            ok: false,
            failure: { kind: 'bad-reply', problem: expect.stringContaining(`(${rule})`) },
          })
      }
    }
  })

  test('a known key in other letters is what it is to the engine’s reader; its author is told', () => {
    const body = '{"modifiedClientRequest":{"body":"{}"}}'
    expect(decodePreReply({ status: 200, body }, SENT)).toEqual({
      ok: true,
      value: {
        outcome: { kind: 'replace', body: '{}' },
        warnings: [
          expect.stringContaining('"modifiedClientRequest", which is spelled "ModifiedClientRequest"'),
          expect.stringContaining('"body", which is spelled "Body"'),
        ],
      },
    })
  })

  test('what is echoed from the client may have keys that differ in case', () => {
    const body = '{"ClientRequest":{"Labels":{"a":"1","A":"2"}},"ModifiedClientRequest":null}'
    expect(decodePreReply({ status: 200, body }, SENT)).toMatchObject({ ok: true, value: { warnings: [] } })
  })
})

describe('protocol 2', () => {
  const read = (body: string, call: HookCall = PRE) =>
    decodeReply({ status: 200, body }, call, { mutableHeaders: ['x-team'] })

  test.each(UNFIT)('%s: %s', (_what, rule, members) => {
    expect(read(`{"Allowed":true,${members}}`)).toEqual({
      ok: false,
      // Nobody can tell what the adapter has done.
      failure: { kind: 'bad-reply', problem: expect.stringContaining(`(${rule})`), mayHaveActed: true },
    })
    expect(decodeStreamReply({ status: 200, body: `{"End":false,${members}}` }, CALLS.stream!)).toMatchObject(
      { ok: false },
    )
    const abilities = `{"Name":"a","Implements":["pre-hook"],${members}}`
    expect(decodeAbilities({ status: 200, body: abilities }, 'application/vnd.powerstrip.v2+json')).toEqual({
      ok: false,
      failure: { kind: 'problem', problem: expect.stringContaining(`(${rule})`) },
    })
  })

  test('a refusal in other letters is one', () => {
    expect(read('{"allowed":false,"status":{"message":"no"}}')).toMatchObject({
      ok: true,
      value: { outcome: { kind: 'deny', status: 403, message: 'no' } },
    })
  })

  test.each([
    '{"Allowed":true,"Allowed":false}',
    '{"Allowed":false,"__proto__":{"Allowed":true}}',
    '{"Allowed":false,"x":1,"X":2}',
  ])('%s: what is spoilt and says no is a refusal, whatever the failure policy', (body) => {
    for (const call of [PRE, CALLS.validate!])
      expect(read(body, call)).toMatchObject({ ok: true, value: { outcome: { kind: 'deny', status: 403 } } })
  })

  test('header names are compared without regard to case, so one stands once', () => {
    expect(read('{"HeaderMutation":{"SetHeaders":{"x-team":"a","X-Team":"b"}}}')).toMatchObject({ ok: false })
  })

  test('what belongs to the client keeps its keys: bodies, patches, metadata', () => {
    const labels = '{"Labels":{"a":"1","A":"2"}}'
    expect(read(`{"ModifiedClientRequest":{"Body":${labels}},"Metadata":${labels}}`)).toMatchObject({
      ok: true,
      value: { outcome: { body: labels }, remarks: { metadata: labels } },
    })
    expect(read(`{"PatchType":"JSONMergePatch","Patch":${labels}}`)).toMatchObject({
      ok: true,
      value: { outcome: { patch: { text: labels } } },
    })
  })

  test('a body may be as deep within a reply as it may be alone', () => {
    const body = `{"X":${nested(63)}}`
    expect(read(`{"ModifiedClientRequest":{"Body":${body}}}`)).toMatchObject({
      ok: true,
      value: { outcome: { body } },
    })
  })
})
