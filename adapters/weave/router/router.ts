import type { Result } from 'powerstrip/sdk'
import type { Wish } from '../wishes.ts'

/** A Weave router's HTTP API. Nothing rejects; a failure is what to tell the user. */
export interface Router {
  readonly url: string
  /** The container's address in this subnet, or the one that it claims: `10.32.0.1/12`. Asked again, the same. */
  obtain(container: string, wish: Wish, signal: AbortSignal): Promise<Result<string, RouterFailure>>
  /** All of a container's addresses. */
  release(container: string, signal: AbortSignal): Promise<Result<unknown, RouterFailure>>
  /** Containers that have addresses, by their full ids. */
  owners(signal: AbortSignal): Promise<Result<readonly string[], RouterFailure>>
  register(
    container: string,
    address: string,
    fqdn: string,
    signal: AbortSignal,
  ): Promise<Result<unknown, RouterFailure>>
  deregister(container: string, signal: AbortSignal): Promise<Result<unknown, RouterFailure>>
  /** Without a dot at its end. */
  domain(signal: AbortSignal): Promise<Result<string, RouterFailure>>
  dnsAddress(signal: AbortSignal): Promise<Result<string, RouterFailure>>
}

export type RouterFailure =
  /** The router said no, in these words. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string }

const DEADLINE_MS = 30_000

/** Throws for what is no `http://HOST:PORT`. */
export function routerAt(url: string): Router {
  if (!/^http:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\]):[0-9]{1,5}\/?$/i.test(url))
    throw new TypeError(`"${url}" is no address of a router; write http://127.0.0.1:6784`)
  const base = url.replace(/\/$/, '')
  const ask = (method: string, path: string, signal: AbortSignal, body?: URLSearchParams) =>
    askRouter(base, method, path, signal, body)

  return {
    url,
    async obtain(container, wish, signal) {
      if (wish.kind === 'claim') {
        const claimed = await ask('PUT', `/ip/${container}/${wish.address}/${wish.prefix}`, signal)
        return claimed.ok ? { ok: true, value: `${wish.address}/${wish.prefix}` } : claimed
      }
      const given = await ask('POST', `/ip/${container}/${wish.subnet}?check-alive=true`, signal)
      if (given.ok && !/^[0-9.]+\/[0-9]+$/.test(given.value))
        return refused(given.value === 'cancelled' ? 'the container has ended' : `it gave "${given.value}"`)
      return given
    },
    release: (container, signal) => ask('DELETE', `/ip/${container}`, signal),
    async owners(signal) {
      const told = await ask('GET', '/ip', signal)
      return told.ok ? readOwners(told.value) : told
    },
    register: (container, address, fqdn, signal) =>
      ask('PUT', `/name/${container}/${address}`, signal, new URLSearchParams({ fqdn })),
    deregister: (container, signal) => ask('DELETE', `/name/${container}`, signal),
    async domain(signal) {
      const told = await ask('GET', '/domain', signal)
      return told.ok ? { ok: true, value: told.value.replace(/\.$/, '') } : told
    },
    dnsAddress: (signal) => ask('GET', '/dns-address', signal),
  }
}

async function askRouter(
  base: string,
  method: string,
  path: string,
  signal: AbortSignal,
  body: URLSearchParams | undefined,
): Promise<Result<string, RouterFailure>> {
  try {
    const both = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)])
    const answer = await fetch(base + path, {
      method,
      signal: both,
      redirect: 'manual',
      ...(body && { body }),
    })
    const text = (await answer.text()).trim()
    if (answer.ok) return { ok: true, value: text }
    return refused(text || `it answered ${method} ${path} with ${answer.status}`)
  } catch (problem) {
    const { cause, message } = problem as Error & { cause?: { code?: string } }
    return {
      ok: false,
      failure: {
        kind: 'unreachable',
        message: `the weave router at ${base} cannot be asked (${cause?.code ?? message})`,
      },
    }
  }
}

function refused(message: string): { readonly ok: false; readonly failure: RouterFailure } {
  return { ok: false, failure: { kind: 'refused', message: `the weave router refuses: ${message}` } }
}

const CONTAINER_ID = /^[0-9a-f]{64}$/

/** `{"owned":[{"containerid":"…","addrs":["…"]}]}`; what is not a container has other names. */
function readOwners(text: string): Result<readonly string[], RouterFailure> {
  try {
    const { owned = [] } = JSON.parse(text) as { owned?: { containerid?: unknown }[] | null }
    const ids = (owned ?? []).map(({ containerid }) => String(containerid))
    return { ok: true, value: ids.filter((id) => CONTAINER_ID.test(id)) }
  } catch {
    return refused('its list of addresses cannot be read')
  }
}
