import { isAlias, isMap, isScalar, type Pair, type ParsedNode, type Scalar } from 'yaml'
import { STAR_ADVICE, type YamlDocument } from './document.ts'
import type { Places } from './places.ts'
import type { Problems, Span } from './problem.ts'
import { type Entry, type MapNode, type Node, nameNode, quote } from './tree.ts'

/**
 * How many nodes aliases, those of merge keys included, may add to those that are written out. Ten aliases to ten aliases
 * and so on make a billion nodes from a few lines, and a tree that shares its branches is harmless only until somebody
 * prints it.
 */
const ALIAS_NODES_LIMIT = 100_000

/** Turns a YAML document into our tree: aliases followed, merge keys merged, duplicate keys reported. */
export function buildTree({ contents, places }: YamlDocument, problems: Problems): Node {
  const build = new TreeBuilder(places, problems)
  return build.node(contents, places.span(0, 0))
}

type YamlPair = Pair<ParsedNode, ParsedNode | null>

/** One entry as it is written, or what a merge key stands for. */
type Written = { readonly own: Entry } | { readonly merged: readonly MapNode[] }

/**
 * Walks the document once, in file order, because an alias means the latest anchor of its name *above* it. Aliases share
 * nodes and copy nothing, so the walk takes time in proportion to the text, whatever the text makes of aliases.
 */
class TreeBuilder {
  readonly #places: Places
  readonly #problems: Problems
  /** The latest node of each anchor; `open` while we are still inside that node. */
  readonly #anchors = new Map<string, Node | 'open'>()
  /** How many nodes there are in and below each node, with every alias followed. */
  readonly #sizes = new Map<Node, number>()
  #nodesFromAliases = 0

  constructor(places: Places, problems: Problems) {
    this.#places = places
    this.#problems = problems
  }

  /** `emptyAt` is the place of a node that is not there, as the value in `{ key }`. */
  node(yaml: ParsedNode | null, emptyAt: Span): Node {
    if (yaml === null) return this.#sized({ kind: 'null', at: emptyAt }, 1)
    const at = this.#places.span(yaml.range[0], yaml.range[1])
    if (isAlias(yaml)) return this.#alias(yaml.source, at)

    const { anchor } = yaml
    if (anchor !== undefined) this.#anchors.set(anchor, 'open')
    const node = isScalar(yaml) ? this.#scalar(yaml, at) : this.#collection(yaml, at)
    if (anchor !== undefined) this.#anchors.set(anchor, node)
    return node
  }

