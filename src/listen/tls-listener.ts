/**
 * A TCP listener with TLS (PS-LISTEN-003).
 *
 * A client without a certificate that the listener's CA has signed is not cut off in the handshake, where all that its user
 * would read is "EOF" or the number of an alert: the handshake is finished, the first request is answered with the reason,
 * and the connection ends. Nothing of such a client gets any further than here.
 */
import { constants } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { ServerTls } from '../model/address.ts'
import type { ClientIdentity } from '../model/client.ts'
import type { ListenerSpec } from '../model/listener.ts'
import { refusal } from '../model/refusal.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { Link } from '../plane/link.ts'
import { TCP_TERMS } from '../plane/tcp-terms.ts'
import { TlsFiles } from '../plane/tls-files.ts'
import type { Crowd } from './crowd.ts'
import { certificateOf, peerAddressOf } from './identity.ts'
import type { Accept, ListenerTold } from './listener.ts'
import { turnAway } from './turn-away.ts'

/** How often the files are looked at, in milliseconds. Who renews a certificate does so days before the old one ends. */
const RELOAD_MS = 1_000

interface Secured {
  readonly server: Server
  close(): void
}

/** Makes the server, which does not listen yet. */
export async function listenTls(
  spec: ListenerSpec,
  tls: ServerTls,
  crowd: Crowd,
  accept: Accept,
  tell: (told: ListenerTold) => void,
): Promise<Result<Secured, string>> {
  const files = new TlsFiles({ own: tls.own, ca: tls.ca })
  const credentials = await files.read()
  if (!credentials.ok) return failed(credentials.failure)

  const options: TlsOptions & { readonly allowHalfOpen: true } = {
    ...credentials.value.options,
    ...TERMS,
    requestCert: tls.clientAuth === 'require',
    handshakeTimeout: spec.limits.headTimeoutMs,
    allowHalfOpen: true,
  }
  const turnedAway = new Set<Link>()
  /** In a handshake, by where they come from: TLS hands out another socket than the one that it was given. */
  const arriving = new Map<string, Socket>()
  let isClosed = false
  const secured = createTlsServer(options, (socket) => {
    arriving.delete(originOf(socket))
    const peerAddress = peerAddressOf(socket)
    const unfit = tls.clientAuth === 'require' ? unfitness(socket) : undefined
    const link = new Link(socket)
    if (unfit !== undefined) {
      tell({ kind: 'refused', peerAddress, reason: unfit })
      turnedAway.add(link)
      socket.once('close', () => turnedAway.delete(link))
      return turnAway(link, refusal('PS-LISTEN-003', 403, unfit), spec.limits.headTimeoutMs)
    }
    const identity: ClientIdentity = {
      listener: spec.name,
      transport: 'tls',
      peerAddress,
      certificate: tls.clientAuth === 'require' ? certificateOf(socket) : undefined,
    }
    void accept(link, identity)
  })
  secured.on('tlsClientError', (problem, socket) => {
    if (!isClosed)
      tell({ kind: 'refused', peerAddress: peerAddressOf(socket), reason: handshakeProblem(problem) })
    // A handshake that was not finished in time is only told of.
    socket.destroy()
  })

  // Who does not get in for want of room is turned away before any handshake.
  const server = createServer({ allowHalfOpen: true, ...TCP_TERMS }, (socket) => {
    if (!crowd.enter()) return void socket.destroy()
    const origin = originOf(socket)
    arriving.set(origin, socket)
    socket.once('close', () => {
      if (arriving.get(origin) === socket) arriving.delete(origin)
      crowd.leave()
    })
    secured.emit('connection', socket)
  })

  const timer = setInterval(() => void reload().catch((bug) => secured.emit('error', bug)), RELOAD_MS).unref()
  let inForce = credentials.value
  let complaint = ''
  async function reload(): Promise<void> {
    const read = await files.read()
    if (read.ok && read.value !== inForce) {
      secured.setSecureContext({ ...read.value.options, ...TERMS })
      inForce = read.value
      tell({ kind: 'certificates-changed' })
    }
    const message = read.ok ? '' : read.failure
    if (message !== '' && message !== complaint) tell({ kind: 'certificates-broken', message })
    complaint = message
  }
  return ok({
    server,
    close() {
      isClosed = true
      clearInterval(timer)
      server.close()
      // Nobody else knows of them yet, so nobody else would end them.
      for (const socket of arriving.values()) socket.destroy()
      for (const link of turnedAway) link.destroy()
    },
  })
}

const originOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`

/** HTTP/2 is not offered (PS-UPGRADE-005), and nobody renegotiates who they are within a connection. */
const TERMS = {
  ALPNProtocols: ['http/1.1'],
  rejectUnauthorized: false,
  // A ticket would let a client in again without a look at its certificate.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
} as const

/** Why a client is not let in, for the person at its end. */
function unfitness(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined
  if (socket.getPeerX509Certificate() === undefined)
    return 'this listener lets in only clients that show a certificate of its CA, and none was shown'
  // The types promise an Error; what is there is its code.
  const code = String((socket.authorizationError as unknown as string | undefined) ?? 'unverified')
  return `the certificate of this client is not accepted: ${CERTIFICATE_PROBLEMS[code] ?? code}`
}

const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself, and not by the CA of this listener',
  SELF_SIGNED_CERT_IN_CHAIN: 'another CA has signed it than the one of this listener',
  UNABLE_TO_GET_ISSUER_CERT: 'another CA has signed it than the one of this listener',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'another CA has signed it than the one of this listener',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'another CA has signed it than the one of this listener',
  CERT_SIGNATURE_FAILURE: 'another CA has signed it than the one of this listener',
  INVALID_PURPOSE: 'it is not one for clients (extendedKeyUsage without clientAuth)',
}

function handshakeProblem(problem: NodeJS.ErrnoException): string {
  switch (problem.code) {
    case 'ERR_SSL_HTTP_REQUEST':
      return 'it spoke plain HTTP to a listener with TLS'
    case 'ECONNRESET':
      return 'it left in the middle of the handshake'
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return 'it did not finish the handshake in time'
    default:
      return problem.message
  }
}
