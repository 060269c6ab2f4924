import type { EngineClient, JsonObject } from 'powerstrip/sdk'
import { objectIn } from './holders.ts'
import { parseWishes, type Wish } from './wishes.ts'

/** On a container: what it was given, in the words of `WEAVE_CIDR`. */
export const LABEL = 'powerstrip.weave'

/** `undefined`: the engine does not know it, and will say so itself. Throws where the engine cannot be asked. */
export async function inspect(
  engine: EngineClient,
  id: string,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  const inspected = await engine.json('GET', `/containers/${encodeURIComponent(id)}/json`, { signal })
  if (inspected.ok) return objectIn(inspected.value.body)
  if (inspected.failure.kind === 'refused' && inspected.failure.status === 404) return undefined
  throw new Error(inspected.failure.message)
}

/** What its label says; empty where it is none of ours. */
export function wishesOf(
  container: JsonObject | undefined,
  { subnet }: { readonly subnet: string },
): readonly Wish[] {
  const label = objectIn(objectIn(container?.Config).Labels)[LABEL]
  if (typeof label !== 'string') return []
  const wishes = parseWishes(label, subnet)
  return wishes.ok ? wishes.value : []
}
