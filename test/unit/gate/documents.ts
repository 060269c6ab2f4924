/** Generated bodies: documents of a shape, in every spelling that the engine takes. */
import fc from 'fast-check'
import type { Shape } from '../../../src/gate/shape.ts'
import type { Raw } from './go-decoder.ts'

/** A key in letters that the engine takes for the same: other case, ſ for s, the Kelvin sign for k. */
export function respelled(key: string, roll: (below: number) => number): string {
  return Array.from(key, (letter) => {
    const kinds = [letter, letter.toLowerCase(), letter.toUpperCase()]
    if (letter.toLowerCase() === 's') kinds.push('\u017f')
    if (letter.toLowerCase() === 'k') kinds.push('\u212a')
    return kinds[roll(kinds.length)]!
  }).join('')
}

const scalar: fc.Arbitrary<Raw> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => ({ text: text.toWellFormed() })),
  fc
    .constantFrom('0', '-0', '1', '9223372036854775807', '1e3', '0.5', '-1.25E-7')
    .map((number) => ({ number })),
  fc.constantFrom<Raw>({ word: true }, { word: false }, { word: null }),
)

const mapKey = fc.oneof(
  fc.constantFrom('a', 'A', 'b', 'com.example.K', 'com.example.k', 'constructor', 'k', '\u212a', 'é', 'É'),
  fc.string({ maxLength: 6 }),
)

/** Documents as a client may send them: fields that are known, in any spelling, and others; keys may stand twice. */
export function documentsOf(shape: Shape, depth = 5): fc.Arbitrary<Raw> {
  if (depth === 0) return scalar
  switch (shape.kind) {
    case 'any':
      return fc.oneof(
        { weight: 8, arbitrary: scalar },
        { weight: 1, arbitrary: listOf(scalar) },
        { weight: 1, arbitrary: pairsOf(mapKey, () => scalar) },
      )
    case 'texts':
      return fc.oneof(scalar, listOf(scalar))
    case 'list':
      return fc.oneof(
        { weight: 8, arbitrary: listOf(documentsOf(shape.items, depth - 1)) },
        { weight: 1, arbitrary: scalar },
      )
    case 'map':
      return pairsOf(mapKey, () => documentsOf(shape.values, depth - 1))
    case 'struct': {
      const known = fc
        .tuple(fc.constantFrom(...shape.fields.values()), fc.infiniteStream(fc.nat()), fc.boolean())
        .chain(([field, numbers, odd]) => {
          const key = odd ? respelled(field.name, (below) => numbers.next().value % below) : field.name
          return documentsOf(field.shape, depth - 1).map((value) => [key, value] as const)
        })
      const unknown = fc.tuple(mapKey, scalar)
      return fc
        .array(fc.oneof({ weight: 8, arbitrary: known }, { weight: 1, arbitrary: unknown }), { maxLength: 6 })
        .map((pairs) => ({ pairs }))
    }
  }
}

function listOf(items: fc.Arbitrary<Raw>): fc.Arbitrary<Raw> {
  return fc.array(items, { maxLength: 3 }).map((all) => ({ items: all }))
}

function pairsOf(keys: fc.Arbitrary<string>, values: () => fc.Arbitrary<Raw>): fc.Arbitrary<Raw> {
  return fc.array(fc.tuple(keys, values()), { maxLength: 4 }).map((pairs) => ({ pairs }))
}
