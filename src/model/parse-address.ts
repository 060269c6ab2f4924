/** Addresses as Docker writes them: `unix:///run/x.sock`, `tcp://127.0.0.1:2375`. */
import type { Address } from './address.ts'
import { failed, ok, type Result } from './result.ts'

/** Longest path of a unix socket on Linux, in bytes (`sun_path` holds 108 with its final zero). */
const UNIX_PATH_LIMIT_BYTES = 107

/** Docker's port for plain TCP, which its own clients assume where an address names none. */
const DOCKER_PLAIN_PORT = 2375

/** The same for TLS. */
export const DOCKER_TLS_PORT = 2376

/** `defaultPort`: for `tcp://host`; Docker's own clients take 2376 where they speak TLS. */
export function parseAddress(text: string, defaultPort = DOCKER_PLAIN_PORT): Result<Address, string> {
  if (text.startsWith('unix://')) return unixAddress(text, text.slice('unix://'.length))
  if (text.startsWith('/')) return unixAddress(text, text)
  if (text.startsWith('tcp://') || text.startsWith('http://')) return tcpAddress(text, defaultPort)
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]
  return failed(
    scheme === undefined
      ? `"${text}" is not an address; write unix:///path/to.sock or tcp://host:port`
      : `"${text}": ${scheme}:// is not supported; write unix:///path/to.sock or tcp://host:port`,
  )
}

function unixAddress(text: string, path: string): Result<Address, string> {
  if (!path.startsWith('/'))
    return failed(`"${text}": the path of a unix socket must be absolute: unix:///path/to.sock`)
  if (path.endsWith('/')) return failed(`"${text}" names a directory, not a socket`)
  if (path.includes('\0')) return failed(`"${text}": a path has no zero byte`)
  const bytes = Buffer.byteLength(path)
  if (bytes > UNIX_PATH_LIMIT_BYTES)
    return failed(
      `"${text}": a unix socket path holds ${UNIX_PATH_LIMIT_BYTES} bytes, this one has ${bytes}; choose a shorter one`,
    )
  return ok({ kind: 'unix', path })
}

function tcpAddress(text: string, defaultPort: number): Result<Address, string> {
  const match = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:.]+\]|[^/:?#@\s]*)(?::([0-9]+))?\/?$/.exec(text)
  if (match === null) return failed(`"${text}" is not of the form tcp://host:port`)
  const host = (match[1] ?? '').replace(/^\[|\]$/g, '') || '127.0.0.1'
  const port = match[2] === undefined ? defaultPort : Number(match[2])
  if (port > 65_535) return failed(`"${text}": port ${match[2]} is above 65535`)
  return ok({ kind: 'tcp', host, port })
}
