/**
 * What a web page can make a browser send to a TCP port on its user's machine (PS-LISTEN-004).
 *
 * Any page may send requests to `http://127.0.0.1:2375`, and a page whose own name resolves to this machine may even read the
 * answers (DNS rebinding). Browsers cannot leave out `Origin` where it counts, nor change `Host`. Docker's clients never name a
 * web site; an `Origin`, where one sends it at all (docker-py does, to attach by WebSocket), is the address that it asks, and
 * no page comes from there. A listener that wants a certificate has asked for more than a page has.
 */
import { type Field, fieldValue } from '../http1/head.ts'
import { type Refusal, refusal } from '../model/refusal.ts'

export function browserRefusal(
  head: { readonly fields: readonly Field[] },
  hosts: readonly string[],
): Refusal | undefined {
  const host = fieldValue(head, 'host')
  for (const { key, value } of head.fields) {
    if (key.startsWith('sec-fetch-')) return FROM_A_PAGE
    if (key === 'origin' && (host === undefined || value !== `http://${host}`)) return FROM_A_PAGE
  }
  return host === undefined || isOwnName(host, hosts) ? undefined : strangeHost(host)
}

const FROM_A_PAGE = refusal(
  'PS-LISTEN-004',
  403,
  'requests from web pages (Origin, Sec-Fetch-*) are not accepted on TCP without client certificates',
)

function strangeHost(host: string): Refusal {
  return refusal(
    'PS-LISTEN-004',
    403,
    `the host ${JSON.stringify(host)} is no name of this listener; use an IP address, localhost or a name without dots, or list the name under "hosts"`,
  )
}

/**
 * Addresses cannot be rebound, names without a dot are not resolved outside of the network at hand (compose services), and
 * names under `localhost` are this machine by definition (RFC 6761): BuildKit's client asks for `api.moby.localhost`.
 */
function isOwnName(host: string, hosts: readonly string[]): boolean {
  const name = host.replace(/:[0-9]*$/, '').toLowerCase()
  return (
    /^\[[0-9a-f:.]+\]$/.test(name) ||
    /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(name) ||
    // gRPC's client names nobody, which no browser can.
    name === '' ||
    /^(?:[a-z0-9_.-]+\.localhost|[a-z0-9_-]+)$/.test(name) ||
    hosts.includes(name)
  )
}
