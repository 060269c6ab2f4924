/**
 * A reader of JSON that takes what every reader understands in the same way, and nothing else.
 *
 * RFC 8259 leaves open what equal keys, half surrogate pairs or deep nesting mean, and the engine's reader goes further: it
 * ignores the case of the keys that it knows and merges what is there twice. Here all of that is refused, or brought to
 * the engine's own spelling by an edit. So a text that comes out says one thing to everybody, and apart from the edits it
 * is the client's own: numbers keep their digits, unknown fields, order and white space stay.
 *
 * One pass over the text. Nodes with their offsets are made only for those who ask; a body of 4 MiB can hold a million
 * values, and judging it must not cost hundreds of megabytes.
 */
import { failed, ok, type Result } from '../model/result.ts'
import { fold } from './fold.ts'
import { ANY, AS_WRITTEN, type Field, type Shape } from './shape.ts'
import type { Edit } from './splice.ts'

/** Objects and lists within each other (PS-JSON-007). The deepest body of Docker's API has nine levels. */
export const MAX_DEPTH = 64

/** A value and where it stands: from `start` to before `end`. */
export type JsonNode =
  | {
      readonly kind: 'object'
      readonly start: number
      readonly end: number
      readonly members: readonly JsonMember[]
    }
  | {
      readonly kind: 'list'
      readonly start: number
      readonly end: number
      readonly items: readonly JsonNode[]
    }
  | {
      readonly kind: 'text' | 'number' | 'true' | 'false' | 'null'
      readonly start: number
      readonly end: number
    }

export interface JsonMember {
  /** Without escapes. */
  readonly key: string
  /** Of the key's opening quote. */
  readonly start: number
  readonly value: JsonNode
}

/** Why a text is not accepted. */
export interface JsonFault {
  /** The id of the rule in `docs/security.md`. */
  readonly rule: string
  /** What was found, and what to do about it. */
  readonly problem: string
  /** The keys and indices that lead there: `HostConfig.Binds[1]`; empty at the top. */
  readonly path: string
  /** Of the first character that cannot stand, from 0. */
  readonly offset: number
  /** From 1. */
  readonly line: number
  readonly column: number
}

export function describeFault({ problem, path, line, column }: JsonFault): string {
  const where = path === '' ? '' : ` in ${path}`
  return `${problem} (line ${line}, column ${column}${where})`
}

/** What was read of a document that can stand. */
export interface JsonReading {
  /** What brings the text to the engine's own spelling. */
  readonly edits: readonly Edit[]
  /** Some known field stands where it does not belong (PS-LIFE-009). */
  readonly astray: boolean
  readonly kind: JsonNode['kind']
}

/** Judges one document, as the engine would read it. */
export function judgeJson(
  text: string,
  shape: Shape = ANY,
  maxDepth = MAX_DEPTH,
): Result<JsonReading, JsonFault> {
  const reader = new Reader(text, false, maxDepth)
  const root = reader.document(shape)
  if (root === undefined) return failed(reader.fault())
  return ok({ edits: reader.edits, astray: reader.astray, kind: root.kind })
}

/**
 * The document as nodes, for who wants to look into it. What has been judged can be read: nothing is known here of which
 * keys are the user's own, so only equal ones are refused.
 */
export function readJson(text: string): Result<JsonNode, JsonFault> {
  const reader = new Reader(text, true, MAX_DEPTH)
  const root = reader.document(AS_WRITTEN)
  return root === undefined ? failed(reader.fault()) : ok(root)
}

/** Whether `readJson` could read it, without making nodes. */
export function judgeAsWritten(text: string): Result<JsonReading, JsonFault> {
  return judgeJson(text, AS_WRITTEN)
}

