/**
 * What becomes of a container whose start a hook has refused.
 *
 * The engine removes a container that was created with `AutoRemove` when its start fails (moby, `daemon/start.go`), with its
 * anonymous volumes, and `docker run --rm` waits for that without limit. Of a start that a hook refuses the engine never hears, so
 * powerstrip removes it: in the client's name and through its hooks, for the client may have no right to touch, or to see, what it
 * asked to start. Whatever is refused there is left alone.
 */
import { type AsideEnd, askAside, type Standing } from './aside.ts'
import type { Field } from './http1/head.ts'
import type { ChainNote } from './model/event.ts'
import { Stop } from './model/stop.ts'
import type { AdmittedRequest } from './route/admit.ts'

/** For both requests and all their hooks, in milliseconds: whoever was refused waits for it. A removal takes an engine some 50 ms. */
const LIMIT_MS = 5_000

/** `start`: a request that was refused. Never fails: the client's answer is the refusal, whatever comes of this. */
export async function removeUnstarted(start: AdmittedRequest, standing: Standing): Promise<void> {
  const tell = (note: ChainNote) => standing.tell({ kind: 'chain', operation: 'ContainerStart', note })
  const { listener } = standing.identity
  const left = (container: string, refused: boolean, reason: string) =>
    tell({ kind: 'unstarted-left', container, listener, engine: standing.engine.name, refused, reason })

  const until = new Stop()
  const timer = setTimeout(() => until.abort(), LIMIT_MS)
  const ask = (method: string, target: string) => askAside(headLike(start, method, target), standing, until)
  try {
    const name = start.route.params.id!
    const looked = await ask('GET', `/containers/${encodeURIComponent(name)}/json`)
    if (looked.kind !== 'answered') return left(name, looked.kind === 'refused', `GET: ${looked.reason}`)
    if (looked.status >= 500) return left(name, false, `GET: ${inEnginesWords(looked)}`)
    const id = looked.status === 200 ? unstartedId(looked.body) : undefined
    if (id === undefined) return

    // Without force: where somebody else has started it meanwhile, the engine refuses, and is right.
    const removed = await ask('DELETE', `/containers/${id}?v=1`)
    if (removed.kind !== 'answered') return left(id, removed.kind === 'refused', `DELETE: ${removed.reason}`)
    if (removed.status < 400) tell({ kind: 'unstarted-removed', container: id, listener })
    else if (!IN_GOOD_HANDS.has(removed.status)) left(id, false, `DELETE: ${inEnginesWords(removed)}`)
  } finally {
    clearTimeout(timer)
  }
}

/** It is gone; or it runs, or somebody is removing it. */
const IN_GOOD_HANDS: ReadonlySet<number> = new Set([404, 409])

function inEnginesWords({ status, body }: AsideEnd & { readonly kind: 'answered' }): string {
  return `the engine answered ${status}: ${body.trim()}`
}

/** The id of a container that is to be removed when it ends, and never ran. */
function unstartedId(body: string): string | undefined {
  const { Id, State, HostConfig } = inspected(body)
  if (State?.Status !== 'created' || HostConfig?.AutoRemove !== true) return undefined
  return typeof Id === 'string' && FULL_ID.test(Id) ? Id : undefined
}

const FULL_ID = /^[0-9a-f]{64}$/

/** What hooks may have made of it too. */
interface Inspected {
  readonly Id?: unknown
  readonly State?: { readonly Status?: unknown } | null
  readonly HostConfig?: { readonly AutoRemove?: unknown } | null
}

function inspected(body: string): Inspected {
  try {
    return (JSON.parse(body) as Inspected | null) ?? {}
  } catch {
    return {}
  }
}

/** The head of another request by the same client: everything that it says of itself, and nothing that is about a body or a connection. */
function headLike({ head, route, fields }: AdmittedRequest, method: string, path: string): string {
  const version = route.version === undefined ? '' : `/v${route.version}`
  const kept = fields.filter(({ key }) => !OF_ONE_REQUEST.has(key))
  const lines = kept.map((field: Field) => head.text.slice(field.start, field.end))
  return `${method} ${version}${path} HTTP/1.${head.minor}\r\n${lines.join('')}\r\n`
}

const OF_ONE_REQUEST: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
