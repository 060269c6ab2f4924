/**
 * A request that powerstrip makes in the name of a client.
 *
 * It is judged by the rules of that client's listener and shown to its hooks as if the client had sent it on a connection of
 * its own: whatever the client may not do is not done for it either.
 */
import { type AnswerWatch, type ExchangeLimits, type ExchangeParts, runExchange } from './exchange.ts'
import { ABORTED, type ExchangeEnd, endingOf, type Unreachable, unreachableEngine } from './exchange-end.ts'
import type { ClientIdentity } from './model/client.ts'
import type { ChainNote, EventSink, Fate } from './model/event.ts'
import type { Hook, HookUser } from './model/hook.ts'
import type { Refusal } from './model/refusal.ts'
import { impossible } from './model/result.ts'
import type { StopSignal } from './model/stop.ts'
import type { Onward } from './onward.ts'
import type { Collected } from './plane/collect.ts'
import type { Dial } from './plane/dial.ts'
import { askEngine, type NoAnswer } from './plane/question.ts'
import type { RelayEnd } from './plane/relay.ts'
import { AnswerReader, type WholeAnswer } from './plane/whole-answer.ts'
import { type AdmissionTerms, type AdmittedRequest, admit } from './route/admit.ts'
import { planFor, type Rule } from './route/plan.ts'

/** In whose name, and what its requests are judged by. */
export interface Standing {
  readonly identity: ClientIdentity
  readonly user: HookUser
  readonly admission: AdmissionTerms
  readonly hooks: { readonly rules: readonly Rule<Hook>[]; readonly limits: ExchangeLimits }
  /** `name`: for messages. */
  readonly engine: { readonly name: string; readonly dial: Dial }
  readonly tell: EventSink
  readonly behind: (task: Promise<void>) => void
  readonly crash: (bug: unknown) => void
}

export type AsideEnd =
  /** `body`: as the client would have got it. */
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  /** By a rule or a hook. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** A hook or the engine failed, or `until` was aborted before there was an answer. */
  | { readonly kind: 'failed'; readonly reason: string }

/** Largest answer that is read; an inspect of a container has some ten KiB. */
const ANSWER_LIMIT_BYTES = 8 * 1024 * 1024

/** `head`: of a request without a body. */
export async function askAside(head: string, standing: Standing, until: StopSignal): Promise<AsideEnd> {
  const admitted = admit(head, standing.admission)
  if (!admitted.ok) return { kind: 'refused', reason: admitted.failure.message }
  const request = admitted.value
  const { rules, limits } = standing.hooks
  const plan = planFor(rules, request.route, request.head.method)
  const parts = new AsideParts(request, standing, until)
  const end = await runExchange(request, plan, limits, parts)
  return asideEnd(end, parts.answer())
}

function asideEnd({ fate, status, detail }: ExchangeEnd, answer: WholeAnswer | undefined): AsideEnd {
  const reason = detail ?? `it ended as "${fate}"`
  switch (fate) {
    case 'relayed':
    case 'unchanged':
    case 'changed':
    case 'answered':
      if (answer === undefined) return { kind: 'failed', reason }
      if (fate === 'answered' && answer.terms.status >= 400)
        return { kind: 'refused', reason: `an adapter answered ${status} in the engine's place` }
      return { kind: 'answered', status: answer.terms.status, body: answer.data.toString('utf8') }
    case 'ambiguous':
    case 'denied':
    case 'post-denied':
      return { kind: 'refused', reason }
    case 'hook-failed':
    case 'post-failed':
    case 'unreachable':
    case 'cut-off':
    case 'hijacked':
      return { kind: 'failed', reason }
    case 'aborted':
      return { kind: 'failed', reason: 'it was not done in time' }
    default:
      return impossible(fate)
  }
}

/** A client who is powerstrip itself: it has sent all that it will, waits for the whole answer, and asks for nothing else. */
class AsideParts implements ExchangeParts {
  readonly identity: ClientIdentity
  readonly user: HookUser
  readonly left: StopSignal
  readonly #request: AdmittedRequest
  readonly #standing: Standing
  readonly #sent: Buffer[] = []

  constructor(request: AdmittedRequest, standing: Standing, until: StopSignal) {
    this.identity = standing.identity
    this.user = standing.user
    this.left = until
    this.#request = request
    this.#standing = standing
  }

