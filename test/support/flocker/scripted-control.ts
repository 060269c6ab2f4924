/**
 * A Flocker control service that answers as the real one did, over real sockets, and does exactly what the test wrote down:
 * datasets converge when the script says so, and a move looks as odd from outside as the script makes it.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** An entry of `GET /v1/state/datasets`: only the id is certain. */
export interface StateEntry {
  readonly dataset_id: string
  readonly primary?: string
  readonly path?: string
  /** What powerstrip's own service adds. */
  readonly problem?: string
  readonly move?: Readonly<Record<string, string | number>>
}

export interface ScriptedNode {
  readonly host: string
  readonly uuid: string
}

export const HERE: ScriptedNode = { host: '10.0.0.1', uuid: '11111111-1111-4111-8111-111111111111' }
export const THERE: ScriptedNode = { host: '10.0.0.2', uuid: '22222222-2222-4222-8222-222222222222' }

export interface ControlScript {
  /**
   * `1.0` has tags, leases and nodes by UUID. `0.3` has none of the three, takes any word for a node, and its state says no
   * paths.
   */
  readonly version?: '1.0' | '0.3'
  /** Leases say who uses what, and their list has a tag, as powerstrip's own service does it; the real one refused what it did not know. */
  readonly keepsUsers?: boolean
  /** Whether a leased dataset can be called elsewhere: the real service stored the wish, and only did not carry it out. */
  readonly leasedMove?: 'stored' | 'refused'
  /** What the state shows of a dataset in one poll after the other, once it is created or moved; the last stays. */
  readonly converge?: (id: string, to: string, from: string | undefined) => readonly (readonly StateEntry[])[]
  /** Instead of the usual answer. */
  readonly answer?: (request: Asked, control: ScriptedControl) => Answer | undefined
  readonly tls?: ServerOptions
}

export interface Asked {
  readonly method: string
  /** Without `/v1`. */
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  readonly tag: string | undefined
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

export interface ScriptedDataset {
  dataset_id: string
  primary: string
  metadata: Readonly<Record<string, string>>
  deleted: boolean
  maximum_size?: number
}

interface HeldLease {
  readonly node_uuid: string
  readonly untilMs: number | null
  readonly used_by?: readonly string[] | undefined
}

export class ScriptedControl implements AsyncDisposable {
  readonly script: ControlScript
  readonly datasets = new Map<string, ScriptedDataset>()
  /** Everything that was asked, in order: `POST /configuration/leases`. */
  readonly asked: Asked[] = []
  nodes: readonly ScriptedNode[] = [HERE, THERE]
  readonly #state = new Map<string, StateEntry[][]>()
  readonly #leases = new Map<string, HeldLease>()
  readonly #lookers = new Set<() => void>()
  #changes = 0
  readonly #server: Server
  #url = ''

  private constructor(script: ControlScript) {
    this.script = script
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response)
    this.#server = script.tls === undefined ? createServer(serve) : createTlsServer(script.tls, serve)
  }

