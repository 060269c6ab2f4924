/**
 * An answer that stream-hooks see message by message: the engine's bytes in, batches through the chain, the client's bytes out.
 *
 * The head waits until all hooks have heard that the stream begins, and for nothing else. Not more is taken from the engine
 * than one batch beyond the one in hand, and no batch is begun while the client has not read the one before.
 */

import type { ChainRun } from './chain/run.ts'
import { StreamChain, type StreamItem, type StreamTurn, streamItem } from './chain/stream.ts'
import { answerFor, type Trouble } from './chain/trouble.ts'
import type { AnswerTerms } from './http1/answer-terms.ts'
import { fieldsOf, fieldValue } from './http1/head.ts'
import { rebuildAnswerHead } from './http1/rebuild.ts'
import type { SkipReason } from './model/event.ts'
import type { Hook, HookRequest, HookResponse } from './model/hook.ts'
import { Stop } from './model/stop.ts'
import type { AnswerFilter, FilterOutlet, HoldDecision } from './plane/relay.ts'
import type { AdmittedRequest } from './route/admit.ts'
import type { Codec, CodecProblem } from './stream/codec.ts'
import { codecFor, framingOf } from './stream/framing.ts'
import { withWarningFields } from './warn.ts'
import { shownFields } from './wire/v2/fields.ts'

/** Most messages in one call (protocol 2, section 8). */
const BATCH_MESSAGES = 64

/** The longest that a message waits for others to go with, in milliseconds (protocol 2, section 8). */
const BATCH_MS = 20

/**
 * The pause between the beginnings of two batches that are not full, as a multiple of what the hooks took for the first: so a
 * stream that never pauses costs them no more than a ninth of their time, and a message after a silence does not wait at all.
 */
const PAUSE_TIMES = 9

/** Most bytes that wait for a batch while the engine is still listened to: one message may be as large as hooks are shown. */
const BATCH_BYTES = 1024 * 1024

/** Operations whose clients look for errors in the stream itself, as `docker build` and `docker pull` do. */
const TELLS_ERRORS_WITHIN: ReadonlySet<string> = new Set([
  'ImageBuild',
  'ImageCreate',
  'ImageLoad',
  'ImagePush',
  'PluginPull',
  'PluginPush',
  'PluginUpgrade',
])

/** How the hooks ended a stream. */
export type StreamEnd =
  /** The client has everything that the hooks let through, up to where the engine or a hook ended it. */
  | { readonly kind: 'passed'; readonly changed: boolean }
  /** Nothing of the answer has gone to the client, and nothing will. */
  | { readonly kind: 'refused'; readonly trouble: Trouble }
  /** The client has the head and some of the body. `told`: it has been told so within the stream. */
  | { readonly kind: 'failed'; readonly message: string; readonly told: boolean }

export interface StreamGround {
  readonly hooks: readonly Hook[]
  /** What was sent to the engine. */
  readonly request: HookRequest
  readonly run: ChainRun
  readonly skip: (hooks: readonly Hook[], reason: SkipReason) => void
  /** What goes on when the exchange is over. */
  readonly behind: (task: Promise<void>) => void
  /** Told of a bug. */
  readonly crash: (bug: unknown) => void
}

/** What the stream-hooks of one exchange make of the engine's answer. */
export class StreamedAnswer {
  /** Nothing: the answer was no stream, or the client left. */
  end: StreamEnd | undefined
  readonly #admitted: AdmittedRequest
  readonly #ground: StreamGround

  constructor(admitted: AdmittedRequest, ground: StreamGround) {
    this.#admitted = admitted
    this.#ground = ground
  }

  get hooks(): readonly Hook[] {
    return this.#ground.hooks
  }

  /** Nothing: stream-hooks have no part in this answer. */
  decide(head: string, answer: AnswerTerms): HoldDecision | undefined {
    const { hooks, skip } = this.#ground
    if (answer.status >= 300 || answer.framing.kind === 'none') return undefined
    const fields = { fields: fieldsOf(head) }
    const contentType = fieldValue(fields, 'content-type')
    const { operation, version } = this.#admitted.route
    const framing = framingOf({
      gives: operation?.gives,
      apiVersion: version,
      contentType,
      contentEncoding: fieldValue(fields, 'content-encoding'),
    })
    if (framing === undefined) {
      if (hooks.some(({ onUnsupported }) => onUnsupported === 'fail')) return 'refuse'
      skip(hooks, 'binary')
      return undefined
    }
    const response: HookResponse = {
      status: answer.status,
      contentType: contentType ?? null,
      body: '',
      form: 'omitted',
      headers: shownFields(fields.fields),
    }
    const narrowest = hooks.reduce((a, b) => (b.maxBodyBytes < a.maxBodyBytes ? b : a))
    const codec = codecFor(framing, narrowest.maxBodyBytes)
    return {
      filter: (outlet) =>
        new Streaming(outlet, {
          ...this.#ground,
          response,
          codec,
          narrowest: narrowest.adapter,
          head: () => this.#head(head, answer),
          tellsErrors: operation !== undefined && TELLS_ERRORS_WITHIN.has(operation.id),
          ended: (end) => {
            this.end = end
          },
        }),
    }
  }

