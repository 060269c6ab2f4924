/**
 * Streams of JSON objects: one after the other with whatever white space between them, as dockerd writes its events and its
 * progress under any of the names of NDJSON; or each behind a record separator (RFC 7464), `application/json-seq`.
 */
import { utf8Text } from '../gate/media.ts'
import { GrowingBuffer } from '../model/growing-buffer.ts'
import { ok, type Result } from '../model/result.ts'
import { type Codec, type CodecProblem, type MessageSink, tooLarge, unreadable } from './codec.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
const RECORD_SEPARATOR = 0x1e

export class JsonCodec implements Codec {
  readonly hasLines = true
  problem: CodecProblem | undefined
  readonly #isSequence: boolean
  readonly #limitBytes: number
  /** `opened`: behind a record separator. */
  #state: 'between' | 'opened' | 'within' = 'between'
  #depth = 0
  #inString = false
  #isEscaped = false
  /** What has come of a message that began in an earlier piece. */
  #begun = new GrowingBuffer()

  constructor(kind: 'json' | 'json-seq', limitBytes: number) {
    this.#isSequence = kind === 'json-seq'
    this.#limitBytes = limitBytes
  }

  feed(bytes: Buffer, sink: MessageSink): void {
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      if (this.#state !== 'within') {
        const byte = bytes[at]!
        if (isSpace(byte)) continue
        if (byte === RECORD_SEPARATOR && this.#isSequence) {
          // One with nothing behind it but another is no message (RFC 7464, section 2.1).
          this.#passGap(bytes, from, at, sink)
          from = at
          this.#state = 'opened'
          continue
        }
        if (this.#state === 'between') {
          this.#passGap(bytes, from, at, sink)
          from = at
        }
        if (byte !== OPENING_BRACE || (this.#isSequence && this.#state === 'between'))
          return this.#fail(unreadable('the stream has something else than JSON objects in it'))
        this.#state = 'within'
        this.#depth = 0
      }
      const end = this.#endOfMessage(bytes, at)
      if (end === -1) break
      if (!this.#take(bytes.subarray(from, end), sink)) return
      from = end
      at = end - 1
    }
    if (this.#state === 'between') return this.#passGap(bytes, from, bytes.length, sink)
    this.#begun.append(bytes, from, bytes.length)
    if (this.#begun.length > this.#limitBytes) this.#fail(tooLarge(this.#limitBytes))
  }

  end(sink: MessageSink): void {
    if (this.problem !== undefined) return
    if (this.#state === 'within') return this.#fail(unreadable('the stream ends within a message'))
    if (this.#begun.length > 0) sink.gap(this.#begun.bytes())
  }

  /** Line breaks between the tokens of a message mean nothing, and would end it for who reads by lines. */
  write(event: string): Result<Buffer, string> {
    const line = event.replace(/[\r\n]+/g, ' ')
    return ok(Buffer.from(this.#isSequence ? `\x1e${line}` : line))
  }

  /** The offset behind the last brace, or -1 where it has not come yet. */
  #endOfMessage(bytes: Buffer, from: number): number {
    let inString = this.#inString
    let isEscaped = this.#isEscaped
    let depth = this.#depth
    let end = -1
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]
      if (inString) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) inString = false
      } else if (byte === QUOTE) inString = true
      else if (byte === OPENING_BRACE) depth++
      else if (byte === CLOSING_BRACE && --depth === 0) {
        end = at + 1
        break
      }
    }
    this.#inString = inString
    this.#isEscaped = isEscaped
    this.#depth = depth
    return end
  }

  /** False: it is no message. */
  #take(tail: Buffer, sink: MessageSink): boolean {
    let bytes = tail
    if (this.#begun.length > 0) {
      this.#begun.append(tail, 0, tail.length)
      bytes = this.#begun.bytes()
      this.#begun = new GrowingBuffer()
    }
    this.#state = 'between'
    if (bytes.length > this.#limitBytes) {
      this.#fail(tooLarge(this.#limitBytes))
      return false
    }
    const text = utf8Text(this.#isSequence ? bytes.subarray(1) : bytes)
    if (text === undefined || !isJson(text)) {
      this.#fail(unreadable('a message of the stream is no JSON'))
      return false
    }
    sink.message(bytes, this.#isSequence ? text.trim() : text)
    return true
  }

  #passGap(bytes: Buffer, from: number, to: number, sink: MessageSink): void {
    // Behind a record separator that turned out to have nothing behind it.
    if (this.#begun.length > 0) {
      this.#begun.append(bytes, from, to)
      sink.gap(this.#begun.bytes())
      this.#begun = new GrowingBuffer()
    } else if (to > from) sink.gap(bytes.subarray(from, to))
  }

  #fail(problem: CodecProblem): void {
    this.problem = problem
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
