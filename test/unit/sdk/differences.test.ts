import fc from 'fast-check'
import { differences, type Json, parseJson, printJson } from 'powerstrip/sdk'
import { patched } from '../../../src/gate/patch.ts'

/** What a proxy makes of the patch. */
function applied(before: Json, after: unknown): Json {
  const text = printJson(differences(before, after))
  const end = patched(printJson(before), { type: 'JSONPatch', text })
  if (!end.ok) throw new Error(`${end.failure}: ${text}`)
  return parseJson(end.value)
}

describe('the differences of two values', () => {
  test.each<[string, Json, Json, unknown[]]>([
    ['the same', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['the same in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    [
      'a new key',
      { Image: 'x' },
      { Image: 'x', Labels: { a: '1' } },
      [{ op: 'add', path: '/Labels', value: { a: '1' } }],
    ],
    ['a key within', { H: { M: 1 } }, { H: { M: 2 } }, [{ op: 'replace', path: '/H/M', value: 2 }]],
    ['a key less', { a: 1, b: 2 }, { b: 2 }, [{ op: 'remove', path: '/a' }]],
    ['one more at the end', ['a'], ['a', 'b'], [{ op: 'add', path: '/1', value: 'b' }]],
    ['one more at the front', ['b', 'c'], ['a', 'b', 'c'], [{ op: 'add', path: '/0', value: 'a' }]],
    ['one less in the middle', ['a', 'b', 'c'], ['a', 'c'], [{ op: 'remove', path: '/1' }]],
    [
      'one entry changed within',
      [{ Name: 'a', n: 1 }, { Name: 'b' }],
      [{ Name: 'a', n: 2 }, { Name: 'b' }],
      [{ op: 'replace', path: '/0/n', value: 2 }],
    ],
    [
      'some kept, some gone, some new',
      ['a', 'b', 'c', 'd'],
      ['b', 'x', 'd', 'y'],
      [
        { op: 'remove', path: '/0' },
        { op: 'replace', path: '/1', value: 'x' },
        { op: 'add', path: '/3', value: 'y' },
      ],
    ],
    [
      'keys with signs of their own',
      { 'a/b~c': 1 },
      { 'a/b~c': 2 },
      [{ op: 'replace', path: '/a~1b~0c', value: 2 }],
    ],
    ['an empty key', { '': 1 }, {}, [{ op: 'remove', path: '/' }]],
    ['a list for an object', { a: {} }, { a: [] }, [{ op: 'replace', path: '/a', value: [] }]],
    ['another value as a whole', { a: 1 }, 'x', [{ op: 'replace', path: '', value: 'x' }]],
    [
      'a digit beyond 2^53',
      { a: 2n ** 53n + 1n },
      { a: 2n ** 53n + 3n },
      [{ op: 'replace', path: '/a', value: 2n ** 53n + 3n }],
    ],
  ])('%s', (_what, before, after, operations) => {
    expect(differences(before, after)).toEqual(operations)
  })

  test('what JSON does not write is not there', () => {
    expect(differences({ a: 1 }, { a: undefined, b: undefined })).toEqual([{ op: 'remove', path: '/a' }])
    expect(differences([1], [undefined])).toEqual([{ op: 'replace', path: '/0', value: null }])
    const date = new Date(0)
    expect(differences({ at: {} }, { at: date })).toEqual([
      { op: 'replace', path: '/at', value: '1970-01-01T00:00:00.000Z' },
    ])
    expect(differences({ at: '1970-01-01T00:00:00.000Z' }, { at: date })).toEqual([])
  })

  test('a list that is all but new is replaced, one that loses entries is not', () => {
    const listing = Array.from({ length: 200 }, (_, index) => ({ Id: `${index}`, Text: 'x'.repeat(500) }))
    expect(differences({ list: listing }, { list: listing.slice(-1) })).toEqual([
      { op: 'replace', path: '/list', value: listing.slice(-1) },
    ])
    const kept = listing.filter((_, index) => index % 10 !== 0)
    const operations = differences(listing, kept)
    expect(operations).toHaveLength(20)
    expect(new Set(operations.map(({ op }) => op))).toEqual(new Set(['remove']))
    expect(applied(listing, kept)).toEqual(kept)
  })

  test('thousands of entries are compared in a moment', () => {
    const listing = Array.from({ length: 5_000 }, (_, index) => ({ Id: `${index}`, Labels: { a: 'b' } }))
    const after = listing.filter((_, index) => index % 3 !== 0).map((item) => ({ ...item, New: true }))
    expect(applied(listing, after)).toEqual(after)
  })
})

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'Labels', 'a/b', '~', '~1', '', '0', '-', 'constructor', 'ä'),
  fc.string({ maxLength: 4 }).filter((text) => text !== '__proto__'),
)
const { json } = fc.letrec<{ json: Json; list: Json[]; object: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.constantFrom(null, true, false, 0, 1, -1, 1.5, 'x', ''),
      fc.string({ maxLength: 5 }),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }),
    ),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('json'), { maxLength: 6 }),
  object: fc.dictionary(key, tie('json'), { maxKeys: 5, noNullPrototype: true }),
}))

/** What a handler does to a body: a few changes somewhere in it. */
const edits = fc.array(
  fc.record({ where: fc.array(fc.nat(5), { maxLength: 4 }), how: fc.nat(5), key, value: json }),
  {
    maxLength: 6,
  },
)

function edit(
  root: Json,
  { where, how, key: name, value }: { where: number[]; how: number; key: string; value: Json },
): Json {
  let at = root
  for (const step of where) {
    const below = typeof at === 'object' && at !== null ? Object.values(at) : []
    const next = below[step % Math.max(1, below.length)]
    if (typeof next !== 'object' || next === null) break
    at = next
  }
  if (Array.isArray(at)) {
    const place = where[0] ?? 0
    if (how === 0) at.push(value)
    else if (how === 1) at.splice(place, 1)
    else if (how === 2) at.splice(place, 0, value)
    else if (how === 3) at.reverse()
    else if (how === 4) at[Math.min(place, at.length)] = value
    else if (at.length > 0) at.push(at.shift()!)
    return root
  }
  if (typeof at !== 'object' || at === null) return value
  if (how === 0) delete at[Object.keys(at)[0] ?? '']
  else if (how === 1) at[Object.keys(at)[0] ?? name] = value
  else Object.defineProperty(at, name, { value, enumerable: true, writable: true, configurable: true })
  return root
}

describe('whatever is done to whatever body', () => {
  test('the patch makes of the one what the other is', () => {
    fc.assert(
      fc.property(json, edits, (before, changes) => {
        const text = printJson(before)
        const after = changes.reduce(edit, parseJson(text))
        expect(applied(parseJson(text), after)).toEqual(parseJson(printJson(after)))
      }),
      { numRuns: 2_000 },
    )
  })

  test('nothing done is no patch, and two bodies that have nothing in common have one', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        expect(differences(before, parseJson(printJson(before)))).toEqual([])
        expect(applied(before, after)).toEqual(after)
      }),
      { numRuns: 500 },
    )
  })
})
