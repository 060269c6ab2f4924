/**
 * What the engine makes of a JSON text, written down from what Go's encoding/json documents and without any code of the
 * gate: keys of structs are found by simple case folding, keys that stand twice are merged, `null` changes nothing, and a
 * string stands for a list where the engine's type says so.
 */
import type { Shape } from '../../../src/gate/shape.ts'

/** A document as pairs: nothing about keys has been decided. Numbers are their own text. */
export type Raw =
  | { readonly pairs: readonly (readonly [string, Raw])[] }
  | { readonly items: readonly Raw[] }
  | { readonly text: string }
  | { readonly number: string }
  | { readonly word: true | false | null }

/** A value without order among keys, to be compared. */
export type Value = string | boolean | null | { readonly number: string } | Value[] | { [key: string]: Value }

/** Equality under simple case folding is what a regular expression with `iu` does. */
function sameKey(one: string, other: string): boolean {
  return new RegExp(`^${escaped(one)}$`, 'iu').test(other)
}

function escaped(text: string): string {
  return Array.from(text, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`).join('')
}

/** `before`: what has been decoded into this place already. */
export function decodeAsGo(raw: Raw, shape: Shape, before?: Value): Value {
  if ('word' in raw) return raw.word === null ? (before ?? null) : raw.word
  if ('number' in raw) return { number: raw.number }
  if ('text' in raw) return shape.kind === 'texts' ? [raw.text] : raw.text
  if ('items' in raw) {
    const items = shape.kind === 'list' ? shape.items : ANY
    return raw.items.map((item) => decodeAsGo(item, items))
  }
  const into: { [key: string]: Value } = isObject(before) ? { ...before } : {}
  for (const [key, value] of raw.pairs) {
    if (shape.kind === 'struct') {
      const names = [...shape.fields.keys()]
      const name = names.find((one) => one === key) ?? names.find((one) => sameKey(one, key))
      // The engine skips what it does not know; here it stays to be seen, under its own name.
      if (name === undefined) into[`?${key}`] = decodeAsGo(value, ANY)
      else into[name] = decodeAsGo(value, shape.fields.get(name)!.shape, into[name])
    } else if (shape.kind === 'map') into[key] = decodeAsGo(value, shape.values)
    else into[key] = decodeAsGo(value, ANY)
  }
  return into
}

/** What a careful adapter makes of a text: keys mean what they say, the last one counts. */
export function decodeAsScript(raw: Raw, shape: Shape): Value {
  if ('word' in raw) return raw.word
  if ('number' in raw) return { number: raw.number }
  if ('text' in raw) return raw.text
  if ('items' in raw)
    return raw.items.map((item) => decodeAsScript(item, shape.kind === 'list' ? shape.items : ANY))
  const into: { [key: string]: Value } = {}
  for (const [key, value] of raw.pairs) {
    const field = shape.kind === 'struct' ? shape.fields.get(key) : undefined
    const below = shape.kind === 'map' ? shape.values : (field?.shape ?? ANY)
    into[shape.kind === 'struct' && field === undefined ? `?${key}` : key] = decodeAsScript(value, below)
  }
  return into
}

/** How a text is written: white space and escapes wherever JSON allows them. `roll` gives numbers from 0 to below its argument. */
export function write(raw: Raw, roll: (below: number) => number): string {
  const space = () => ['', '', '', ' ', '\n', '\t\r '][roll(6)]!
  const text = (value: string) =>
    `"${Array.from(
      JSON.stringify(value)
        .slice(1, -1)
        .matchAll(/\\u[0-9a-f]{4}|\\.|[^\\]/gsu),
      ([one]) =>
        one.length === 1 && roll(12) === 0 ? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}` : one,
    ).join('')}"`
  const put = (value: Raw): string => {
    if ('word' in value) return String(value.word)
    if ('number' in value) return value.number
    if ('text' in value) return text(value.text)
    if ('items' in value)
      return `[${space()}${value.items.map((item) => put(item) + space()).join(`,${space()}`)}]`
    const members = value.pairs.map(
      ([key, member]) => `${text(key)}${space()}:${space()}${put(member)}${space()}`,
    )
    return `{${space()}${members.join(`,${space()}`)}}`
  }
  return space() + put(raw) + space()
}

/** Reads what has been accepted already; Node's own parser keeps neither the digits nor keys that stand twice. */
export function readRaw(text: string): Raw {
  let at = 0
  const skip = () => {
    while (' \t\r\n'.includes(text[at] ?? '-')) at++
  }
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)![0]
    at += found.length
    return found
  }
  const string = (): string => JSON.parse(take(/"(?:[^"\\]|\\.)*"/gsy)) as string
  const list = <T>(close: string, each: () => T): T[] => {
    const all: T[] = []
    at++
    skip()
    while (text[at] !== close) {
      all.push(each())
      skip()
      if (text[at] === ',') at++
      skip()
    }
    at++
    return all
  }
  const value = (): Raw => {
    skip()
    const first = text[at]!
    if (first === '{')
      return {
        pairs: list('}', () => {
          const key = string()
          skip()
          at++
          return [key, value()] as const
        }),
      }
    if (first === '[') return { items: list(']', value) }
    if (first === '"') return { text: string() }
    const word = take(/[^\s,\]}]+/gy)
    return word === 'true' || word === 'false' || word === 'null'
      ? { word: JSON.parse(word) as boolean | null }
      : { number: word }
  }
  return value()
}

const ANY: Shape = { kind: 'any' }

function isObject(value: Value | undefined): value is { [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('number' in value)
}
