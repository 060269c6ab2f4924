/**
 * Exchanges that no hook asked for: the request's bytes to the engine, the answer's bytes to the client, as they come.
 *
 * The trackers only find where the messages end. Nothing is buffered beyond the sockets, but for what the client sends
 * behind a request: it waits for the end of the exchange, or for the answer that turns the connection two-way.
 */
import { type AnswerTerms, readAnswerTerms } from '../http1/answer-terms.ts'
import { type BodyTracker, trackBody } from '../http1/body-tracker.ts'
import type { Framing } from '../http1/framing.ts'
import { HeadReader } from '../http1/head-reader.ts'
import { GrowingBuffer } from '../model/growing-buffer.ts'
import type { Link, LinkReader } from './link.ts'
import type { WholeAnswer } from './whole-answer.ts'

export interface RelayedRequest {
  readonly method: string
  /** The head as it goes to the engine, and the body as well where both must leave as one. */
  readonly opening: Buffer
  /** What is still to come from the client. */
  readonly framing: Framing
  /** How the engine's answer may turn this connection into a two-way stream, if it may. */
  readonly tunnel: { readonly onRaw200: boolean } | undefined
  /** Where post-hooks must see the answer: decides, by its head, what becomes of it. */
  readonly hold?: HoldAnswer | undefined
  /** Where somebody looks on: the largest body that is copied for them while it is relayed. */
  readonly copyLimitBytes?: number | undefined
}

export interface HoldAnswer {
  /** Largest body that is held, in bytes. */
  readonly limitBytes: number
  /** Whether the answer may turn the connection two-way, so that nothing of it is ever shown. */
  readonly maySwitch: boolean
  decide(head: string, terms: AnswerTerms): HoldDecision
}

/**
 * `pass`: relay it. `passAs`: the same with another head, which must frame its body alike. `hold`: take it in whole. `hold-body`: the client needs the head at once, take in the body behind it.
 * `filter`: somebody decides, while it comes, what the client gets of it. `refuse`: the client must not get it.
 */
export type HoldDecision =
  | 'pass'
  | { readonly passAs: Buffer }
  | 'hold'
  | 'hold-body'
  | { readonly filter: (outlet: FilterOutlet) => AnswerFilter }
  | 'refuse'

/** Stands between the engine's answer and the client. */
export interface AnswerFilter {
  /** A run of the body's data, which is lent. */
  take(chunk: Buffer, start: number, end: number): void
  /** The body is over, or the engine is (`isCut`): whatever has been taken is to be sent and the outlet closed. */
  over(isCut: boolean): void
  /** More may be sent. */
  drained(): void
  /** Nobody is there any more. The outlet is closed. */
  stop(): void
}

/** What a filter does to its exchange. Once it is closed, or its filter stopped, nothing comes of it. */
export interface FilterOutlet {
  /** Sends the head. `chunked`: what is sent behind it goes out in chunks, as the head says. */
  open(head: Buffer, chunked: boolean): void
  /** Sends data, each piece in a chunk of its own if there are chunks. False: wait for `drained`. */
  send(pieces: readonly Buffer[]): boolean
  /** Lets the engine wait. */
  pause(): void
  resume(): void
  /**
   * `whole`: nothing more will come, and the answer ends as it should unless the engine was cut off. `short`: the same, with
   * the rest of the engine's answer given up. `broken`: the client must see that it does not have everything.
   */
  close(how: 'whole' | 'short' | 'broken'): void
}

/** An answer that was relayed, for those who look on. */
export interface CopiedAnswer {
  readonly status: number
  readonly head: string
  /** Nothing: it was larger than what is copied. */
  readonly data: Buffer | undefined
}

/** An answer that was taken in instead of relayed. */
export interface HeldAnswer extends WholeAnswer {
  /** The head is on its way to the client already. */
  readonly headSent: boolean
}

/** How a relayed exchange ended. Unless it says `reusable`, the connection ends with it. */
export type RelayEnd =
  | {
      readonly kind: 'complete'
      readonly status: number
      readonly reusable: boolean
      /** Where one was asked for. */
      readonly copy?: CopiedAnswer
    }
  /** The answer was taken in, and nothing of it but perhaps its head has gone to the client. */
  | { readonly kind: 'held'; readonly answer: HeldAnswer; readonly reusable: boolean }
  | { readonly kind: 'answer-refused'; readonly status: number }
  | {
      readonly kind: 'answer-too-large'
      readonly status: number
      readonly limitBytes: number
      readonly headSent: boolean
    }
  /** The engine's answer turned the connection two-way; its head is on its way to the client, nothing behind it yet. */
  | { readonly kind: 'switched'; readonly status: number }
  /** The request's framing broke on the way. `answered`: whether any byte of an answer has reached the client. */
  | { readonly kind: 'request-garbled'; readonly message: string; readonly answered: boolean }
  | { readonly kind: 'answer-garbled'; readonly message: string; readonly answered: boolean }
  /** The engine closed before its answer was complete. */
  | { readonly kind: 'engine-gone'; readonly answered: boolean; readonly status: number | undefined }
  | { readonly kind: 'client-gone'; readonly status: number | undefined }

