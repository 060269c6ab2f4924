/**
 * The ledger: what is wished for, who may use it, and who holds it. The only durable state of the control service.
 *
 * A dataset has at most one **current copy**: the one its holder names. A copy becomes current by one compare-and-swap of
 * the ledger (see `custody.ts`) and by nothing else, so there is never a moment with two. What is on the disks of the
 * nodes is reported, believed only where it matches the ledger, and never stored here.
 */
export interface Ledger {
  /** Counts changes of datasets and leases: the tag of `X-Configuration-Tag`. */
  readonly configuration: number
  /** Every node that has ever registered. That it is known here does not say that it lives. */
  readonly nodes: Readonly<Record<string, KnownNode>>
  readonly datasets: Readonly<Record<string, Dataset>>
}

export interface KnownNode {
  /** What `state/nodes` calls the host; adapters of early 2015 name nodes by it. */
  readonly host: string
  /** `HOST:PORT` where its agent serves other agents. */
  readonly endpoint: string
}

export interface Dataset {
  readonly id: string
  /** The node that should have it. A wish. */
  readonly primary: string
  readonly metadata: Readonly<Record<string, string>>
  readonly maximumSize: number | null
  readonly deleted: boolean
  readonly lease: Lease | null
  /** Who has the current copy. A fact; `null` until it was made, and again once a deleted one is gone. */
  readonly holder: Holder | null
  /** Set while the holder keeps its copy frozen for the node that takes over. */
  readonly handover: Handover | null
}

export interface Lease {
  readonly node: string
  /** Milliseconds since 1970; `null` never expires. */
  readonly expiresAtMs: number | null
  /** Who uses the dataset there, in the words of whoever took the lease. Nothing is decided by it. */
  readonly usedBy?: readonly string[]
}

export interface Holder {
  readonly node: string
  /** Grows with each move. A copy of a lower generation has been replaced and may go. */
  readonly generation: number
  /** Names this one copy. Copies that never became current have other names. */
  readonly copy: string
}

export interface Handover {
  readonly to: string
  /** The name that the new copy will have. A promotion has to show it. */
  readonly copy: string
}

export const EMPTY_LEDGER: Ledger = { configuration: 0, nodes: {}, datasets: {} }

/** The lease, unless it has run out. */
export function leaseInForce(dataset: Dataset, nowMs: number): Lease | null {
  const { lease } = dataset
  return lease === null || (lease.expiresAtMs !== null && lease.expiresAtMs <= nowMs) ? null : lease
}

/** The lease of any node but this one. */
export function leasedByAnother(dataset: Dataset, node: string, nowMs: number): Lease | null {
  const lease = leaseInForce(dataset, nowMs)
  return lease === null || lease.node === node ? null : lease
}

export function withDataset(ledger: Ledger, dataset: Dataset): Ledger {
  return { ...ledger, datasets: { ...ledger.datasets, [dataset.id]: dataset } }
}

/** A change of what `/v1/configuration` shows. */
export function withConfigured(ledger: Ledger, dataset: Dataset): Ledger {
  return { ...withDataset(ledger, dataset), configuration: ledger.configuration + 1 }
}

/** The id of a node, given as id or as host. */
export function findNode(ledger: Ledger, name: string): string | undefined {
  if (Object.hasOwn(ledger.nodes, name)) return name
  const lower = name.toLowerCase()
  if (Object.hasOwn(ledger.nodes, lower)) return lower
  return Object.keys(ledger.nodes).find((id) => ledger.nodes[id]!.host === name)
}

export function datasetOf(ledger: Ledger, id: string): Dataset | undefined {
  const key = id.toLowerCase()
  return Object.hasOwn(ledger.datasets, key) ? ledger.datasets[key] : undefined
}
