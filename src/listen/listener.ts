/** Sockets that clients connect to. */
import { chmodSync, chownSync, lstatSync, realpathSync, statSync, unlinkSync } from 'node:fs'
import { createServer, type Server, Socket } from 'node:net'
import { dirname } from 'node:path'
import { type Address, describeAddress, isLoopback } from '../model/address.ts'
import type { ClientIdentity } from '../model/client.ts'
import type { ListenerSpec, SocketRights } from '../model/listener.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { acceptedLink } from '../plane/accepted.ts'
import type { Link } from '../plane/link.ts'
import { TCP_TERMS } from '../plane/tcp-terms.ts'
import { groupId, userId } from './accounts.ts'
import { Crowd } from './crowd.ts'
import { peerAddressOf } from './identity.ts'
import { listenTls } from './tls-listener.ts'

export interface Listener {
  /** Where it really listens: a port 0 has become a number. */
  readonly address: Address
  /** Accepts no more and removes the socket file. Open connections go on. */
  close(): Promise<void>
}

/**
 * Takes one connection; resolves when nothing of it is open any more. The link allows half-open connections, and nothing has
 * been read from it yet.
 */
export type Accept = (link: Link, identity: ClientIdentity) => Promise<void>

/** What a listener tells of while it is open. */
export type ListenerTold =
  /** Connections are being closed because there are as many as may be. */
  | { readonly kind: 'full' }
  /** `reason`: what was wrong with the client's certificate, or with its handshake. */
  | { readonly kind: 'refused'; readonly peerAddress: string | undefined; readonly reason: string }
  | { readonly kind: 'certificates-changed' }
  /** The certificates have changed and cannot be used; the last good ones stay. */
  | { readonly kind: 'certificates-broken'; readonly message: string }

/** Starts to listen. */
export async function listen(
  spec: ListenerSpec,
  accept: Accept,
  tell: (told: ListenerTold) => void,
): Promise<Result<Listener, string>> {
  const { address } = spec
  const crowd = new Crowd(spec.limits.connections, () => tell({ kind: 'full' }))
  const opened = await open(spec, crowd, accept, tell)
  return opened.ok ? opened : failed(`cannot listen on ${describeAddress(address)}: ${opened.failure}`)
}

async function open(
  spec: ListenerSpec,
  crowd: Crowd,
  accept: Accept,
  tell: (told: ListenerTold) => void,
): Promise<Result<Listener, string>> {
  const { address, tls } = spec
  if (address.kind === 'tcp' && tls !== undefined) {
    const secured = await listenTls(spec, tls, crowd, accept, tell)
    if (!secured.ok) return secured
    const { server, close } = secured.value
    const bound = await openTcp(server, address, spec.limits.backlog)
    if (!bound.ok) close()
    return bound.ok ? ok({ address: bound.value, close: async () => close() }) : bound
  }
  const server = plainServer(spec, crowd, accept)
  const bound = await openPlain(server, spec)
  return bound.ok ? ok({ address: bound.value, close: () => stopAccepting(server) }) : bound
}

/** Lets a server without TLS listen by the rules that hold for all (PS-LISTEN-001, PS-LISTEN-002). Where it does comes back. */
export async function openPlain(
  server: Server,
  { address, socket, insecure, limits }: Pick<ListenerSpec, 'address' | 'socket' | 'insecure' | 'limits'>,
): Promise<Result<Address, string>> {
  if (address.kind === 'unix') {
    const problem = await openUnix(server, address.path, socket, limits.backlog)
    return problem === undefined ? ok(address) : failed(problem)
  }
  // Whoever reaches this port controls the engine, and with it the host; plain TCP has no way to tell who that is.
  if (!isLoopback(address.host) && !insecure)
    return failed(
      'plain TCP is served on loopback only (127.0.0.1, ::1, localhost); anyone who reaches it owns the engine (PS-LISTEN-002)',
    )
  return openTcp(server, address, limits.backlog)
}

function plainServer({ name, address: { kind } }: ListenerSpec, crowd: Crowd, accept: Accept): Server {
  const options = { allowHalfOpen: true, pauseOnConnect: true, ...(kind === 'tcp' ? TCP_TERMS : {}) }
  return createServer(options, (socket) => {
    if (!crowd.enter()) return void socket.destroy()
    const identity: ClientIdentity = {
      listener: name,
      transport: kind,
      peerAddress: peerAddressOf(socket),
      certificate: undefined,
    }
    void accept(acceptedLink(socket), identity).finally(() => crowd.leave())
  })
}

