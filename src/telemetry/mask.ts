/**
 * What must not appear in a log, a tap or a page of the admin listener.
 *
 * Secrets are known by where they stand: by the places that `gate/secrets.ts` knows of each operation, by keys that say so
 * (`Env`, `Password`, and what the configuration names), and by a few forms within texts (`https://user:password@host`). Each is
 * replaced by a mark, the same for the same secret, so that a change of one can be told without telling either. What was found is
 * remembered for the exchange: an adapter that repeats a secret in its own words, or puts it into another field, does not
 * get it into a log either.
 */
import { type Place, withheldFrom } from '../gate/secrets.ts'
import { isJsonObject, type Json, parseJson, printJson } from '../sdk/json.ts'

export const MASKED = '***'

/** Keys, header names and keys of queries whose values are secrets wherever they stand. In lower case, as all are compared. */
const ALWAYS: readonly string[] = [
  'auth',
  'authconfig',
  'authconfigs',
  'authorization',
  'buildargs',
  'cookie',
  'jointoken',
  'jointokens',
  'set-cookie',
  'signingcakey',
  'unlockkey',
  'x-registry-auth',
  'x-registry-config',
]

/** What a key that holds a secret usually has in its name. */
const TELLING_KEY = /passw(?:or)?d|token|credential|api[-_]?key|private[-_]?key/

/** Operations whose whole body is a list of `NAME=value`. */
const LISTS_OF_VARIABLES: ReadonlySet<string> = new Set(['PluginSet'])

/** `proxy.example` is worth seeing in `https://user:password@proxy.example`, the password is not. */
const URL_PASSWORD = /(:\/\/[^/\s:@]*:)([^/\s@]+)@/g

