/** Where clients connect, and what holds there whatever the hooks are. */
import type { Address, ServerTls } from './address.ts'
import { DEFAULT_LISTENER } from './client.ts'

export interface ListenerSpec {
  /** What hooks are told and logs show. */
  readonly name: string
  readonly address: Address
  /** Of a unix socket. */
  readonly socket: SocketRights
  readonly tls: ServerTls | undefined
  /** Plain TCP beyond loopback, which whoever reaches it controls the engine through. */
  readonly insecure: boolean
  /** Names that the `Host` of a request on TCP may have besides addresses, `localhost` and single labels; lower case. */
  readonly hosts: readonly string[]
  readonly limits: ListenerLimits
}

export interface SocketRights {
  /** Permission bits. */
  readonly mode: number
  /** By name or number. Nothing: those of the process. */
  readonly owner: string | undefined
  readonly group: string | undefined
}

/** Owner and group may connect, as with dockerd's own socket (PS-LISTEN-001). */
export const DEFAULT_SOCKET_MODE = 0o660

export interface ListenerLimits {
  /** Connections at one time; further ones are closed at once. Nothing: as many as the system gives. */
  readonly connections: number | undefined
  /** Connections that may wait to be accepted. */
  readonly backlog: number
  /** From the first byte of a head to its last. */
  readonly headTimeoutMs: number
}

export const DEFAULT_LISTENER_LIMITS: ListenerLimits = {
  connections: undefined,
  /**
   * Node's default of 511 turned clients away where the engine takes a thousand at once (Go asks for all that the kernel
   * allows); the kernel cuts it to its own limit, net.core.somaxconn.
   */
  backlog: 4096,
  /** An idle connection may wait for its first byte for ever, as at dockerd (PS-FRAME-011). */
  headTimeoutMs: 10_000,
}

/** A listener of which only the address is said, as on the command line. */
export function plainListener(address: Address, more: Partial<ListenerSpec> = {}): ListenerSpec {
  return {
    name: DEFAULT_LISTENER,
    address,
    socket: { mode: DEFAULT_SOCKET_MODE, owner: undefined, group: undefined },
    tls: undefined,
    insecure: false,
    hosts: [],
    limits: DEFAULT_LISTENER_LIMITS,
    ...more,
  }
}
