import type { Dataset, Ledger } from '../ledger/ledger.ts'
import type { Versioned } from '../store/state-store.ts'
import type { NodeReport, Orders } from '../wire/messages.ts'

/** What a node has to know: the datasets that are wanted there, that it holds, that it takes over, or has some copy of. */
export function ordersFor(
  to: NodeReport,
  { ledger, revision }: Versioned,
  reports: readonly NodeReport[],
): Orders {
  const reported = new Set([...(to.copies ?? []).map(({ dataset }) => dataset), ...to.stages])
  const datasets = Object.values(ledger.datasets).filter(
    (dataset) =>
      dataset.primary === to.node ||
      dataset.holder?.node === to.node ||
      dataset.handover?.to === to.node ||
      reported.has(dataset.id),
  )
  const alive = new Set(reports.map(({ node }) => node))
  const nodes = Object.entries(ledger.nodes).map(
    ([id, node]) => [id, { ...node, alive: alive.has(id) }] as const,
  )
  return {
    revision,
    datasets,
    nodes: Object.fromEntries(nodes),
    present: datasets.filter((dataset) => isPresent(dataset, reports)).map(({ id }) => id),
  }
}

/** Whether the holder is alive and reports the current copy. */
export function isPresent(dataset: Dataset, reports: readonly NodeReport[]): boolean {
  return currentCopy(dataset, reports) !== undefined
}

export function currentCopy({ id, holder }: Dataset, reports: readonly NodeReport[]) {
  if (holder === null) return undefined
  return reports
    .find(({ node }) => node === holder.node)
    ?.copies?.find(({ dataset, copy }) => dataset === id && copy === holder.copy)
}

export function knownHost(ledger: Ledger, node: string): string {
  return ledger.nodes[node]?.host ?? node
}