/** As in the options of a volume: `username=me,password=secret`. */
const ASSIGNED = /\b(passw(?:or)?d|token|secret|api[-_]?key)=([^,;&\s"']+)/gi

/**
 * A shorter secret is masked where it stands and nowhere else: `root` and `true` are values of variables too, and a log without these
 * words says nothing.
 */
export const SHORTEST_KNOWN_AGAIN = 6

/**
 * How much is looked through for secrets that are known, in characters times secrets, for one exchange: some ten milliseconds. What
 * goes beyond it is not written at all.
 */
const SEARCH_LIMIT = 20_000_000

/** U+FDD0 is no character and never will be: Unicode keeps it for what a program tells itself. */
const FENCE = '\uFDD0'
const MARK = /\uFDD0[0-9]+\uFDD0/g

export class Mask {
  readonly #names: ReadonlySet<string>

  /** `names`: of keys and header fields besides those that are always masked. */
  constructor(names: readonly string[] = []) {
    this.#names = new Set([...ALWAYS, ...names.map((name) => name.toLowerCase())])
  }

  isSecret(key: string): boolean {
    const folded = key.toLowerCase()
    return this.#names.has(folded) || TELLING_KEY.test(folded)
  }

  /** For texts that belong to no exchange, or of which nothing else is known. */
  target(target: string): string {
    return target.includes('?') ? new ExchangeMask(this, undefined).target(target) : target
  }
}

/** The secrets of one exchange. */
export class ExchangeMask {
  readonly #mask: Mask
  readonly #operation: string | undefined
  readonly #marks = new Map<string, string>()
  readonly #known = new Set<string>()
  #longestFirst: readonly string[] | undefined
  #searched = 0

  /** `operation`: Docker's id. */
  constructor(mask: Mask, operation: string | undefined) {
    this.#mask = mask
    this.#operation = operation
  }

  /** A body with marks in place of its secrets. */
  body(value: Json, side: 'request' | 'answer'): Json {
    if (side === 'request' && LISTS_OF_VARIABLES.has(this.#operation ?? '')) return this.#variables(value)
    const places = withheldFrom(this.#operation, [])?.[side] ?? []
    return this.#value(places.reduce((masked, place) => this.#place(masked, place), value))
  }

  /** A request target, without marks. */
  target(target: string): string {
    const mark = target.indexOf('?')
    if (mark === -1) return target
    const pairs = target
      .slice(mark + 1)
      .split('&')
      .map((pair) => this.#pair(pair))
    return `${target.slice(0, mark)}?${pairs.join('&')}`
  }

  /** The value of a header field, without marks. */
  field(name: string, value: string): string {
    return this.#mask.isSecret(name) ? MASKED : this.text(value)
  }

  /** Words of an adapter or the engine. Call it when all bodies have been seen. */
  text(text: string): string {
    return unmarked(this.#embedded(this.#withoutKnown(text)))
  }

  /** JSON text of an adapter's own. */
  json(text: string): Json {
    const read = readJson(text)
    return read === undefined ? this.text(text) : this.finished(this.#value(read))
  }

  /** What was made of bodies with marks, for the eyes. Call it when all bodies have been seen. */
  finished(value: Json): Json {
    if (typeof value === 'string') return unmarked(this.#withoutKnown(value))
    return mapped(value, (member) => this.finished(member))
  }

  #value(value: Json): Json {
    if (typeof value === 'string') return this.#embedded(value)
    if (Array.isArray(value)) return value.map((item) => this.#value(item))
    if (!isJsonObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, this.#member(key, member ?? null)]),
    )
  }

  #member(key: string, value: Json): Json {
    if (key.toLowerCase() === 'env') return this.#variables(value)
    return this.#mask.isSecret(key) ? this.#secret(value) : this.#value(value)
  }

  /** The name of a variable helps, and is no secret. */
  #variables(value: Json): Json {
    if (Array.isArray(value)) return value.map((item) => this.#variables(item))
    if (isJsonObject(value)) return mapped(value, (member) => this.#secret(member))
    if (typeof value !== 'string') return value
    const equals = value.indexOf('=')
    return equals === -1 ? value : `${value.slice(0, equals)}=${this.#marked(value.slice(equals + 1))}`
  }

  #secret(value: Json): Json {
    if (value === null || value === '') return value
    for (const leaf of leavesOf(value)) this.#learn(leaf)
    // What is secret within a secret is one by itself: the value of a variable without its name.
    if (typeof value === 'object') this.#value(value)
    return this.#marked(typeof value === 'string' ? value : printJson(value))
  }

  #marked(secret: string): string {
    if (secret === '') return ''
    this.#learn(secret)
    let mark = this.#marks.get(secret)
    if (mark === undefined) {
      mark = `${FENCE}${this.#marks.size}${FENCE}`
      this.#marks.set(secret, mark)
    }
    return mark
  }

  #learn(secret: string): void {
    if (secret.length < SHORTEST_KNOWN_AGAIN || this.#known.has(secret)) return
    this.#longestFirst = undefined
    this.#known.add(secret)
    this.#known.add(JSON.stringify(secret).slice(1, -1))
    this.#known.add(encodeURIComponent(wellFormed(secret)))
  }

  #place(value: Json, place: Place): Json {
    switch (place.at) {
      case 'body':
        return this.#secret(value)
      case 'field':
        return this.#at(value, place.path)
      case 'items':
        return Array.isArray(value) ? value.map((item) => this.#at(item, place.path)) : value
      case 'query':
        return value
    }
  }

  #at(value: Json, [key, ...rest]: readonly string[]): Json {
    if (key === undefined) return this.#secret(value)
    if (!isJsonObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        name,
        name.toLowerCase() === key.toLowerCase() ? this.#at(member ?? null, rest) : (member ?? null),
      ]),
    )
  }

  /** JSON within a text, and the forms that secrets have in texts. */
  #embedded(text: string): string {
    const start = text.search(/[{[]/)
    const end = Math.max(text.lastIndexOf('}'), text.lastIndexOf(']')) + 1
    const inner = start === -1 || end <= start ? undefined : readJson(text.slice(start, end))
    if (typeof inner === 'object' && inner !== null)
      return `${this.#forms(text.slice(0, start))}${printJson(this.#value(inner))}${this.#forms(text.slice(end))}`
    return this.#forms(text)
  }

  #forms(text: string): string {
    if (!text.includes('=') && !text.includes('://')) return text
    return text
      .replace(
        URL_PASSWORD,
        (_whole, before: string, password: string) => `${before}${this.#marked(password)}@`,
      )
      .replace(ASSIGNED, (_whole, key: string, secret: string) => `${key}=${this.#marked(secret)}`)
  }

  #pair(pair: string): string {
    const equals = pair.indexOf('=')
    if (equals === -1) return pair
    const [key, value] = [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))]
    if (this.#mask.isSecret(key)) {
      const read = readJson(value)
      for (const leaf of read === undefined ? [value] : leavesOf(read)) this.#learn(leaf)
      return `${pair.slice(0, equals)}=${MASKED}`
    }
    // A line of a Dockerfile.
    if (key === 'changes' && /^\s*env\s/i.test(value)) return `${pair.slice(0, equals)}=ENV+${MASKED}`
    const masked = unmarked(this.#embedded(value))
    return masked === value ? pair : `${pair.slice(0, equals)}=${encodeURIComponent(wellFormed(masked))}`
  }

  #withoutKnown(text: string): string {
    this.#searched += text.length * this.#known.size
    if (this.#searched > SEARCH_LIMIT) return MASKED
    this.#longestFirst ??= [...this.#known].toSorted((one, other) => other.length - one.length)
    let clean = text
    for (const secret of this.#longestFirst)
      if (clean.includes(secret)) clean = clean.replaceAll(secret, MASKED)
    return clean
  }
}

function unmarked(text: string): string {
  return text.includes(FENCE) ? text.replace(MARK, MASKED) : text
}

function mapped(value: Json, change: (member: Json) => Json): Json {
  if (Array.isArray(value)) return value.map(change)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, change(member ?? null)]))
}

/** All texts in it, and the numbers as texts. */
function leavesOf(value: Json): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'number' || typeof value === 'bigint') return [String(value)]
  if (Array.isArray(value)) return value.flatMap(leavesOf)
  if (!isJsonObject(value)) return []
  return Object.values(value).flatMap((member) => leavesOf(member ?? null))
}

export function readJson(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** Half a surrogate pair has no bytes that would say it. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}

function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
