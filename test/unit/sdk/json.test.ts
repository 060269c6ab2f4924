import fc from 'fast-check'
import { copyJson, type Json, parseJson, printJson, sameJson } from '../../../src/sdk/json.ts'

describe('JSON without loss', () => {
  test.each([
    '{"Memory":9223372036854775807}',
    '{"a":-9007199254740993,"b":[18446744073709551615,1]}',
    '[12345678901234567890,"12345678901234567890",0.1,1.5,-3]',
  ])('%s is written again as it was', (text) => {
    expect(printJson(parseJson(text))).toBe(text)
  })

  test('an integer beyond 2^53 is a bigint, a smaller one a number', () => {
    expect(parseJson('[9007199254740991,9007199254740992,-9007199254740992]')).toEqual([
      9007199254740991,
      9007199254740992n,
      -9007199254740992n,
    ])
  })

  test('a bigint that a program puts in is written as a number', () => {
    expect(printJson({ Memory: 2n ** 60n })).toBe('{"Memory":1152921504606846976}')
  })

  test.each(['{"a":1e400}', '[-1E999]'])('%s is refused, not written again as null', (text) => {
    expect(() => parseJson(text)).toThrow('too large')
  })

  test.each(['', '{', '{"a":12345678901234567890', 'nul', '1 2'])('%j is no JSON', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError)
  })

  test('what is no JSON value is not written', () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    for (const value of [undefined, () => 1, circle]) expect(() => printJson(value)).toThrow()
  })

  test('a key named __proto__ is data', () => {
    const text = '{"__proto__":{"polluted":true},"n":12345678901234567890}'
    const copy = copyJson(parseJson(text)) as { polluted?: unknown }
    expect(copy.polluted).toBeUndefined()
    expect(printJson(copy)).toBe(text)
  })

  test('a copy is the same, shares nothing, and is no longer the same once anything in it differs', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, added) => {
        const received = parseJson(JSON.stringify(value))
        const copy = copyJson(received)
        expect(sameJson(copy, received)).toBe(true)
        const before = printJson(received)
        if (!dirty(copy, added)) return
        expect(sameJson(copy, received)).toBe(false)
        expect(printJson(received)).toBe(before)
      }),
    )
  })

  test('the order of keys and a key without a value make no difference, a missing key does', () => {
    const received: Json = { a: 1, b: [null, { c: 'x' }] }
    expect(sameJson({ b: [null, { c: 'x' }], a: 1, d: undefined }, received)).toBe(true)
    expect(sameJson({ a: 1 }, received)).toBe(false)
    expect(sameJson({ a: undefined, b: received.b }, received)).toBe(false)
    expect(sameJson({ a: 1, b: { 0: null, 1: { c: 'x' } } }, received)).toBe(false)
  })
})

/** Changes the deepest first thing there is; `false` where nothing can be changed in place. */
function dirty(value: Json, added: string): boolean {
  if (typeof value !== 'object' || value === null) return false
  const members = Object.values(value) as Json[]
  if (members.some((member) => dirty(member, added))) return true
  if (Array.isArray(value)) value.push(added)
  else value[`new ${added}`] = added
  return true
}
