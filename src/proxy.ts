/** Composition root: puts the parts together into a running proxy. The only file that knows every one of them. */
import type { Socket } from 'node:net'
import { Connection, type ConnectionTerms, type HookRules } from './connection.ts'
import { type Listener, type ListenOptions, listen, sameAddress } from './listen/listener.ts'
import { type Address, describeAddress } from './model/address.ts'
import { type ClientIdentity, DEFAULT_LISTENER } from './model/client.ts'
import type { EventSink } from './model/event.ts'
import { failed, ok, type Result } from './model/result.ts'
import { acceptedLink } from './plane/accepted.ts'

export interface ProxyOptions {
  readonly listen: readonly Address[]
  readonly engine: Address
  readonly socket: ListenOptions
  /** Nothing: every request is relayed unchanged. */
  readonly hooks?: HookRules
  /** Told of everything that happens; telemetry is only a sink. */
  readonly tell: EventSink
}

export interface Proxy {
  /** Where it listens, in the order asked for; a port 0 has become a number. */
  readonly addresses: readonly Address[]
  /** Connections that are open now. */
  readonly connections: number
  /** Puts other hooks in force, for exchanges that begin from now on. */
  useHooks(hooks: HookRules): void
  /**
   * Stops accepting, lets running exchanges finish for `graceMs` milliseconds, then ends what is left. Resolves when
   * nothing is open any more.
   */
  drain(graceMs: number): Promise<void>
}

/** Oldest API version that the engines serve whose meanings we know; older ones give fields another meaning (PS-PATH-007). */
export const MIN_API_VERSION = '1.24'

/** `usage`: what was asked for makes no sense. `outside`: this machine would not let it. */
export interface StartFailure {
  readonly kind: 'usage' | 'outside'
  readonly message: string
}

function identityOf({ remoteAddress }: Socket, { kind }: Address): ClientIdentity {
  return { listener: DEFAULT_LISTENER, transport: kind, peerAddress: remoteAddress, certificate: undefined }
}

const NO_HOOKS: HookRules = { rules: [], limits: { answerBytes: 0 } }

export async function startProxy(options: ProxyOptions): Promise<Result<Proxy, StartFailure>> {
  const own = options.listen.find((address) => sameAddress(address, options.engine))
  if (own !== undefined)
    return failed({
      kind: 'usage',
      message:
        `${describeAddress(own)} is both where powerstrip would listen and its upstream engine: every request would ` +
        'come back to itself. Name the engine with --upstream, for example --upstream unix:///var/run/docker.sock',
    })

  const connections = new Set<Connection>()
  let hooks = options.hooks ?? NO_HOOKS
  const terms: ConnectionTerms = {
    engine: options.engine,
    minApiVersion: MIN_API_VERSION,
    hooks: () => hooks,
    tell: options.tell,
  }
  const listeners: Listener[] = []
  for (const address of options.listen) {
    const opened = await listen(address, options.socket, (socket) => {
      const identity = identityOf(socket, address)
      serve(new Connection(acceptedLink(socket), identity, terms))
    })
    if (!opened.ok) {
      await Promise.all(listeners.map((listener) => listener.close()))
      return failed({ kind: 'outside', message: opened.failure })
    }
    listeners.push(opened.value)
    options.tell({ kind: 'listening', address: describeAddress(opened.value.address) })
  }

  let lastGone = () => {}
  function serve(connection: Connection): void {
    connections.add(connection)
    connection
      .serve()
      .catch((bug: unknown) => options.tell({ kind: 'connection-crashed', error: bug }))
      .finally(() => {
        connections.delete(connection)
        if (connections.size === 0) lastGone()
      })
  }

  return ok({
    addresses: listeners.map((listener) => listener.address),
    get connections() {
      return connections.size
    },
    useHooks(next) {
      hooks = next
    },
    async drain(graceMs) {
      await Promise.all(listeners.map((listener) => listener.close()))
      for (const connection of connections) connection.drain()
      if (connections.size === 0) return
      options.tell({ kind: 'draining', connections: connections.size, graceMs })
      const gone = new Promise<void>((resolve) => {
        lastGone = resolve
      })
      const timer = setTimeout(() => {
        for (const connection of connections) connection.destroy()
      }, graceMs)
      await gone
      clearTimeout(timer)
    },
  })
}
