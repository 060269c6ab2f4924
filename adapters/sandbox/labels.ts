/** The label that says which group of clients has made something, and the filter that shows a group its own. */
import { isJsonObject, type JsonObject, parseJson } from 'powerstrip/sdk'
import { type Concern, forbidden } from './concern.ts'

export const OWNER_LABEL = 'powerstrip.sandbox.owner'

/** Who owns something, by its labels. */
export function ownerOf(labels: unknown): string | undefined {
  const owner = isJsonObject(labels) && Object.hasOwn(labels, OWNER_LABEL) ? labels[OWNER_LABEL] : undefined
  return typeof owner === 'string' ? owner : undefined
}

/** A client that gives the label itself wants to give something away, or to be taken for somebody. */
export function* forgedLabels(labels: unknown, owner: string): Iterable<Concern> {
  if (labels === undefined || labels === null) return
  if (!isJsonObject(labels)) yield forbidden('PS-FIELD-001', 'labels that are not a map', 'sending a map')
  else if (Object.hasOwn(labels, OWNER_LABEL) && labels[OWNER_LABEL] !== owner)
    yield forbidden('PS-TIME-004', `the label "${OWNER_LABEL}"`, 'leaving it out')
}

export function withOwner(labels: unknown, owner: string): JsonObject {
  return { ...(isJsonObject(labels) ? labels : {}), [OWNER_LABEL]: owner }
}

/** `filters` of a list or a prune, narrowed to what the owner has made. `undefined`: they cannot be read. */
export function ownFilters(text: string | null, owner: string): string | undefined {
  const filters = text === null || text === '' ? {} : filtersIn(text)
  if (filters === undefined) return undefined
  // The engine takes a list as well as a map of switches, and either way looks at the names only.
  const labels = namesIn(filters.label)
  return JSON.stringify({ ...filters, label: [...labels, `${OWNER_LABEL}=${owner}`] })
}

export function filtersIn(text: string): Record<string, string[]> | undefined {
  try {
    const read = parseJson(text)
    if (!isJsonObject(read)) return undefined
    const entries = Object.entries(read).map(([key, value]) => [key, namesIn(value)] as const)
    return entries.every(([, names]) => names !== undefined)
      ? (Object.fromEntries(entries) as Record<string, string[]>)
      : undefined
  } catch {
    return undefined
  }
}

function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  return isJsonObject(value) ? Object.keys(value) : []
}
