/** The control service over its store: decisions are made by the ledger's pure functions, and stored by compare-and-swap. */
import { failed, ok, type Result } from '../../model/result.ts'
import { type Configuring, matchesTag } from '../ledger/configure.ts'
import { type CustodyChange, changeCustody } from '../ledger/custody.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LedgerRefusal } from '../ledger/refusal.ts'
import type { StateStore, StoreTrouble, Versioned } from '../store/state-store.ts'
import type { NodeReport, Orders, ReportRequest } from '../wire/messages.ts'
import { ordersFor } from './orders.ts'

export type ControlFailure =
  | { readonly kind: 'refused'; readonly refusal: LedgerRefusal }
  /** The store cannot be reached: nothing is known to have been changed. */
  | { readonly kind: 'unavailable'; readonly message: string }

/**
 * How long an agent's report waits for orders that are new to it, in milliseconds. It is the pulse of the whole: an agent
 * that has nothing to say reports this often.
 */
export const PULSE_MS = 1_000

export interface Written<T> {
  readonly value: T
  readonly revision: number
  readonly ledger: Ledger
}

export class Control {
  readonly #store: StateStore

  constructor(store: StateStore) {
    this.#store = store
  }

  /** Ledger and reports as they are now. */
  async look(): Promise<
    Result<{ readonly ledger: Ledger; readonly reports: readonly NodeReport[] }, ControlFailure>
  > {
    const [ledger, reports] = await Promise.all([this.#store.ledger(), this.#store.reports()])
    if (!ledger.ok) return failed(unavailable(ledger.failure))
    if (!reports.ok) return failed(unavailable(reports.failure))
    return ok({ ledger: ledger.value.ledger, reports: reports.value })
  }

  /** One write by a client. `tag`: only if the configuration is still the one that has it. */
  configure<T>(
    decide: (ledger: Ledger, nowMs: number) => Configuring<T>,
    tag?: string,
  ): Promise<Result<Written<T>, ControlFailure>> {
    return this.#write((ledger) => {
      const matches = matchesTag(ledger, tag)
      return matches.ok ? decide(ledger, Date.now()) : matches
    })
  }

  async changeCustody(change: CustodyChange): Promise<Result<Written<undefined>, ControlFailure>> {
    return this.#write((ledger) => {
      const next = changeCustody(ledger, change, Date.now())
      return next.ok ? ok({ ledger: next.value, value: undefined }) : next
    })
  }

  /** Takes a node's report and answers with its orders, as soon as they are newer than those it has seen. */
  async report({ report, seen }: ReportRequest, gone: AbortSignal): Promise<Result<Orders, ControlFailure>> {
    // Whoever is listed as alive can be named at once.
    const known = await this.#register(report)
    if (!known.ok) return known
    const kept = await this.#store.keepReport(report)
    if (!kept.ok) return failed(unavailable(kept.failure))
    if (seen !== null) await this.#store.changed(seen, AbortSignal.any([gone, AbortSignal.timeout(PULSE_MS)]))
    const [newest, reports] = await Promise.all([this.#store.ledger(), this.#store.reports()])
    if (!newest.ok) return failed(unavailable(newest.failure))
    if (!reports.ok) return failed(unavailable(reports.failure))
    return ok(ordersFor(report, newest.value, reports.value))
  }

  /** A node is entered when it first reports, and again when it has moved. */
  async #register({ node, host, endpoint }: NodeReport): Promise<Result<undefined, ControlFailure>> {
    const newest = await this.#store.ledger()
    if (!newest.ok) return failed(unavailable(newest.failure))
    const isKnown = (ledger: Ledger) =>
      ledger.nodes[node]?.host === host && ledger.nodes[node]?.endpoint === endpoint
    if (isKnown(newest.value.ledger)) return ok(undefined)
    const written = await this.#write((ledger) =>
      ok({
        ledger: isKnown(ledger)
          ? ledger
          : { ...ledger, nodes: { ...ledger.nodes, [node]: { host, endpoint } } },
        value: undefined,
      }),
    )
    return written.ok ? ok(undefined) : written
  }

  /** Decides on the newest ledger and stores what came of it; decides again when another write was faster. */
  async #write<T>(decide: (ledger: Ledger) => Configuring<T>): Promise<Result<Written<T>, ControlFailure>> {
    for (;;) {
      const newest = await this.#store.ledger()
      if (!newest.ok) return failed(unavailable(newest.failure))
      const decided = decide(newest.value.ledger)
      if (!decided.ok) return failed({ kind: 'refused', refusal: decided.failure })
      const stored = await this.#replace(decided.value.ledger, newest.value)
      if (!stored.ok) return stored
      if (stored.value !== undefined) return ok({ ...decided.value, revision: stored.value })
    }
  }

  /** The revision that has the ledger; `undefined` when it was not the newest any more. */
  async #replace(next: Ledger, newest: Versioned): Promise<Result<number | undefined, ControlFailure>> {
    if (next === newest.ledger) return ok(newest.revision)
    const replaced = await this.#store.replace(next, newest.revision)
    if (!replaced.ok) return failed(unavailable(replaced.failure))
    return ok(replaced.value.kind === 'stored' ? replaced.value.revision : undefined)
  }
}

function unavailable({ message }: StoreTrouble): ControlFailure {
  return { kind: 'unavailable', message }
}
