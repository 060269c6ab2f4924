import type { Result } from '../model/result.ts'
import type { JsonObject, JsonValue } from './config.ts'
import { parseDuration } from './duration.ts'
import type { ConfigProblemCode, Misfit, Problems, Span } from './problem.ts'
import { parseSize } from './size.ts'
import { nearest, suggest } from './spelling.ts'
import { type Entry, type MapNode, type Node, nameNode, quote, type TextNode } from './tree.ts'

/** An empty value has no text to point at; its key has. */
export function placeOf({ keyAt, value }: Entry): Span {
  return value.kind === 'null' ? keyAt : value.at
}

/** The value as a map, or a problem. */
export function readMap(entry: Entry, problems: Problems): MapNode | undefined {
  const { key, value } = entry
  if (value.kind === 'map') return value
  if (value.kind !== 'broken') {
    problems.error('value-not-map', placeOf(entry), `${quote(key)} is a map, not ${nameNode(value)}`)
  }
  return undefined
}

/** The value as text, or a problem that says what the text would be. */
export function readText(entry: Entry, expected: string, problems: Problems): string | undefined {
  const { key, value } = entry
  if (value.kind === 'text') return value.text
  if (value.kind !== 'broken') {
    const message = `${quote(key)} is ${expected}, not ${nameNode(value)}`
    problems.error('value-not-allowed', placeOf(entry), message)
  }
  return undefined
}

/** One of a few words; the first of them where it is none, which has then been reported. */
export function readChoice<C extends string>(
  entry: Entry,
  choices: readonly [C, ...C[]],
  problems: Problems,
): C {
  const { key, value } = entry
  const chosen = value.kind === 'text' ? choices.find((choice) => choice === value.text) : undefined
  if (chosen !== undefined) return chosen
  if (value.kind !== 'broken') {
    const meant = value.kind === 'text' ? nearest(value.text, choices) : undefined
    const advice = meant === undefined ? '' : `; did you mean ${quote(meant)}?`
    const message = `${quote(key)} is ${choices.map(quote).join(' or ')}, not ${nameNode(value)}${advice}`
    problems.error('value-not-allowed', placeOf(entry), message, meant)
  }
  return choices[0]
}

/** In milliseconds; `fallbackMs` where it cannot be read, which has then been reported. */
export function readDuration(entry: Entry, fallbackMs: number, problems: Problems): number {
  return readMeasure(entry, 'duration', parseDuration, problems) ?? fallbackMs
}

/** In bytes; `fallbackBytes` where it cannot be read, which has then been reported. */
export function readSize(
  entry: Entry,
  fallbackBytes: number,
  largestBytes: number,
  problems: Problems,
): number {
  return readMeasure(entry, 'size', (text) => parseSize(text, largestBytes), problems) ?? fallbackBytes
}

function readMeasure(
  entry: Entry,
  code: Extract<ConfigProblemCode, 'duration' | 'size'>,
  parse: (text: string) => Result<number, Misfit>,
  problems: Problems,
): number | undefined {
  const { key, value } = entry
  if (value.kind === 'broken') return undefined
  if (value.kind !== 'text' && value.kind !== 'number') {
    problems.error(code, placeOf(entry), `${quote(key)} is a ${code}, not ${nameNode(value)}`)
    return undefined
  }
  const measure = parse(value.kind === 'text' ? value.text : value.source)
  if (measure.ok) return measure.value
  const { message, fix } = measure.failure
  problems.error(code, value.at, `${quote(key)}: ${message}`, fix)
  return undefined
}

/** `true` or `false`; `fallback` where it is neither, which has then been reported. */
export function readBoolean(entry: Entry, fallback: boolean, problems: Problems): boolean {
  const { key, value } = entry
  if (value.kind === 'boolean') return value.value
  // What a variable stands for is always text.
  if (value.kind === 'text' && value.written !== undefined && /^(?:true|false)$/.test(value.text))
    return value.text === 'true'
  if (value.kind !== 'broken') {
    const message = `${quote(key)} is true or false, not ${nameNode(value)}`
    problems.error('value-not-allowed', placeOf(entry), message)
  }
  return fallback
}

