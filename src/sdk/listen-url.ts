import { lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'

/** Where an adapter can be served. */
export type ListenUrl =
  | { readonly kind: 'http'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** Throws for anything but `http://HOST:PORT` and `unix:///PATH`. */
export function parseListenUrl(url: string): ListenUrl {
  const [, path] = /^unix:\/\/(\/[^:\s]+)$/.exec(url) ?? []
  if (path !== undefined) return { kind: 'unix', path }
  const [, host, port] = /^http:\/\/(\[[0-9a-f:.]+\]|[^/:\s[\]]+):([0-9]{1,5})\/?$/i.exec(url) ?? []
  if (host !== undefined && Number(port) <= 65_535)
    return { kind: 'http', host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
  throw new TypeError(
    `"${url}" is no address to listen on; write http://127.0.0.1:4000 or unix:///run/adapter.sock`,
  )
}

export function formatListenUrl(address: ListenUrl): string {
  if (address.kind === 'unix') return `unix://${address.path}`
  return `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`
}

/** Removes the socket that a process which was killed left behind. Nothing else is ever removed. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found?.isSocket() && (await isRefused(path))) await unlink(path)
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('error', (problem: NodeJS.ErrnoException) => resolve(problem.code === 'ECONNREFUSED'))
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
  })
}
