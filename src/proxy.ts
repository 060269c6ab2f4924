/** Composition root: puts the parts together into a running proxy. The only file that knows every one of them. */
import { Connection, type ConnectionAdmission, type Engine, type HookRules } from './connection.ts'
import { INSTANCE } from './instance.ts'
import { type Listener, type ListenerTold, listen, sameAddress } from './listen/listener.ts'
import { type Address, describeAddress, type EngineTarget } from './model/address.ts'
import type { ClientIdentity } from './model/client.ts'
import type { EventSink } from './model/event.ts'
import type { ListenerSpec } from './model/listener.ts'
import { failed, ok, type Result } from './model/result.ts'
import { dialler } from './plane/dial.ts'
import type { Link } from './plane/link.ts'

export interface ProxyOptions extends ProxyTerms {
  /** Told of everything that happens; telemetry is only a sink. */
  readonly tell: EventSink
}

/** What may change while the proxy runs. */
export interface ProxyTerms {
  readonly listeners: readonly ListenerSpec[]
  readonly engine: EngineTarget
  /** Nothing: every request is relayed unchanged. */
  readonly hooks?: ProxyHooks
  readonly security?: SecurityTerms
}

/** The hooks of a configuration: those of every listener that has none of its own, and those of the others by name. */
export interface ProxyHooks extends HookRules {
  readonly listeners?: ReadonlyMap<string, HookRules>
}

/** Rules that hold for every exchange, hooked or not. */
export interface SecurityTerms {
  readonly minApiVersion: string
  readonly unknownEndpoints: 'relay' | 'refuse'
  readonly http2: 'refuse' | 'passthrough'
}

export interface Proxy {
  /** Where it listens, in the order asked for; a port 0 has become a number. */
  readonly addresses: readonly Address[]
  /** Connections that are open now. */
  readonly connections: number
  /** Who is connected now, by listener. */
  census(): readonly Census[]
  /** Puts other hooks in force, for exchanges that begin from now on. */
  useHooks(hooks: ProxyHooks): void
  /**
   * Puts other terms in force. All of them or, where a new address cannot be listened on, none. Connections by a listener that
   * is there no more, or is another one now, end with the exchange in hand.
   */
  useTerms(terms: ProxyTerms): Promise<Result<void, StartFailure>>
  /**
   * Stops accepting, lets running exchanges finish for `graceMs` milliseconds, then ends what is left. Resolves when
   * nothing is open any more.
   */
  drain(graceMs: number): Promise<void>
}

export interface Census {
  readonly listener: string
  readonly connections: number
  /** Those of them with an exchange in hand, two-way streams included. */
  readonly exchanges: number
  /** Two-way streams. */
  readonly streams: number
}

/** Oldest API version that the engines serve whose meanings we know; older ones give fields another meaning (PS-PATH-007). */
export const MIN_API_VERSION = '1.24'

const DEFAULT_SECURITY: SecurityTerms = {
  minApiVersion: MIN_API_VERSION,
  unknownEndpoints: 'relay',
  http2: 'refuse',
}

/** `usage`: what was asked for makes no sense. `outside`: this machine would not let it. */
export interface StartFailure {
  readonly kind: 'usage' | 'outside'
  readonly message: string
}

const NO_HOOKS: ProxyHooks = { rules: [], limits: { answerBytes: 0 } }

export async function startProxy(options: ProxyOptions): Promise<Result<Proxy, StartFailure>> {
  const proxy = new RunningProxy(options)
  const started = await proxy.useTerms(options)
  return started.ok ? ok(proxy) : started
}

/** What is known of a listener before it is open. */
interface DoorFrame {
  readonly spec: ListenerSpec
  /** Those that came in by it. */
  readonly connections: Set<Connection>
  admission: ConnectionAdmission
}

interface Door extends DoorFrame {
  readonly listener: Listener
}

class RunningProxy implements Proxy {
  readonly #tell: EventSink
  readonly #connections = new Set<Connection>()
  /** What goes on behind the backs of clients: hooks that are being undone. */
  readonly #tasks = new Set<Promise<void>>()
  #doors: readonly Door[] = []
  #hooks: ProxyHooks
  #engine: Engine
  #target: EngineTarget
  #security: SecurityTerms
  #lastGone = () => {}
  /** While listeners are being opened and closed. */
  #moving: Promise<void> | undefined

