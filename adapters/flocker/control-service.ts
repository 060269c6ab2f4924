/** The REST API of a Flocker control service, version 1, as far as it is needed here. Nothing is decided here. */
import { once } from 'node:events'
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { text as readText } from 'node:stream/consumers'
import { isJsonObject, type Json, type JsonObject, parseJson, type Result } from 'powerstrip/sdk'

/** What is wished for. */
export interface Dataset {
  readonly id: string
  /** The node it should be on: a UUID, or a host with versions before 0.4. */
  readonly primary: string
  /** From its metadata; empty where it has none. */
  readonly name: string
  readonly deleted: boolean
}

export interface Configuration {
  readonly datasets: readonly Dataset[]
  /** Versions before 1.0 have none. */
  readonly tag: string | undefined
}

/** What is. During a move a dataset may be on two nodes, and on none while it is detached. */
export interface Presence {
  readonly id: string
  readonly primary: string | undefined
  readonly path: string | undefined
  /** What powerstrip's own service tells besides: why it does not get where it is wished, and how far it has got. */
  readonly problem: string | undefined
  readonly progress: string | undefined
}

export interface Node {
  readonly host: string
  /** Early versions know hosts only. */
  readonly uuid: string | undefined
}

export interface Lease {
  readonly dataset: string
  readonly node: string
  /** Seconds from now; `null` never. */
  readonly expires: number | null
  /** The containers it is for. Only powerstrip's own service keeps them; empty with others. */
  readonly usedBy: readonly string[]
}

export interface Leases {
  readonly leases: readonly Lease[]
  /** Of the configuration, where this list has it. */
  readonly tag: string | undefined
}

export type ControlFailure =
  /** The service said no, in its own words. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'aborted'; readonly message: string }
  /** Something else than a control service answered. */
  | { readonly kind: 'nonsense'; readonly message: string }

export type Answered<T> = Promise<Result<T, ControlFailure>>

export interface ControlTerms {
  /** One service, or several with the same state; each with `/v1` or without. */
  readonly urls: readonly string[]
  /** PEM texts. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** For one call. */
  readonly timeoutMs: number
}

export class ControlService {
  readonly #terms: ControlTerms
  readonly #bases: readonly URL[]
  /** The one that answered last is asked first. */
  #preferred = 0
  /** Whether it keeps who uses what; `undefined` until it was asked. A real Flocker refuses fields that it does not know. */
  #keepsUsers: boolean | undefined

  /** Throws for what is no URL of a control service. */
  constructor(terms: ControlTerms) {
    this.#terms = terms
    this.#bases = terms.urls.map(readBase)
  }

  /** For messages. */
  get where(): string {
    return this.#bases.map((base) => base.href.replace(/\/v1$/, '')).join(', ')
  }

  async configuration(signal: AbortSignal): Answered<Configuration> {
    const asked = await this.#ask('GET', '/configuration/datasets', undefined, signal)
    if (!asked.ok) return asked
    const tag = tagOf(asked.value)
    return listOf(asked, 'datasets', readDataset, (datasets) => ({ datasets, tag }))
  }

  async state(signal: AbortSignal): Answered<readonly Presence[]> {
    return listOf(
      await this.#ask('GET', '/state/datasets', undefined, signal),
      'datasets',
      readPresence,
      (list) => list,
    )
  }

  async nodes(signal: AbortSignal): Answered<readonly Node[]> {
    return listOf(
      await this.#ask('GET', '/state/nodes', undefined, signal),
      'nodes',
      readNode,
      (list) => list,
    )
  }

  async leases(signal: AbortSignal): Answered<Leases> {
    const asked = await this.#ask('GET', '/configuration/leases', undefined, signal)
    if (!asked.ok) return asked
    const tag = tagOf(asked.value)
    return listOf(asked, 'leases', readLease, (leases) => ({ leases, tag }))
  }

  /** `tag`: only if the configuration is still the one that has it; 412 otherwise. */
  async create(
    wanted: { readonly primary: string; readonly name: string; readonly id?: string },
    tag: string | undefined,
    signal: AbortSignal,
  ): Answered<Dataset> {
    const { primary, name, id } = wanted
    const body = { primary, metadata: { name }, ...(id === undefined ? {} : { dataset_id: id }) }
    return oneOf(
      await this.#ask('POST', '/configuration/datasets', body, signal, tag),
      'dataset',
      readDataset,
    )
  }

