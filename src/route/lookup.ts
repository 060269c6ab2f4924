/**
 * Which operation a method and a path mean, chosen as the engine's router chooses it.
 *
 * A path is found by its fixed words: all of it, or its first and its last word, or its first word alone; what lies
 * between is the name. No two routes of the engine that are left after that match the same path, but for one pair: a
 * checkpoint's is the narrower one and comes first. A test compares this with the engine's own list of routes.
 */
import type { Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'

export interface Found {
  readonly operation: Operation
  /** The names in the path, decoded: `{ id: 'web' }`. */
  readonly params: Params
}

export type Params = Readonly<Record<string, string>>

export const NO_PARAMS: Params = Object.freeze({})

/** `path` is decoded, clean, and without a version prefix. */
export function findOperation(method: string, path: string): Found | undefined {
  const shelf = SHELVES.get(method)
  if (shelf === undefined) return undefined
  const fixed = shelf.fixed.get(path)
  if (fixed !== undefined) return fixed
  const headEnd = path.indexOf('/', 1)
  if (headEnd !== -1) {
    const head = path.slice(1, headEnd)
    const tail = path.slice(path.lastIndexOf('/') + 1)
    const found = firstMatch(shelf.byHeadAndTail.get(head)?.get(tail), path)
    if (found !== undefined) return found
    const open = firstMatch(shelf.byHead.get(head), path)
    if (open !== undefined) return open
  }
  return firstMatch(shelf.anywhere, path)
}

/** The operations of one method. */
interface Shelf {
  readonly fixed: Map<string, Found>
  readonly byHeadAndTail: Map<string, Map<string, Template[]>>
  readonly byHead: Map<string, Template[]>
  readonly anywhere: Template[]
}

/** A path with names in it, cut at the names: `literals` has one entry more than `names`. */
interface Template {
  readonly operation: Operation
  readonly literals: readonly string[]
  readonly names: readonly string[]
}

/** Paths that the engine's router has beside those of the descriptions. */
const SECOND_PATHS: ReadonlyMap<string, string> = new Map([['NetworkList', '/networks/']])

const SHELVES = shelve(OPERATIONS)

function shelve(operations: readonly Operation[]): ReadonlyMap<string, Shelf> {
  const shelves = new Map<string, Shelf>()
  // Narrow names first, so that they win where a greedy name would take their path too.
  for (const operation of operations.toSorted((one, other) => greed(one) - greed(other))) {
    const shelf = entry(shelves, operation.method, emptyShelf)
    if (!operation.path.includes('{')) {
      const found: Found = { operation, params: NO_PARAMS }
      shelf.fixed.set(operation.path, found)
      const second = SECOND_PATHS.get(operation.id)
      if (second !== undefined) shelf.fixed.set(second, found)
      continue
    }
    const words = operation.path.slice(1).split('/')
    const head = words[0]!
    const tail = words.at(-1)!
    const template = cut(operation)
    if (head.startsWith('{')) shelf.anywhere.push(template)
    else if (tail.startsWith('{')) entry(shelf.byHead, head, none).push(template)
    else
      entry(
        entry(shelf.byHeadAndTail, head, () => new Map<string, Template[]>()),
        tail,
        none,
      ).push(template)
  }
  return shelves
}

function greed(operation: Operation): number {
  return operation.greedy === true ? 1 : 0
}

function emptyShelf(): Shelf {
  return { fixed: new Map(), byHeadAndTail: new Map(), byHead: new Map(), anywhere: [] }
}

function none(): Template[] {
  return []
}

function entry<K, V>(map: Map<K, V>, key: K, fresh: () => V): V {
  const present = map.get(key)
  if (present !== undefined) return present
  const made = fresh()
  map.set(key, made)
  return made
}

function cut(operation: Operation): Template {
  const pieces = operation.path.split(/\{([^}]+)\}/)
  return {
    operation,
    literals: pieces.filter((_, index) => index % 2 === 0),
    names: pieces.filter((_, index) => index % 2 === 1),
  }
}

function firstMatch(templates: readonly Template[] | undefined, path: string): Found | undefined {
  if (templates === undefined) return undefined
  for (const template of templates) {
    const params =
      template.operation.greedy === true ? greedyName(template, path) : narrowNames(template, path)
    // Shown to hooks, and kept with the head for as long as a client repeats it.
    if (params !== undefined) return { operation: template.operation, params: Object.freeze(params) }
  }
  return undefined
}

/** One name, as long as it can be; the engine lets it be empty. */
function greedyName({ literals, names }: Template, path: string): Params | undefined {
  const before = literals[0]!
  const after = literals[1]!
  if (path.length < before.length + after.length) return undefined
  if (!path.startsWith(before) || !path.endsWith(after)) return undefined
  return { [names[0]!]: path.slice(before.length, path.length - after.length) }
}

/** Names of at least one character, each ending at the next slash. */
function narrowNames({ literals, names }: Template, path: string): Params | undefined {
  if (!path.startsWith(literals[0]!)) return undefined
  const params: Record<string, string> = {}
  let at = literals[0]!.length
  for (const [index, name] of names.entries()) {
    const slash = path.indexOf('/', at)
    const end = slash === -1 ? path.length : slash
    const after = literals[index + 1]!
    if (end === at || !path.startsWith(after, end)) return undefined
    params[name] = path.slice(at, end)
    at = end + after.length
  }
  return at === path.length ? params : undefined
}
