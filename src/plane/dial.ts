/** Opening the engine side of a connection. */
import { Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Address, EngineTarget } from '../model/address.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { Link } from './link.ts'
import { outliveWriting } from './outlive-writing.ts'
import { ReadBuffer } from './read-buffer.ts'
import { TCP_TERMS } from './tcp-terms.ts'
import { TlsFiles } from './tls-files.ts'

/** Why the engine could not be reached, in words for the person at the client. */
export interface Unreachable {
  readonly message: string
}

/** Opens connections to one engine. */
export type Dial = () => Promise<Result<Link, Unreachable>>

/**
 * Longest time to wait for the engine to accept, in milliseconds, TLS included. A local engine accepts at once or not at all;
 * one behind TCP may need a few retransmitted SYNs (1 + 2 + 4 s on Linux).
 */
const CONNECT_TIMEOUT_MS = 10_000

export function dialler({ address, tls }: EngineTarget): Dial {
  if (tls === undefined || address.kind === 'unix') return () => dialPlain(address)
  const files = new TlsFiles(tls)
  return () => dialTls(address, files)
}

function dialPlain(address: Address): Promise<Result<Link, Unreachable>> {
  const input = new ReadBuffer()
  // Of these terms a socket takes note when it is made, and never of those that it is told to connect with.
  const socket = new Socket({ ...input.options, ...TCP_TERMS })
  const opened = opening(socket, 'connect', input)
  if (address.kind === 'unix') socket.connect({ path: address.path })
  else socket.connect({ host: address.host, port: address.port })
  return opened
}

async function dialTls(
  { host, port }: Address & { kind: 'tcp' },
  files: TlsFiles,
): Promise<Result<Link, Unreachable>> {
  const credentials = await files.read()
  if (!credentials.ok) return failed({ message: credentials.failure })
  const options: ConnectionOptions & { readonly allowHalfOpen: true } = {
    host,
    port,
    ...(isName(host) ? { servername: host } : {}),
    secureContext: credentials.value.context,
    ALPNProtocols: ['http/1.1'],
    allowHalfOpen: true,
  }
  const socket = connectTls(options)
  socket.setNoDelay(true).setKeepAlive(true, TCP_TERMS.keepAliveInitialDelay)
  return opening(socket, 'secureConnect')
}

/** An address is no name that a server could choose a certificate by (RFC 6066, section 3). */
function isName(host: string): boolean {
  return !host.includes(':') && !/^[0-9.]+$/.test(host)
}

/** Waits until the socket is open. */
function opening(
  socket: Socket,
  ready: 'connect' | 'secureConnect',
  input?: ReadBuffer,
): Promise<Result<Link, Unreachable>> {
  outliveWriting(socket)
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => giveUp(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`),
      CONNECT_TIMEOUT_MS,
    )
    const giveUp = (reason: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(failed({ message: reason }))
    }
    const refused = (cause: Error) => giveUp(cause.message)
    const left = () => giveUp('it closed the connection before it was open')
    socket.once('error', refused)
    socket.once('close', left)
    socket.once(ready, () => {
      clearTimeout(timer)
      const link = new Link(socket, input)
      socket.off('error', refused)
      socket.off('close', left)
      resolve(ok(link))
    })
  })
}
