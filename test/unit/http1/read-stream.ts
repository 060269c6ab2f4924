/** Whole streams read as the proxy reads them: head reader, parser, framing and tracker, one message after the other. */
import { type AnswerTerms, readAnswerTerms } from '../../../src/http1/answer-terms.ts'
import { trackBody } from '../../../src/http1/body-tracker.ts'
import { type Framing, requestTerms } from '../../../src/http1/framing.ts'
import { parseRequestHead } from '../../../src/http1/head.ts'
import { HeadReader } from '../../../src/http1/head-reader.ts'
import { type Refusal, refusal } from '../../../src/model/refusal.ts'

export interface ReadRequest {
  readonly method: string
  readonly target: string
  readonly minor: number
  /** Names and values in turn, as in node's `rawHeaders`. */
  readonly rawHeaders: readonly string[]
  readonly framing: Framing
  readonly keepAlive: boolean
  /** Data bytes, as far as they are there. */
  readonly body: string
  /** Offset in the stream behind its last byte, once it is complete. */
  readonly end: number | undefined
}

/** What ends the reading: nothing more to read, a message or a head that goes on, a refusal, a request to close. */
export type StreamEnd =
  | { readonly kind: 'clean' | 'open' | 'closes' }
  | { readonly kind: 'refused'; readonly rule: string; readonly status: number }

export interface ReadRequests {
  readonly requests: readonly ReadRequest[]
  readonly end: StreamEnd
}

/** Reads a client's bytes, given in any pieces. */
export function readRequests(pieces: Iterable<Buffer>): ReadRequests {
  const reading = new RequestStream()
  for (const piece of pieces) if (!reading.take(piece)) break
  return reading.result()
}

class RequestStream {
  readonly #heads = new HeadReader()
  readonly #requests: ReadRequest[] = []
  #body: ReturnType<typeof trackBody> | undefined
  #end: StreamEnd | undefined
  #offset = 0

  /** False once nothing more will be read. */
  take(piece: Buffer): boolean {
    let rest = piece
    while (rest.length > 0 && this.#end === undefined)
      rest = this.#body === undefined ? this.#takeHead(rest) : this.#takeBody(rest, this.#body)
    return this.#end === undefined
  }

  result(): ReadRequests {
    const between = this.#body === undefined && this.#heads.idle
    return { requests: this.#requests, end: this.#end ?? { kind: between ? 'clean' : 'open' } }
  }

  #takeHead(chunk: Buffer): Buffer {
    const progress = this.#heads.feed(chunk)
    if (progress.kind === 'more') {
      this.#offset += chunk.length
      return chunk.subarray(chunk.length)
    }
    if (progress.kind === 'refused') return this.#refuse(progress.refusal, chunk)
    this.#offset += chunk.length - progress.rest.length
    const head = parseRequestHead(progress.head.toString('latin1'))
    if (!head.ok) return this.#refuse(head.failure, chunk)
    const terms = requestTerms(head.value)
    if (!terms.ok) return this.#refuse(terms.failure, chunk)
    const { method, target, minor, fields } = head.value
    // Other forms of a target are readable; the route refuses them whatever they say.
    if (!target.startsWith('/')) return this.#refuse(refusal('PS-PATH-004', 400, 'not a path'), chunk)
    const { framing, keepAlive } = terms.value
    const rawHeaders = fields.flatMap(({ name, value }) => [name, value])
    this.#requests.push({
      method,
      target,
      minor,
      rawHeaders,
      framing,
      keepAlive,
      body: '',
      end: undefined,
    })
    this.#body = trackBody(framing)
    this.#finishIfDone()
    return progress.rest
  }

  #takeBody(chunk: Buffer, body: ReturnType<typeof trackBody>): Buffer {
    let data = ''
    const end = body.feed(chunk, 0, (piece, from, to) => {
      data += piece.toString('latin1', from, to)
    })
    this.#offset += end
    this.#change({ body: this.#last.body + data })
    if (body.problem !== undefined) {
      this.#end = { kind: 'refused', rule: 'PS-FRAME-008', status: 400 }
      return chunk
    }
    this.#finishIfDone()
    return chunk.subarray(end)
  }

  #finishIfDone(): void {
    if (!this.#body?.done) return
    this.#body = undefined
    this.#change({ end: this.#offset })
    if (!this.#last.keepAlive) this.#end = { kind: 'closes' }
  }

  get #last(): ReadRequest {
    return this.#requests[this.#requests.length - 1]!
  }

  #change(part: Partial<ReadRequest>): void {
    this.#requests[this.#requests.length - 1] = { ...this.#last, ...part }
  }

  #refuse({ rule, status }: Refusal, chunk: Buffer): Buffer {
    this.#end = { kind: 'refused', rule, status }
    return chunk
  }
}

export interface ReadAnswer {
  readonly terms: AnswerTerms | undefined
  readonly body: string
  readonly end: 'complete' | 'open' | 'garbled'
  /** Bytes of the stream that belong to it, interim answers included, as far as heads are complete and bodies good. */
  readonly length: number
  /** Statuses of interim answers before the final one. */
  readonly interim: readonly number[]
}

/** Reads an engine's bytes up to the end of the one final answer; `101` counts as final. */
export function readAnswer(pieces: Iterable<Buffer>, method = 'GET'): ReadAnswer {
  const heads = new HeadReader()
  const interim: number[] = []
  let terms: AnswerTerms | undefined
  let tracker: ReturnType<typeof trackBody> | undefined
  let body = ''
  let length = 0
  /** Bytes of a head that is not complete yet. */
  let begun = 0
  const told = (end: ReadAnswer['end']): ReadAnswer => ({ terms, body, end, length, interim })

  for (const piece of pieces) {
    let rest = piece
    while (rest.length > 0) {
      if (tracker !== undefined) {
        const end = tracker.feed(rest, 0, (chunk, from, to) => {
          body += chunk.toString('latin1', from, to)
        })
        length += end
        if (tracker.problem !== undefined) return told('garbled')
        if (tracker.done) return told('complete')
        break
      }
      const progress = heads.feed(rest)
      if (progress.kind === 'refused') return told('garbled')
      if (progress.kind === 'more') {
        begun += rest.length
        break
      }
      const read = readAnswerTerms(progress.head.toString('latin1'), method)
      if (!read.ok) return told('garbled')
      length += begun + rest.length - progress.rest.length
      begun = 0
      rest = progress.rest
      if (read.value.status < 200 && read.value.status !== 101) {
        interim.push(read.value.status)
        continue
      }
      terms = read.value
      tracker = trackBody(terms.framing)
      if (tracker.done) return told('complete')
    }
  }
  return told('open')
}

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
