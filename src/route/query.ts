/**
 * A query as the engine reads it: pairs between `&`, keys case-sensitive, the first of repeated keys wins, `+` is a space.
 *
 * Values are not judged here. What is refused is what two readers could take for two different things.
 */
import { type Refusal, refusal } from '../model/refusal.ts'
import type { Operation, QueryKind } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { hasBrokenEscape } from './percent.ts'

/**
 * Why a query cannot go on, or nothing.
 *
 * A key that the operation does not know may be repeated: the engine never looks at it, and dockerode sends one with each
 * list of the JSON body that it repeats in the query (`?Cmd=echo&Cmd=hi`). For an unknown operation nothing is known about
 * its keys either; `podman-remote` repeats some. A policy that must not be got round refuses unknown operations as a whole
 * (PS-PATH-008).
 */
export function queryRefusal(query: string, operation: Operation | undefined): Refusal | undefined {
  if (query === '') return undefined
  if (query.includes(';')) return SEMICOLON
  if (query.includes('%') && hasBrokenEscape(query)) return BROKEN_PERCENT
  const keys = operation === undefined ? undefined : KEYS.get(operation)
  if (keys === undefined) return undefined
  const seen: string[] = []
  for (let start = 0; start < query.length; ) {
    const end = pairEnd(query, start)
    const key = keyOf(query, start, end)
    const kind = keys.kinds.get(key)
    if (kind === undefined) {
      const meant = keys.folded.get(fold(key))
      if (meant !== undefined) return otherCase(meant)
    } else if (kind !== 'array') {
      if (seen.includes(key)) return repeated(key)
      seen.push(key)
    }
    start = end + 1
  }
  return undefined
}

/** The value of a key, decoded: the first one, as for the engine. The query has passed `queryRefusal`. */
export function queryValue(query: string, key: string): string | undefined {
  for (let start = 0; start < query.length; ) {
    const end = pairEnd(query, start)
    if (start !== end && keyOf(query, start, end) === key) {
      const equals = query.indexOf('=', start)
      return equals === -1 || equals >= end ? '' : decode(query.slice(equals + 1, end))
    }
    start = end + 1
  }
  return undefined
}

/**
 * Whether the engine takes a value for true: anything but these five words, so `off` is true. Only the white space that
 * Go trims is trimmed; JavaScript's own `trim` also takes away U+FEFF and leaves U+0085.
 */
export function isTrue(value: string): boolean {
  return !FALSE_WORDS.has(value.replace(WHITE_SPACE_AROUND, '').toLowerCase())
}

const FALSE_WORDS: ReadonlySet<string> = new Set(['', '0', 'no', 'false', 'none'])
const WHITE_SPACE = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const WHITE_SPACE_AROUND = new RegExp(`^${WHITE_SPACE}|${WHITE_SPACE}$`, 'g')

const SEMICOLON = refusal(
  'PS-QUERY-002',
  400,
  'the query holds a ";"; write it as %3B, or "&" between two keys',
)
const BROKEN_PERCENT = refusal(
  'PS-QUERY-002',
  400,
  'the query holds a "%" without two hexadecimal digits; write it as %25',
)

function repeated(key: string): Refusal {
  return refusal('PS-QUERY-001', 400, `the query key "${key}" is given more than once; it is accepted once`)
}

function otherCase(meant: string): Refusal {
  return refusal(
    'PS-QUERY-003',
    400,
    `a query key differs from "${meant}" only in upper and lower case; write "${meant}"`,
  )
}

/** Where the pair that starts here ends. */
function pairEnd(query: string, start: number): number {
  const end = query.indexOf('&', start)
  return end === -1 ? query.length : end
}

/** Decoded; as received if it is not UTF-8, and so equal to no known key. */
function keyOf(query: string, start: number, end: number): string {
  const equals = query.indexOf('=', start)
  return decode(query.slice(start, equals === -1 || equals > end ? end : equals))
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

interface KnownKeys {
  readonly kinds: ReadonlyMap<string, QueryKind>
  /** From a key's folded spelling to its own. */
  readonly folded: ReadonlyMap<string, string>
}

const KEYS: ReadonlyMap<Operation, KnownKeys> = new Map(
  OPERATIONS.map((operation: Operation) => {
    const keys = Object.keys(operation.query)
    return [
      operation,
      {
        kinds: new Map(Object.entries(operation.query)),
        folded: new Map(keys.map((key) => [fold(key), key])),
      },
    ]
  }),
)

/** Upper case first: it alone takes U+017F (ſ) to S, lower case alone U+212A (the Kelvin sign) to k. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase()
}
