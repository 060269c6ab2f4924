/** Protocol 2, section 5: RFC 6902 and RFC 7396, without losing a digit. */
import fc from 'fast-check'
import { createPatch } from 'rfc6902'
import { patched } from '../../../src/gate/patch.ts'

const list = (body: string, ...operations: object[]) => listText(body, JSON.stringify(operations))
const listText = (body: string, text: string) => patched(body, { type: 'JSONPatch', text })
const merge = (body: string, text: string) => patched(body, { type: 'JSONMergePatch', text })
const ok = (value: string) => ({ ok: true, value })
const failing = (says: string) => ({ ok: false, failure: expect.stringContaining(says) })

describe('a list of operations', () => {
  test.each<[string, string, object, string]>([
    ['adds a member', '{"a":1}', { op: 'add', path: '/b', value: 2 }, '{"a":1,"b":2}'],
    ['adds over a member', '{"a":1}', { op: 'add', path: '/a', value: [] }, '{"a":[]}'],
    ['adds into a list', '[1,3]', { op: 'add', path: '/1', value: 2 }, '[1,2,3]'],
    ['adds at the end', '{"a":[1]}', { op: 'add', path: '/a/-', value: 2 }, '{"a":[1,2]}'],
    ['adds the whole', '{"a":1}', { op: 'add', path: '', value: {} }, '{}'],
    ['removes a member', '{"a":1,"b":2}', { op: 'remove', path: '/a' }, '{"b":2}'],
    ['removes an item', '[1,2]', { op: 'remove', path: '/0' }, '[2]'],
    ['replaces', '{"a":{"b":1}}', { op: 'replace', path: '/a/b', value: null }, '{"a":{"b":null}}'],
    ['moves', '{"a":{"b":1},"c":{}}', { op: 'move', from: '/a/b', path: '/c/d' }, '{"a":{},"c":{"d":1}}'],
    ['copies', '{"a":[1]}', { op: 'copy', from: '/a', path: '/b' }, '{"a":[1],"b":[1]}'],
    ['reads ~1 and ~0', '{"a/b":1,"m~n":2}', { op: 'remove', path: '/a~1b' }, '{"m~n":2}'],
    ['takes an empty key', '{"":1}', { op: 'replace', path: '/', value: 2 }, '{"":2}'],
  ])('%s', (_what, body, operation, expected) => {
    expect(list(body, operation)).toEqual(ok(expected))
  })

  test('what it does not touch stays as it is written, and numbers keep their digits', () => {
    const body = '{ "Memory" : 12345678901234567890, "Cpu": 1.10, "deep": { "a" : [ 1e400 ] }, "x":1 }'
    const text = '[{"op":"add","path":"/Nano","value": 9007199254740993 },{"op":"remove","path":"/x"}]'
    expect(listText(body, text)).toEqual(
      ok('{"Memory":12345678901234567890,"Cpu":1.10,"deep":{ "a" : [ 1e400 ] },"Nano":9007199254740993}'),
    )
  })

  test.each([
    ['{"b":1, "a":[1.0]}', '{"a":[1],"b":1}'],
    ['"\\u0041"', '"A"'],
    ['9007199254740993', '9007199254740993'],
  ])('a test that holds changes nothing: %s', (written, value) => {
    expect(listText(`{"v":${written}}`, `[{"op":"test","path":"/v","value":${value}}]`)).toEqual(
      ok(`{"v":${written}}`),
    )
  })

  test.each([
    ['another value', '1', '2'],
    ['a neighbour beyond 2^53', '9007199254740993', '9007199254740992'],
    ['a longer list', '[1]', '[1,2]'],
    ['another type', '"1"', '1'],
  ])('a test of %s fails', (_what, written, value) => {
    expect(listText(`{"v":${written}}`, `[{"op":"test","path":"/v","value":${value}}]`)).toEqual(
      failing('does not hold'),
    )
  })

  test.each<[string, string, object, string]>([
    ['a place that is not there', '{}', { op: 'remove', path: '/a' }, 'nothing at'],
    ['below a place that is not there', '{}', { op: 'add', path: '/a/b', value: 1 }, 'nothing at'],
    ['below a number', '{"a":1}', { op: 'add', path: '/a/b', value: 1 }, 'nothing at'],
    ['behind the end of a list', '[1]', { op: 'add', path: '/2', value: 1 }, 'nothing at'],
    ['an index with a zero before it', '[1]', { op: 'remove', path: '/00' }, 'nothing at'],
    ['the end of a list, to replace it', '[1]', { op: 'replace', path: '/-', value: 1 }, 'nothing at'],
    ['no pointer', '{}', { op: 'add', path: 'a', value: 1 }, 'JSON Pointer'],
    ['a broken escape', '{}', { op: 'add', path: '/~2', value: 1 }, 'JSON Pointer'],
    ['no operation', '{}', { op: 'merge', path: '/a' }, 'none of add'],
    ['no value', '{}', { op: 'add', path: '/a' }, 'no value'],
    ['a move into itself', '{"a":{}}', { op: 'move', from: '/a', path: '/a/b' }, 'into itself'],
    ['the removal of everything', '{}', { op: 'remove', path: '' }, 'whole body'],
  ])('%s is a failure', (_what, body, operation, says) => {
    expect(list(body, operation)).toEqual(failing(says))
  })

  test('nothing is changed by a list whose last operation fails', () => {
    const operations = [
      { op: 'add', path: '/a', value: 1 },
      { op: 'test', path: '/a', value: 2 },
    ]
    expect(list('{}', ...operations)).toEqual(failing('does not hold'))
  })

  test('any patch that another implementation makes of two documents leads from one to the other', () => {
    const json = fc
      .json({ maxDepth: 4 })
      .filter((text) => patched(text, { type: 'JSONPatch', text: '[]' }).ok)
    fc.assert(
      fc.property(json, json, (from, to) => {
        const text = JSON.stringify(createPatch(JSON.parse(from), JSON.parse(to)))
        const result = listText(from, text)
        expect(result.ok && JSON.parse(result.value)).toEqual(JSON.parse(to))
      }),
    )
  })
})

describe('a merge patch', () => {
  test.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['["a","b"]', '{"a":"b"}', '{"a":"b"}'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    ['{"n": 1.10}', '{"m": 12345678901234567890}', '{"n":1.10,"m":12345678901234567890}'],
  ])('%s with %s', (body, patch, expected) => {
    expect(merge(body, patch)).toEqual(ok(expected))
  })
})

test('keys that differ in case are different: what they mean is for the whole body to say', () => {
  expect(merge('{"Labels":{"a":"1","A":"2"}}', '{"Labels":{"b":"3","B":"4"}}')).toEqual(
    ok('{"Labels":{"a":"1","A":"2","b":"3","B":"4"}}'),
  )
})

test('a patch that could reach a prototype, or has a key twice, is a failure', () => {
  expect(listText('{}', '[{"op":"add","path":"/a","value":{"__proto__":{"x":1}}}]')).toEqual(
    failing('__proto__'),
  )
  expect(merge('{}', '{"a":1,"a":2}')).toEqual(failing('twice'))
  expect(({} as Record<string, unknown>).x).toBeUndefined()
})
