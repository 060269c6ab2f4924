import { failed, ok, type Result } from '../model/result.ts'
import { buildTree } from './build-tree.ts'
import type { Config } from './config.ts'
import { readDocument } from './document.ts'
import type { FileText } from './file-text.ts'
import { type ConfigProblem, firstPosition, Problems } from './problem.ts'
import { replaceVariables } from './replace-variables.ts'
import { type MapNode, type Node, nameNode } from './tree.ts'
import { readVersion } from './version.ts'
import { readVersion1 } from './version-1.ts'
import { readVersion2 } from './version-2.ts'

/** What a configuration may refer to. */
export interface FileGround {
  /** The adapters that come with powerstrip, by the names that `use` takes. */
  readonly builtIns: readonly string[]
  /** For `${NAME}`. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface ParseGround extends FileGround {
  /**
   * Other files that the configuration names. `undefined`: not read yet; the caller reads it and parses again, and what comes
   * of this pass means nothing. Without it there are no other files.
   */
  readonly fileText?: (file: string) => FileText | undefined
}

export const NO_BUILT_INS: FileGround = { builtIns: [] }

export interface ParsedConfig {
  readonly config: Config
  /** What is no error and probably not meant either. */
  readonly warnings: readonly ConfigProblem[]
}

/**
 * Reads config text into a `Config`, or into every problem found in it, never only the first. `file` is its name as
 * messages should show it; nothing is read from there.
 *
 * Two problems end the reading early, since everything after them would be guessed: text that is not YAML, and a version
 * whose rules this release does not know.
 */
export function parseConfig(
  text: string,
  file: string,
  ground: ParseGround = NO_BUILT_INS,
): Result<ParsedConfig, readonly ConfigProblem[]> {
  const problems = new Problems(file)
  const tree = treeOf(text, file, problems)
  const root = tree && readRoot(tree, problems)
  const config = root && readConfig(root, file, ground, problems)
  const found = problems.inOrder()
  return config && !problems.anyError ? ok({ config, warnings: found }) : failed(found)
}

function treeOf(text: string, file: string, problems: Problems): Node | undefined {
  const document = readDocument(text.replace(/^\uFEFF/, ''), file, problems)
  return document && buildTree(document, problems)
}

function readRoot(node: Node, problems: Problems): MapNode | undefined {
  if (node.kind === 'map') return node
  if (node.kind === 'null') {
    problems.error(
      'config-not-map',
      firstPosition(node.at.file),
      'the configuration is empty; it needs "endpoints" and "adapters"',
    )
  } else if (node.kind !== 'broken') {
    const message = `the configuration is a map with "endpoints" and "adapters", not ${nameNode(node)}`
    problems.error('config-not-map', node.at, message)
  }
  return undefined
}

function readConfig(
  root: MapNode,
  file: string,
  ground: ParseGround,
  problems: Problems,
): Config | undefined {
  const versions = root.entries
    .filter(({ key }) => key === 'version')
    .map((entry) => readVersion(entry, problems))
  if (versions.includes(undefined)) return undefined
  return versions[0] === 2
    ? readWithVariables(root, file, ground, problems)
    : readVersion1(root, file, ground, problems)
}

function readWithVariables(
  root: MapNode,
  file: string,
  ground: ParseGround,
  problems: Problems,
): Config | undefined {
  const { builtIns, env = {}, fileText = noFile } = ground
  const withVariables = (node: Node) => replaceVariables(node, { env, fileText }, problems)
  const replaced = withVariables(root)
  if (replaced.kind !== 'map') return undefined
  return readVersion2(
    replaced,
    file,
    {
      builtIns,
      fileText,
      treeOf(text, name) {
        const tree = treeOf(text, name, problems)
        return tree && withVariables(tree)
      },
    },
    problems,
  )
}

function noFile(file: string): FileText {
  return failed({
    severity: 'error',
    code: 'file-missing',
    message: 'there is no such file',
    ...firstPosition(file),
  })
}
