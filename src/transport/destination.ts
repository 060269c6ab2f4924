import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export type RemoteAddress =
  | { readonly via: 'http' | 'https' }
  | { readonly via: 'unix'; readonly socketPath: string; readonly path: string }

/** Where the calls to an adapter go. */
export interface Destination {
  /** For the `Host` field. */
  readonly origin: string
  /** The request target, byte for byte as the configuration has it. A character of this string is one byte. */
  readonly path: string
  /** Rejects, with the reason, where what is found there is not to be trusted. Asked before each `dial`. */
  trusted?(): Promise<void>
  /** Opens a connection. It is ready at the event `ready`. */
  dial(): { readonly socket: Socket; readonly ready: 'connect' | 'secureConnect' }
}

/** Who may have signed the adapter's certificate, and our own certificate: PEM texts, asked for at each connection. */
export type Credentials = () => {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** `url` has been checked by the configuration and is never written anew: servers of 2015 compare it as text. */
export function destinationOf(
  url: string,
  address: RemoteAddress,
  credentials: Credentials = () => ({}),
): Destination {
  if (address.via === 'unix') {
    const { socketPath, path } = address
    return {
      origin: 'http://localhost',
      path: bytesOf(path),
      dial: () => ({ socket: connectTcp({ path: socketPath }), ready: 'connect' }),
    }
  }
  const { hostname, port, origin } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const path = bytesOf(targetIn(url))
  if (address.via === 'http') {
    const options = { host, port: Number(port || 80), noDelay: true }
    return { origin, path, dial: () => ({ socket: connectTcp(options), ready: 'connect' }) }
  }
  // A certificate is checked against the host name; for an address there is no name to ask for (RFC 6066, section 3).
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const options = { host, port: Number(port || 443), ALPNProtocols: ['http/1.1'], ...servername }
  return {
    origin,
    path,
    dial() {
      const socket = connectTls({ ...options, ...credentials() })
      return { socket: socket.setNoDelay(true), ready: 'secureConnect' }
    },
  }
}

/** Path and query as written. The fragment is a matter of who reads the URL and is never sent. */
function targetIn(url: string): string {
  const target = /^[^:]+:\/\/[^/?#]*([^#]*)/.exec(url)?.[1] ?? ''
  return target.startsWith('/') ? target : `/${target}`
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}