/** The member of an object with this key. */
export function memberOf(node: JsonNode | undefined, key: string): JsonMember | undefined {
  return node?.kind === 'object' ? node.members.find((member) => member.key === key) : undefined
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const LOWER_U = 0x75

/** What is told of values where nobody asked for nodes. */
const UNSEEN = {
  object: { kind: 'object', start: 0, end: 0, members: [] },
  list: { kind: 'list', start: 0, end: 0, items: [] },
  text: { kind: 'text', start: 0, end: 0 },
  number: { kind: 'number', start: 0, end: 0 },
  true: { kind: 'true', start: 0, end: 0 },
  false: { kind: 'false', start: 0, end: 0 },
  null: { kind: 'null', start: 0, end: 0 },
} as const satisfies Record<JsonNode['kind'], JsonNode>

/** From here on the keys of an object are kept in a set: a create with twenty labels is judged in 6.4 µs, with 16 here in 8.4. */
const MANY_KEYS = 6

/** A string that goes on for so long is read by a regular expression from here, which is four times as fast once it runs. */
const LONG_RUN = 64
const PLAIN_RUN = /[^"\\\x00-\x1f]*/y

class Reader {
  readonly edits: Edit[] = []
  astray = false
  readonly #text: string
  readonly #building: boolean
  readonly #maxDepth: number
  #at = 0
  #depth = 0
  /** Whether the string read last holds an escape. */
  #escaped = false
  /** The first `#open` are the keys of the objects that are open, innermost last, as they are compared. */
  readonly #keys: string[] = []
  #open = 0
  #rule = ''
  #problem = ''
  #path = ''

  constructor(text: string, building: boolean, maxDepth: number) {
    this.#text = text
    this.#building = building
    this.#maxDepth = maxDepth
  }

  /** One value and nothing behind it. Nothing where it cannot stand; then `fault` says why. */
  document(shape: Shape): JsonNode | undefined {
    if (this.#text.charCodeAt(0) === 0xfeff)
      return this.#fail('PS-JSON-006', 'a byte order mark stands before the JSON; leave it out')
    const root = this.#value(this.#skipSpace(), shape)
    if (root === undefined) return undefined
    this.#skipSpace()
    if (this.#at < this.#text.length)
      return this.#fail('PS-JSON-003', 'something follows the JSON; nothing but white space may')
    return root
  }

  fault(): JsonFault {
    const before = this.#text.slice(0, this.#at)
    const lineStart = before.lastIndexOf('\n') + 1
    return {
      rule: this.#rule,
      problem: this.#problem,
      path: this.#path,
      offset: this.#at,
      line: before.split('\n').length,
      column: this.#at - lineStart + 1,
    }
  }

  /** `code`: the character at which it starts. */
  #value(code: number, shape: Shape): JsonNode | undefined {
    switch (code) {
      case QUOTE:
        return this.#textValue(shape)
      case OPEN_OBJECT:
        return this.#object(shape)
      case OPEN_LIST:
        return this.#list(shape.kind === 'list' ? shape.items : shape === AS_WRITTEN ? shape : ANY)
      case 0x74:
        return this.#word('true')
      case 0x66:
        return this.#word('false')
      case 0x6e:
        return this.#word('null')
      default:
        return this.#number(code)
    }
  }

  #object(shape: Shape): JsonNode | undefined {
    const start = this.#at
    if (++this.#depth > this.#maxDepth) return this.#tooDeep()
    const members: JsonMember[] | undefined = this.#building ? [] : undefined
    const firstKey = this.#open
    let many: Set<string> | undefined
    this.#at++
    let code = this.#skipSpace()
    if (code === CLOSE_OBJECT) this.#at++
    else
      for (;;) {
        if (code !== QUOTE) return this.#unexpected('a key in double quotes')
        const keyStart = this.#at
        if (!this.#string()) return undefined
        const key = this.#stringAt(keyStart)
        if (key === '__proto__')
          return this.#failAt(keyStart, 'PS-JSON-008', 'the key "__proto__" is not accepted')
        let values: Shape = ANY
        let compared: string
        if (shape.kind === 'struct') {
          const spelled = shape.fields.get(key)
          const field = spelled ?? shape.folded.get(fold(key))
          if (field === undefined) {
            compared = fold(key)
            values = shape.others
          } else {
            compared = field.folded
            values = field.shape
            this.#noteField(field, spelled !== undefined, keyStart)
          }
        } else if (shape.kind === 'map') {
          compared = key
          values = shape.values
        } else compared = fold(key)
        if (many === undefined) {
          for (let index = this.#open - 1; index >= firstKey; index--)
            if (this.#keys[index] === compared) return this.#repeated(keyStart, key, shape)
          this.#keys[this.#open++] = compared
          if (this.#open - firstKey === MANY_KEYS) many = new Set(this.#keys.slice(firstKey, this.#open))
        } else {
          if (many.has(compared)) return this.#repeated(keyStart, key, shape)
          many.add(compared)
        }

        if (this.#skipSpace() !== COLON) return this.#unexpected('a ":"')
        this.#at++
        const value = this.#value(this.#skipSpace(), values)
        if (value === undefined) return this.#within(key)
        members?.push({ key, start: keyStart, value })

        code = this.#skipSpace()
        if (code === CLOSE_OBJECT) {
          this.#at++
          break
        }
        if (code !== COMMA) return this.#unexpected('a "," or the "}" of the object')
        this.#at++
        code = this.#skipSpace()
      }
    this.#open = firstKey
    this.#depth--
    return members === undefined ? UNSEEN.object : { kind: 'object', start, end: this.#at, members }
  }

  #list(shape: Shape): JsonNode | undefined {
    const start = this.#at
    if (++this.#depth > this.#maxDepth) return this.#tooDeep()
    const items: JsonNode[] | undefined = this.#building ? [] : undefined
    this.#at++
    let code = this.#skipSpace()
    if (code === CLOSE_LIST) this.#at++
    else
      for (let index = 0; ; index++) {
        const item = this.#value(code, shape)
        if (item === undefined) return this.#within(index)
        items?.push(item)
        code = this.#skipSpace()
        if (code === CLOSE_LIST) {
          this.#at++
          break
        }
        if (code !== COMMA) return this.#unexpected('a "," or the "]" of the list')
        this.#at++
        code = this.#skipSpace()
      }
    this.#depth--
    return items === undefined ? UNSEEN.list : { kind: 'list', start, end: this.#at, items }
  }

  /** The key as the engine spells it. What is written with escapes is no other spelling for the engine, but is for eyes. */
  #noteField(field: Field, isSpelled: boolean, start: number): void {
    if (field.astray) this.astray = true
    if (!isSpelled || this.#escaped) this.edits.push({ start, end: this.#at, text: `"${field.name}"` })
  }

  #textValue(shape: Shape): JsonNode | undefined {
    const start = this.#at
    if (!this.#string()) return undefined
    if (shape.kind === 'texts')
      this.edits.push({ start, end: this.#at, text: `[${this.#text.slice(start, this.#at)}]` })
    return this.#building ? { kind: 'text', start, end: this.#at } : UNSEEN.text
  }

  /** From its opening quote to behind the closing one. */
  #string(): boolean {
    const text = this.#text
    this.#escaped = false
    let longAt = this.#at + LONG_RUN
    for (let at = this.#at + 1; at < text.length; at++) {
      if (at === longAt) {
        PLAIN_RUN.lastIndex = at
        PLAIN_RUN.test(text)
        at = PLAIN_RUN.lastIndex
        longAt = at + LONG_RUN
      }
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.#at = at + 1
        return true
      }
      if (code === BACKSLASH) {
        this.#escaped = true
        const length = this.#escape(at)
        if (length === 0) return false
        at += length - 1
        longAt = at + LONG_RUN
      } else if (code < 0x20) {
        this.#failAt(at, 'PS-JSON-003', 'a control character stands in a string; write it as an escape')
        return false
      }
    }
    this.#failAt(text.length, 'PS-JSON-003', 'the JSON ends within a string')
    return false
  }

  /** How many characters the escape has, with the other half of its pair; 0 where it cannot stand. */
  #escape(at: number): number {
    const code = this.#text.charCodeAt(at + 1)
    if (code !== LOWER_U) {
      if (SIMPLE_ESCAPES.has(code)) return 2
      this.#failAt(at, 'PS-JSON-003', 'an escape that JSON does not have stands in a string')
      return 0
    }
    const unit = this.#hex(at + 2)
    if (unit === undefined) return 0
    if (unit < 0xd800 || unit > 0xdfff) return 6
    const paired = unit < 0xdc00 && this.#text.startsWith('\\u', at + 6) ? this.#hex(at + 8) : 0
    if (paired === undefined) return 0
    if (paired >= 0xdc00 && paired <= 0xdfff) return 12
    this.#failAt(at, 'PS-JSON-006', 'half of a surrogate pair stands in a string, which is no text')
    return 0
  }

  #hex(at: number): number | undefined {
    const digits = this.#text.slice(at, at + 4)
    if (HEX.test(digits)) return Number.parseInt(digits, 16)
    this.#failAt(at, 'PS-JSON-003', 'a "\\u" without four hexadecimal digits stands in a string')
    return undefined
  }

  #stringAt(start: number): string {
    return this.#escaped
      ? (JSON.parse(this.#text.slice(start, this.#at)) as string)
      : this.#text.slice(start + 1, this.#at - 1)
  }

  #number(first: number): JsonNode | undefined {
    const text = this.#text
    const start = this.#at
    let code = first
    if (code === MINUS) code = text.charCodeAt(++this.#at)
    if (code === ZERO) this.#at++
    else if (!this.#digits()) return this.#notAValue(start)
    code = text.charCodeAt(this.#at)
    if (code >= ZERO && code <= NINE) return this.#fail('PS-JSON-003', 'a number starts with 0')
    if (code === POINT) {
      this.#at++
      if (!this.#digits()) return this.#unexpected('a digit')
      code = text.charCodeAt(this.#at)
    }
    if (code === 0x65 || code === 0x45) {
      code = text.charCodeAt(++this.#at)
      if (code === PLUS || code === MINUS) this.#at++
      if (!this.#digits()) return this.#unexpected('a digit')
    }
    return this.#building ? { kind: 'number', start, end: this.#at } : UNSEEN.number
  }

  #digits(): boolean {
    const text = this.#text
    const start = this.#at
    for (;;) {
      const code = text.charCodeAt(this.#at)
      // Past the end it is NaN, which is no digit.
      if (!(code >= ZERO && code <= NINE)) return this.#at > start
      this.#at++
    }
  }

  #word(word: 'true' | 'false' | 'null'): JsonNode | undefined {
    const start = this.#at
    if (!this.#text.startsWith(word, start)) return this.#notAValue(start)
    this.#at += word.length
    return this.#building ? { kind: word, start, end: this.#at } : UNSEEN[word]
  }

  /** The next character that is no white space; NaN at the end. */
  #skipSpace(): number {
    const text = this.#text
    for (;;) {
      const code = text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code
      this.#at++
    }
  }

  // Trouble. The first one counts; each level that is left on the way out adds its key to the path.

  #fail(rule: string, problem: string): undefined {
    this.#rule = rule
    this.#problem = problem
    return undefined
  }

  #failAt(at: number, rule: string, problem: string): undefined {
    this.#at = at
    return this.#fail(rule, problem)
  }

  #tooDeep(): undefined {
    return this.#fail('PS-JSON-007', `the JSON is nested more than ${this.#maxDepth} levels deep`)
  }

  #repeated(at: number, key: string, { kind }: Shape): undefined {
    const why = kind === 'map' ? '' : '; upper and lower case make no difference to the engine'
    return this.#failAt(at, 'PS-JSON-002', `the key ${quoted(key)} stands twice in one object${why}`)
  }

  #notAValue(at: number): undefined {
    this.#at = at
    const rest = this.#text.slice(at, at + 9)
    if (/^(?:NaN|-?Infinity)/.test(rest))
      return this.#fail('PS-JSON-006', `${/^-?[A-Za-z]+/.exec(rest)![0]} is no number in JSON`)
    return this.#unexpected('a value')
  }

  #unexpected(wanted: string): undefined {
    if (this.#at >= this.#text.length)
      return this.#fail('PS-JSON-003', `the JSON ends where ${wanted} must stand`)
    if (/^\/[/*]/.test(this.#text.slice(this.#at, this.#at + 2)))
      return this.#fail('PS-JSON-006', 'a comment stands in the JSON, which has none')
    const found = quoted(String.fromCodePoint(this.#text.codePointAt(this.#at)!))
    return this.#fail('PS-JSON-003', `${found} stands where ${wanted} must`)
  }

  #within(place: string | number): undefined {
    const step = typeof place === 'number' ? `[${place}]` : WORD.test(place) ? place : `[${quoted(place)}]`
    const dot = this.#path === '' || this.#path.startsWith('[') ? '' : '.'
    if (this.#path.length < MAX_PATH_LENGTH) this.#path = `${step}${dot}${this.#path}`
    return undefined
  }
}

const SIMPLE_ESCAPES: ReadonlySet<number> = new Set(Array.from('"\\/bfnrt', (one) => one.charCodeAt(0)))
const HEX = /^[0-9A-Fa-f]{4}$/
const WORD = /^[A-Za-z_][A-Za-z0-9_]{0,60}$/

/** Enough for every path of Docker's API. */
const MAX_PATH_LENGTH = 200

/** Something of the client's within a sentence of ours. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