  /** What has been sent to the client, if it is an answer. */
  answer(): WholeAnswer | undefined {
    const reader = new AnswerReader(this.#request.head.method, Number.POSITIVE_INFINITY)
    const progress = reader.feed(Buffer.concat(this.#sent))
    return progress.kind === 'whole' ? progress.answer : reader.over()
  }

  collect(): Collected {
    return { kind: 'body', raw: NOTHING, data: NOTHING }
  }

  async ask({ opening }: Onward, { hold, copyLimitBytes }: AnswerWatch): Promise<RelayEnd | Unreachable> {
    const { engine } = this.#standing
    const { method } = this.#request.head
    const limitBytes = hold?.limitBytes ?? ANSWER_LIMIT_BYTES
    const asked = await askEngine(engine.dial, { method, bytes: opening, limitBytes }, this.left)
    if (!asked.ok) return lost(asked.failure, engine.name)
    const { head, terms, raw, data } = asked.value
    const { status } = terms
    const decision = hold?.decide(head, terms) ?? 'pass'
    if (decision === 'refuse') return { kind: 'answer-refused', status }
    if (decision === 'hold')
      return { kind: 'held', answer: { ...asked.value, headSent: false }, reusable: false }
    // Those are for answers that somebody waits for piece by piece.
    if (decision === 'hold-body' || (typeof decision === 'object' && 'filter' in decision))
      throw new Error(
        `${method} ${this.#request.route.path} is no request that can be made in a client's name`,
      )
    this.send(decision === 'pass' ? Buffer.from(head, 'latin1') : decision.passAs)
    this.send(raw)
    const complete = { kind: 'complete', status, reusable: false } as const
    if (copyLimitBytes === undefined) return complete
    return { ...complete, copy: { status, head, data: data.length > copyLimitBytes ? undefined : data } }
  }

  async settle(end: Exclude<RelayEnd, { kind: 'held' }> | Unreachable, fate: Fate): Promise<ExchangeEnd> {
    if (end.kind === 'complete') return { fate, status: end.status, next: 'close-now' }
    if (end.kind === 'switched') return ABORTED
    const { error: _untold, ...ended } = endingOf(end, false)
    return ended
  }

  refuse({ status, message, rule }: Refusal): ExchangeEnd {
    return { fate: 'ambiguous', status, next: 'close-now', detail: `${message} (${rule})` }
  }

  fail(fate: Fate, status: number, message: string): ExchangeEnd {
    return { fate, status, next: 'close-now', detail: message }
  }

  send(bytes: Buffer): void {
    this.#sent.push(bytes)
  }

  async hasLeft(): Promise<boolean> {
    return this.left.aborted
  }

  after(): ExchangeEnd['next'] {
    return 'close-now'
  }

  /** Nothing starts a container aside. */
  async startRefused(): Promise<void> {}

  note(note: ChainNote): void {
    const operation = this.#request.route.operation?.id ?? 'unknown'
    this.#standing.tell({ kind: 'chain', operation, note })
  }

  behind(task: Promise<void>): void {
    this.#standing.behind(task)
  }

  crash(bug: unknown): void {
    this.#standing.crash(bug)
  }

  traffic(): { readonly requestBytes: number; readonly responseBytes: number } {
    const responseBytes = this.#sent.reduce((bytes, { length }) => bytes + length, 0)
    return { requestBytes: this.#request.head.text.length, responseBytes }
  }
}

function lost(failure: NoAnswer, engine: string): RelayEnd | Unreachable {
  const { kind, message } = failure
  switch (kind) {
    case 'unreachable':
      return unreachableEngine(engine, message)
    case 'late':
      return { kind: 'unreachable', message: `the Docker Engine at ${engine}: ${message}` }
    case 'garbled':
      return { kind: 'answer-garbled', message, answered: false }
    case 'too-large':
      return {
        kind: 'answer-too-large',
        status: failure.status,
        limitBytes: failure.limitBytes,
        headSent: false,
      }
    case 'closed':
      return { kind: 'engine-gone', answered: false, status: undefined }
    case 'called-off':
      return { kind: 'client-gone', status: undefined }
    default:
      return impossible(kind)
  }
}

const NOTHING = Buffer.alloc(0)
