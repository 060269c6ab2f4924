/** A configuration by the rules of version 1. */
import { type AdapterGround, readAdapter } from './adapters.ts'
import type { AdapterConfig, Config, Options, Rule } from './config.ts'
import { type KnownAdapters, readRules } from './endpoints.ts'
import { readLimits } from './limits.ts'
import { INITIAL_SECURITY, UNKNOWN_ENDPOINTS } from './options-2.ts'
import type { Problems } from './problem.ts'
import { requiredMaps } from './sections.ts'
import { type Entry, type MapNode, quote } from './tree.ts'
import { readChoice, warnOfUnknownKey } from './values.ts'

const KEYS = ['version', 'endpoints', 'adapters', 'limits', 'unknownEndpoints'] as const

/** What version 1 cannot say. */
const VERSION_1_OPTIONS: Omit<Options, 'limits' | 'security'> = {
  chain: { deadlineMs: undefined, unwindTimeoutMs: 5_000 },
  decisions: undefined,
  admin: undefined,
}

export function readVersion1(
  root: MapNode,
  file: string,
  ground: Pick<AdapterGround, 'builtIns'>,
  problems: Problems,
): Config {
  // A key that is written twice has been reported; both sections are read, so that the problems of both are.
  const sections = (...keys: string[]) => root.entries.filter(({ key }) => keys.includes(key))

  for (const entry of root.entries) judgeTopLevelKey(entry, problems)
  const limits = readLimits(sections('limits'), problems)
  const definitions = readDefinitions(sections('adapters', 'plugins'), root, problems)
  const adapters = readAdapters(definitions ?? [], { ...ground, limits }, problems)
  const names = definitions && new Set(definitions.map(({ key }) => key))
  const [unknown] = sections('unknownEndpoints')
  const security = unknown
    ? { ...INITIAL_SECURITY, unknownEndpoints: readChoice(unknown, UNKNOWN_ENDPOINTS, problems) }
    : INITIAL_SECURITY
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
    options: { ...VERSION_1_OPTIONS, security, limits },
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
  const maps = requiredMaps('adapters', sections, root, problems)
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
  return requiredMaps('endpoints', sections, root, problems).flatMap((map) => readRules(map, known, problems))
}

function warnOfUnused(definitions: readonly Entry[], rules: readonly Rule[], problems: Problems): void {
  const used = new Set(rules.flatMap(({ pre, post }) => [...pre, ...post].map(({ adapter }) => adapter)))
  for (const { key, keyAt } of definitions) {
    if (!used.has(key))
      problems.warn('adapter-unused', keyAt, `adapter ${quote(key)} is not used by any endpoint`)
  }
}
