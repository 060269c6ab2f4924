/** What clients are shown: the REST API's own spelling of ledger and reports. */
import { type Dataset, type Ledger, leaseInForce } from '../ledger/ledger.ts'
import type { MovePhase, NodeReport } from '../wire/messages.ts'
import { currentCopy } from './orders.ts'

export interface ConfiguredView {
  readonly dataset_id: string
  readonly primary: string
  readonly metadata: Readonly<Record<string, string>>
  readonly maximum_size?: number
  readonly deleted: boolean
}

export function configuredView(dataset: Dataset): ConfiguredView {
  return {
    dataset_id: dataset.id,
    primary: dataset.primary,
    metadata: dataset.metadata,
    ...sizeOf(dataset),
    deleted: dataset.deleted,
  }
}

/**
 * A dataset that exists somewhere. `primary` and `path` are there exactly when its current copy can be used: on a node that
 * is alive, complete, and not set aside for a handover. `move` and `problem` are ours; other clients overlook them.
 */
export interface StateView {
  readonly dataset_id: string
  readonly primary?: string
  readonly path?: string
  readonly maximum_size?: number
  readonly move?: MoveView
  readonly problem?: string
}

export interface MoveView {
  readonly from: string
  readonly to: string
  /** `waiting`: it has not begun, and `problem` may say why. */
  readonly phase: 'waiting' | MovePhase
  readonly bytes?: number
  readonly total_bytes?: number
  readonly bytes_per_second?: number
  readonly eta_seconds?: number
}

export function stateViews(ledger: Ledger, reports: readonly NodeReport[]): StateView[] {
  return Object.values(ledger.datasets)
    .filter((dataset) => dataset.holder !== null || !dataset.deleted)
    .map((dataset) => stateView(ledger, dataset, reports))
    .filter((view) => view !== undefined)
}

function stateView(ledger: Ledger, dataset: Dataset, reports: readonly NodeReport[]): StateView | undefined {
  const { id, primary, holder } = dataset
  const problem = problemOf(ledger, dataset, reports)
  const more = { ...sizeOf(dataset), ...(problem === undefined ? {} : { problem }) }
  if (holder === null) return problem === undefined ? undefined : { dataset_id: id, ...more }
  const copy = currentCopy(dataset, reports)
  const usable = copy === undefined || copy.frozen ? {} : { primary: holder.node, path: copy.path }
  const move =
    dataset.deleted || primary === holder.node ? undefined : moveView(dataset, holder.node, reports)
  return { dataset_id: id, ...usable, ...(move === undefined ? {} : { move }), ...more }
}

function moveView({ id, primary }: Dataset, from: string, reports: readonly NodeReport[]): MoveView {
  const move = reports.find(({ node }) => node === primary)?.moves.find(({ dataset }) => dataset === id)
  if (move === undefined) return { from, to: primary, phase: 'waiting' }
  const left = Math.max(0, move.totalBytes - move.bytes)
  return {
    from,
    to: primary,
    phase: move.phase,
    bytes: move.bytes,
    total_bytes: move.totalBytes,
    bytes_per_second: move.bytesPerSecond,
    ...(move.bytesPerSecond > 0 ? { eta_seconds: Math.ceil(left / move.bytesPerSecond) } : {}),
  }
}

/** The wish is the primary's to fulfil, so its words come first; a node that is gone can say nothing. */
function problemOf(ledger: Ledger, dataset: Dataset, reports: readonly NodeReport[]): string | undefined {
  const { id, primary, holder } = dataset
  const told = (node: string) => reports.find((report) => report.node === node)?.problems[id]
  const gone = (node: string) =>
    reports.some((report) => report.node === node)
      ? undefined
      : `the agent of node ${ledger.nodes[node]?.host ?? node} does not report`
  return (
    told(primary) ?? (holder === null ? undefined : (told(holder.node) ?? gone(holder.node))) ?? gone(primary)
  )
}

export interface LeaseView {
  readonly dataset_id: string
  readonly node_uuid: string
  /** Seconds that are left. */
  readonly expires: number | null
  /** Ours; where whoever took the lease has said so. */
  readonly used_by?: readonly string[]
}

export function leaseView(dataset: Dataset, nowMs: number): LeaseView | undefined {
  const lease = leaseInForce(dataset, nowMs)
  if (lease === null) return undefined
  const expires = lease.expiresAtMs === null ? null : (lease.expiresAtMs - nowMs) / 1000
  const { usedBy = [] } = lease
  return {
    dataset_id: dataset.id,
    node_uuid: lease.node,
    expires,
    ...(usedBy.length === 0 ? {} : { used_by: usedBy }),
  }
}

export function nodeViews(
  reports: readonly NodeReport[],
): { readonly host: string; readonly uuid: string }[] {
  return reports.map(({ host, node }) => ({ host, uuid: node }))
}

function sizeOf({ maximumSize }: Dataset): { maximum_size?: number } {
  return maximumSize === null ? {} : { maximum_size: maximumSize }
}