async function openTcp(
  server: Server,
  address: Address & { kind: 'tcp' },
  backlog: number,
): Promise<Result<Address, string>> {
  const problem = await opening(server, () =>
    server.listen({ port: address.port, host: address.host, backlog }),
  )
  if (problem !== undefined) return failed(explain(problem))
  const bound = server.address()
  const port = bound !== null && typeof bound === 'object' ? bound.port : address.port
  return ok({ kind: 'tcp', host: address.host, port })
}

/** Nothing where it is open, else the problem. */
async function openUnix(
  server: Server,
  path: string,
  { mode, owner, group }: SocketRights,
  backlog: number,
): Promise<string | undefined> {
  const user = owner === undefined ? ok(undefined) : userId(owner)
  if (!user.ok) return user.failure
  const circle = group === undefined ? ok(undefined) : groupId(group)
  if (!circle.ok) return circle.failure
  const parent = checkParent(path)
  if (parent !== undefined) return parent
  const stale = await clearStale(path)
  if (stale !== undefined) return stale

  // The file is born with no right for anyone else and only then opened up, so it is never wider than asked for.
  // Binding happens within the call, so the process-wide mask is changed for that moment alone.
  const problem = await opening(server, () => {
    const mask = process.umask(0o177)
    try {
      server.listen({ path, backlog })
    } finally {
      process.umask(mask)
    }
  })
  if (problem !== undefined) return explain(problem)
  try {
    if (user.value !== undefined || circle.value !== undefined)
      chownSync(path, user.value ?? UNCHANGED, circle.value ?? UNCHANGED)
    chmodSync(path, mode)
    return undefined
  } catch (cause) {
    await stopAccepting(server)
    return explain(cause as NodeJS.ErrnoException)
  }
}

/** As chown(2) has it. */
const UNCHANGED = -1

/** In a directory that others may write to without the sticky bit, anyone could put a socket of theirs in our place. */
function checkParent(path: string): string | undefined {
  const folder = dirname(path)
  try {
    const { mode } = statSync(folder)
    if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0)
      return `the directory ${folder} is writable by everyone, who could then replace the socket (PS-LISTEN-001)`
    return undefined
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ENOENT'
      ? `the directory ${folder} does not exist`
      : explain(cause as NodeJS.ErrnoException)
  }
}

/** Removes a socket file that a dead process left behind. Nothing else is ever removed. */
async function clearStale(path: string): Promise<string | undefined> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return undefined
  if (found.isSymbolicLink())
    return 'the path is a symbolic link, which could point anywhere by the next start (PS-LISTEN-001)'
  if (!found.isSocket()) return 'a file that is not a socket is in the way; remove it or choose another path'
  if (await someoneAnswers(path)) return 'another process is listening there already'
  try {
    unlinkSync(path)
    return undefined
  } catch (cause) {
    return explain(cause as NodeJS.ErrnoException)
  }
}

function someoneAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = new Socket()
    // Only a refusal proves that nobody holds the other end; a full backlog, for one, is a live server (EAGAIN).
    probe.once('error', (cause: NodeJS.ErrnoException) =>
      resolve(cause.code !== 'ECONNREFUSED' && cause.code !== 'ENOENT'),
    )
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.connect({ path })
  })
}

function opening(server: Server, start: () => void): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve)
    server.once('listening', () => {
      server.off('error', resolve)
      resolve(undefined)
    })
    start()
  })
}

/** `close` calls back when the last connection is gone, but the listening socket and its file are gone at once. */
async function stopAccepting(server: Server): Promise<void> {
  server.close()
}

function explain(cause: NodeJS.ErrnoException): string {
  switch (cause.code) {
    case 'EADDRINUSE':
      return 'the address is in use'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; choose a path that you may write to, or run as a user who may'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address'
    default:
      return cause.message
  }
}

/** Whether both name the same socket, symbolic links and spellings of the host resolved. */
export function sameAddress(a: Address, b: Address): boolean {
  if (a.kind === 'unix' && b.kind === 'unix') return realPath(a.path) === realPath(b.path)
  if (a.kind === 'tcp' && b.kind === 'tcp')
    return (
      a.port !== 0 && a.port === b.port && (a.host === b.host || (isLoopback(a.host) && isLoopback(b.host)))
    )
  return false
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    try {
      return `${realpathSync(dirname(path))}/${path.slice(path.lastIndexOf('/') + 1)}`
    } catch {
      return path
    }
  }
}
