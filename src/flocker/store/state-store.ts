import type { Result } from '../../model/result.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { NodeReport } from '../wire/messages.ts'

/**
 * Where the control service keeps what it knows. Two implementations pass one spec
 * (`test/support/flocker/store-spec.ts`): a file beside one control service, and etcd beneath several.
 */
export interface StateStore extends AsyncDisposable {
  /** The newest ledger. */
  ledger(): Promise<Result<Versioned, StoreTrouble>>
  /** Stores the next ledger durably, if the newest still has this revision. */
  replace(next: Ledger, revision: number): Promise<Result<Replaced, StoreTrouble>>
  /** Resolves once the ledger's revision is above this one, or when the signal aborts, or when it cannot be known. */
  changed(revision: number, signal: AbortSignal): Promise<void>
  /** Keeps a node's report for as long as a node counts as alive. A later one replaces it. */
  keepReport(report: NodeReport): Promise<Result<undefined, StoreTrouble>>
  /** The reports of the nodes that are alive. */
  reports(): Promise<Result<readonly NodeReport[], StoreTrouble>>
}

export interface Versioned {
  readonly ledger: Ledger
  /** Grows with every change. */
  readonly revision: number
}

export type Replaced = { readonly kind: 'stored'; readonly revision: number } | { readonly kind: 'stale' }

/** The store cannot be read or written now. */
export interface StoreTrouble {
  readonly message: string
}

/**
 * How long after its last report a node counts as alive, in milliseconds: five reports, which come every second. A node
 * that is gone is only not shown any more. Its copy stays the current one until it is back to hand it over.
 */
export const NODE_LIFE_MS = 5_000
