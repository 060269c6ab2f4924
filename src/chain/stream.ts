/**
 * The stream-hooks of one exchange: a fold over each batch of messages, as the others are over one message.
 *
 * A batch goes through all hooks, in the order of the file, before the next one is begun; each hook sees what the one before
 * let through. So no adapter is asked twice at a time, and the order is kept without any numbering.
 */

import type { StreamOutcome } from '../model/call.ts'
import type { StreamCounts } from '../model/event.ts'
import type { Hook, HookFailure, HookRequest, HookResponse, StreamPart } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { Stop, type StopSignal } from '../model/stop.ts'
import type { Codec } from '../stream/codec.ts'
import { concerns } from './ask.ts'
import type { ChainRun } from './run.ts'
import { reasonOf, type Trouble } from './trouble.ts'

/** A message on its way to the client. */
export interface StreamItem {
  /** What hooks are shown; nothing for what stands between messages and came too late to go with one. */
  event: string | undefined
  /** As it goes to the client. */
  bytes: Buffer
  /** What stands behind it. */
  gap: Buffer | undefined
  /** A hook put it there: nothing stands behind it. */
  readonly isInserted: boolean
  fate: 'waiting' | 'sent' | 'dropped'
}

export function streamItem(event: string | undefined, bytes: Buffer, isInserted = false): StreamItem {
  return { event, bytes, gap: undefined, isInserted, fate: 'waiting' }
}

export type StreamTurn =
  /** `end`: a hook wants the stream to end behind these. */
  | { readonly kind: 'go-on'; readonly items: readonly StreamItem[]; readonly end: boolean }
  | { readonly kind: 'stopped'; readonly trouble: Trouble }
  /** The client left. */
  | { readonly kind: 'aborted' }

export interface StreamTerms {
  /** What was sent to the engine. */
  readonly request: HookRequest
  /** The head of the answer. */
  readonly response: HookResponse
  /** Aborted when the client leaves. */
  readonly signal: StopSignal
  readonly codec: Codec
  readonly run: ChainRun
}

/** How one hook stands with the stream. */
interface Seat {
  readonly hook: Hook
  seq: number
  isOpen: boolean
  durationMs: number
  /** The last failure, passed over or not. */
  failure: string | undefined
  hasStopped: boolean
  counts: { -readonly [Name in keyof StreamCounts]: number }
}

type Said =
  | { readonly kind: 'said'; readonly outcome: StreamOutcome }
  | { readonly kind: 'passed-over' }
  | Exclude<StreamTurn, { kind: 'go-on' }>

export class StreamChain {
  readonly #seats: readonly Seat[]
  readonly #terms: StreamTerms

  constructor(hooks: readonly Hook[], terms: StreamTerms) {
    this.#terms = terms
    this.#seats = hooks
      .filter((hook) => concerns(hook, terms.run))
      .map((hook) => ({
        hook,
        seq: 0,
        isOpen: false,
        durationMs: 0,
        failure: undefined,
        hasStopped: false,
        counts: { calls: 0, events: 0, dropped: 0, replaced: 0, inserted: 0, passedOver: 0 },
      }))
  }

  /** Whether a hook has changed anything. */
  get hasChanged(): boolean {
    return this.#seats.some(({ counts }) => counts.dropped + counts.replaced + counts.inserted > 0)
  }

