/** An agent's calls to the agent that holds a dataset. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Agent as Dispatcher, type Dispatcher as Undici } from 'undici'
import { failed, ok, type Result } from '../../model/result.ts'
import { reasonOf } from '../reason.ts'
import type { TlsIdentity } from '../tls.ts'
import { descriptionIn } from './control-client.ts'
import { decodeManifest, type Manifest } from './manifest.ts'
import { SILENCE_LIMIT_MS } from './peer-server.ts'
import type { AgentTrouble } from './trouble.ts'

/** A host that does not accept a connection within this, in milliseconds, is not there. */
const CONNECT_PATIENCE_MS = 5_000

/** A silent connection is probed after this, in milliseconds. */
const KEEP_ALIVE_MS = 5_000

/** Hashing what was written since the first pass may take long before the first byte of an answer: an hour, in ms. */
const HASHING_PATIENCE_MS = 3_600_000

export class Peers implements AsyncDisposable {
  readonly #dispatcher: Dispatcher
  readonly #scheme: 'http' | 'https'

  constructor(tls: TlsIdentity | undefined) {
    this.#scheme = tls === undefined ? 'http' : 'https'
    this.#dispatcher = new Dispatcher({
      headersTimeout: HASHING_PATIENCE_MS,
      bodyTimeout: SILENCE_LIMIT_MS,
      connect: { timeout: CONNECT_PATIENCE_MS, keepAliveInitialDelay: KEEP_ALIVE_MS, ...tls },
    })
  }

  at(endpoint: string, dataset: string, signal: AbortSignal): Peer {
    return new Peer(this.#dispatcher, `${this.#scheme}://${endpoint}`, dataset, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy()
  }
}

export class Peer {
  readonly #dispatcher: Dispatcher
  readonly #origin: string
  readonly #dataset: string
  readonly #signal: AbortSignal

  constructor(dispatcher: Dispatcher, origin: string, dataset: string, signal: AbortSignal) {
    this.#dispatcher = dispatcher
    this.#origin = origin
    this.#dataset = dataset
    this.#signal = signal
  }

  /** What there is to fetch, in bytes, if the dataset is not in use there. */
  async offer(to: string): Promise<Result<number, AgentTrouble>> {
    const answer = await this.#json<{ readonly bytes: number }>('offer', { to })
    return answer.ok ? ok(answer.value.bytes) : answer
  }

  /** All of it, as tar. */
  stream(to: string): Promise<Result<Readable, AgentTrouble>> {
    return this.#body('POST', 'stream', { to })
  }

  /** All of it, as tar, over a connection of its own that nobody has read from. Only without TLS. */
  async connection(to: string): Promise<Result<Socket, AgentTrouble>> {
    const { hostname, port, host } = new URL(this.#origin)
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) })
    // What has been read here would be missing where the connection is handed to.
    socket.pause()
    try {
      const patience = AbortSignal.any([this.#signal, AbortSignal.timeout(CONNECT_PATIENCE_MS)])
      await once(socket, 'connect', { signal: patience })
      socket.setKeepAlive(true, KEEP_ALIVE_MS)
      const head = [
        `GET /datasets/${this.#dataset}/connection?to=${to} HTTP/1.1`,
        `Host: ${host}`,
        'Connection: upgrade',
        'Upgrade: tar',
        '\r\n',
      ].join('\r\n')
      await new Promise<void>((sent, lost) =>
        socket.write(head, (problem) => (problem ? lost(problem) : sent())),
      )
      return ok(socket)
    } catch (problem) {
      socket.destroy()
      return failed(this.#lost(problem))
    }
  }

  get encrypted(): boolean {
    return this.#origin.startsWith('https:')
  }

  /** From here on it does not change there. Returns the name that the new copy is to have. */
  async handOver(to: string): Promise<Result<string, AgentTrouble>> {
    const answer = await this.#json<{ readonly copy: string }>('hand-over', { to })
    return answer.ok ? ok(answer.value.copy) : answer
  }

  async manifest(copy: string): Promise<Result<Manifest, AgentTrouble>> {
    const body = await this.#body('GET', `frozen/${copy}/manifest`)
    if (!body.ok) return body
    try {
      return ok(decodeManifest(await text(body.value)))
    } catch (problem) {
      return failed(this.#lost(problem))
    }
  }

  /** The named entries of the frozen copy, as tar. */
  frozenStream(copy: string, names: readonly string[]): Promise<Result<Readable, AgentTrouble>> {
    return this.#body('POST', `frozen/${copy}/stream`, { names })
  }

  async #json<T>(what: string, body: unknown): Promise<Result<T, AgentTrouble>> {
    const answer = await this.#body('POST', what, body)
    if (!answer.ok) return answer
    try {
      return ok(JSON.parse(await text(answer.value)) as T)
    } catch (problem) {
      return failed(this.#lost(problem))
    }
  }

  async #body(method: 'GET' | 'POST', what: string, body?: unknown): Promise<Result<Readable, AgentTrouble>> {
    let answer: Undici.ResponseData
    try {
      answer = await this.#dispatcher.request({
        origin: this.#origin,
        path: `/datasets/${this.#dataset}/${what}`,
        method,
        signal: this.#signal,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      if (answer.statusCode === 200) return ok(answer.body)
      const message = descriptionIn(await answer.body.text()) ?? `it answers ${answer.statusCode}`
      return failed({ message, ...(answer.statusCode === 409 ? { busy: true as const } : {}) })
    } catch (problem) {
      return failed(this.#lost(problem))
    }
  }

  #lost(problem: unknown): AgentTrouble {
    return { message: `the agent at ${this.#origin} is lost: ${reasonOf(problem)}` }
  }
}
