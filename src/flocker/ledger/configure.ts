/** What clients may wish: the writes of `/v1/configuration/datasets` and `/v1/configuration/leases`. Pure. */
import { failed, ok, type Result } from '../../model/result.ts'
import {
  type Dataset,
  datasetOf,
  findNode,
  type Ledger,
  leasedByAnother,
  leaseInForce,
  withConfigured,
} from './ledger.ts'
import { type LedgerRefusal, refusal } from './refusal.ts'

export interface Configured<T> {
  readonly ledger: Ledger
  readonly value: T
}

export type Configuring<T> = Result<Configured<T>, LedgerRefusal>

export interface NewDataset {
  readonly id: string
  readonly primary: string
  readonly metadata: Readonly<Record<string, string>>
  readonly maximumSize: number | null
}

export function createDataset(ledger: Ledger, wanted: NewDataset): Configuring<Dataset> {
  const node = findNode(ledger, wanted.primary)
  if (node === undefined) return failed(unknownNode(wanted.primary))
  if (datasetOf(ledger, wanted.id) !== undefined)
    return failed(refusal(409, `The dataset id ${wanted.id} is already in use.`))
  const dataset: Dataset = {
    ...wanted,
    primary: node,
    deleted: false,
    lease: null,
    holder: null,
    handover: null,
  }
  return ok({ ledger: withConfigured(ledger, dataset), value: dataset })
}

/** A move. A node that has the lease may still call the data to itself; nobody else may call it away. */
export function moveDataset(
  ledger: Ledger,
  id: string,
  primary: string,
  nowMs: number,
): Configuring<Dataset> {
  const found = liveDataset(ledger, id)
  if (!found.ok) return found
  const node = findNode(ledger, primary)
  if (node === undefined) return failed(unknownNode(primary))
  const dataset = found.value
  if (dataset.primary === node) return ok({ ledger, value: dataset })
  const lease = leasedByAnother(dataset, node, nowMs)
  if (lease !== null) return failed(inUse(ledger, dataset, lease.node, 'moved'))
  const moved = { ...dataset, primary: node }
  return ok({ ledger: withConfigured(ledger, moved), value: moved })
}

export function deleteDataset(ledger: Ledger, id: string, nowMs: number): Configuring<Dataset> {
  const dataset = datasetOf(ledger, id)
  if (dataset === undefined) return failed(unknownDataset(id))
  if (dataset.deleted) return ok({ ledger, value: dataset })
  const lease = leaseInForce(dataset, nowMs)
  if (lease !== null) return failed(inUse(ledger, dataset, lease.node, 'deleted'))
  const gone = { ...dataset, deleted: true }
  return ok({ ledger: withConfigured(ledger, gone), value: gone })
}

export interface LeaseWish {
  readonly dataset: string
  readonly node: string
  /** Seconds from now; `null` for a lease without end. */
  readonly expiresSeconds: number | null
  readonly usedBy?: readonly string[]
}

export interface Leased {
  readonly dataset: Dataset
  readonly renewed: boolean
}

export function acquireLease(ledger: Ledger, wish: LeaseWish, nowMs: number): Configuring<Leased> {
  const found = liveDataset(ledger, wish.dataset)
  if (!found.ok) return found
  const node = findNode(ledger, wish.node)
  if (node === undefined) return failed(unknownNode(wish.node))
  const dataset = found.value
  const current = leaseInForce(dataset, nowMs)
  if (current !== null && current.node !== node)
    return failed(
      refusal(
        409,
        `The lease on dataset ${named(dataset)} is held by node ${nodeName(ledger, current.node)}.`,
      ),
    )
  const expiresAtMs = wish.expiresSeconds === null ? null : nowMs + Math.round(wish.expiresSeconds * 1000)
  const leased: Dataset = { ...dataset, lease: { node, expiresAtMs, usedBy: wish.usedBy ?? [] } }
  return ok({
    ledger: withConfigured(ledger, leased),
    value: { dataset: leased, renewed: current !== null },
  })
}

/** Gives the lease back. The value is the dataset as it was while the lease held. */
export function releaseLease(ledger: Ledger, id: string, nowMs: number): Configuring<Dataset> {
  const dataset = datasetOf(ledger, id)
  if (dataset === undefined) return failed(unknownDataset(id))
  if (leaseInForce(dataset, nowMs) === null)
    return failed(refusal(404, `There is no lease on dataset ${named(dataset)}.`))
  return ok({ ledger: withConfigured(ledger, { ...dataset, lease: null }), value: dataset })
}

/** Whether a write that was made for one state of the configuration may still be carried out. */
export function matchesTag(ledger: Ledger, tag: string | undefined): Result<undefined, LedgerRefusal> {
  if (tag === undefined || tag === configurationTag(ledger)) return ok(undefined)
  return failed(
    refusal(
      412,
      `The configuration has changed: its tag is ${configurationTag(ledger)}, not ${tag}. Read it again.`,
    ),
  )
}

export function configurationTag(ledger: Ledger): string {
  return String(ledger.configuration)
}

export function nodeName(ledger: Ledger, id: string): string {
  const host = ledger.nodes[id]?.host
  return host === undefined ? id : `${id} (${host})`
}

/** How people call a dataset: by its name where it has one, and always by its id. */
export function named(dataset: Pick<Dataset, 'id' | 'metadata'>): string {
  const { name } = dataset.metadata
  return name === undefined ? dataset.id : `"${name}" (${dataset.id})`
}

function liveDataset(ledger: Ledger, id: string): Result<Dataset, LedgerRefusal> {
  const dataset = datasetOf(ledger, id)
  if (dataset === undefined) return failed(unknownDataset(id))
  if (dataset.deleted) return failed(refusal(405, `The dataset ${named(dataset)} has been deleted.`))
  return ok(dataset)
}

function unknownDataset(id: string): LedgerRefusal {
  return refusal(404, `There is no dataset ${id}.`)
}

function unknownNode(name: string): LedgerRefusal {
  return refusal(400, `There is no node "${name}"; GET /v1/state/nodes lists those that are alive.`)
}

function inUse(ledger: Ledger, dataset: Dataset, node: string, what: 'moved' | 'deleted'): LedgerRefusal {
  return refusal(
    409,
    `The dataset ${named(dataset)} is in use: node ${nodeName(ledger, node)} has the lease on it. It is ${what} only after that is released or has expired.`,
  )
}