  constructor({ engine, hooks, security, tell }: ProxyOptions) {
    this.#tell = tell
    this.#hooks = hooks ?? NO_HOOKS
    this.#security = security ?? DEFAULT_SECURITY
    this.#target = engine
    this.#engine = engineAt(engine)
  }

  get addresses(): readonly Address[] {
    return this.#doors.map(({ listener }) => listener.address)
  }

  get connections(): number {
    return this.#connections.size
  }

  census(): readonly Census[] {
    return this.#doors.map(({ spec, connections }) => {
      const states = [...connections].map(({ state }) => state)
      return {
        listener: spec.name,
        connections: states.length,
        exchanges: states.filter((state) => state !== 'idle').length,
        streams: states.filter((state) => state === 'two-way').length,
      }
    })
  }

  useHooks(hooks: ProxyHooks): void {
    this.#hooks = hooks
  }

  async useTerms(terms: ProxyTerms): Promise<Result<void, StartFailure>> {
    const own = terms.listeners.find(({ address }) => sameAddress(address, terms.engine.address))
    if (own !== undefined) return failed(listensToItself(own))
    const security = terms.security ?? DEFAULT_SECURITY
    let settled = () => {}
    this.#moving = new Promise((resolve) => {
      settled = resolve
    })
    try {
      const moved = await this.#moveTo(terms.listeners, security)
      if (moved.ok) this.#settle(terms, security)
      return moved
    } finally {
      this.#moving = undefined
      settled()
    }
  }

  /** Everything but the listeners, at once. */
  #settle(terms: ProxyTerms, security: SecurityTerms): void {
    this.#security = security
    for (const door of this.#doors) door.admission = admissionBy(door.spec, security)
    // A connection to the engine lives as long as its client's, so this is for clients that connect from now on.
    if (JSON.stringify(terms.engine) !== JSON.stringify(this.#target)) this.#engine = engineAt(terms.engine)
    this.#target = terms.engine
    if (terms.hooks !== undefined) this.#hooks = terms.hooks
  }

  async drain(graceMs: number): Promise<void> {
    await Promise.all(this.#doors.map(({ listener }) => listener.close()))
    for (const connection of this.#connections) connection.drain()
    if (this.#connections.size > 0) await this.#emptied(graceMs)
    // What is still being undone has a time limit of its own.
    await Promise.all(this.#tasks)
  }

  async #emptied(graceMs: number): Promise<void> {
    this.#tell({ kind: 'draining', connections: this.#connections.size, graceMs })
    const gone = new Promise<void>((resolve) => {
      this.#lastGone = resolve
    })
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy()
    }, graceMs)
    await gone
    clearTimeout(timer)
  }

  /**
   * Opens what is new and closes what is gone. What needs an address that another listener of ours still has is opened when
   * that one is closed; should it fail, the other one is opened again.
   */
  async #moveTo(
    specs: readonly ListenerSpec[],
    security: SecurityTerms,
  ): Promise<Result<void, StartFailure>> {
    const kept = this.#doors.filter(({ spec }) => specs.some((next) => isSame(next, spec)))
    const leaving = this.#doors.filter((door) => !kept.includes(door))
    const wanted = specs.filter((spec) => !kept.some((door) => isSame(spec, door.spec)))
    const inPlace = (spec: ListenerSpec) =>
      leaving.find(({ listener }) => sameAddress(listener.address, spec.address))

    const opened: Door[] = []
    const undo = async (failure: StartFailure): Promise<Result<void, StartFailure>> => {
      await Promise.all(opened.map(({ listener }) => listener.close()))
      return failed(failure)
    }
    for (const spec of wanted.filter((each) => inPlace(each) === undefined)) {
      const door = await this.#open(spec, security)
      if (!door.ok) return undo(door.failure)
      opened.push(door.value)
    }
    const reopened = new Map<Door, Door>()
    for (const spec of wanted.filter((each) => inPlace(each) !== undefined)) {
      const before = inPlace(spec)!
      await before.listener.close()
      const door = await this.#open(spec, security)
      if (door.ok) {
        opened.push(door.value)
        reopened.set(before, door.value)
        continue
      }
      await this.#restore([...reopened, [before, undefined]])
      return undo(door.failure)
    }

    for (const { listener, connections, spec } of leaving) {
      await listener.close()
      this.#tell({
        kind: 'listening-no-more',
        listener: spec.name,
        address: describeAddress(listener.address),
      })
      for (const connection of connections) connection.drain()
    }
    // The command line may ask for one address twice, as with port 0.
    const doors = [...kept, ...opened]
    this.#doors = specs.map((spec) => {
      const at = doors.findIndex((door) => isSame(spec, door.spec))
      return doors.splice(at, 1)[0]!
    })
    for (const { spec, listener } of opened) this.#announce(spec, listener)
    return ok(undefined)
  }

  /** Opens again what made way for something that then could not be opened. */
  async #restore(ways: Iterable<readonly [Door, Door | undefined]>): Promise<void> {
    for (const [before, after] of ways) {
      await after?.listener.close()
      const again = await this.#open(before.spec, this.#security, before.listener.address)
      if (!again.ok) {
        this.#tell({ kind: 'listening-no-more', listener: before.spec.name, address: again.failure.message })
        continue
      }
      this.#doors = this.#doors.map((each) => (each === before ? again.value : each))
    }
  }

  async #open(
    spec: ListenerSpec,
    security: SecurityTerms,
    address = spec.address,
  ): Promise<Result<Door, StartFailure>> {
    const door: DoorFrame = { spec, connections: new Set(), admission: admissionBy(spec, security) }
    const opened = await listen(
      { ...spec, address },
      (link, identity) => this.#serve(link, identity, door),
      (told) => this.#tellOf(spec, told),
    )
    if (!opened.ok) return failed({ kind: 'outside', message: opened.failure })
    return ok(Object.assign(door, { listener: opened.value }))
  }

  #announce(spec: ListenerSpec, { address }: Listener): void {
    const told = { listener: spec.name, address: describeAddress(address) }
    this.#tell({ kind: 'listening', ...told })
    if (spec.insecure) this.#tell({ kind: 'listening-openly', ...told })
  }

  #tellOf({ name, limits }: ListenerSpec, told: ListenerTold): void {
    if (told.kind === 'full')
      this.#tell({ kind: 'listener-full', listener: name, connections: limits.connections ?? 0 })
    else if (told.kind === 'refused')
      this.#tell({
        kind: 'client-refused',
        listener: name,
        peerAddress: told.peerAddress,
        reason: told.reason,
      })
    else this.#tell({ ...told, listener: name })
  }

  #keep(task: Promise<void>): void {
    const ended = task
      .catch((bug: unknown) => this.#tell({ kind: 'connection-crashed', error: bug }))
      .finally(() => this.#tasks.delete(ended))
    this.#tasks.add(ended)
  }

  async #serve(link: Link, identity: ClientIdentity, door: DoorFrame): Promise<void> {
    const { name, limits } = door.spec
    const connection = new Connection(link, identity, {
      engine: () => this.#engine,
      admission: () => door.admission,
      hooks: () => this.#hooks.listeners?.get(name) ?? this.#hooks,
      headTimeoutMs: limits.headTimeoutMs,
      tell: this.#tell,
      behind: (task) => this.#keep(task),
    })
    this.#connections.add(connection)
    door.connections.add(connection)
    // Whoever comes in by a new listener before the hooks for it are in force waits for them.
    if (this.#moving !== undefined) await this.#moving
    try {
      await connection.serve()
    } catch (bug) {
      this.#tell({ kind: 'connection-crashed', error: bug })
    } finally {
      door.connections.delete(connection)
      this.#connections.delete(connection)
      if (this.#connections.size === 0) this.#lastGone()
    }
  }
}

function engineAt(target: EngineTarget): Engine {
  return { name: describeAddress(target.address), dial: dialler(target) }
}

/** Pages in a browser reach TCP ports, and have no certificate to show. */
function admissionBy({ address, tls, hosts }: ListenerSpec, security: SecurityTerms): ConnectionAdmission {
  const reachable = address.kind === 'tcp' && tls?.clientAuth !== 'require'
  return { ...security, instance: INSTANCE, hosts: reachable ? hosts : undefined }
}

function isSame(one: ListenerSpec, other: ListenerSpec): boolean {
  return JSON.stringify(comparable(one)) === JSON.stringify(comparable(other))
}

/** Without what a configuration adds to a listener and a proxy does not know. */
function comparable({ name, address, socket, tls, insecure, hosts, limits }: ListenerSpec): ListenerSpec {
  return { name, address, socket, tls, insecure, hosts, limits }
}

function listensToItself({ address }: ListenerSpec): StartFailure {
  return {
    kind: 'usage',
    message:
      `${describeAddress(address)} is both where powerstrip would listen and its upstream engine: every request would ` +
      'come back to itself. Name the engine with --upstream, for example --upstream unix:///var/run/docker.sock',
  }
}
