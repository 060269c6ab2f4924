import type { Span } from './problem.ts'

/**
 * A YAML document as the sections of the configuration read it: plain kinds, each with its place in the file.
 *
 * Aliases and merge keys are gone from it. An alias leads to the very node that it names, so a tree may share branches,
 * and a node's place is where its text stands, not where it is used.
 */
export type Node =
  | TextNode
  | { readonly kind: 'number'; readonly at: Span; readonly value: number; readonly source: string }
  | { readonly kind: 'boolean'; readonly at: Span; readonly value: boolean; readonly source: string }
  | { readonly kind: 'null'; readonly at: Span }
  | { readonly kind: 'list'; readonly at: Span; readonly items: readonly Node[] }
  | MapNode
  /** Already reported. Whoever meets one says nothing more about it. */
  | { readonly kind: 'broken'; readonly at: Span }

export interface TextNode {
  readonly kind: 'text'
  readonly at: Span
  readonly text: string
  /** As it stands in the file, where `${...}` has been replaced in it. Messages show this: the text may be a secret. */
  readonly written?: string
}

export interface MapNode {
  readonly kind: 'map'
  readonly at: Span
  /** In file order. A key that is written twice is here twice: it has been reported, and both values are still checked. */
  readonly entries: readonly Entry[]
}

export interface Entry {
  readonly key: string
  readonly keyAt: Span
  readonly value: Node
}

/** What stands there, for a message: `a list`, `the number 5`. */
export function nameNode(node: Node): string {
  switch (node.kind) {
    case 'text':
      return quote(node.written ?? node.text)
    case 'number':
    case 'boolean':
      return `the ${node.kind} ${node.source}`
    case 'null':
      return 'nothing'
    case 'list':
    case 'map':
      return `a ${node.kind}`
    case 'broken':
      return 'something unreadable'
  }
}

/** The longest piece of a file that a message repeats, in UTF-16 units. The excerpt below the message shows the rest. */
const QUOTE_LIMIT = 120

/** Text from the file as it stands in a message: on one line, in quotes, and never long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > QUOTE_LIMIT ? `${text.slice(0, QUOTE_LIMIT)}…` : text)
}

/** Text as it is written in YAML: bare where that is safe, in quotes elsewhere. */
export function asYaml(text: string): string {
  const isBare = /^[a-z_][\w.-]*$/i.test(text) && !/^(?:null|true|false)$/i.test(text)
  return isBare ? text : JSON.stringify(text)
}
