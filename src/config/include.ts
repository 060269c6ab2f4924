/** `include:`: further files of the same kind, whose sections are read as if they stood before those of the file that names them. */
import type { FileText } from './file-text.ts'
import { isFileName, pathFrom } from './paths.ts'
import type { Problems } from './problem.ts'
import { type Entry, type MapNode, type Node, nameNode, quote } from './tree.ts'
import { readTexts } from './values.ts'

export interface IncludeGround {
  /** `undefined`: it has not been read yet. What is made of this pass will be thrown away. */
  readonly fileText: (file: string) => FileText | undefined
  /** Its text as a tree; problems have been reported. */
  readonly treeOf: (text: string, file: string) => Node | undefined
}

/** Sections that may stand in an included file: those that are lists of named things. */
export const SHARED_SECTIONS = ['adapters', 'groups', 'endpoints', 'listeners'] as const

/** All files together; somebody who needs more generates one. */
const MOST_FILES = 100

/** The maps of all included files, in the order in which they are read, and last the one that starts it. */
export function withIncludes(root: MapNode, ground: IncludeGround, problems: Problems): readonly MapNode[] {
  const maps: MapNode[] = []
  const read = new Set<string>()
  const add = (map: MapNode, within: readonly string[]) => {
    for (const entry of map.entries)
      if (entry.key === 'include')
        for (const { text, at } of readTexts(entry, 'names of files', problems)) {
          if (!isFileName(text, entry, at, problems)) continue
          const name = pathFrom(at.file, text)
          if (within.includes(name)) {
            const way = [...within.slice(within.indexOf(name)), name].map(quote).join(' → ')
            problems.error('include-cycle', at, `${quote(text)} includes itself: ${way}`)
            continue
          }
          if (read.size >= MOST_FILES) {
            problems.error('include-unreadable', at, `more than ${MOST_FILES} files are included`)
            return
          }
          // Two files may both include a third one; what it says is said once.
          if (read.has(name)) continue
          read.add(name)
          const included = readIncluded(name, text, at, ground, problems)
          if (included !== undefined) add(included, [...within, name])
        }
    maps.push(map)
  }
  add(root, [root.at.file])
  return maps
}

function readIncluded(
  name: string,
  written: string,
  at: Entry['keyAt'],
  ground: IncludeGround,
  problems: Problems,
): MapNode | undefined {
  const read = ground.fileText(name)
  if (read === undefined) return undefined
  if (!read.ok) {
    problems.error('include-unreadable', at, `${quote(written)}: ${read.failure.message}`)
    return undefined
  }
  problems.reads(name)
  const node = ground.treeOf(read.value, name)
  if (node === undefined || node.kind === 'broken' || node.kind === 'null') return undefined
  if (node.kind === 'map') return node
  problems.error('config-not-map', node.at, `an included file is a map of sections, not ${nameNode(node)}`)
  return undefined
}

/** One name for one thing, in whichever file. Within one file YAML's own rule has said so already. */
export function refuseTaken(entries: readonly Entry[], what: string, problems: Problems): void {
  const first = new Map<string, Entry>()
  for (const entry of entries) {
    const before = first.get(entry.key)
    if (before === undefined) first.set(entry.key, entry)
    else if (before.keyAt.file !== entry.keyAt.file) {
      const where = `${before.keyAt.file}:${before.keyAt.line}`
      problems.error('name-taken', entry.keyAt, `${what} ${quote(entry.key)} is defined in ${where} already`)
    }
  }
}
