/**
 * Who holds the current copy, and how that changes. Pure; each is carried out as one compare-and-swap of the ledger.
 *
 *     claim      nobody holds it                   → the primary does, with the copy it has made
 *     hand over  the holder has frozen its copy → named: who takes over, and what the new copy will be called
 *     promote    the taker has all of it, compared and durable → it is the holder, and the old copy is worth nothing
 *     call off   the taker gives up                → the handover is void; a promotion that comes later is refused
 *     keep       the holder wants its copy back    → the same, and an assurance that it is still the holder
 *     forget     a deleted dataset is gone from its holder's disk
 *
 * A promotion names the copy that its handover announced, so one that was prepared under an earlier handover fails.
 */
import { failed, ok, type Result } from '../../model/result.ts'
import { named, nodeName } from './configure.ts'
import {
  type Dataset,
  datasetOf,
  type Handover,
  type Ledger,
  leasedByAnother,
  withDataset,
} from './ledger.ts'
import { type LedgerRefusal, refusal } from './refusal.ts'

export type CustodyChange =
  | {
      readonly kind: 'claim'
      readonly dataset: string
      readonly node: string
      readonly copy: string
      readonly generation: number
    }
  | {
      readonly kind: 'hand-over'
      readonly dataset: string
      /** The holder, and the copy it has frozen. */
      readonly node: string
      readonly from: string
      readonly to: string
      /** The name for the new copy. */
      readonly copy: string
    }
  | { readonly kind: 'promote'; readonly dataset: string; readonly node: string; readonly copy: string }
  /** By the taker. */
  | { readonly kind: 'call-off'; readonly dataset: string; readonly node: string }
  /** By the holder, before it uses its copy again. */
  | { readonly kind: 'keep'; readonly dataset: string; readonly node: string; readonly copy: string }
  | { readonly kind: 'forget'; readonly dataset: string; readonly node: string; readonly copy: string }

/** The ledger after the change, which may be the same one: every change may be repeated. */
export function changeCustody(
  ledger: Ledger,
  change: CustodyChange,
  nowMs: number,
): Result<Ledger, LedgerRefusal> {
  const dataset = datasetOf(ledger, change.dataset)
  if (dataset === undefined) return failed(refusal(404, `There is no dataset ${change.dataset}.`))
  const next = after(ledger, dataset, change, nowMs)
  if (!next.ok) return failed(refusal(409, `${named(dataset)}: ${next.failure}`))
  return ok(next.value === dataset ? ledger : withDataset(ledger, next.value))
}

function after(
  ledger: Ledger,
  dataset: Dataset,
  change: CustodyChange,
  nowMs: number,
): Result<Dataset, string> {
  const { holder, handover } = dataset
  switch (change.kind) {
    case 'claim': {
      const { node, generation, copy } = change
      if (holder?.node === node && holder.copy === copy) return ok(dataset)
      if (holder !== null) return failed(`node ${nodeName(ledger, holder.node)} holds it already`)
      const wrong = unwanted(dataset, node, nowMs)
      if (wrong !== undefined) return failed(wrong)
      return ok({ ...dataset, holder: { node, generation, copy } })
    }
    case 'hand-over': {
      const { node, from, to, copy } = change
      if (holder?.node !== node || holder.copy !== from) return failed('you do not hold it')
      if (to === node) return failed('it is on that node already')
      const wrong = unwanted(dataset, to, nowMs)
      if (wrong !== undefined) return failed(wrong)
      return ok({ ...dataset, handover: { to, copy } })
    }
    case 'promote': {
      const { node, copy } = change
      // Told twice. A holder that has frozen this copy since then gets it back by `keep`, which voids the handover, or not at all.
      if (holder?.node === node && holder.copy === copy && handover === null) return ok(dataset)
      if (holder === null || handover === null || !isFor(handover, node, copy))
        return failed('this handover is no longer in force')
      const wrong = unwanted(dataset, node, nowMs)
      if (wrong !== undefined) return failed(wrong)
      return ok({ ...dataset, holder: { node, copy, generation: holder.generation + 1 }, handover: null })
    }
    case 'call-off':
      return ok(handover?.to === change.node ? { ...dataset, handover: null } : dataset)
    case 'keep': {
      if (holder?.node !== change.node || holder.copy !== change.copy) return failed('you do not hold it')
      return ok(handover === null ? dataset : { ...dataset, handover: null })
    }
    case 'forget': {
      if (holder === null) return ok(dataset)
      if (!dataset.deleted) return failed('it is not deleted')
      if (holder.node !== change.node || holder.copy !== change.copy) return failed('you do not hold it')
      return ok({ ...dataset, holder: null, handover: null })
    }
  }
}

function isFor(handover: Handover, node: string, copy: string): boolean {
  return handover.to === node && handover.copy === copy
}

/** Why this node should not become the holder, if there is a reason. */
function unwanted(dataset: Dataset, node: string, nowMs: number): string | undefined {
  if (dataset.deleted) return 'it has been deleted'
  if (dataset.primary !== node) return 'it is wanted on another node by now'
  const lease = leasedByAnother(dataset, node, nowMs)
  return lease === null ? undefined : `node ${lease.node} has the lease on it`
}