/** A number between two others; `undefined` where it is none, which has then been reported. */
export function readNumber(
  entry: Entry,
  allowed: { readonly from: number; readonly to: number; readonly whole: boolean },
  problems: Problems,
): number | undefined {
  const { key, value } = entry
  if (value.kind === 'broken') return undefined
  const { from, to, whole } = allowed
  const written = value.kind === 'number' ? value.source : value.kind === 'text' ? value.text : ''
  const pattern = whole ? /^[0-9]{1,12}$/ : /^[0-9]{1,12}(?:\.[0-9]{1,12})?$/
  const number = pattern.test(written) ? Number(written) : Number.NaN
  if (number >= from && number <= to) return number
  const what = whole ? 'a whole number' : 'a number'
  const message = `${quote(key)} is ${what} from ${from} to ${to}, not ${nameNode(value)}`
  problems.error('number', placeOf(entry), message)
  return undefined
}

/** A list of texts. */
export function readTexts(entry: Entry, what: string, problems: Problems): readonly TextNode[] {
  const { key, value } = entry
  if (value.kind === 'list')
    return value.items.flatMap((item) => {
      if (item.kind === 'text') return [item]
      if (item.kind !== 'broken')
        problems.error('value-not-allowed', item.at, `${quote(key)} lists ${what}, not ${nameNode(item)}`)
      return []
    })
  if (value.kind !== 'broken')
    problems.error(
      'value-not-list',
      placeOf(entry),
      `${quote(key)} is a list of ${what}, not ${nameNode(value)}`,
    )
  return []
}

/** What is read of each key of a map. A key that is not among them is an error. */
export function readKeys(
  map: MapNode | undefined,
  readers: Readonly<Record<string, (entry: Entry) => void>>,
  problems: Problems,
): void {
  for (const entry of map?.entries ?? []) {
    if (Object.hasOwn(readers, entry.key)) readers[entry.key]!(entry)
    else refuseUnknownKey(entry, Object.keys(readers), problems)
  }
}

export function refuseUnknownKey(entry: Entry, known: readonly string[], problems: Problems): void {
  const meant = nearest(entry.key, known)
  const message = `unknown key ${quote(entry.key)}${suggest(meant, known, 'keys here')}`
  problems.error('key-unknown', entry.keyAt, message, meant)
}

/** For the top level, where version 1 has always let other programs keep their own keys. */
export function warnOfUnknownKey(entry: Entry, known: readonly string[], problems: Problems): void {
  const meant = nearest(entry.key, known)
  const message = `unknown key ${quote(entry.key)} is ignored${suggest(meant, known, 'keys here')}`
  problems.warn('key-unknown', entry.keyAt, message, meant)
}

/** What `with` says, frozen: an adapter gets it as it is and cannot change it for the others. */
export function readJsonObject(map: MapNode, problems: Problems): JsonObject {
  const pairs = map.entries.map((entry): [string, JsonValue] => {
    if (entry.key === '__proto__') {
      problems.error('value-not-allowed', entry.keyAt, '"__proto__" is not a key that an object can have')
    }
    return [entry.key, readJson(entry.value, problems)]
  })
  return Object.freeze(Object.fromEntries(pairs))
}

function readJson(node: Node, problems: Problems): JsonValue {
  switch (node.kind) {
    case 'text':
      return node.text
    case 'boolean':
      return node.value
    case 'number':
      if (!Number.isFinite(node.value)) {
        problems.error('value-not-allowed', node.at, `${node.source} is not a number that JSON has`)
      } else if (Number.isInteger(node.value) && !Number.isSafeInteger(node.value)) {
        const message = `${node.source} is too large to stay exact as a number; write it in quotes`
        problems.error('value-not-allowed', node.at, message, JSON.stringify(node.source))
      }
      return node.value
    case 'null':
    case 'broken':
      return null
    case 'list':
      return Object.freeze(node.items.map((item) => readJson(item, problems)))
    case 'map':
      return readJsonObject(node, problems)
  }
}
