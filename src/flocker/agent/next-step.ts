/** What a node should do about a dataset now. Pure: the ledger, what lies on this node's disk, and who is alive. */
import { type Dataset, leasedByAnother } from '../ledger/ledger.ts'
import type { Orders } from '../wire/messages.ts'
import type { CopyId, LocalCopy, Stage } from './volume-backend.ts'

export type NextStep =
  | { readonly kind: 'nothing' }
  /** Nothing can be done, and somebody should know why. */
  | { readonly kind: 'blocked'; readonly problem: string }
  | { readonly kind: 'create' }
  | { readonly kind: 'claim'; readonly copy: LocalCopy }
  | { readonly kind: 'pull'; readonly from: Source }
  /** The ledger says that what is staged here is the current copy. */
  | { readonly kind: 'settle'; readonly id: CopyId }
  | { readonly kind: 'thaw'; readonly copy: LocalCopy }
  /** A newer copy is current elsewhere, and is there. */
  | { readonly kind: 'remove-old'; readonly copy: LocalCopy }
  | { readonly kind: 'delete'; readonly copy: LocalCopy }
  | { readonly kind: 'forget'; readonly copy: string }
  | { readonly kind: 'discard-stage' }

export interface Source {
  readonly node: string
  readonly host: string
  readonly endpoint: string
  readonly generation: number
}

export interface Local {
  readonly copy: LocalCopy | undefined
  readonly stage: Stage | undefined
}

export function nextStep(
  node: string,
  dataset: Dataset,
  local: Local,
  orders: Orders,
  nowMs: number,
): NextStep {
  if (dataset.holder?.node === node) return asHolder(node, dataset, local, orders, nowMs)
  const { copy, stage } = local
  if (copy !== undefined && dataset.holder !== null) {
    if (copy.generation > dataset.holder.generation)
      return blocked(
        `this node has generation ${copy.generation}, newer than the current ${dataset.holder.generation}: the control service has lost changes`,
      )
    if (!orders.present.includes(dataset.id))
      return blocked(
        `the current copy is on ${hostOf(orders, dataset.holder.node)}, which does not report it`,
      )
    return { kind: 'remove-old', copy }
  }
  if (dataset.deleted || dataset.primary !== node)
    return stage === undefined ? { kind: 'nothing' } : { kind: 'discard-stage' }
  if (dataset.holder === null) return copy === undefined ? { kind: 'create' } : { kind: 'claim', copy }

  const { holder } = dataset
  const lease = leasedByAnother(dataset, node, nowMs)
  if (lease !== null) return blocked(`it is in use: ${hostOf(orders, lease.node)} has the lease on it`)
  const from = orders.nodes[holder.node]
  if (from === undefined || !from.alive || !orders.present.includes(dataset.id))
    return blocked(`the current copy is on ${hostOf(orders, holder.node)}, which does not report it`)
  return {
    kind: 'pull',
    from: { node: holder.node, host: from.host, endpoint: from.endpoint, generation: holder.generation },
  }
}

function asHolder(node: string, dataset: Dataset, local: Local, orders: Orders, nowMs: number): NextStep {
  const { copy, stage } = local
  const holder = dataset.holder!
  if (copy?.copy !== holder.copy) {
    if (stage?.sealed?.copy === holder.copy) return { kind: 'settle', id: stage.sealed }
    if (dataset.deleted && copy === undefined) return { kind: 'forget', copy: holder.copy }
    return blocked('the current copy should be on this node, but its volume is gone')
  }
  if (dataset.deleted) return { kind: 'delete', copy }
  if (stage !== undefined) return { kind: 'discard-stage' }
  if (copy.frozen && !stillWanted(node, dataset, orders, nowMs)) return { kind: 'thaw', copy }
  return { kind: 'nothing' }
}

/** Whether the handover that the copy was frozen for may still come to its end. */
function stillWanted(
  node: string,
  { handover, primary, lease }: Dataset,
  orders: Orders,
  nowMs: number,
): boolean {
  if (handover === null || primary === node || primary !== handover.to) return false
  const leased = lease !== null && (lease.expiresAtMs === null || lease.expiresAtMs > nowMs)
  if (leased && lease.node !== handover.to) return false
  return orders.nodes[handover.to]?.alive === true
}

function hostOf(orders: Orders, node: string): string {
  return orders.nodes[node]?.host ?? node
}

function blocked(problem: string): NextStep {
  return { kind: 'blocked', problem }
}
