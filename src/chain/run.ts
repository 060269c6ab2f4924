/** What the hooks of one exchange share: whom it is about, the time that is left, and what each adapter said so far. */
import type { ChainNote, HookRecord, UnwindRecord } from '../model/event.ts'
import type { CallFacts, ExchangeFacts, Hook, HookRequest } from '../model/hook.ts'
import type { StopSignal } from '../model/stop.ts'
import { ulid } from '../model/ulid.ts'

export interface RunTerms {
  /** Without an id: most chains of protocol 1 never need one. */
  readonly exchange: Omit<ExchangeFacts, 'requestId'>
  /** What the client sent, before any hook. */
  readonly original: HookRequest
  /** Aborted when the client leaves. */
  readonly signal: StopSignal
  /** For all hooks together; Infinity where it has no end. */
  readonly deadlineMs: number
  readonly note: (note: ChainNote) => void
  /** Of hooks that were passed over before the run began; the others are added. Nothing: none were. */
  readonly records?: HookRecord[]
}

/** A pre-hook call that may have done something, and must be undone if the exchange does not end well. */
export interface Reservation {
  readonly hook: Hook
  readonly facts: CallFacts
  /** As the hook was shown it. */
  readonly request: HookRequest
  /** Nobody knows what the call did: it did not end by itself. */
  readonly selfTimeout: boolean
}

/** For the people at the client. */
export interface ClientWarning {
  readonly adapter: string
  readonly text: string
}

export class ChainRun {
  readonly terms: RunTerms
  readonly records: HookRecord[]
  readonly warnings: ClientWarning[] = []
  /** In order of completion. */
  readonly reservations: Reservation[] = []
  readonly unwound: UnwindRecord[] = []
  /** What the engine answered, if it was asked. */
  engineStatus: number | undefined
  /** What is being undone behind the client's back. */
  undoing: Promise<void> | undefined
  #metadata: Map<string, string> | undefined
  #facts: ExchangeFacts | undefined
  #spentMs = 0

  constructor(terms: RunTerms) {
    this.terms = terms
    this.records = terms.records ?? []
  }

  /** The exchange's facts, with an id that is made when it is first asked for. */
  get exchange(): ExchangeFacts {
    this.#facts ??= identified(this.terms.exchange)
    return this.#facts
  }

  /** What is left for hooks. The engine's own time does not count. */
  get leftMs(): number {
    return this.terms.deadlineMs - this.#spentMs
  }

  /** Counts the time that `calls` take, which run one after the other or all at once. */
  timed<T>(calls: () => Promise<T>): Promise<T> {
    const since = performance.now()
    return calls().then((end) => {
      this.#spentMs += performance.now() - since
      return end
    })
  }

  /** `spentMs`: of the time that is being counted just now. */
  factsFor(hook: Hook, spentMs = 0): CallFacts {
    return {
      uid: ulid(),
      exchange: this.exchange,
      metadata: this.#metadata?.get(hook.adapter),
      original: this.terms.original,
      budgetMs: Math.max(0, this.leftMs - spentMs),
    }
  }

  remember(hook: Hook, metadata: string): void {
    this.#metadata ??= new Map()
    this.#metadata.set(hook.adapter, metadata)
  }
}

/** Written out: what a spread and an addition make together is slow to make and slow to read. */
function identified(facts: RunTerms['exchange']): ExchangeFacts {
  const { operation, apiVersion, params, user, listener, dryRun } = facts
  return { requestId: ulid(), operation, apiVersion, params, user, listener, dryRun }
}
