/** The labels that say which group of clients has made something, and the filter that shows a group its own. */
import { isJsonObject, type JsonObject, parseJson } from 'powerstrip/sdk'
import { type Concern, forbidden } from './concern.ts'
import type { FieldRule } from './shape.ts'

/** Of containers, volumes, networks and everything of a swarm. */
export const OWNER_LABEL = 'powerstrip.sandbox.owner'

/**
 * Of images, which hand their labels on: a container that somebody else runs of an image does not belong to who has made the
 * image.
 */
export const IMAGE_OWNER_LABEL = 'powerstrip.sandbox.image-owner'

/** Who owns something, by its labels. */
export function ownerOf(labels: unknown, label = OWNER_LABEL): string | undefined {
  const owner = isJsonObject(labels) && Object.hasOwn(labels, label) ? labels[label] : undefined
  return typeof owner === 'string' && owner !== '' ? owner : undefined
}

/** A client that gives the label itself wants to give something away, or to be taken for somebody. */
export function* forgedLabels(labels: unknown, owner: string, ...more: string[]): Iterable<Concern> {
  if (labels === undefined || labels === null) return
  if (!isJsonObject(labels)) {
    yield forbidden('PS-FIELD-001', 'labels that are not a map', 'sending a map')
    return
  }
  // Clients send back what they were shown of their own, and what their images have handed on.
  for (const label of [OWNER_LABEL, ...more])
    if (Object.hasOwn(labels, label) && labels[label] !== owner && labels[label] !== '')
      yield forbidden('PS-TIME-004', `the label "${label}"`, 'leaving it out')
}

/** Labels as a field of something larger. */
export const labelsField: FieldRule = (labels, { owner }) => (owner === '' ? [] : forgedLabels(labels, owner))

export function withOwner(labels: unknown, owner: string): JsonObject {
  return { ...(isJsonObject(labels) ? labels : {}), [OWNER_LABEL]: owner }
}

/** Of an image: what a base image, or the Dockerfile, says of the owner of containers is overruled. */
export function withImageOwner(labels: unknown, owner: string): JsonObject {
  return { ...(isJsonObject(labels) ? labels : {}), [OWNER_LABEL]: '', [IMAGE_OWNER_LABEL]: owner }
}

/** The same for images that are made without a Dockerfile: an instruction of one. */
export function imageMark(owner: string): string {
  return `LABEL ${OWNER_LABEL}="" ${IMAGE_OWNER_LABEL}="${owner}"`
}

/**
 * Filters of a list or a prune, narrowed to what the owner has made. `undefined`: they ask for what somebody else has made.
 *
 * The label stands there once. Of two values for one label the lists of a swarm take either, as chance will have it, where all
 * others want both.
 */
export function ownFilters(
  filters: Readonly<Record<string, string[]>>,
  owner: string,
  label: string,
): string | undefined {
  const own = `${label}=${owner}`
  const labels = (filters.label ?? []).filter(
    (entry) => entry !== own && entry !== label && entry !== `${label}=`,
  )
  if (labels.some((entry) => entry.startsWith(`${label}=`))) return undefined
  return JSON.stringify({ ...filters, label: [...labels, own] })
}

/** Whether filters are as `ownFilters` leaves them. */
export function areOwn(
  filters: Readonly<Record<string, string[]>> | undefined,
  owner: string,
  label: string,
): boolean {
  const values = filters?.label?.filter((entry) => entry === label || entry.startsWith(`${label}=`))
  return values?.length === 1 && values[0] === `${label}=${owner}`
}

/** The engine takes lists as well as maps of switches, and either way looks at the names only. `undefined`: they cannot be read. */
export function filtersIn(text: string | null): Record<string, string[]> | undefined {
  if (text === null || text === '') return {}
  try {
    const read = parseJson(text)
    if (!isJsonObject(read)) return undefined
    return Object.fromEntries(Object.entries(read).map(([key, value]) => [key, namesIn(value)]))
  } catch {
    return undefined
  }
}

function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  return isJsonObject(value) ? Object.keys(value) : []
}
