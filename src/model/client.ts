/**
 * Who is at the other end of a client connection: what the socket itself and a verified certificate tell, and nothing
 * that the client only claims. One for the life of a connection.
 */
export interface ClientIdentity {
  /** Name of the listener that it came in by. */
  readonly listener: string
  readonly transport: 'unix' | 'tcp' | 'tls'
  /** The peer's IP address. Nothing on a unix socket, where there is none. */
  readonly peerAddress: string | undefined
  /** Only of a certificate that the listener's own CA has signed. */
  readonly certificate: ClientCertificate | undefined
}

export interface ClientCertificate {
  /** The subject's common name, which Docker's own set-up uses as the name of the client; empty if it has none. */
  readonly commonName: string
  /** The whole subject on one line, as in `O=ops, CN=alice`. */
  readonly subject: string
  /** SHA-256 of the certificate, in hexadecimal with colons. */
  readonly fingerprint: string
}

/** The listener of a proxy that was given addresses and no names. */
export const DEFAULT_LISTENER = 'default'