  async move(id: string, primary: string, tag: string | undefined, signal: AbortSignal): Answered<Dataset> {
    const path = `/configuration/datasets/${encodeURIComponent(id)}`
    return oneOf(await this.#ask('POST', path, { primary }, signal, tag), 'dataset', readDataset)
  }

  /** Takes the lease, or renews it. `fresh`: this node did not have it. */
  async lease(lease: Lease, signal: AbortSignal): Answered<{ readonly fresh: boolean }> {
    this.#keepsUsers ??= await this.#isOurs(signal)
    const body = {
      dataset_id: lease.dataset,
      node_uuid: lease.node,
      expires: lease.expires,
      ...(this.#keepsUsers === true ? { used_by: lease.usedBy } : {}),
    }
    const asked = await this.#ask('POST', '/configuration/leases', body, signal)
    return asked.ok ? { ok: true, value: { fresh: asked.value.status === 201 } } : asked
  }

  /** Whether a lease names its users already, or never will. */
  tellsUsers(lease: Lease, users: readonly string[]): boolean {
    return this.#keepsUsers !== true || [...lease.usedBy].sort().join() === [...users].sort().join()
  }

  async #isOurs(signal: AbortSignal): Promise<boolean | undefined> {
    const asked = await this.#ask('GET', '/version', undefined, signal)
    if (asked.ok) return isJsonObject(asked.value.body) && asked.value.body.powerstrip !== undefined
    return asked.failure.kind === 'refused' ? false : undefined
  }

  /**
   * Gives a lease back. That there is none is what was wanted. The service ends whatever lease there is, so it is told by the
   * tag, where there is one, that this has to be the one that was seen: 412 otherwise.
   */
  async release(dataset: string, tag: string | undefined, signal: AbortSignal): Answered<undefined> {
    const path = `/configuration/leases/${encodeURIComponent(dataset)}`
    const asked = await this.#ask('DELETE', path, undefined, signal, tag)
    if (asked.ok || (asked.failure.kind === 'refused' && asked.failure.status === 404))
      return { ok: true, value: undefined }
    return asked
  }

  /**
   * Of several services the next one is asked when one cannot be reached. A write may then be made twice: leases and moves
   * are the same the second time, and a second creation has an outdated tag.
   */
  async #ask(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
    tag?: string,
  ): Promise<Result<Answer, ControlFailure>> {
    const problems: string[] = []
    for (let turn = 0; turn < this.#bases.length; turn++) {
      const at = (this.#preferred + turn) % this.#bases.length
      const base = this.#bases[at]!
      const asked = await this.#askOne(base, method, path, body, signal, tag)
      const down = !asked.ok && asked.failure.kind === 'unreachable'
      if (!down) {
        if (asked.ok) this.#preferred = at
        return asked
      }
      problems.push(asked.failure.message)
    }
    return { ok: false, failure: { kind: 'unreachable', message: problems.join('; ') } }
  }

  async #askOne(
    base: URL,
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
    tag: string | undefined,
  ): Promise<Result<Answer, ControlFailure>> {
    const { timeoutMs, tls } = this.#terms
    const url = new URL(`${base.href}${path}`)
    const who = `the control service at ${base.origin}`
    if (signal.aborted) return aborted
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), timeoutMs)
    const text = body === undefined ? undefined : JSON.stringify(body)
    const options: RequestOptions = {
      method,
      agent: false,
      signal: AbortSignal.any([signal, late.signal]),
      headers: {
        accept: 'application/json',
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...(tag === undefined ? {} : { 'x-if-configuration-matches': tag }),
      },
    }
    try {
      const call =
        url.protocol === 'https:' ? requestHttps(url, { ...options, ...tls }) : requestHttp(url, options)
      // Stays: a call that is called off while its answer arrives tells the reader of the answer, and this too.
      call.on('error', () => {})
      call.end(text)
      const [answer] = (await once(call, 'response')) as [IncomingMessage]
      return readAnswer(`${who}: ${method} ${url.pathname}`, answer, await readText(answer))
    } catch (problem) {
      if (signal.aborted) return aborted
      const cause = late.signal.aborted ? `no answer in ${timeoutMs} ms` : causeOf(problem)
      return { ok: false, failure: { kind: 'unreachable', message: `${who} cannot be asked (${cause})` } }
    } finally {
      clearTimeout(timer)
    }
  }
}

const aborted = {
  ok: false,
  failure: { kind: 'aborted', message: 'nobody waits for this any more' },
} as const

