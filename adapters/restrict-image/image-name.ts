/** Where an image comes from, read out of its name as the engine reads it. */
export interface ImageOrigin {
  /** In lower case: `docker.io`, `localhost:5000`. */
  readonly registry: string
  /** The first part of the repository: `library` for Docker Hub's own images, empty where a registry has no owners. */
  readonly owner: string
}

export const DOCKER_HUB = 'docker.io'

export function originOf(image: string): ImageOrigin {
  const [first = '', ...rest] = image.split('/')
  if (rest.length === 0) return { registry: DOCKER_HUB, owner: 'library' }
  if (!isRegistry(first)) return { registry: DOCKER_HUB, owner: first }
  const registry = HUB_NAMES.has(first.toLowerCase()) ? DOCKER_HUB : first.toLowerCase()
  if (rest.length > 1) return { registry, owner: rest[0]! }
  return { registry, owner: registry === DOCKER_HUB ? 'library' : '' }
}

/** What sets a host apart from an owner; an owner's name has none of these. */
export function isRegistry(component: string): boolean {
  return (
    /[.:]/.test(component) || component.toLowerCase() === 'localhost' || component !== component.toLowerCase()
  )
}

const HUB_NAMES: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io'])

/** The engine finds an image by any beginning of its id too, and an id tells nothing about where the image comes from. */
export function mayBeId(image: string): boolean {
  return /^(?:sha256:)?[0-9a-f]+$/.test(image)
}