  /** The engine's own head, unless it says a length that the hooks will change. */
  #head(head: string, { framing, status }: AnswerTerms): StreamHead {
    const { warnings } = this.#ground.run
    if (framing.kind !== 'length') {
      const bytes = warnings.length === 0 ? Buffer.from(head, 'latin1') : withWarningFields(head, warnings)
      return { bytes, isChunked: framing.kind === 'chunked', mustClose: false }
    }
    const isChunked = this.#admitted.head.minor === 1
    const fields = fieldsOf(head)
    const rebuilt = rebuildAnswerHead({
      status,
      reason: head.slice('HTTP/1.1 200'.length, head.indexOf('\r\n')).trimStart(),
      fields,
      contentType: fieldValue({ fields }, 'content-type') ?? null,
      bodyBytes: undefined,
      close: !isChunked,
      ...(isChunked ? { lines: 'Transfer-Encoding: chunked\r\n' } : {}),
    })
    const bytes = warnings.length === 0 ? rebuilt : withWarningFields(rebuilt.toString('latin1'), warnings)
    return { bytes, isChunked, mustClose: !isChunked }
  }
}

interface StreamHead {
  readonly bytes: Buffer
  readonly isChunked: boolean
  /** Only the end of the connection ends the body. */
  readonly mustClose: boolean
}

interface StreamingTerms extends StreamGround {
  readonly response: HookResponse
  readonly codec: Codec
  /** The adapter that is shown the least. */
  readonly narrowest: string
  readonly head: () => StreamHead
  readonly tellsErrors: boolean
  readonly ended: (end: StreamEnd) => void
}

const NOTHING = Buffer.alloc(0)
const LF = 0x0a
const CR = 0x0d
const LF_BYTES = Buffer.from('\n')
const CRLF_BYTES = Buffer.from('\r\n')

class Streaming implements AnswerFilter {
  readonly #outlet: FilterOutlet
  readonly #terms: StreamingTerms
  readonly #chain: StreamChain
  readonly #leaving = new Stop()
  readonly #waiting: StreamItem[] = []
  #waitingMessages = 0
  #waitingBytes = 0
  /** The last one found: what stands behind it may still come. */
  #last: StreamItem | undefined
  #isOver = false
  #isCongested = false
  #isPaused = false
  #isDone = false
  /** Before, a batch that is not full waits. */
  #nextBatchAt = Number.NEGATIVE_INFINITY
  /** The line end that the stream uses, and whether the client's last byte was one. */
  #lineEnd = LF_BYTES
  #atLineStart = true
  /** The last byte found was a carriage return. */
  #isBehindCr = false
  /** Ends the present wait. */
  #wake: () => void = () => {}

  constructor(outlet: FilterOutlet, terms: StreamingTerms) {
    const { hooks, request, response, codec, run } = terms
    this.#outlet = outlet
    this.#terms = terms
    this.#chain = new StreamChain(hooks, { request, response, codec, run, signal: this.#leaving })
    this.#stream().catch(terms.crash)
  }

  // The engine's and the client's side.

