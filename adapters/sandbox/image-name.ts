/** Names of images, read as the engine reads them. */

export interface ImageName {
  /** With its registry, without tag and digest, as rules are written: `docker.io/library/busybox`. */
  readonly full: string
  /** `latest` unless given; empty where there is only a digest. */
  readonly tag: string
}

/** `undefined`: this is no name, but an id, or nothing that the engine would accept. */
export function readImageName(text: string): ImageName | undefined {
  if (!REFERENCE.test(text) || mayBeId(text)) return undefined
  const [named = '', digest] = text.split('@')
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  const repository = hasTag ? named.slice(0, colon) : named
  const tag = hasTag ? named.slice(colon + 1) : digest === undefined ? 'latest' : ''
  return { full: fullName(repository), tag }
}

/** The engine finds an image by any beginning of its id, too. */
export function mayBeId(text: string): boolean {
  return /^(?:sha256:)?[0-9a-f]+$/.test(text)
}

/** Whether a rule begins with a registry, as it must: `acme` alone may be meant for one or for an owner. */
export function isNameRule(rule: string): boolean {
  if (rule === '*') return true
  return /^[a-zA-Z0-9._:/[\]-]+$/.test(rule) && !rule.endsWith('/') && isRegistry(rule.split('/')[0]!)
}

export function matchesAny(name: ImageName, rules: readonly string[]): boolean {
  return rules.some(
    (rule) => rule === '*' || name.full === folded(rule) || name.full.startsWith(`${folded(rule)}/`),
  )
}

/** Whether one of the names that an image is known by, in lists as the engine has them, is trusted. */
export function isTrusted(names: readonly unknown[], rules: readonly string[]): boolean {
  if (rules.includes('*')) return true
  return names.flat().some((known) => {
    const read = typeof known === 'string' ? readImageName(known) : undefined
    return read !== undefined && matchesAny(read, rules)
  })
}

const REFERENCE = /^[a-zA-Z0-9[][a-zA-Z0-9._:/@+[\]-]*$/

function fullName(repository: string): string {
  const [first = '', ...rest] = repository.split('/')
  if (rest.length === 0) return `docker.io/library/${first}`
  if (!isRegistry(first)) return `docker.io/${repository}`
  const registry = first.toLowerCase()
  if (!HUB_NAMES.has(registry)) return [registry, ...rest].join('/')
  return rest.length === 1 ? `docker.io/library/${rest[0]}` : ['docker.io', ...rest].join('/')
}

function folded(rule: string): string {
  const [registry = '', ...rest] = rule.split('/')
  return [registry.toLowerCase(), ...rest].join('/')
}

/** What sets a host apart from an owner; an owner's name has none of these. */
function isRegistry(component: string): boolean {
  return (
    /[.:]/.test(component) || component.toLowerCase() === 'localhost' || component !== component.toLowerCase()
  )
}

const HUB_NAMES: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io'])
