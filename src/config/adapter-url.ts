import { failed, ok, type Result } from '../model/result.ts'
import type { ConfigProblemCode, Misfit } from './problem.ts'
import { quote } from './tree.ts'

/** What the URL of an adapter leads to. The text of the URL itself is kept as written: protocol 1 calls exactly that. */
export type AdapterAddress =
  | { readonly via: 'http' | 'https' }
  /** From `unix:///run/weave.sock:/hook`: a socket, then the path of the request, which is `/` where none is given. */
  | { readonly via: 'unix'; readonly socketPath: string; readonly path: string }

export interface UrlMisfit extends Misfit {
  readonly code: Extract<ConfigProblemCode, `url-${string}`>
}

/** Room for a path in Linux' `sockaddr_un`, in bytes, less the zero that ends it (unix(7)). */
const SOCKET_PATH_LIMIT_BYTES = 107

export function parseAdapterUrl(text: string): Result<AdapterAddress, UrlMisfit> {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? []
  switch (scheme?.toLowerCase()) {
    case undefined:
      return failed(withoutScheme(text))
    case 'http':
      return webUrl('http', text)
    case 'https':
      return webUrl('https', text)
    case 'unix':
      return unixUrl(text, rest ?? '')
    default: {
      const message = `${quote(text)} has the scheme "${scheme}"; an adapter is called over http, https or unix`
      return failed({ code: 'url-other-scheme', message })
    }
  }
}

function webUrl(via: 'http' | 'https', text: string): Result<AdapterAddress, UrlMisfit> {
  // `new URL` drops line breaks, turns spaces into %20 and backslashes into slashes, and skips slashes before the host:
  // it would call something else than what is written.
  const url = /[\s\\\p{Cc}]|:\/\/\//u.test(text) ? undefined : readUrl(text)
  if (url === undefined) return unreadable(`${quote(text)} is not a URL that can be called`)
  if (url.username !== '' || url.password !== '') {
    const message = 'a user or password in the URL would not be sent to the adapter'
    return failed({ code: 'url-credentials', message })
  }
  return ok({ via })
}

function readUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

function unixUrl(text: string, rest: string): Result<AdapterAddress, UrlMisfit> {
  const [, socketPath, path = '/'] = /^(\/[^:\s\p{Cc}]+)(?::(\/[^\s\p{Cc}]*))?$/u.exec(rest) ?? []
  if (socketPath === undefined) {
    return unreadable(`${quote(text)} is not of the form "unix:///run/adapter.sock:/path"`)
  }
  if (Buffer.byteLength(socketPath) > SOCKET_PATH_LIMIT_BYTES) {
    return unreadable(`the path of a unix socket has at most ${SOCKET_PATH_LIMIT_BYTES} bytes`)
  }
  return ok({ via: 'unix', socketPath, path })
}

function unreadable(message: string): Result<AdapterAddress, UrlMisfit> {
  return failed({ code: 'url-unreadable', message })
}

function withoutScheme(text: string): UrlMisfit {
  const code = 'url-without-scheme'
  const message = `${quote(text)} has no scheme`
  const isSocketPath = /^\/[^/]/.test(text) || /^unix:/i.test(text)
  const fix = isSocketPath
    ? text.replace(/^(?:unix:)?\/*/i, 'unix:///')
    : text.replace(/^(?:https?:)?\/*/i, 'http://')
  return parseAdapterUrl(fix).ok
    ? { code, message: `${message}; write ${quote(fix)}`, fix }
    : { code, message }
}