  take(chunk: Buffer, start: number, end: number): void {
    const { codec } = this.#terms
    if (this.#isDone || codec.problem !== undefined) return
    codec.feed(Buffer.from(chunk.subarray(start, end)), this)
    if (!this.#isPaused && this.#isFull) {
      this.#isPaused = true
      this.#outlet.pause()
    }
    this.#wake()
  }

  over(isCut: boolean): void {
    if (!this.#isDone && !isCut && this.#terms.codec.problem === undefined) this.#terms.codec.end(this)
    this.#isOver = true
    this.#wake()
  }

  drained(): void {
    this.#isCongested = false
    this.#wake()
  }

  stop(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#leaving.abort()
    this.#chain.record()
    this.#terms.behind(this.#chain.abandon())
    this.#wake()
  }

  // What the codec finds.

  message(bytes: Buffer, event: string): void {
    this.#last = streamItem(event, bytes)
    this.#waiting.push(this.#last)
    this.#waitingMessages++
    this.#waitingBytes += bytes.length
  }

  gap(bytes: Buffer): void {
    const lineEnd = bytes.lastIndexOf(LF)
    if (lineEnd !== -1)
      this.#lineEnd = (lineEnd === 0 ? this.#isBehindCr : bytes[lineEnd - 1] === CR) ? CRLF_BYTES : LF_BYTES
    this.#isBehindCr = bytes.at(-1) === CR
    const last = this.#last
    if (last?.fate === 'dropped') return
    if (last?.fate === 'waiting') last.gap = last.gap === undefined ? bytes : Buffer.concat([last.gap, bytes])
    else this.#waiting.push(streamItem(undefined, bytes))
  }

  // The story.

  async #stream(): Promise<void> {
    const opening = await this.#chain.open()
    if (this.#isDone || opening.kind === 'aborted') return
    if (opening.kind === 'stopped') return this.#refuse(opening.trouble)
    const head = this.#terms.head()
    this.#outlet.open(head.bytes, head.isChunked)
    this.#send(opening.items)

    let isEnded = opening.end
    while (!isEnded && (await this.#batchIsReady())) {
      const since = performance.now()
      const turn = await this.#chain.pass(this.#takeBatch())
      this.#nextBatchAt = since + Math.min(BATCH_MS, PAUSE_TIMES * (performance.now() - since))
      if (!this.#mayGoOn(turn)) return
      this.#send(turn.items)
      isEnded = turn.end
    }
    if (this.#isDone) return
    const { problem } = this.#terms.codec
    if (!isEnded && problem !== undefined) return this.#fail(this.#wordsFor(problem))

    const closing = await this.#chain.close()
    if (!this.#mayGoOn(closing)) return
    this.#send(closing.items)
    this.#end({ kind: 'passed', changed: this.#chain.hasChanged })
    this.#outlet.close(isEnded || head.mustClose ? 'short' : 'whole')
  }

  #mayGoOn(turn: StreamTurn): turn is StreamTurn & { kind: 'go-on' } {
    if (this.#isDone || turn.kind === 'aborted') return false
    if (turn.kind === 'stopped') this.#fail(answerFor(turn.trouble).message)
    return turn.kind === 'go-on'
  }

  get #isFull(): boolean {
    return this.#waitingMessages >= BATCH_MESSAGES || this.#waitingBytes >= BATCH_BYTES
  }

  /** False: nothing more will come. */
  async #batchIsReady(): Promise<boolean> {
    for (;;) {
      if (this.#isDone) return false
      const isLast = this.#isOver || this.#terms.codec.problem !== undefined
      if (this.#waiting.length === 0 && isLast) return false
      const mustWait = this.#waitingMessages > 0 && !isLast && !this.#isFull
      const pauseMs = mustWait ? this.#nextBatchAt - performance.now() : 0
      if (this.#waiting.length > 0 && !this.#isCongested && pauseMs <= 0) return true
      await this.#wakened(this.#waiting.length > 0 && !this.#isCongested ? pauseMs : undefined)
    }
  }

  #wakened(timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #takeBatch(): StreamItem[] {
    let messages = 0
    let bytes = 0
    let count = 0
    for (const item of this.#waiting) {
      if (item.event !== undefined && (messages === BATCH_MESSAGES || bytes >= BATCH_BYTES)) break
      if (item.event !== undefined) {
        messages++
        bytes += item.bytes.length
      }
      count++
    }
    this.#waitingMessages -= messages
    this.#waitingBytes -= bytes
    const batch = this.#waiting.splice(0, count)
    if (this.#isPaused && !this.#isFull) {
      this.#isPaused = false
      this.#outlet.resume()
    }
    return batch
  }

  #send(items: readonly StreamItem[]): void {
    const pieces = items.flatMap((item) => this.#bytesOf(item))
    if (!this.#outlet.send(pieces)) this.#isCongested = true
  }

  #bytesOf(item: StreamItem): readonly Buffer[] {
    item.fate = 'sent'
    const piece = Buffer.concat(this.#parts(item))
    if (piece.length > 0) this.#atLineStart = piece.at(-1) === LF
    return piece.length === 0 ? [] : [piece]
  }

  /** What a hook put in gets a line of its own; the line end that is still to come may be that of the message before it. */
  #parts({ bytes, gap, isInserted }: StreamItem): Buffer[] {
    if (!isInserted || !this.#terms.codec.hasLines) return [bytes, gap ?? NOTHING]
    return this.#atLineStart ? [bytes, this.#lineEnd] : [this.#lineEnd, bytes]
  }

  // The ways out.

  #refuse(trouble: Trouble): void {
    this.#end({ kind: 'refused', trouble })
    this.#outlet.close('broken')
  }

  #fail(message: string): void {
    const { tellsErrors, codec } = this.#terms
    const line = JSON.stringify({ errorDetail: { message }, error: message })
    const written = tellsErrors ? codec.write(line) : undefined
    if (written?.ok === true) this.#send([streamItem(line, written.value, true)])
    this.#end({ kind: 'failed', message, told: written?.ok === true })
    this.#outlet.close(written?.ok === true ? 'short' : 'broken')
  }

  #end(end: StreamEnd): void {
    this.#isDone = true
    this.#terms.ended(end)
    this.#chain.record()
    this.#terms.behind(this.#chain.abandon())
  }

  #wordsFor({ kind, message }: CodecProblem): string {
    return kind === 'too-large'
      ? `${message}, the most that adapter "${this.#terms.narrowest}" is shown (PS-SIZE-002)`
      : `the engine's answer cannot be shown to adapter "${this.#terms.narrowest}": ${message}`
  }
}
