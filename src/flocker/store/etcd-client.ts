/** etcd's JSON gateway (`/v3/…`, since etcd 3.4): the few calls the store needs. Keys and values travel in base64. */
import { createInterface } from 'node:readline'
import { Agent as Dispatcher } from 'undici'
import { failed, ok, type Result } from '../../model/result.ts'
import { reasonOf } from '../reason.ts'
import type { TlsIdentity } from '../tls.ts'
import type { StoreTrouble } from './state-store.ts'

export interface KeyValue {
  readonly key: string
  readonly value?: string
  readonly mod_revision: string
}

export interface Transaction {
  readonly compare: readonly object[]
  readonly success: readonly { readonly request_put: { readonly key: string; readonly value: string } }[]
}

/** A member that says nothing for this long, in milliseconds, is passed over: an election takes about one second. */
const ETCD_PATIENCE_MS = 4_000

/** Silence ends no watch; a connection that is gone does, which the kernel's own probes notice. */
const NO_LIMIT = 0

export class EtcdClient implements AsyncDisposable {
  readonly #endpoints: readonly string[]
  readonly #calls: Dispatcher
  readonly #watches: Dispatcher
  #turn = 0

  constructor(endpoints: readonly string[], tls: TlsIdentity | undefined) {
    this.#endpoints = endpoints.map((endpoint) => endpoint.replace(/\/$/, ''))
    const connect = { timeout: ETCD_PATIENCE_MS, keepAliveInitialDelay: ETCD_PATIENCE_MS, ...tls }
    this.#calls = new Dispatcher({ connect, headersTimeout: ETCD_PATIENCE_MS, bodyTimeout: ETCD_PATIENCE_MS })
    this.#watches = new Dispatcher({ connect, headersTimeout: ETCD_PATIENCE_MS, bodyTimeout: NO_LIMIT })
  }

  /** The key, or all that begin with it, as the whole of etcd agrees they are now. */
  async range(
    key: string,
    what: 'key' | 'prefix' = 'key',
  ): Promise<Result<readonly KeyValue[], StoreTrouble>> {
    const body = { key: toBase64(key), ...(what === 'prefix' ? { range_end: toBase64(after(key)) } : {}) }
    let last: Result<{ readonly kvs?: readonly KeyValue[] }, StoreTrouble> | undefined
    // Reading may be repeated, so every member is asked before it is given up.
    for (const _member of this.#endpoints) {
      last = await this.#post('/v3/kv/range', body)
      if (last.ok) return ok(last.value.kvs ?? [])
    }
    return last?.ok === false ? last : failed({ message: 'no etcd endpoint is given' })
  }

  /** Sent once: whether one whose answer was lost has been carried out is not known. */
  async transact(
    transaction: Transaction,
  ): Promise<Result<{ readonly succeeded: boolean; readonly revision: number }, StoreTrouble>> {
    const answer = await this.#post<{
      readonly succeeded?: boolean
      readonly header: { readonly revision: string }
    }>('/v3/kv/txn', transaction)
    if (!answer.ok) return answer
    return ok({ succeeded: answer.value.succeeded === true, revision: Number(answer.value.header.revision) })
  }

  async grant(ttlSeconds: number): Promise<Result<string, StoreTrouble>> {
    const answer = await this.#post<{ readonly ID: string }>('/v3/lease/grant', { TTL: String(ttlSeconds) })
    return answer.ok ? ok(answer.value.ID) : answer
  }

  /** False when the lease has ended. */
  async keepAlive(id: string): Promise<Result<boolean, StoreTrouble>> {
    const answer = await this.#post<{ readonly result?: { readonly TTL?: string } }>('/v3/lease/keepalive', {
      ID: id,
    })
    return answer.ok ? ok(Number(answer.value.result?.TTL ?? 0) > 0) : answer
  }

  /** Tells the revision of each change, until the watch breaks or is ended. */
  async watch(key: string, tell: (revision: number) => void, signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.#watches.request({
        ...this.#target('/v3/watch'),
        method: 'POST',
        body: JSON.stringify({ create_request: { key: toBase64(key) } }),
        signal,
      })
      for await (const line of createInterface({ input: answer.body })) {
        const { result } = JSON.parse(line) as {
          readonly result?: { readonly events?: readonly WatchEvent[] }
        }
        for (const { kv } of result?.events ?? []) tell(Number(kv?.mod_revision ?? 0))
      }
    } catch {
      // It is begun again, at another member.
    }
    this.#turn++
  }

  async #post<T>(path: string, body: unknown): Promise<Result<T, StoreTrouble>> {
    const target = this.#target(path)
    try {
      const answer = await this.#calls.request({ ...target, method: 'POST', body: JSON.stringify(body) })
      const text = await answer.body.text()
      if (answer.statusCode === 200) return ok(JSON.parse(text) as T)
      this.#turn++
      return failed({ message: `etcd at ${target.origin} answers ${answer.statusCode}: ${text.trim()}` })
    } catch (problem) {
      this.#turn++
      return failed({ message: `etcd at ${target.origin} does not answer: ${reasonOf(problem)}` })
    }
  }

  #target(path: string) {
    return { origin: this.#endpoints[this.#turn % this.#endpoints.length]!, path }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#calls.destroy(), this.#watches.destroy()])
  }
}

interface WatchEvent {
  readonly kv?: { readonly mod_revision?: string }
}

export function toBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}

export function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString()
}

/** The first key that does not begin so: the last byte is not 255 in any of ours. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}
