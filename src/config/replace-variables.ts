/** `${NAME}` and `${file:NAME}` in values: from the environment, or from a file such as a secret that is mounted. */
import type { FileText } from './file-text.ts'
import { pathFrom } from './paths.ts'
import type { Problems } from './problem.ts'
import { nearest } from './spelling.ts'
import { type Node, quote, type TextNode } from './tree.ts'

export interface VariableGround {
  readonly env: Readonly<Record<string, string | undefined>>
  /** `undefined`: it has not been read yet. What is made of this pass will be thrown away. */
  readonly fileText: (file: string) => FileText | undefined
}

/** The same tree with its values replaced; keys stay as they are. Branches that were shared stay shared. */
export function replaceVariables(root: Node, ground: VariableGround, problems: Problems): Node {
  const done = new Map<Node, Node>()
  const replace = (node: Node): Node => {
    const before = done.get(node)
    if (before !== undefined) return before
    const after = replaced(node, replace, ground, problems)
    done.set(node, after)
    return after
  }
  return replace(root)
}

function replaced(
  node: Node,
  replace: (node: Node) => Node,
  ground: VariableGround,
  problems: Problems,
): Node {
  switch (node.kind) {
    case 'text':
      return node.text.includes('$') ? replacedText(node, ground, problems) : node
    case 'list':
      return { ...node, items: node.items.map(replace) }
    case 'map':
      return {
        ...node,
        entries: node.entries.map((entry) => ({ ...entry, value: replace(entry.value) })),
      }
    default:
      return node
  }
}

/** `$$` is one dollar sign, for text that is to contain `${`. */
function replacedText(node: TextNode, ground: VariableGround, problems: Problems): Node {
  let broken = false
  const text = node.text.replace(/\$\$|\$\{([^}]*)\}?/g, (found: string, name: string | undefined) => {
    if (name === undefined) return '$'
    const value = valueFor(found, name, node, ground, problems)
    if (value === undefined) broken = true
    return value ?? ''
  })
  if (broken) return { kind: 'broken', at: node.at }
  if (text === node.text) return node
  problems.hides(node.at, text, node.text)
  return { ...node, text, written: node.text }
}

function valueFor(
  found: string,
  name: string,
  node: TextNode,
  ground: VariableGround,
  problems: Problems,
): string | undefined {
  if (name.startsWith('file:') && found.endsWith('}')) return fileValue(name.slice(5), node, ground, problems)
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || !found.endsWith('}')) {
    const message = `${quote(found)} is neither "\${NAME}" nor "\${file:/path}"; write "$$" for a dollar sign`
    problems.error('variable-unset', node.at, message)
    return undefined
  }
  const value = ground.env[name]
  if (value !== undefined) return value
  const meant = nearest(name, Object.keys(ground.env))
  const advice = meant === undefined ? '' : `; did you mean ${quote(`\${${meant}}`)}?`
  problems.error('variable-unset', node.at, `the environment has no variable ${quote(name)}${advice}`)
  return undefined
}

function fileValue(
  name: string,
  { at }: TextNode,
  ground: VariableGround,
  problems: Problems,
): string | undefined {
  const read = ground.fileText(pathFrom(at.file, name))
  if (read === undefined) return ''
  // Files of secrets end with the line break that editors put there.
  if (read.ok) return read.value.replace(/\r?\n$/, '')
  problems.error('variable-unreadable', at, `${quote(name)}: ${read.failure.message}`)
  return undefined
}