  /** Tells all hooks at once that the stream begins: the client waits for that. */
  async open(): Promise<StreamTurn> {
    const said = await Promise.all(
      this.#seats.map(async (seat) => {
        const answer = await this.#ask(seat, 'open', [])
        seat.isOpen = answer.kind === 'said' || answer.kind === 'passed-over'
        return answer
      }),
    )
    let items: readonly StreamItem[] = []
    let end = false
    for (const [index, seat] of this.#seats.entries()) {
      const turn = await this.#pass(seat, items)
      if (turn.kind !== 'go-on') return turn
      const opened = this.#edit(seat, 'open', [], said[index]!)
      if (opened.kind !== 'go-on') return opened
      items = [...turn.items, ...opened.items]
      end ||= turn.end || opened.end
    }
    return { kind: 'go-on', items, end }
  }

  async pass(batch: readonly StreamItem[]): Promise<StreamTurn> {
    let items = batch
    let end = false
    for (const seat of this.#seats) {
      const turn = await this.#pass(seat, items)
      if (turn.kind !== 'go-on') return turn
      items = turn.items
      end ||= turn.end
    }
    return { kind: 'go-on', items, end }
  }

  /** Tells each hook that the stream is over, when all that the hooks before it have still to say has been through it. */
  async close(): Promise<StreamTurn> {
    let items: readonly StreamItem[] = []
    for (const seat of this.#seats) {
      const turn = await this.#pass(seat, items)
      if (turn.kind !== 'go-on') return turn
      seat.isOpen = false
      const closed = this.#edit(seat, 'close', [], await this.#ask(seat, 'close', []))
      if (closed.kind !== 'go-on') return closed
      items = [...turn.items, ...closed.items]
    }
    return { kind: 'go-on', items, end: true }
  }

  /** Tells those that have not been told that the stream is over; nothing of what they say goes anywhere. */
  async abandon(): Promise<void> {
    const open = this.#seats.filter(({ isOpen, hasStopped }) => isOpen && !hasStopped)
    if (open.length === 0) return
    for (const seat of open) seat.isOpen = false
    const patience = new Stop()
    const timer = setTimeout(() => patience.abort(), LAST_WORD_MS)
    await Promise.all(open.map((seat) => this.#call(seat, 'close', [], patience)))
    clearTimeout(timer)
  }

  /** Writes down what each hook did: one record for all its calls, for a stream may have thousands. */
  record(): void {
    for (const { hook, durationMs, failure, hasStopped, counts } of this.#seats) {
      const hasChanged = counts.dropped + counts.replaced + counts.inserted > 0
      this.#terms.run.records.push({
        adapter: hook.adapter,
        phase: 'stream',
        uid: undefined,
        outcome: hasStopped ? 'failed' : hasChanged ? 'replace' : 'pass',
        durationMs,
        detail: failure,
        failOpen: counts.passedOver > 0,
        warnings: [],
        annotations: {},
        change: undefined,
        stream: { ...counts },
      })
    }
  }

  async #pass(seat: Seat, items: readonly StreamItem[]): Promise<StreamTurn> {
    const events = items.flatMap(({ event }) => (event === undefined ? [] : [event]))
    if (events.length === 0) return { kind: 'go-on', items, end: false }
    return this.#edit(seat, 'data', items, await this.#ask(seat, 'data', events))
  }

  async #ask(seat: Seat, part: StreamPart['part'], events: readonly string[]): Promise<Said> {
    const reply = await this.#call(seat, part, events, this.#terms.signal)
    return reply.ok ? { kind: 'said', outcome: reply.value } : this.#failed(seat, part, reply.failure)
  }

  async #call(
    seat: Seat,
    part: StreamPart['part'],
    events: readonly string[],
    signal: StopSignal,
  ): Promise<Result<StreamOutcome, HookFailure>> {
    const { request, response, run } = this.#terms
    const { hook, counts } = seat
    if (hook.stream === undefined)
      return failed({ kind: 'bad-reply', problem: 'it speaks protocol 1, which has no stream-hooks' })
    counts.calls++
    counts.events += events.length
    // The chain's time is for what a client waits for before its answer begins.
    const facts = { ...run.factsFor(hook), budgetMs: Number.POSITIVE_INFINITY }
    const since = performance.now()
    const reply = await hook.stream(request, { part, seq: seat.seq++, events, response }, signal, facts)
    seat.durationMs += performance.now() - since
    return reply
  }

  #failed(seat: Seat, part: StreamPart['part'], failure: HookFailure): Exclude<Said, { kind: 'said' }> {
    if (failure.kind === 'aborted') return { kind: 'aborted' }
    const { adapter, onError } = seat.hook
    const { run } = this.#terms
    seat.failure = reasonOf(failure)
    if (onError === 'ignore') {
      seat.counts.passedOver++
      run.terms.note({ kind: 'failure-ignored', phase: 'stream', adapter, failure })
      // Later there is no head for it any more.
      if (part === 'open')
        run.warnings.push({ adapter, text: `it failed and was passed over: ${seat.failure}` })
      return { kind: 'passed-over' }
    }
    seat.hasStopped = true
    return { kind: 'stopped', trouble: { kind: 'failed', adapter, failure } }
  }

  #edit(seat: Seat, part: StreamPart['part'], items: readonly StreamItem[], said: Said): StreamTurn {
    if (said.kind === 'passed-over') return { kind: 'go-on', items, end: false }
    if (said.kind !== 'said') return said
    const edited = this.#edited(seat, items, said.outcome)
    if (edited.ok) return { kind: 'go-on', items: edited.value, end: said.outcome.end }
    const end = this.#failed(seat, part, { kind: 'bad-reply', problem: edited.failure })
    return end.kind === 'passed-over' ? { kind: 'go-on', items, end: false } : end
  }

  /** Nothing is changed unless everything can be. */
  #edited(
    { counts }: Seat,
    items: readonly StreamItem[],
    { edits, inserts }: StreamOutcome,
  ): Result<readonly StreamItem[], string> {
    if (edits.length === 0 && inserts.length === 0) return ok(items)
    const { codec } = this.#terms
    const shown = items.filter(({ event }) => event !== undefined)
    const changes: (() => void)[] = []
    for (const edit of edits) {
      const item = shown[edit.index]!
      if (edit.action === 'drop') {
        changes.push(() => {
          item.fate = 'dropped'
          counts.dropped++
        })
      } else if (edit.event !== item.event) {
        const bytes = codec.write(edit.event, item.event)
        if (!bytes.ok) return bytes
        changes.push(() => {
          item.event = edit.event
          item.bytes = bytes.value
          counts.replaced++
        })
      }
    }
    const inFront = new Map<StreamItem | undefined, StreamItem[]>()
    for (const { before, event } of inserts) {
      const bytes = codec.write(event)
      if (!bytes.ok) return bytes
      const place = shown[before]
      inFront.set(place, [...(inFront.get(place) ?? []), streamItem(event, bytes.value, true)])
    }
    for (const change of changes) change()
    counts.inserted += inserts.length
    const kept = items.flatMap((item) => [
      ...(inFront.get(item) ?? []),
      ...(item.fate === 'dropped' ? [] : [item]),
    ])
    return ok([...kept, ...(inFront.get(undefined) ?? [])])
  }
}

/**
 * What an adapter keeps of a stream has to go, though the client has left. It has this long to hear of it, in milliseconds: a
 * proxy that wants to stop waits for that.
 */
const LAST_WORD_MS = 2_000
