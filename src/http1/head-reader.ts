/**
 * Cuts one head out of a stream of bytes, however the stream is split.
 *
 * Its verdict depends on the bytes alone: it stops at the first byte that no acceptable head can have there, or behind
 * the empty line. Both points are the same for one piece of a megabyte and for a megabyte of pieces.
 */
import { type Refusal, refusal } from '../model/refusal.ts'
import { FIELD_LIMIT, HEAD_LIMIT_BYTES, REQUEST_LINE_LIMIT_BYTES } from './limits.ts'

export type HeadProgress =
  | { readonly kind: 'more' }
  /** `head` with its empty line; `rest` is what came behind it. */
  | { readonly kind: 'head'; readonly head: Buffer; readonly rest: Buffer }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

const MORE: HeadProgress = { kind: 'more' }
const NOTHING = Buffer.alloc(0)
const CR = 13
const LF = 10

export class HeadReader {
  #pieces: Buffer[] = []
  /** Bytes in `#pieces`. */
  #size = 0
  /** Bytes of the line that is being read, so far. */
  #lineLength = 0
  /** Complete lines so far: the first is the request or status line. */
  #lines = 0
  #lastByte = -1

  /** Whether nothing of a head has arrived yet. */
  get idle(): boolean {
    return this.#size === 0
  }

  feed(chunk: Buffer): HeadProgress {
    if (chunk.length === 0) return MORE
    if (this.#size === 0 && !startsLine(chunk[0]!))
      return refused(
        'PS-FRAME-001',
        400,
        'the first line does not start with a capital letter; is that TLS, spoken to a plain port?',
      )

    for (let from = 0; ; ) {
      const lf = chunk.indexOf(LF, from)
      const lineEnd = lf < 0 ? chunk.length : lf + 1
      const over = this.#overLimit(lineEnd, lineEnd - from)
      if (over !== undefined) return over
      if (lf < 0) {
        this.#lineLength += chunk.length - from
        this.#keep(chunk)
        return MORE
      }
      const before = lf > 0 ? chunk[lf - 1] : this.#lastByte
      if (before !== CR)
        return refused('PS-FRAME-001', 400, 'a line of the head ends in LF alone; lines end in CRLF')
      const isEmptyLine = this.#lineLength + lf + 1 - from === 2
      if (isEmptyLine) return this.#complete(chunk, lf + 1)
      this.#lines++
      this.#lineLength = 0
      from = lf + 1
    }
  }

  #overLimit(chunkBytes: number, newLineBytes: number): HeadProgress | undefined {
    if (this.#lines === 0 && this.#lineLength + newLineBytes > REQUEST_LINE_LIMIT_BYTES)
      return refused('PS-FRAME-011', 414, `the first line is longer than ${REQUEST_LINE_LIMIT_BYTES} bytes`)
    if (this.#size + chunkBytes > HEAD_LIMIT_BYTES)
      return refused('PS-FRAME-011', 431, `the head is larger than ${HEAD_LIMIT_BYTES} bytes`)
    // The request line, FIELD_LIMIT field lines, the empty line.
    if (this.#lines > FIELD_LIMIT && this.#lineLength + newLineBytes > 2)
      return refused('PS-FRAME-011', 431, `the head has more than ${FIELD_LIMIT} field lines`)
    return undefined
  }

  #keep(chunk: Buffer): void {
    // The chunk is lent for the time of the call.
    this.#pieces.push(Buffer.from(chunk))
    this.#size += chunk.length
    this.#lastByte = chunk[chunk.length - 1]!
  }

  #complete(chunk: Buffer, end: number): HeadProgress {
    const last = end === chunk.length ? chunk : chunk.subarray(0, end)
    const head = this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last])
    const rest = end === chunk.length ? NOTHING : chunk.subarray(end)
    this.#pieces = []
    this.#size = 0
    this.#lineLength = 0
    this.#lines = 0
    this.#lastByte = -1
    return { kind: 'head', head, rest }
  }
}

function startsLine(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a
}

function refused(rule: string, status: number, message: string): HeadProgress {
  return { kind: 'refused', refusal: refusal(rule, status, message) }
}
