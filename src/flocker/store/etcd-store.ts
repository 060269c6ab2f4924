/**
 * The state in etcd, beneath any number of control services: the ledger under one key, replaced by a transaction that
 * compares its revision, and each node's report under a key of its own that ends with its lease.
 */
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { failed, ok, type Result } from '../../model/result.ts'
import { EMPTY_LEDGER, type Ledger } from '../ledger/ledger.ts'
import { decodeLedger, encodeLedger } from '../ledger/text.ts'
import type { TlsIdentity } from '../tls.ts'
import type { NodeReport } from '../wire/messages.ts'
import { EtcdClient, fromBase64, type KeyValue, toBase64 } from './etcd-client.ts'
import {
  NODE_LIFE_MS,
  type Replaced,
  type StateStore,
  type StoreTrouble,
  type Versioned,
} from './state-store.ts'

export interface EtcdOptions {
  /** `http://10.0.0.1:2379`, …: members of one etcd. */
  readonly endpoints: readonly string[]
  /** In front of every key: several clusters may share an etcd. */
  readonly prefix: string
  readonly tls: TlsIdentity | undefined
}

/** Pause before a watch that broke is begun again, in milliseconds. What it misses is noticed by the next read. */
const WATCH_PAUSE_MS = 250

export async function openEtcdStore(options: EtcdOptions): Promise<Result<StateStore, StoreTrouble>> {
  const store = new EtcdStore(options)
  const first = await store.ledger()
  if (first.ok) {
    store.watch()
    return ok(store)
  }
  await store[Symbol.asyncDispose]()
  return first
}

class EtcdStore implements StateStore {
  readonly #etcd: EtcdClient
  readonly #ledgerKey: string
  readonly #reportsKey: string
  /** The highest revision that was heard of. */
  #revision = 0
  readonly #changes = new EventEmitter().setMaxListeners(0)
  readonly #leases = new Map<string, { readonly id: string; readonly text: string }>()
  readonly #closing = new AbortController()
  #watching: Promise<void> = Promise.resolve()

  constructor({ endpoints, prefix, tls }: EtcdOptions) {
    this.#etcd = new EtcdClient(endpoints, tls)
    this.#ledgerKey = `${prefix}/ledger`
    this.#reportsKey = `${prefix}/reports/`
  }

  async ledger(): Promise<Result<Versioned, StoreTrouble>> {
    const read = await this.#etcd.range(this.#ledgerKey)
    if (!read.ok) return read
    const [found] = read.value
    if (found === undefined) return ok({ ledger: EMPTY_LEDGER, revision: 0 })
    return this.#versioned(found)
  }

  #versioned({ value, mod_revision }: KeyValue): Result<Versioned, StoreTrouble> {
    const revision = Number(mod_revision)
    this.#hear(revision)
    const ledger = decodeLedger(fromBase64(value ?? ''))
    if (ledger.ok) return ok({ ledger: ledger.value, revision })
    return failed({ message: `${this.#ledgerKey} in etcd cannot be read: ${ledger.failure}` })
  }

  async replace(next: Ledger, revision: number): Promise<Result<Replaced, StoreTrouble>> {
    const key = toBase64(this.#ledgerKey)
    const written = await this.#etcd.transact({
      // A key that is not there has revision 0.
      compare: [{ key, target: 'MOD', result: 'EQUAL', mod_revision: String(revision) }],
      success: [{ request_put: { key, value: toBase64(encodeLedger(next)) } }],
    })
    if (!written.ok) return written
    if (!written.value.succeeded) return ok({ kind: 'stale' })
    this.#hear(written.value.revision)
    return ok({ kind: 'stored', revision: written.value.revision })
  }

  async changed(revision: number, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, this.#closing.signal])
    while (this.#revision <= revision && !over.aborted)
      await once(this.#changes, 'change', { signal: over }).catch(() => undefined)
  }

  async keepReport(report: NodeReport): Promise<Result<undefined, StoreTrouble>> {
    const text = JSON.stringify(report)
    const lease = this.#leases.get(report.node)
    if (lease?.text === text) {
      const alive = await this.#etcd.keepAlive(lease.id)
      if (!alive.ok) return alive
      if (alive.value) return ok(undefined)
    }
    const granted = await this.#etcd.grant(Math.ceil(NODE_LIFE_MS / 1000))
    if (!granted.ok) return granted
    const put = { key: toBase64(this.#reportsKey + report.node), value: toBase64(text), lease: granted.value }
    const written = await this.#etcd.transact({ compare: [], success: [{ request_put: put }] })
    if (!written.ok) return written
    this.#leases.set(report.node, { id: granted.value, text })
    return ok(undefined)
  }

  async reports(): Promise<Result<readonly NodeReport[], StoreTrouble>> {
    const read = await this.#etcd.range(this.#reportsKey, 'prefix')
    if (!read.ok) return read
    return ok(read.value.map(({ value }) => JSON.parse(fromBase64(value ?? '')) as NodeReport))
  }

  watch(): void {
    this.#watching = this.#watch()
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await this.#etcd.watch(this.#ledgerKey, (revision) => this.#hear(revision), signal)
      await sleep(WATCH_PAUSE_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  #hear(revision: number): void {
    if (revision <= this.#revision) return
    this.#revision = revision
    this.#changes.emit('change')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#watching
    await this.#etcd[Symbol.asyncDispose]()
  }
}
