/** What is known of an adapter that is asked which protocol it speaks: asked again and again until it says so. */
import type { AdapterAbilities } from '../model/call.ts'
import type { HookFailure } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { Soon } from '../model/soon.ts'
import { Stop, type StopSignal } from '../model/stop.ts'
import { V2_TYPE } from '../wire/v2/fields.ts'
import { decodeAbilities } from '../wire/v2/handshake.ts'
import { withinDeadline } from './deadline.ts'
import type { LineMessage, LineReply } from './line.ts'

export type Spoken = { readonly protocol: 1 } | { readonly protocol: 2; readonly abilities: AdapterAbilities }

export interface HandshakeTerms {
  /** `2`: an adapter that speaks only protocol 1 cannot be used. */
  readonly protocol: 2 | 'auto'
  /** How long questions follow each other in quick succession. */
  readonly startupTimeoutMs: number
  readonly ask: (message: LineMessage, stop: StopSignal) => Promise<Result<LineReply, HookFailure>>
  /** Fields that prove the question. */
  readonly fields: () => Readonly<Record<string, string>>
  /** Told of each new answer. */
  readonly learned: (abilities: AdapterAbilities) => void
}

/** The first pause between two questions, in milliseconds; each one is twice as long, until they are rare. */
const FIRST_PAUSE_MS = 50
const LONGEST_QUICK_PAUSE_MS = 2_000
const LATE_PAUSE_MS = 5_000

/** For one question, in milliseconds. An adapter that is there answers it without thinking. */
const QUESTION_TIMEOUT_MS = 2_000

/** How long an answer holds that does not say it itself, in milliseconds. */
const DEFAULT_TTL_MS = 300_000

/** The one problem that time will not mend. */
export const ONLY_PROTOCOL_1 = 'it speaks protocol 1 only, and the configuration says that it speaks 2'

export class Handshake {
  readonly #terms: HandshakeTerms
  readonly #closed = new Stop()
  readonly #startedAt = performance.now()
  #spoken: Spoken | undefined
  #problem = 'it has not been asked yet'
  #expiresAt = Number.POSITIVE_INFINITY
  #asking: Promise<void>
  #isAsking = true
  #timer: NodeJS.Timeout | undefined

  constructor(terms: HandshakeTerms) {
    this.#terms = terms
    this.#asking = this.#ask(FIRST_PAUSE_MS)
  }

  get spoken(): Spoken | undefined {
    return this.#spoken
  }

  /** Why nothing is known of it; nothing where something is. */
  get problem(): string | undefined {
    return this.#spoken === undefined ? this.#problem : undefined
  }

  /** What the adapter speaks. One that has never been asked to the end is waited for; nobody waits for the next question. */
  settled(): Soon<Result<Spoken, string>> {
    return this.#spoken === undefined && this.#isAsking
      ? this.#asking.then(() => this.#settledNow())
      : this.#settledNow()
  }

  #settledNow(): Result<Spoken, string> {
    if (this.#spoken === undefined) return failed(this.#problem)
    if (performance.now() > this.#expiresAt) this.askAgain()
    return ok(this.#spoken)
  }

  /** What was said holds until it is said anew. */
  askAgain(): void {
    if (!this.#isAsking && this.#timer === undefined) this.#begin(FIRST_PAUSE_MS)
  }

  /** The adapter's own configuration has another tag than what was said was about. */
  tagged(tag: string): void {
    if (this.#spoken?.protocol === 2 && this.#spoken.abilities.isTag !== tag) this.askAgain()
  }

  close(): void {
    this.#closed.abort()
    clearTimeout(this.#timer)
  }

  #begin(pauseMs: number): void {
    this.#timer = undefined
    this.#isAsking = true
    this.#asking = this.#ask(pauseMs)
  }

  async #ask(pauseMs: number): Promise<void> {
    const problem = await this.#question()
    this.#isAsking = false
    if (problem === undefined || this.#closed.aborted) return
    this.#problem = problem
    const isQuick = performance.now() - this.#startedAt < this.#terms.startupTimeoutMs
    const waitMs = isQuick ? pauseMs : LATE_PAUSE_MS
    this.#timer = setTimeout(() => this.#begin(Math.min(2 * pauseMs, LONGEST_QUICK_PAUSE_MS)), waitMs).unref()
  }

  /** Nothing: it was answered. */
  async #question(): Promise<string | undefined> {
    let fields: Readonly<Record<string, string>>
    try {
      fields = this.#terms.fields()
    } catch (problem) {
      return (problem as Error).message
    }
    const message = { method: 'OPTIONS', fields: { Accept: V2_TYPE, ...fields }, body: null } as const
    const reply = await withinDeadline(QUESTION_TIMEOUT_MS, this.#closed, (stop) =>
      this.#terms.ask(message, stop),
    )
    if (!reply.ok) {
      const { failure } = reply
      if (failure.kind === 'bad-reply' && this.#terms.protocol === 'auto') return this.#learnOld()
      return failure.kind === 'unreachable'
        ? failure.cause
        : failure.kind === 'bad-reply'
          ? failure.problem
          : `no answer to OPTIONS within ${QUESTION_TIMEOUT_MS / 1000} s`
    }
    const type = reply.value.fields['content-type']
    const read = decodeAbilities(reply.value, typeof type === 'string' ? type : undefined)
    if (!read.ok) return read.failure.kind === 'old' ? this.#learnOld() : read.failure.problem
    const abilities = read.value
    this.#spoken = { protocol: 2, abilities }
    this.#expiresAt =
      performance.now() +
      (abilities.optionsTtlS === undefined ? DEFAULT_TTL_MS : abilities.optionsTtlS * 1000)
    this.#terms.learned(abilities)
    return undefined
  }

  #learnOld(): string | undefined {
    if (this.#terms.protocol === 2) return ONLY_PROTOCOL_1
    // What an adapter of protocol 2 has said is not taken back by a page of some other server in its place.
    this.#spoken ??= { protocol: 1 }
    return undefined
  }
}
