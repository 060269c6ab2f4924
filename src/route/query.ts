/**
 * A query as the engine reads it: pairs between `&`, keys case-sensitive, the first of repeated keys wins, `+` is a space.
 *
 * What is refused is what two readers could take for two different things. Values are judged where they are JSON, or a
 * boolean of the few that the engine is strict about.
 */
import { describeFault, judgeJson } from '../gate/json.ts'
import { queryShape } from '../gate/shape.ts'
import { splice } from '../gate/splice.ts'
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
    } else {
      if (kind !== 'array') {
        if (seen.includes(key)) return repeated(key)
        seen.push(key)
      }
      const refused = valueRefusal(kind, key, query, start, end, operation)
      if (refused !== undefined) return refused
    }
    start = end + 1
  }
  return undefined
}

function valueRefusal(
  kind: QueryKind,
  key: string,
  query: string,
  start: number,
  end: number,
  operation: Operation | undefined,
): Refusal | undefined {
  if (kind === 'json') {
    const value = valueIn(query, start, end)
    // To the engine it is the same as none.
    if (value === '') return undefined
    if (value === undefined)
      return refusal('PS-QUERY-005', 400, `the value of the query key "${key}" is not UTF-8`)
    const { shape } = queryShape(key)
    const judged = judgeJson(value, shape)
    if (judged.ok) return undefined
    const { rule } = judged.failure
    return refusal(
      'PS-QUERY-005',
      400,
      `the JSON of the query key "${key}" is not acceptable: ${describeFault(judged.failure)}; ${rule}`,
    )
  }
  if (kind === 'boolean' && isStrict(operation, key)) {
    const value = valueIn(query, start, end)
    if (value === undefined || (value !== '' && !GO_TRUE.has(value) && !GO_FALSE.has(value)))
      return refusal('PS-QUERY-004', 400, `the query key "${key}" is a boolean; write 1 or 0`)
  }
  return undefined
}

/**
 * The query of a request that hooks judge, as all of them and the engine are shown it: booleans as `0` or `1`
 * (PS-QUERY-004), keys within JSON in the engine's spelling (PS-QUERY-005). The very same text where nothing is to change.
 * The query has passed `queryRefusal`.
 */
export function plainQuery(query: string, operation: Operation | undefined): string {
  const keys = operation === undefined ? undefined : KEYS.get(operation)
  if (keys === undefined || query === '') return query
  const pairs: string[] = []
  for (let start = 0; start < query.length; ) {
    const end = pairEnd(query, start)
    const pair = query.slice(start, end)
    const key = keyOf(query, start, end)
    const kind = keys.kinds.get(key)
    const value = kind === 'boolean' || kind === 'json' ? valueIn(query, start, end) : undefined
    const plain =
      value === undefined
        ? undefined
        : kind === 'boolean'
          ? plainBoolean(value, key, operation)
          : plainJson(value, key)
    const writtenKey = pair.includes('=') ? pair.slice(0, pair.indexOf('=')) : pair
    pairs.push(plain === undefined || plain === value ? pair : `${writtenKey}=${encodeURIComponent(plain)}`)
    start = end + 1
  }
  // A "&" at the end has nothing behind it.
  return query.endsWith('&') ? `${pairs.join('&')}&` : pairs.join('&')
}

function plainBoolean(value: string, key: string, operation: Operation | undefined): string {
  if (isStrict(operation, key)) return GO_TRUE.has(value) ? '1' : '0'
  if (value === '' && TRUE_WHEN_EMPTY.get(operation?.id ?? '') === key) return '1'
  return isTrue(value) ? '1' : '0'
}

function plainJson(value: string, key: string): string {
  if (value === '') return value
  const judged = judgeJson(value, queryShape(key).shape)
  return judged.ok ? splice(value, judged.value.edits) : value
}

/**
 * Booleans that the engine reads with Go's own `ParseBool` and not, as all others, as anything but five words. It refuses
 * what that does not know; `f` is false there and true everywhere else.
 */
const STRICT_BOOLEANS: Readonly<Record<string, readonly string[]>> = {
  NetworkInspect: ['verbose'],
  ServiceInspect: ['insertDefaults'],
  ServiceList: ['status'],
  SwarmUpdate: ['rotateWorkerToken', 'rotateManagerToken', 'rotateManagerUnlockKey'],
}
const GO_TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const GO_FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

function isStrict(operation: Operation | undefined, key: string): boolean {
  return STRICT_BOOLEANS[operation?.id ?? '']?.includes(key) === true
}

/** Two booleans that are true unless the query says otherwise, and an empty value does not say it. */
const TRUE_WHEN_EMPTY: ReadonlyMap<string, string> = new Map([
  ['ImageBuild', 'rm'],
  ['ImageCommit', 'pause'],
])

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

/** Decoded; empty where there is none, nothing where it is not UTF-8. */
function valueIn(query: string, start: number, end: number): string | undefined {
  const equals = query.indexOf('=', start)
  if (equals === -1 || equals >= end) return ''
  const spaced = query.slice(equals + 1, end).replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return undefined
  }
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
