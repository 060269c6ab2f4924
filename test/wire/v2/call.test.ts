/** Protocol 2, section 4: every hook call to the byte, as it goes out and as it is read. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeCall, encodeCall } from '../../../src/wire/v2/call.ts'
import { callFields, shownFields } from '../../../src/wire/v2/fields.ts'
import { queryOf } from '../../../src/wire/v2/query.ts'
import { CALLS, faults, PRE } from './samples.ts'

const GOLDEN = join(import.meta.dirname, 'golden')

test.each(Object.entries(CALLS))(
  '%s: encoded to the byte, read again, and as the published schema says',
  (name, call) => {
    const message = encodeCall(call)
    expect(message).toBe(readFileSync(join(GOLDEN, `${name}.json`), 'utf8').trimEnd())
    expect(decodeCall(message)).toEqual({ ok: true, value: call })
    expect(faults('hook-call', message)).toEqual([])
  },
)

test('there is no golden message without its test', () => {
  expect(
    readdirSync(GOLDEN)
      .filter((name) => name !== 'biome.json')
      .sort(),
  ).toEqual(
    Object.keys(CALLS)
      .map((name) => `${name}.json`)
      .sort(),
  )
})

test('V2-4.7: the body is embedded as it was received, spacing and digits included', () => {
  const body = '{ "Memory" : 12345678901234567890 ,\n "Cpu": 1.10 }'
  expect(encodeCall({ ...PRE, request: { ...PRE.request, body } })).toContain(`"Body":${body},`)
})

test('V2-4.10: receivers ignore unknown fields', () => {
  const message = encodeCall(PRE).replace('{', '{"FromTheFuture":{"Uid":"x"},')
  expect(decodeCall(message)).toEqual({ ok: true, value: PRE })
})

test.each([
  ['no JSON', '{', 'JSON object'],
  ['another version', '{"PowerstripProtocolVersion":1}', 'PowerstripProtocolVersion'],
  ['no known type', '{"PowerstripProtocolVersion":2,"Type":"during-hook"}', 'Type'],
  ['no request', '{"PowerstripProtocolVersion":2,"Type":"pre-hook"}', 'ClientRequest'],
  ['no Uid', encodeCall(PRE).replace('"Uid"', '"Gid"'), 'Uid'],
  ['no such encoding', encodeCall(PRE).replace('"json"', '"xml"'), 'BodyEncoding'],
  ['no answer to judge', encodeCall(PRE).replace('pre-hook', 'post-hook'), 'ServerResponse'],
])('a call with %s is told what is wrong', (_what, message, expected) => {
  expect(decodeCall(message)).toEqual({ ok: false, failure: expect.stringContaining(expected) })
})

test('V2-4.2: the header fields of a call', () => {
  expect(callFields(PRE, 'host-1')).toEqual({
    'Content-Type': 'application/vnd.powerstrip.v2+json',
    Accept: 'application/vnd.powerstrip.v2+json',
    'powerstrip-hook': 'pre-hook',
    'powerstrip-operation': 'ContainerCreate',
    'powerstrip-timeout-ms': '4870',
    'webhook-id': PRE.uid,
    'x-request-id': PRE.requestId,
    Via: '1.1 powerstrip-host-1',
  })
})

test('V2-4.8: header names in lower case with lists of values; never hop-by-hop fields and credentials', () => {
  const fields = [
    ['host', 'docker'],
    ['x-a', '1'],
    ['x-a', '2'],
    ['connection', 'close'],
    ['transfer-encoding', 'chunked'],
    ['authorization', 'Basic xyz'],
    ['proxy-authorization', 'Basic xyz'],
    ['cookie', 'a=b'],
    ['x-registry-auth', 'secret'],
    ['x-registry-config', 'secret'],
    ['__proto__', 'plain data'],
  ].map(([key, value]) => ({ key: key!, value: value! }))
  const shown = shownFields(fields)
  expect(Object.entries(shown)).toEqual([
    ['host', ['docker']],
    ['x-a', ['1', '2']],
    ['__proto__', ['plain data']],
  ])
})

test.each([
  ['/x', {}],
  ['/x?', {}],
  ['/x?a=1&b=%20+c&a=2', { a: ['1', '2'], b: ['  c'] }],
  ['/x??a=1', { '?a': ['1'] }],
])('V2-4.4: the query of %s is decoded', (target, expected) => {
  expect(queryOf(target)).toEqual(expected)
})
