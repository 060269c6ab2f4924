/** What the plane must know of an answer: its status, where it ends, and whether the connection goes on after it. */
import { failed, ok, type Result } from '../model/result.ts'
import type { Framing } from './framing.ts'
import { CONTENT_LENGTH, framingValue, HEAD_SHAPE, trimmed } from './syntax.ts'

export interface AnswerTerms {
  /** 100 to 599. */
  readonly status: number
  readonly framing: Framing
  /** Whether the engine will keep its connection open after this answer. */
  readonly keepAlive: boolean
}

/** A head that came from the engine and cannot be read: what is wrong, for the log. */
export interface GarbledHead {
  readonly message: string
}

/** Go leaves the reason empty for codes that it has no words for. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [^\r]*)?\r\n/

/** Of the names `connection`, `content-length` and `transfer-encoding`: most lines can be passed over by that alone. */
const INTERESTING_LENGTHS: ReadonlySet<number> = new Set([10, 14, 17])

const NONE: Framing = { kind: 'none' }
const CHUNKED: Framing = { kind: 'chunked' }
const UNTIL_CLOSE: Framing = { kind: 'until-close' }

/**
 * Reads a complete answer head, strictly, without making a list of its fields: three of them matter, and every relayed
 * answer comes by here. `method` is that of the request: the answer to a HEAD has no body whatever its fields say.
 */
export function readAnswerTerms(text: string, method: string): Result<AnswerTerms, GarbledHead> {
  const line = STATUS_LINE.exec(text)
  if (line === null)
    return failed({ message: `it does not start with a status line: ${JSON.stringify(text.slice(0, 60))}` })
  if (!HEAD_SHAPE.test(text)) return failed({ message: 'a line of its head is not "name: value" and CRLF' })

  let length: string | undefined
  let coding: string | undefined
  let keepAlive = line[1] === '1'
  for (let start = line[0].length; start < text.length - 2; ) {
    const end = text.indexOf('\r\n', start)
    const first = text.charCodeAt(start) | 0x20
    // Only `Content-Length`, `Connection` and `Transfer-Encoding` are of interest.
    if (first === 0x63 || first === 0x74) {
      const colon = text.indexOf(':', start)
      const key = INTERESTING_LENGTHS.has(colon - start) ? text.slice(start, colon).toLowerCase() : ''
      if (key === 'content-length') {
        if (length !== undefined) return failed({ message: 'it has two Content-Length fields' })
        length = framingValue(text, colon + 1, end)
      } else if (key === 'transfer-encoding') {
        if (coding !== undefined) return failed({ message: 'it has two Transfer-Encoding fields' })
        coding = framingValue(text, colon + 1, end).toLowerCase()
      } else if (key === 'connection') {
        for (const part of text
          .slice(colon + 1, end)
          .toLowerCase()
          .split(',')) {
          const token = trimmed(part)
          if (token === 'close') keepAlive = false
          else if (token === 'keep-alive') keepAlive = true
        }
      }
    }
    start = end + 2
  }
  // Readers differ: some obey the coding, some ignore it and read until the close.
  if (line[1] === '0' && coding !== undefined)
    return failed({ message: 'it is HTTP/1.0 and has a Transfer-Encoding' })
  const status = Number(line[2])
  // The final answer must still come, and some clients read nothing behind a message that says `close`.
  if (status < 200 && status !== 101 && !keepAlive)
    return failed({ message: 'it is an interim answer and says that the connection closes' })
  const framing = answerFraming(status, method, length, coding)
  return framing.ok ? ok({ status, framing: framing.value, keepAlive }) : framing
}

function answerFraming(
  status: number,
  method: string,
  length: string | undefined,
  coding: string | undefined,
): Result<Framing, GarbledHead> {
  if (length !== undefined && !CONTENT_LENGTH.test(length))
    return failed({ message: 'its Content-Length is not a number' })
  if (length !== undefined && coding !== undefined)
    return failed({ message: 'it has both Content-Length and Transfer-Encoding' })
  if (coding !== undefined && coding !== 'chunked')
    return failed({ message: 'its Transfer-Encoding is not chunked' })
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return ok(NONE)
  if (coding !== undefined) return ok(CHUNKED)
  if (length === undefined) return ok(UNTIL_CLOSE)
  const bytes = Number(length)
  return ok(bytes === 0 ? NONE : { kind: 'length', bytes })
}