  static async start(script: ControlScript = {}): Promise<ScriptedControl> {
    const control = new ScriptedControl(script)
    control.#server.listen(0, '127.0.0.1')
    await once(control.#server, 'listening')
    const { port } = control.#server.address() as AddressInfo
    control.#url = `${script.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
    return control
  }

  get url(): string {
    return this.#url
  }

  /** A dataset that has been there all the time. */
  has(name: string, at: ScriptedNode | string, more: Partial<ScriptedDataset> = {}): string {
    const primary = typeof at === 'string' ? at : at.uuid
    const dataset_id = more.dataset_id ?? randomUUID()
    this.datasets.set(dataset_id, { dataset_id, primary, metadata: { name }, deleted: false, ...more })
    if (more.deleted !== true) this.#state.set(dataset_id, [[this.complete(dataset_id, primary)]])
    this.#changes++
    return dataset_id
  }

  complete(dataset_id: string, primary: string): StateEntry {
    return this.script.version === '0.3'
      ? { dataset_id, primary }
      : { dataset_id, primary, path: `/flocker/${dataset_id}` }
  }

  /** What the state shows from now on. */
  show(id: string, ...polls: readonly StateEntry[][]): void {
    this.#state.set(id, [...polls])
  }

  lease(id: string, node: ScriptedNode, seconds: number | null, used_by?: readonly string[]): void {
    this.#leases.set(id, {
      node_uuid: node.uuid,
      used_by,
      untilMs: seconds === null ? null : Date.now() + seconds * 1000,
    })
    this.#changes++
  }

  leaseOf(id: string):
    | {
        readonly node: string
        readonly expires: number | null
        readonly users?: readonly string[] | undefined
      }
    | undefined {
    const lease = this.#leases.get(id)
    if (lease === undefined || (lease.untilMs !== null && lease.untilMs <= Date.now())) return undefined
    return {
      node: lease.node_uuid,
      users: lease.used_by,
      expires: lease.untilMs === null ? null : (lease.untilMs - Date.now()) / 1000,
    }
  }

  /** Resolves once this is so; looked at after every answer. */
  until(isSo: () => boolean): Promise<void> {
    if (isSo()) return Promise.resolve()
    return new Promise((resolve) => {
      const look = () => {
        if (!isSo()) return
        this.#lookers.delete(look)
        resolve()
      }
      this.#lookers.add(look)
    })
  }

  /** Writes so far, as `POST /configuration/datasets`. */
  get writes(): readonly string[] {
    return this.asked.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sent = await text(request)
    const asked: Asked = {
      method: request.method ?? '',
      path: (request.url ?? '').replace(/^\/v1/, ''),
      body: sent === '' ? {} : (JSON.parse(sent) as Record<string, unknown>),
      tag: request.headers['x-if-configuration-matches'] as string | undefined,
    }
    this.asked.push(asked)
    const { status, body } = this.script.answer?.(asked, this) ?? this.#answer(asked)
    const tagged =
      asked.method === 'GET' &&
      ((this.#modern && asked.path === '/configuration/datasets') ||
        (this.script.keepsUsers === true && asked.path === '/configuration/leases'))
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(tagged ? { 'x-configuration-tag': `tag-${this.#changes}` } : {}),
    })
    response.end(JSON.stringify(body))
    for (const look of this.#lookers) look()
  }

  get #modern(): boolean {
    return this.script.version !== '0.3'
  }

  #answer(asked: Asked): Answer {
    const { method, path, tag } = asked
    const stale = this.#modern && tag !== undefined && tag !== `tag-${this.#changes}`
    if (stale) return said(412, 'The configuration has changed.')
    const [, what, id] = /^\/configuration\/(datasets|leases)(?:\/([^/]+))?$/.exec(path) ?? []
    if (path === '/version')
      return {
        status: 200,
        body: {
          flocker: this.script.version ?? '1.0',
          ...(this.script.keepsUsers === true ? { powerstrip: '0' } : {}),
        },
      }
    if (path === '/state/datasets') return { status: 200, body: this.#poll() }
    if (path === '/state/nodes' && this.#modern) return { status: 200, body: this.nodes }
    if (what === 'datasets' && method === 'GET') return { status: 200, body: [...this.datasets.values()] }
    if (what === 'datasets' && method === 'POST')
      return id === undefined ? this.#create(asked) : this.#move(id, asked)
    if (what === 'leases' && this.#modern) return this.#answerLeases(method, id, asked)
    return said(404, 'Not found.')
  }

  #create({ body }: Asked): Answer {
    const { primary, metadata = {}, dataset_id = randomUUID() } = body as unknown as ScriptedDataset
    if (this.#modern && !this.nodes.some(({ uuid }) => uuid === primary)) return said(400, 'Unknown node.')
    if (this.datasets.has(dataset_id)) return said(409, 'The provided dataset_id is already in use.')
    const dataset = { dataset_id, primary, metadata, deleted: false }
    this.datasets.set(dataset_id, dataset)
    this.#converge(dataset_id, primary, undefined)
    return { status: 201, body: dataset }
  }

  #move(id: string, { body }: Asked): Answer {
    const dataset = this.datasets.get(id)
    if (dataset === undefined) return said(404, 'Dataset not found.')
    if (dataset.deleted) return said(405, 'The dataset has been deleted.')
    const to = String(body.primary)
    const lease = this.leaseOf(id)
    const leasedAway = lease !== undefined && lease.node !== to
    if (leasedAway && this.script.leasedMove === 'refused') return said(409, 'The dataset is leased.')
    const from = dataset.primary
    dataset.primary = to
    if (leasedAway) this.#changes++
    else this.#converge(id, to, from)
    return { status: 200, body: dataset }
  }

  #answerLeases(method: string, id: string | undefined, { body }: Asked): Answer {
    if (method === 'GET') {
      const held = [...this.#leases.keys()].flatMap((dataset_id) => {
        const lease = this.leaseOf(dataset_id)
        if (lease === undefined) return []
        const told = { dataset_id, node_uuid: lease.node, expires: lease.expires }
        return [lease.users === undefined ? told : { ...told, used_by: lease.users }]
      })
      return { status: 200, body: held }
    }
    if (method === 'DELETE') {
      const lease = this.leaseOf(id ?? '')
      if (lease === undefined) return said(404, 'Lease not found.')
      this.#leases.delete(id!)
      this.#changes++
      return { status: 200, body: { dataset_id: id, node_uuid: lease.node, expires: lease.expires } }
    }
    const { dataset_id, node_uuid, expires, used_by } = body as unknown as {
      dataset_id: string
      node_uuid: string
      expires: number | null
      used_by?: readonly string[]
    }
    if (used_by !== undefined && this.script.keepsUsers !== true)
      return said(400, 'Additional properties are not allowed.')
    const held = this.leaseOf(dataset_id)
    if (held !== undefined && held.node !== node_uuid) return said(409, 'Lease already held.')
    const node = this.nodes.find(({ uuid }) => uuid === node_uuid)
    if (node === undefined) return said(400, 'Unknown node.')
    this.lease(dataset_id, node, expires, used_by)
    return { status: held === undefined ? 201 : 200, body: { dataset_id, node_uuid, expires } }
  }

  #converge(id: string, to: string, from: string | undefined): void {
    this.#changes++
    const polls = this.script.converge?.(id, to, from) ?? [[this.complete(id, to)]]
    this.#state.set(
      id,
      polls.map((entries) => [...entries]),
    )
  }

  #poll(): readonly StateEntry[] {
    return [...this.#state.values()].flatMap((polls) => (polls.length > 1 ? polls.shift()! : polls[0]!))
  }
}

function said(status: number, description: string): Answer {
  return { status, body: { description } }
}
