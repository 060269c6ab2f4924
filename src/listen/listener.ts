/** Sockets that clients connect to. */
import { chmodSync, chownSync, lstatSync, realpathSync, statSync, unlinkSync } from 'node:fs'
import { createServer, type Server, Socket } from 'node:net'
import { dirname } from 'node:path'
import { type Address, describeAddress, isLoopback } from '../model/address.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { groupId } from './group.ts'

export interface ListenOptions {
  /** Permission bits of a unix socket. */
  readonly mode: number
  /** Group that a unix socket is given to, by name or number. Unset: the group of the process. */
  readonly group: string | undefined
}

/** Owner and group may connect, as with dockerd's own socket (PS-LISTEN-001). */
export const DEFAULT_SOCKET_MODE = 0o660

/**
 * Connections that may wait to be accepted. Node's default of 511 turned clients away where the engine takes a thousand at once
 * (Go asks for all that the kernel allows); the kernel cuts it to its own limit, net.core.somaxconn.
 */
const BACKLOG = 4096

export interface Listener {
  /** Where it really listens: a port 0 has become a number. */
  readonly address: Address
  /** Accepts no more and removes the socket file. Open connections go on. */
  close(): Promise<void>
}

/** Starts to listen; `accept` gets each connection, half-open sockets allowed, and nothing read from it yet. */
export async function listen(
  address: Address,
  options: ListenOptions,
  accept: (socket: Socket) => void,
): Promise<Result<Listener, string>> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, accept)
  const opened =
    address.kind === 'unix' ? await openUnix(server, address.path, options) : await openTcp(server, address)
  if (!opened.ok) return failed(`cannot listen on ${describeAddress(address)}: ${opened.failure}`)
  return ok({
    address: opened.value,
    close: () => stopAccepting(server),
  })
}

async function openTcp(server: Server, address: Address & { kind: 'tcp' }): Promise<Result<Address, string>> {
  // Whoever reaches this port controls the engine, and with it the host; plain TCP has no way to tell who that is.
  if (!isLoopback(address.host))
    return failed(
      'plain TCP is served on loopback only (127.0.0.1, ::1, localhost); anyone who reaches it owns the engine (PS-LISTEN-002)',
    )
  const problem = await opening(server, () =>
    server.listen({ port: address.port, host: address.host, backlog: BACKLOG }),
  )
  if (problem !== undefined) return failed(explain(problem))
  const bound = server.address()
  const port = bound !== null && typeof bound === 'object' ? bound.port : address.port
  return ok({ kind: 'tcp', host: address.host, port })
}

async function openUnix(
  server: Server,
  path: string,
  options: ListenOptions,
): Promise<Result<Address, string>> {
  const group = options.group === undefined ? ok(undefined) : groupId(options.group)
  if (!group.ok) return group
  const parent = checkParent(path)
  if (parent !== undefined) return failed(parent)
  const stale = await clearStale(path)
  if (stale !== undefined) return failed(stale)

  // The file is born with no right for anyone else and only then opened up, so it is never wider than asked for.
  // Binding happens within the call, so the process-wide mask is changed for that moment alone.
  const problem = await opening(server, () => {
    const mask = process.umask(0o177)
    try {
      server.listen({ path, backlog: BACKLOG })
    } finally {
      process.umask(mask)
    }
  })
  if (problem !== undefined) return failed(explain(problem))
  try {
    if (group.value !== undefined) chownSync(path, -1, group.value)
    chmodSync(path, options.mode)
  } catch (cause) {
    await stopAccepting(server)
    return failed(explain(cause as NodeJS.ErrnoException))
  }
  return ok({ kind: 'unix', path })
}

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
