import { failed, ok, type Result } from '../model/result.ts'
import { type AdapterGround, readAdapter } from './adapters.ts'
import { buildTree } from './build-tree.ts'
import type { AdapterConfig, Config, Options, Rule } from './config.ts'
import { readDocument } from './document.ts'
import { type KnownAdapters, readRules } from './endpoints.ts'
import { readLimits } from './limits.ts'
import { type ConfigProblem, firstPosition, Problems } from './problem.ts'
import { type Entry, type MapNode, type Node, nameNode, quote } from './tree.ts'
import { placeOf, readMap, warnOfUnknownKey } from './values.ts'
import { readSupportedVersion } from './version.ts'

const KEYS = ['version', 'endpoints', 'adapters', 'limits'] as const

/** What version 1 cannot say. */
const VERSION_1_OPTIONS: Omit<Options, 'limits'> = {
  chain: { deadlineMs: undefined, unwindTimeoutMs: 5_000 },
  security: { strict: false, unknownEndpoints: 'relay', http2: 'refuse' },
  decisions: undefined,
  admin: undefined,
}

export interface ParseGround {
  /** The adapters that come with powerstrip, by the names that `use` takes. */
  readonly builtIns: readonly string[]
}

export const NO_BUILT_INS: ParseGround = { builtIns: [] }

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
  const problems = new Problems()
  const document = readDocument(text.replace(/^\uFEFF/, ''), file, problems)
  const root = document && readRoot(buildTree(document, problems), problems)
  const config = root && readConfig(root, file, ground, problems)
  const found = problems.inOrder()
  return config && !problems.anyError ? ok({ config, warnings: found }) : failed(found)
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
  // A key that is written twice has been reported; both sections are read, so that the problems of both are.
  const sections = (...keys: string[]) => root.entries.filter(({ key }) => keys.includes(key))

  const versionsKnown = sections('version').map((entry) => readSupportedVersion(entry, problems))
  if (versionsKnown.includes(false)) return undefined

  for (const entry of root.entries) judgeTopLevelKey(entry, problems)
  const limits = readLimits(sections('limits'), problems)
  const definitions = readDefinitions(sections('adapters', 'plugins'), root, problems)
  const adapters = readAdapters(definitions ?? [], { ...ground, limits }, problems)
  const names = definitions && new Set(definitions.map(({ key }) => key))
  const rules = readEndpoints(sections('endpoints'), root, names && { names, adapters }, problems)

  // A misspelt use leaves the adapter that it means unused: the one slip would be told twice.
  if (!problems.anyError) warnOfUnused(definitions ?? [], rules, problems)
  return {
    version: 1,
    file,
    rules,
    listeners: [],
    upstream: undefined,
    adapters,
    options: { ...VERSION_1_OPTIONS, limits },
  }
}

function judgeTopLevelKey(entry: Entry, problems: Problems): void {
  if (entry.key === 'plugins') {
    problems.error('key-renamed', entry.keyAt, '"plugins:" has been renamed to "adapters:"', 'adapters')
  } else if (!KEYS.some((key) => key === entry.key)) {
    warnOfUnknownKey(entry, KEYS, problems)
  }
}

/** The entries of `adapters:`, or nothing when it is not there to be read, so that no use is called undefined for it. */
function readDefinitions(
  sections: readonly Entry[],
  root: MapNode,
  problems: Problems,
): readonly Entry[] | undefined {
  const maps = readSections('adapters', sections, root, problems)
  return maps.length === 0 ? undefined : maps.flatMap(({ entries }) => entries)
}

function readAdapters(
  definitions: readonly Entry[],
  ground: AdapterGround,
  problems: Problems,
): ReadonlyMap<string, AdapterConfig> {
  const adapters = definitions.flatMap((entry) => readAdapter(entry, ground, problems) ?? [])
  return new Map(adapters.map((adapter) => [adapter.name, adapter]))
}

function readEndpoints(
  sections: readonly Entry[],
  root: MapNode,
  known: KnownAdapters,
  problems: Problems,
): readonly Rule[] {
  return readSections('endpoints', sections, root, problems).flatMap((map) => readRules(map, known, problems))
}

/** The maps of a section that must be there. */
function readSections(
  key: 'endpoints' | 'adapters',
  sections: readonly Entry[],
  root: MapNode,
  problems: Problems,
): readonly MapNode[] {
  const advice = `if there are none, write "${key}: {}"`
  if (sections.length === 0) {
    const { file, line, column } = root.at
    problems.error(
      'key-missing',
      { file, line, column, endColumn: column },
      `the key "${key}" is missing; ${advice}`,
    )
  }
  return sections.flatMap((section) => {
    if (section.value.kind === 'null') {
      problems.error('key-missing', placeOf(section), `the key ${quote(section.key)} has no value; ${advice}`)
      return []
    }
    return readMap(section, problems) ?? []
  })
}

function warnOfUnused(definitions: readonly Entry[], rules: readonly Rule[], problems: Problems): void {
  const used = new Set(rules.flatMap(({ pre, post }) => [...pre, ...post].map(({ adapter }) => adapter)))
  for (const { key, keyAt } of definitions) {
    if (!used.has(key))
      problems.warn('adapter-unused', keyAt, `adapter ${quote(key)} is not used by any endpoint`)
  }
}
