/** Who is at the other end of a connection, by what the socket and a verified certificate tell. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificate } from '../model/client.ts'

/** Without the form that an IPv4 address takes on a socket for both kinds. */
export function peerAddressOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress?.replace(/^::ffff:(?=[0-9.]+$)/i, '')
}

/** Of a socket whose certificate has been verified. */
export function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const parts = certificate.subject?.split('\n') ?? []
  const names = parts.filter((part) => part.startsWith('CN='))
  return {
    // Of several names none is *the* name, and a hook that compares it must not be shown the one that somebody hoped for.
    commonName: names.length === 1 ? names[0]!.slice('CN='.length) : '',
    subject: parts.join(', '),
    fingerprint: certificate.fingerprint256,
  }
}