  #alias(name: string, at: Span): Node {
    const target = this.#anchors.get(name)
    if (target === undefined) {
      return this.#broken('alias-unknown', at, `no anchor "&${name}" stands above this alias; ${STAR_ADVICE}`)
    }
    if (target === 'open') {
      return this.#broken('alias-cycle', at, `"*${name}" stands inside the very node that "&${name}" names`)
    }
    return this.#mayAdd(this.#sizeOf(target), at) ? target : this.#sized({ kind: 'broken', at }, 1)
  }

  #scalar(scalar: Scalar.Parsed, at: Span): Node {
    const { value } = scalar
    const source = scalar.source ?? String(value)
    switch (typeof value) {
      case 'string':
        return this.#sized({ kind: 'text', at, text: value }, 1)
      case 'number':
        return this.#sized({ kind: 'number', at, value, source }, 1)
      case 'boolean':
        return this.#sized({ kind: 'boolean', at, value, source }, 1)
      default:
        if (value === null) return this.#sized({ kind: 'null', at }, 1)
        return this.#broken('yaml-tag', at, `a value of this YAML type has no meaning here: ${quote(source)}`)
    }
  }

  #collection(yaml: Exclude<ParsedNode, Scalar.Parsed | { source: string }>, at: Span): Node {
    if (isMap(yaml)) return this.#map(yaml.items, at)
    const items: Node[] = []
    let size = 1
    for (const written of yaml.items) {
      // Bare pairs in a list come from `!!omap` and `!!pairs` alone, which the core schema does not have.
      const item = this.node(written as ParsedNode, at)
      items.push(item)
      size += this.#sizeOf(item)
    }
    return this.#sized({ kind: 'list', at, items }, size)
  }

  #map(pairs: readonly YamlPair[], at: Span): Node {
    const written: Written[] = []
    const firstLines = new Map<string, number>()
    for (const pair of pairs) {
      const keyAt = this.#places.span(pair.key.range[0], pair.key.range[1])
      const key = this.#key(pair.key, keyAt)
      const value = this.node(pair.value, keyAt)
      if (key === undefined) continue

      const isMerge = isScalar(pair.key) && typeof pair.key.value === 'symbol'
      this.#refuseDuplicate(key, isMerge, keyAt, firstLines)
      written.push(isMerge ? { merged: this.#mergedMaps(value, keyAt) } : { own: { key, keyAt, value } })
    }

    const entries = this.#withMerged(written)
    const size = entries.reduce((sum, { value }) => sum + this.#sizeOf(value), 1)
    return this.#sized({ kind: 'map', at, entries }, size)
  }

  /** A key as text. `8080:` and `yes:` are names like any other, whatever else YAML makes of them. */
  #key(yaml: ParsedNode, keyAt: Span): string | undefined {
    if (isScalar(yaml)) {
      if (yaml.anchor !== undefined) this.#anchors.set(yaml.anchor, this.#scalar(yaml, keyAt))
      if (typeof yaml.value === 'string') return yaml.value
      if (yaml.value !== null) return yaml.source
    }
    const key = isScalar(yaml) ? undefined : this.node(yaml, keyAt)
    if (key?.kind === 'text') return key.text
    if (key?.kind !== 'broken') {
      this.#problems.error('key-not-text', keyAt, `a key is text, not ${key ? nameNode(key) : 'nothing'}`)
    }
    return undefined
  }

  #refuseDuplicate(key: string, isMerge: boolean, keyAt: Span, firstLines: Map<string, number>): void {
    // A quoted "<<" is an ordinary key.
    const id = isMerge ? '<<' : `=${key}`
    const first = firstLines.get(id)
    if (first === undefined) {
      firstLines.set(id, keyAt.line)
      return
    }
    const advice = isMerge ? '; merge several maps with "<<: [*one, *other]"' : ''
    const message = `duplicate key ${quote(key)}: in line ${first} and again in line ${keyAt.line}${advice}`
    this.#problems.error('duplicate-key', keyAt, message)
  }

  #mergedMaps(value: Node, keyAt: Span): readonly MapNode[] {
    const sources = value.kind === 'list' ? value.items : [value]
    return sources.filter((source): source is MapNode => {
      if (source.kind === 'map') return true
      if (source.kind !== 'broken') {
        const message = `"<<" merges a map or a list of maps, not ${nameNode(source)}`
        this.#problems.error('merge-not-map', source.kind === 'null' ? keyAt : source.at, message)
      }
      return false
    })
  }

  /**
   * Merged entries stand where their `<<` stands. A key written in the map itself wins over a merged one, and an earlier
   * merged map over a later one.
   */
  #withMerged(written: readonly Written[]): readonly Entry[] {
    const taken = new Set(written.flatMap((part) => ('own' in part ? [part.own.key] : [])))
    const entries: Entry[] = []
    for (const part of written) {
      if ('own' in part) {
        entries.push(part.own)
        continue
      }
      for (const { entries: offered } of part.merged) {
        const added = offered.filter(({ key }) => !taken.has(key))
        for (const { key } of added) taken.add(key)
        for (const entry of added) entries.push(entry)
      }
    }
    return entries
  }

  #mayAdd(nodes: number, at: Span): boolean {
    const before = this.#nodesFromAliases
    this.#nodesFromAliases += nodes
    if (this.#nodesFromAliases <= ALIAS_NODES_LIMIT) return true
    // Said once: after the first, every further alias is over the limit too.
    if (before <= ALIAS_NODES_LIMIT) {
      const message = `aliases add more than ${ALIAS_NODES_LIMIT} nodes up to here`
      this.#problems.error('alias-limit', at, message)
    }
    return false
  }

  #broken(code: 'alias-unknown' | 'alias-cycle' | 'yaml-tag', at: Span, message: string): Node {
    this.#problems.error(code, at, message)
    return this.#sized({ kind: 'broken', at }, 1)
  }

  #sized<N extends Node>(node: N, size: number): N {
    this.#sizes.set(node, size)
    return node
  }

  #sizeOf(node: Node): number {
    return this.#sizes.get(node) ?? 1
  }
}
