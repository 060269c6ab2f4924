/**
 * Strict heads: bytes in, a typed head or the reason for refusing it out.
 *
 * Everything here names what it accepts; the rest is refused (rules PS-FRAME-001 to -005). Leniency is what smuggling
 * is made of: where two readers repair the same odd head in different ways, the proxy judges one request and the engine
 * executes another. Heads are read as latin1, so one character is one byte and offsets in the text are offsets in the
 * bytes.
 */
import { type Refusal, refusal } from '../model/refusal.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { HEAD_SHAPE, LINES_SHAPE, TOKEN, trimmed } from './syntax.ts'

/** One field line of a head. */
export interface Field {
  /** As the sender spelled it. */
  readonly name: string
  /** The name in lower case, for comparing. */
  readonly key: string
  /** Without the white space around it. */
  readonly value: string
  /** Where the line starts in the head, in bytes. */
  readonly start: number
  /** Where the line ends in the head, in bytes, behind its CRLF. */
  readonly end: number
}

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const
export type Method = (typeof METHODS)[number]

export interface RequestHead {
  readonly method: Method
  /** The request target as received: path and query, escapes untouched. */
  readonly target: string
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly minor: 0 | 1
  readonly fields: readonly Field[]
  /** The whole head as latin1 text, up to and with the empty line. */
  readonly text: string
}

/** RFC 3986 path characters, then a query of visible ASCII without `#` (PS-FRAME-003). curl sends `{"…"}` raw in queries. */
const TARGET_SHAPE = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/%]+(?:\?[\x21\x22\x24-\x7e]*)?$/

const METHOD_SET: ReadonlySet<string> = new Set(METHODS)

/** Reads a complete request head, as `HeadReader` cuts it out of the stream. */
export function parseRequestHead(text: string): Result<RequestHead, Refusal> {
  const lineEnd = text.indexOf('\r\n')
  const line = readRequestLine(text, lineEnd)
  if (!line.ok) return line
  const fields = readFields(text, lineEnd + 2)
  if (!fields.ok) return fields
  const { method, target, minor } = line.value
  return ok({ method, target, minor, fields: fields.value, text })
}

/** The value of a field that may stand at most once, or undefined. `key` in lower case. */
export function fieldValue(head: { readonly fields: readonly Field[] }, key: string): string | undefined {
  for (const field of head.fields) if (field.key === key) return field.value
  return undefined
}

/** Whether a list-valued field names a token, in any of its lines. `key` and `token` in lower case. */
export function fieldLists(head: { readonly fields: readonly Field[] }, key: string, token: string): boolean {
  for (const field of head.fields) {
    if (field.key !== key) continue
    for (const part of field.value.split(',')) if (trimmed(part).toLowerCase() === token) return true
  }
  return false
}

function readRequestLine(
  text: string,
  lineEnd: number,
): Result<Pick<RequestHead, 'method' | 'target' | 'minor'>, Refusal> {
  const methodEnd = text.indexOf(' ')
  const targetEnd = text.indexOf(' ', methodEnd + 1)
  if (methodEnd <= 0 || targetEnd < 0 || targetEnd > lineEnd)
    return failed(refusal('PS-FRAME-002', 400, 'the request line is not "METHOD target HTTP/1.1"'))

  const version = text.slice(targetEnd + 1, lineEnd)
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    // An HTTP/2 preface is a well-formed request line of a version that hooks cannot see into (PS-UPGRADE-004).
    return /^HTTP\/[0-9](?:\.[0-9])?$/.test(version)
      ? failed(refusal('PS-FRAME-002', 505, `${version} is not served here; use HTTP/1.1`))
      : failed(refusal('PS-FRAME-002', 400, 'the request line is not "METHOD target HTTP/1.1"'))
  }

  const method = text.slice(0, methodEnd)
  if (!METHOD_SET.has(method)) {
    return TOKEN.test(method)
      ? failed(
          refusal('PS-FRAME-002', 501, `method ${method.slice(0, 32)} is not one of ${METHODS.join(', ')}`),
        )
      : failed(refusal('PS-FRAME-002', 400, 'the request line does not start with a method'))
  }

  const target = text.slice(methodEnd + 1, targetEnd)
  if (!TARGET_SHAPE.test(target))
    return failed(
      refusal('PS-FRAME-003', 400, 'the request target has characters that must be percent-encoded'),
    )
  return ok({ method: method as Method, target, minor: version === 'HTTP/1.1' ? 1 : 0 })
}

function readFields(text: string, from: number): Result<Field[], Refusal> {
  return HEAD_SHAPE.test(text) ? ok(fieldsFrom(text, from)) : failed(shapeRefusal(text))
}

/** The fields of a head that is known to be well-formed: an answer whose terms have been read. */
export function fieldsOf(text: string): Field[] {
  return fieldsFrom(text, text.indexOf('\r\n') + 2)
}

function fieldsFrom(text: string, from: number): Field[] {
  const fields: Field[] = []
  const last = text.length - 2
  for (let start = from; start < last; ) {
    const end = text.indexOf('\r\n', start) + 2
    const colon = text.indexOf(':', start)
    const name = text.slice(start, colon)
    fields.push({ name, key: keyOf(name), value: trimmed(text, colon + 1, end - 2), start, end })
    start = end
  }
  return fields
}

function shapeRefusal(text: string): Refusal {
  return LINES_SHAPE.test(text)
    ? refusal('PS-FRAME-004', 400, 'a field line is not "name: value"; folded lines are not accepted')
    : refusal('PS-FRAME-001', 400, 'the head has a control character or a line that does not end in CRLF')
}

/**
 * Lower-case forms of field names seen before: clients send the same dozen names on every request. Bounded, so that odd
 * names cannot fill memory.
 */
const KNOWN_KEYS = new Map<string, string>()
const KNOWN_KEYS_LIMIT = 512

function keyOf(name: string): string {
  const known = KNOWN_KEYS.get(name)
  if (known !== undefined) return known
  const key = name.toLowerCase()
  if (KNOWN_KEYS.size < KNOWN_KEYS_LIMIT && name.length <= 64) KNOWN_KEYS.set(name, key)
  return key
}
