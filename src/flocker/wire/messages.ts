/** What agents and the control service say to each other, and agents among themselves. Internal: both ends are one version. */
import type { Dataset, KnownNode } from '../ledger/ledger.ts'

/** Everything a node knows of itself. The control service keeps the last one, for as long as the node lives. */
export interface NodeReport {
  readonly node: string
  readonly host: string
  readonly endpoint: string
  /** `null`: the engine does not answer, so nothing can be said. */
  readonly copies: readonly CopyReport[] | null
  /** Datasets that a stage is left of: a move to here that is under way, or was given up. */
  readonly stages: readonly string[]
  readonly moves: readonly MoveReport[]
  /** By dataset: why this node cannot do what is wished of it. */
  readonly problems: Readonly<Record<string, string>>
}

/** A complete copy on a node's disk. Whether it is the current one, the ledger says. */
export interface CopyReport {
  readonly dataset: string
  readonly generation: number
  readonly copy: string
  readonly path: string
  /** Set aside for a handover: nothing can be started on it. */
  readonly frozen: boolean
}

export type MovePhase = 'copying' | 'comparing' | 'switching'

/** A dataset on its way to the reporting node. */
export interface MoveReport {
  readonly dataset: string
  readonly from: string
  readonly phase: MovePhase
  readonly bytes: number
  /** As far as is known: holes count, and a compressed source may say less. */
  readonly totalBytes: number
  readonly bytesPerSecond: number
}

export interface ReportRequest {
  readonly report: NodeReport
  /** The ledger this node has seen. The answer waits a moment for a newer one; `null` wants it at once. */
  readonly seen: number | null
}

/** What concerns a node, and all it needs to act. */
export interface Orders {
  readonly revision: number
  readonly datasets: readonly Dataset[]
  readonly nodes: Readonly<Record<string, KnownNode & { readonly alive: boolean }>>
  /** Datasets whose holder reports the current copy on its disk. */
  readonly present: readonly string[]
}

/** Paths of the control service's own API, beside `/v1`. */
export const REPORT_PATH = '/agents/report'
export const CUSTODY_PATH = '/agents/custody'

/** An answer to a custody change: the revision that holds it. */
export interface CustodyAnswer {
  readonly revision: number
}