/** Relays the exchanges of one connection, one at a time: one object, and two readers, for all of them. */
export class Relay {
  readonly #client: Link
  readonly #engine: Link
  readonly #ended: (end: RelayEnd) => void
  readonly #fromClient: LinkReader
  readonly #fromEngine: LinkReader
  readonly #answerHead = new HeadReader()
  #request: RelayedRequest = NO_REQUEST
  #requestBody: BodyTracker = trackBody(NO_REQUEST.framing)
  #answer: AnswerTerms | undefined
  #answerBody: BodyTracker = trackBody(NO_REQUEST.framing)
  #held: Holding | undefined
  #copying: Copying | undefined
  #filtering: Filtering | undefined
  /** Whether any byte of an answer, interim ones included, has gone to the client. */
  #answered = false
  #spoiled = false
  #running = false

  /** `ended` is told exactly once for each `begin`, and by then nothing is read from either side any more. */
  constructor(client: Link, engine: Link, ended: (end: RelayEnd) => void) {
    this.#client = client
    this.#engine = engine
    this.#ended = ended
    this.#fromClient = {
      bytes: (chunk) => this.#passRequest(chunk),
      // dockerd reads the end of a client's bytes as a cancel: `events` and followed logs end cleanly after it.
      end: () => {
        engine.end()
        client.watchForVanishing()
      },
      drained: () => {
        if (this.#filtering === undefined) engine.resume()
        else this.#filtering.filter.drained()
      },
      closed: () =>
        this.#finish({
          kind: 'client-gone',
          status: this.#filtering === undefined || this.#answered ? this.#answer?.status : undefined,
        }),
    }
    this.#fromEngine = {
      bytes: (chunk) => {
        if (this.#answer === undefined) this.#readAnswerHead(chunk)
        else if (this.#held !== undefined) this.#holdAnswer(this.#held, chunk)
        else if (this.#filtering !== undefined) this.#filterAnswer(this.#filtering, chunk)
        else this.#passAnswer(NOTHING, chunk)
      },
      end: () => this.#engineEnded(),
      drained: () => client.resume(),
      closed: () => this.#engineGone(),
    }
  }

  begin(request: RelayedRequest): void {
    this.#request = request
    this.#requestBody = trackBody(request.framing)
    this.#answer = undefined
    this.#held = undefined
    this.#copying = undefined
    this.#filtering = undefined
    this.#answered = false
    this.#spoiled = false
    this.#running = true

    // The head goes out together with as much of the body as has arrived.
    const early = this.#client.takeUnread()
    const end = this.#requestBody.done ? 0 : this.#requestBody.feed(early, 0)
    if (this.#requestBody.problem !== undefined) return this.#requestGarbled(this.#requestBody.problem)
    if (end < early.length) this.#client.hold(early.subarray(end))
    const free = this.#engine.writeTogether(
      request.opening,
      end === early.length ? early : early.subarray(0, end),
    )
    this.#engine.readInto(this.#fromEngine)
    if (!this.#running) return
    this.#client.readInto(this.#fromClient)
    if (!free) this.#client.pause()
  }

  #passRequest(chunk: Buffer): void {
    const body = this.#requestBody
    if (body.done) return this.#client.hold(chunk)
    const end = body.feed(chunk, 0)
    if (body.problem !== undefined) return this.#requestGarbled(body.problem)
    if (!this.#engine.write(end === chunk.length ? chunk : chunk.subarray(0, end))) this.#client.pause()
    if (end < chunk.length) this.#client.hold(chunk.subarray(end))
    if (body.done) this.#settleIfComplete()
  }

  #readAnswerHead(chunk: Buffer): void {
    const progress = this.#answerHead.feed(chunk)
    if (progress.kind === 'more') return
    if (progress.kind === 'refused') return this.#answerGarbled(progress.refusal.message)
    const { head, rest } = progress
    const text = head.toString('latin1')
    const read = readAnswerTerms(text, this.#request.method)
    if (!read.ok) return this.#answerGarbled(read.failure.message)
    const answer = read.value

    if (answer.status < 200 && answer.status !== 101) {
      this.#answered = true
      this.#client.write(head)
      if (rest.length > 0) this.#readAnswerHead(rest)
      return
    }
    // Hooks want to know it: what they reserved for a client that is gone before its answer is to be undone.
    if (this.#request.hold !== undefined && this.#client.vanished)
      return this.#finish({ kind: 'client-gone', status: undefined })
    if (answer.status === 101 && this.#request.tunnel === undefined)
      return this.#answerGarbled('it switches protocols, which nobody asked for')
    if (
      answer.status === 101 ||
      (this.#request.tunnel?.onRaw200 && answer.status === 200 && endsWithConnection(answer))
    ) {
      if (this.#request.hold?.maySwitch === false)
        return this.#finish({ kind: 'answer-refused', status: answer.status })
      this.#client.write(head)
      this.#engine.unread(rest)
      return this.#finish({ kind: 'switched', status: answer.status })
    }
    this.#answer = answer
    this.#answerBody = trackBody(answer.framing)
    const decision = this.#request.hold?.decide(text, answer) ?? 'pass'
    if (decision === 'refuse') return this.#finish({ kind: 'answer-refused', status: answer.status })
    if (decision === 'hold') return this.#holdAnswer(this.#beginHolding(text, false), rest)
    const { copyLimitBytes: limitBytes } = this.#request
    if (limitBytes !== undefined && decision !== 'hold-body')
      this.#copying = { head: text, limitBytes, data: new GrowingBuffer() }
    if (typeof decision === 'object' && 'filter' in decision) return this.#beginFilter(decision.filter, rest)
    this.#answered = true
    if (decision !== 'hold-body') return this.#passAnswer(decision === 'pass' ? head : decision.passAs, rest)
    this.#client.write(head)
    this.#holdAnswer(this.#beginHolding(text, true), rest)
  }

  #beginHolding(head: string, headSent: boolean): Holding {
    this.#held = { head, headSent, raw: new GrowingBuffer(), data: new GrowingBuffer() }
    return this.#held
  }

  #holdAnswer(held: Holding, chunk: Buffer): void {
    const body = this.#answerBody
    const end = body.done ? 0 : body.feed(chunk, 0, (piece, from, to) => held.data.append(piece, from, to))
    held.raw.append(chunk, 0, end)
    if (body.problem !== undefined) return this.#answerGarbled(body.problem)
    const { status } = this.#answer!
    const { limitBytes } = this.#request.hold!
    if (held.data.length > limitBytes)
      return this.#finish({ kind: 'answer-too-large', status, limitBytes, headSent: held.headSent })
    if (!body.done) return
    if (end < chunk.length) this.#spoiled = true
    this.#settleIfComplete()
  }

  /** Sends on `head` and the part of `chunk` that belongs to the answer. */
  #passAnswer(head: Buffer, chunk: Buffer): void {
    const body = this.#answerBody
    const end = body.done
      ? 0
      : this.#copying === undefined
        ? body.feed(chunk, 0)
        : this.#copy(this.#copying, body, chunk)
    if (!this.#client.writeTogether(head, end === chunk.length ? chunk : chunk.subarray(0, end)))
      this.#engine.pause()
    if (body.problem !== undefined) return this.#answerGarbled(body.problem)
    if (!body.done) return
    // What an engine sends behind a complete answer can belong to nobody: the connection is not used again.
    if (end < chunk.length) this.#spoiled = true
    this.#settleIfComplete()
  }

  #copy(copying: Copying, body: BodyTracker, chunk: Buffer): number {
    return body.feed(chunk, 0, (piece, from, to) => copy(copying, piece, from, to))
  }

  #beginFilter(begin: (outlet: FilterOutlet) => AnswerFilter, rest: Buffer): void {
    const client = this.#client
    const engine = this.#engine
    const copying = this.#copying
    let chunked = false
    let isOpen = true
    const ifOpen = (then: () => void) => {
      if (isOpen && this.#running) then()
    }
    const filter = begin({
      open: (head, inChunks) =>
        ifOpen(() => {
          chunked = inChunks
          this.#answered = true
          client.write(head)
        }),
      send: (pieces) => {
        if (!isOpen || !this.#running || pieces.length === 0) return true
        if (copying !== undefined) for (const piece of pieces) copy(copying, piece, 0, piece.length)
        return client.write(Buffer.concat(chunked ? pieces.flatMap(inChunk) : pieces))
      },
      pause: () => ifOpen(() => engine.pause()),
      resume: () => ifOpen(() => engine.resume()),
      close: (how) =>
        ifOpen(() => {
          isOpen = false
          if (how === 'whole' && filtering.cut !== undefined) return this.#finish(filtering.cut)
          if (how !== 'broken' && chunked) client.write(LAST_CHUNK)
          if (how !== 'whole' || !this.#answerBody.done) return this.#complete(false)
          filtering.isDone = true
          engine.resume()
          this.#settleIfComplete()
        }),
    })
    const filtering: Filtering = { filter, isDone: false, isOver: false, cut: undefined }
    this.#filtering = filtering
    this.#filterAnswer(filtering, rest)
  }

  #filterAnswer(filtering: Filtering, chunk: Buffer): void {
    const body = this.#answerBody
    const end = body.done
      ? 0
      : body.feed(chunk, 0, (piece, from, to) => filtering.filter.take(piece, from, to))
    if (body.problem !== undefined)
      return this.#filterOver(filtering, { kind: 'answer-garbled', message: body.problem, answered: true })
    if (!body.done) return
    if (end < chunk.length) this.#spoiled = true
    this.#filterOver(filtering, undefined)
    this.#settleIfComplete()
  }

  /** `cut`: how the exchange ends, where the answer is not whole. */
  #filterOver(filtering: Filtering, cut: RelayEnd | undefined): void {
    if (filtering.isOver) return
    filtering.isOver = true
    filtering.cut = cut
    filtering.filter.over(cut !== undefined)
  }

  /** Over when both messages are, or when the engine will not read the rest of the request. */
  #settleIfComplete(): void {
    if (this.#answer === undefined || !this.#answerBody.done || this.#filtering?.isDone === false) return
    if (!this.#answer.keepAlive || this.#spoiled) this.#complete(false)
    else if (this.#requestBody.done) this.#complete(true)
  }

  #engineEnded(): void {
    if (this.#answer === undefined || !endsWithConnection(this.#answer)) return this.#engineGone()
    if (this.#filtering === undefined) this.#complete(false)
    else this.#filterOver(this.#filtering, undefined)
  }

  #engineGone(): void {
    if (this.#filtering !== undefined) return this.#engineGoneFrom(this.#filtering)
    if (this.#answer !== undefined && this.#answerBody.done) this.#complete(false)
    else this.#finish({ kind: 'engine-gone', answered: this.#answered, status: this.#answer?.status })
  }

  /** What came of the answer before that is still sent. */
  #engineGoneFrom(filtering: Filtering): void {
    if (filtering.isDone) return this.#complete(false)
    if (filtering.isOver) this.#spoiled = true
    else this.#filterOver(filtering, { kind: 'engine-gone', answered: true, status: this.#answer?.status })
  }

  #complete(reusable: boolean): void {
    if (this.#held !== undefined) {
      const { head, headSent, raw, data } = this.#held
      const answer = { head, terms: this.#answer!, raw: raw.bytes(), data: data.bytes(), headSent }
      return this.#finish({ kind: 'held', answer, reusable })
    }
    const status = this.#answer?.status ?? 0
    if (this.#copying === undefined) return this.#finish({ kind: 'complete', status, reusable })
    const { head, data } = this.#copying
    this.#finish({ kind: 'complete', status, reusable, copy: { status, head, data: data?.bytes() } })
  }

  #requestGarbled(message: string): void {
    this.#finish({ kind: 'request-garbled', message, answered: this.#answered })
  }

  #answerGarbled(message: string): void {
    this.#finish({ kind: 'answer-garbled', message, answered: this.#answered })
  }

  #finish(end: RelayEnd): void {
    if (!this.#running) return
    this.#running = false
    this.#client.readInto(undefined)
    this.#engine.readInto(undefined)
    this.#filtering?.filter.stop()
    this.#ended(end)
  }
}

/** An answer that is being taken in. */
interface Holding {
  readonly head: string
  readonly headSent: boolean
  readonly raw: GrowingBuffer
  readonly data: GrowingBuffer
}

/** An answer that is relayed and copied. */
interface Copying {
  readonly head: string
  readonly limitBytes: number
  data: GrowingBuffer | undefined
}

/** An answer that a filter stands before. */
interface Filtering {
  readonly filter: AnswerFilter
  /** The client has all of it. */
  isDone: boolean
  /** The engine has said all that it will. */
  isOver: boolean
  cut: RelayEnd | undefined
}

function copy(copying: Copying, piece: Buffer, from: number, to: number): void {
  if (copying.data === undefined) return
  if (copying.data.length + to - from > copying.limitBytes) copying.data = undefined
  else copying.data.append(piece, from, to)
}

function inChunk(data: Buffer): readonly Buffer[] {
  return data.length === 0 ? [] : [Buffer.from(`${data.length.toString(16)}\r\n`, 'latin1'), data, LINE_END]
}

function endsWithConnection(answer: AnswerTerms): boolean {
  return answer.framing.kind === 'until-close'
}

const NOTHING = Buffer.alloc(0)
const LINE_END = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const NO_REQUEST: RelayedRequest = {
  method: '',
  opening: NOTHING,
  framing: { kind: 'none' },
  tunnel: undefined,
}
