/**
 * Lists that show more than an owner has made: images that anybody may run, networks that anybody may join. No filter of the
 * engine's can say that, so the sandbox asks for the list itself and answers with what is left of it.
 */
import { type EngineClient, type Immediate, isJsonObject, type Json, type JsonObject } from 'powerstrip/sdk'
import { isTrusted } from './image-name.ts'
import { IMAGE_OWNER_LABEL, OWNER_LABEL, ownerOf } from './labels.ts'
import type { Policy } from './policy.ts'

export type ListOf = 'images' | 'networks' | 'network'

interface Asking {
  readonly target: string
  readonly signal: AbortSignal
  readonly respond: (code: number, body?: Json) => Immediate
}

export async function ownList(
  what: ListOf,
  { target, signal, respond }: Asking,
  policy: Policy,
  engine: EngineClient,
): Promise<Immediate> {
  const answer = await engine.json('GET', target, { signal })
  if (!answer.ok) {
    if (answer.failure.kind !== 'refused') throw new Error(answer.failure.message)
    return respond(answer.failure.status, { message: answer.failure.message })
  }
  const { body } = answer.value
  if (what === 'images')
    return respond(
      200,
      entriesOf(body).filter((image) => isShown(image, policy)),
    )
  const own = await ownContainers(policy, engine, signal)
  if (what === 'network') return respond(200, isJsonObject(body) ? withoutOthers(body, own) : body)
  const shown = entriesOf(body).filter(
    ({ Name: name, Labels: labels }) =>
      ownerOf(labels) === policy.owner ||
      policy.networks.includes('*') ||
      policy.networks.includes(String(name)),
  )
  return respond(
    200,
    shown.map((network) => withoutOthers(network, own)),
  )
}

function entriesOf(body: Json): JsonObject[] {
  return Array.isArray(body) ? body.filter(isJsonObject) : []
}

/** What may be run may be seen. */
function isShown(
  { Labels: labels, RepoTags: tags, RepoDigests: digests }: JsonObject,
  policy: Policy,
): boolean {
  const owner = ownerOf(labels, IMAGE_OWNER_LABEL)
  if (owner !== undefined) return owner === policy.owner
  return isTrusted([tags, digests], policy.registries)
}

/** A network tells who is on it. */
function withoutOthers(network: JsonObject, own: ReadonlySet<string>): JsonObject {
  const { Containers: all } = network
  if (!isJsonObject(all)) return network
  return { ...network, Containers: Object.fromEntries(Object.entries(all).filter(([id]) => own.has(id))) }
}

async function ownContainers(
  { owner }: Policy,
  engine: EngineClient,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const query = { all: 1, filters: { label: [`${OWNER_LABEL}=${owner}`] } }
  const answer = await engine.json('GET', '/containers/json', { query, signal })
  if (!answer.ok) throw new Error(answer.failure.message)
  return new Set(entriesOf(answer.value.body).map(({ Id: id }) => String(id)))
}
