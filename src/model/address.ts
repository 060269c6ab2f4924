/** Where something listens: the proxy itself, or the engine. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** As Docker writes it in `DOCKER_HOST`. */
export function describeAddress(address: Address): string {
  if (address.kind === 'unix') return `unix://${address.path}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `tcp://${host}:${address.port}`
}

/** Whether only this machine can be at the other end. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(host)
}

/** How the engine is reached. */
export interface EngineTarget {
  readonly address: Address
  /** Nothing: in the clear. */
  readonly tls: ClientTls | undefined
}

/** How we are sure of a server, and it of us. Names of PEM files, absolute, read again when they change. */
export interface ClientTls {
  /** Who may have signed the server's certificate. Nothing: whom Node trusts. */
  readonly ca: string | undefined
  /** Our own certificate, where the server asks for one. */
  readonly own: KeyPair | undefined
}

/** How a listener shows who it is, and whom it lets in. */
export interface ServerTls {
  readonly own: KeyPair
  /** Who may have signed the certificates of clients. */
  readonly ca: string | undefined
  /** `require`: without a certificate that `ca` has signed nobody gets in. `none`: everybody does. */
  readonly clientAuth: 'require' | 'none'
}

/** Names of PEM files, absolute. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}