function readBase(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined
  if (base === undefined || !/^https?:$/.test(base.protocol) || base.search !== '' || base.hash !== '')
    throw new TypeError(`"${url}" is no address of a control service; write http://10.0.0.1:4523`)
  base.pathname = `${base.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1`
  return base
}

interface Answer {
  readonly what: string
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Json
}

function readAnswer(
  what: string,
  { statusCode = 0, headers }: IncomingMessage,
  text: string,
): Result<Answer, ControlFailure> {
  const body = readBody(text)
  if (statusCode >= 200 && statusCode < 300 && body !== undefined)
    return { ok: true, value: { what, status: statusCode, headers, body } }
  if (statusCode >= 400) {
    const said = isJsonObject(body) && typeof body.description === 'string' ? body.description : ''
    const message = `${what}: ${statusCode}${said === '' ? '' : ` ${said}`}`
    // 5xx: it is there and cannot answer now, its store is down say. Another one may.
    if (statusCode >= 500) return { ok: false, failure: { kind: 'unreachable', message } }
    return { ok: false, failure: { kind: 'refused', status: statusCode, message } }
  }
  return nonsense(what, body === undefined ? 'what is not JSON' : `a status of ${statusCode}`)
}

function tagOf({ headers }: Answer): string | undefined {
  const tag = headers['x-configuration-tag']
  return typeof tag === 'string' && tag !== '' ? tag : undefined
}

function readBody(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

function nonsense(what: string, got: string): { readonly ok: false; readonly failure: ControlFailure } {
  return { ok: false, failure: { kind: 'nonsense', message: `${what}: answered with ${got}` } }
}

function listOf<T, U>(
  asked: Result<Answer, ControlFailure>,
  what: string,
  read: (entry: JsonObject) => T | undefined,
  make: (list: readonly T[]) => U,
): Result<U, ControlFailure> {
  if (!asked.ok) return asked
  const { body } = asked.value
  if (!Array.isArray(body)) return nonsense(asked.value.what, `no list of ${what}`)
  const list: T[] = []
  for (const entry of body) {
    const value = isJsonObject(entry) ? read(entry) : undefined
    if (value === undefined) return nonsense(asked.value.what, `a list of something else than ${what}`)
    list.push(value)
  }
  return { ok: true, value: make(list) }
}

function oneOf<T>(
  asked: Result<Answer, ControlFailure>,
  what: string,
  read: (entry: JsonObject) => T | undefined,
): Result<T, ControlFailure> {
  if (!asked.ok) return asked
  const { body } = asked.value
  const value = isJsonObject(body) ? read(body) : undefined
  return value === undefined ? nonsense(asked.value.what, `no ${what}`) : { ok: true, value }
}

function readDataset(entry: JsonObject): Dataset | undefined {
  const { dataset_id: id, primary, metadata, deleted } = entry
  if (typeof id !== 'string') return undefined
  const name = isJsonObject(metadata) && typeof metadata.name === 'string' ? metadata.name : ''
  return { id, primary: typeof primary === 'string' ? primary : '', name, deleted: deleted === true }
}

function readPresence(entry: JsonObject): Presence | undefined {
  const { dataset_id: id, primary, path, problem, move } = entry
  if (typeof id !== 'string') return undefined
  return {
    id,
    primary: textOr(primary),
    path: textOr(path),
    problem: textOr(problem),
    progress: isJsonObject(move) ? readProgress(move) : undefined,
  }
}

function readProgress({
  phase,
  bytes,
  total_bytes: total,
  eta_seconds: left,
}: JsonObject): string | undefined {
  if (typeof phase !== 'string') return undefined
  const done =
    typeof bytes === 'number' && typeof total === 'number'
      ? ` ${megabytes(bytes)} of ${megabytes(total)}`
      : ''
  return `${phase}${done}${typeof left === 'number' ? `, about ${left} s left` : ''}`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
}

function readNode({ host, uuid }: JsonObject): Node | undefined {
  return typeof host === 'string' ? { host, uuid: textOr(uuid) } : undefined
}

function readLease(entry: JsonObject): Lease | undefined {
  const { dataset_id: dataset, node_uuid: node, expires, used_by: users } = entry
  if (typeof dataset !== 'string' || typeof node !== 'string') return undefined
  return {
    dataset,
    node,
    expires: typeof expires === 'number' ? expires : null,
    usedBy: Array.isArray(users) ? users.filter((name) => typeof name === 'string') : [],
  }
}

function textOr(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function causeOf(problem: unknown): string {
  const { code, message } = problem as NodeJS.ErrnoException
  return code ?? message
}
