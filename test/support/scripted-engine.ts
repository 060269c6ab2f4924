/** An engine whose every byte the test decides, on a socket of its own. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import type { Address } from '../../src/model/address.ts'
import { Peer } from './connect.ts'

export interface ScriptedEngine extends AsyncDisposable {
  readonly address: Address
  /** Connections that were ever opened to it. */
  readonly connections: readonly Peer[]
  /** The next connection that no one has been given yet. */
  accept(): Promise<Peer>
}

/** Listens on `at`, or on a fresh unix socket, or on a free port of 127.0.0.1; with `tls` behind TLS. */
export async function startScriptedEngine(
  at: 'unix' | 'tcp' | Address = 'unix',
  tls?: TlsOptions,
): Promise<ScriptedEngine> {
  const connections: Peer[] = []
  const waiting: Array<(peer: Peer) => void> = []
  let given = 0
  const options = { allowHalfOpen: true, noDelay: true }
  const take = (socket: Socket) => {
    const peer = new Peer(socket)
    connections.push(peer)
    const next = waiting.shift()
    if (next === undefined) return
    given++
    next(peer)
  }
  const server =
    tls === undefined ? createServer(options, take) : createTlsServer({ ...options, ...tls }, take)
  // Below TLS; those that never got through their handshake included.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const folder = at === 'unix' ? await mkdtemp(join(tmpdir(), 'engine-')) : undefined
  if (folder !== undefined) server.listen(join(folder, 'docker.sock'))
  else if (at === 'tcp') server.listen(0, '127.0.0.1')
  else if (typeof at === 'object' && at.kind === 'unix') server.listen(at.path)
  else if (typeof at === 'object' && at.kind === 'tcp') server.listen(at.port, at.host)
  await once(server, 'listening')

  const bound = server.address() as AddressInfo | string
  return {
    address:
      typeof bound === 'string'
        ? { kind: 'unix', path: bound }
        : { kind: 'tcp', host: bound.address, port: bound.port },
    connections,
    accept() {
      const early = connections[given]
      if (early === undefined) return new Promise((resolve) => waiting.push(resolve))
      given++
      return Promise.resolve(early)
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const peer of connections) peer.leave()
      for (const socket of sockets) socket.destroy()
      await closed
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}
