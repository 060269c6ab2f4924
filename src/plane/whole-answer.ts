/** Reading one answer whole, however its bytes are split. */
import { type AnswerTerms, readAnswerTerms } from '../http1/answer-terms.ts'
import { type BodyTracker, trackBody } from '../http1/body-tracker.ts'
import { HeadReader } from '../http1/head-reader.ts'
import { GrowingBuffer } from '../model/growing-buffer.ts'

export interface WholeAnswer {
  readonly head: string
  readonly terms: AnswerTerms
  /** The body as received, chunk framing included. */
  readonly raw: Buffer
  /** The body itself. */
  readonly data: Buffer
}

export type AnswerProgress =
  | { readonly kind: 'more' }
  | { readonly kind: 'whole'; readonly answer: WholeAnswer }
  | { readonly kind: 'garbled'; readonly message: string }
  | { readonly kind: 'too-large'; readonly status: number; readonly limitBytes: number }

const MORE: AnswerProgress = { kind: 'more' }

/** Interim answers are passed over. Not to be fed again once it has come to an end. */
export class AnswerReader {
  readonly #method: string
  readonly #limitBytes: number
  readonly #heads = new HeadReader()
  readonly #raw = new GrowingBuffer()
  readonly #data = new GrowingBuffer()
  #begun: { readonly head: string; readonly terms: AnswerTerms; readonly body: BodyTracker } | undefined

  /** `method`: of the request. `limitBytes`: the largest body that is read. */
  constructor(method: string, limitBytes: number) {
    this.#method = method
    this.#limitBytes = limitBytes
  }

  feed(chunk: Buffer): AnswerProgress {
    if (this.#begun !== undefined) return this.#readBody(chunk)
    const progress = this.#heads.feed(chunk)
    if (progress.kind === 'more') return MORE
    if (progress.kind === 'refused') return garbled(progress.refusal.message)
    const head = progress.head.toString('latin1')
    const terms = readAnswerTerms(head, this.#method)
    if (!terms.ok) return garbled(terms.failure.message)
    if (terms.value.status === 101) return garbled('it switches protocols, which nobody asked for')
    if (terms.value.status < 200) return this.feed(progress.rest)
    this.#begun = { head, terms: terms.value, body: trackBody(terms.value.framing) }
    return this.#readBody(progress.rest)
  }

  /** Nothing more will come: the answer, where its end is that of the connection. */
  over(): WholeAnswer | undefined {
    return this.#begun?.terms.framing.kind === 'until-close' ? this.#answer() : undefined
  }

  #readBody(chunk: Buffer): AnswerProgress {
    const { body, terms } = this.#begun!
    const end = body.done ? 0 : body.feed(chunk, 0, (piece, from, to) => this.#data.append(piece, from, to))
    this.#raw.append(chunk, 0, end)
    if (body.problem !== undefined) return garbled(body.problem)
    if (this.#data.length > this.#limitBytes)
      return { kind: 'too-large', status: terms.status, limitBytes: this.#limitBytes }
    return body.done ? { kind: 'whole', answer: this.#answer() } : MORE
  }

  #answer(): WholeAnswer {
    const { head, terms } = this.#begun!
    return { head, terms, raw: this.#raw.bytes(), data: this.#data.bytes() }
  }
}

function garbled(message: string): AnswerProgress {
  return { kind: 'garbled', message }
}
