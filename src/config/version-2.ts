/** A configuration by the rules of version 2. */
import { readAdapter2, type Version2Ground } from './adapters-2.ts'
import type { AdapterConfig, Config, ListenerConfig, Options, Rule, UseSettings } from './config.ts'
import { readRules2, type UseGround } from './endpoints-2.ts'
import { type IncludeGround, refuseTaken, SHARED_SECTIONS, withIncludes } from './include.ts'
import { readLimits } from './limits.ts'
import { readListeners, refuseAdminAmong } from './listeners.ts'
import { INITIAL_CHAIN, INITIAL_SECURITY, readAdmin, readChain, readLog, readSecurity } from './options-2.ts'
import type { Problems } from './problem.ts'
import { requiredMaps } from './sections.ts'
import { DEFAULTS_KEYS, initialSettings, readSetting } from './settings.ts'
import { type Entry, type MapNode, quote } from './tree.ts'
import { readUpstream } from './upstream.ts'
import { placeOf, readMap, refuseUnknownKey } from './values.ts'
import { readVersion } from './version.ts'

export const KEYS_2 = [
  'version',
  'include',
  'listeners',
  'upstream',
  'defaults',
  'adapters',
  'groups',
  'endpoints',
  'chain',
  'limits',
  'security',
  'log',
  'admin',
] as const

export interface Ground2 extends IncludeGround {
  readonly builtIns: readonly string[]
}

export function readVersion2(root: MapNode, file: string, ground: Ground2, problems: Problems): Config {
  const maps = withIncludes(root, ground, problems)
  for (const map of maps) for (const entry of map.entries) judgeTopLevelKey(entry, map === root, problems)
  const own = (key: string) => root.entries.filter((entry) => entry.key === key)
  const shared = (key: (typeof SHARED_SECTIONS)[number]) =>
    maps.flatMap((map) => map.entries.filter((entry) => entry.key === key))

  const options = readOptions(own, problems)
  const adapterGround: Version2Ground = {
    builtIns: ground.builtIns,
    limits: options.limits,
    security: options.security,
    defaults: readDefaults(own('defaults'), options, problems),
  }
  const definitions = entriesOf(shared('adapters'), 'adapters', root, problems)
  refuseTaken(definitions, 'adapter', problems)
  const adapters = readAdapters(definitions, adapterGround, problems)
  const groups = readGroups(shared('groups'), definitions, problems)
  const useGround: UseGround = {
    ...adapterGround,
    names: new Set(definitions.map(({ key }) => key)),
    adapters,
    groups: new Map(groups.map((entry) => [entry.key, entry])),
  }
  const endpoints = shared('endpoints')
  const listenerEntries = shared('listeners').flatMap((section) => readMap(section, problems)?.entries ?? [])
  if (endpoints.length === 0 && listenerEntries.length === 0) entriesOf([], 'endpoints', root, problems)
  const rules = readRules2(mapOf(endpoints, root, problems), useGround, problems)
  refuseTaken(listenerEntries, 'listener', problems)
  const listeners = readListeners(
    listenerEntries,
    { rules, readRules: (map) => readRules2(map, useGround, problems) },
    problems,
  )
  const [admin] = own('admin')
  if (admin && options.admin) refuseAdminAmong(listeners, options.admin.address, admin.keyAt, problems)
  const upstreams = own('upstream').map((entry) => readUpstream(entry, problems))

  // A misspelt use leaves the adapter that it means unused: the one slip would be told twice.
  if (!problems.anyError) {
    const everyRule = [...rules, ...listeners.flatMap((listener) => listener.rules)]
    warnOfUnused(definitions, groups, everyRule, problems)
    warnOfIdleRules(rules, listeners, endpoints, problems)
  }
  return { version: 2, file, rules, listeners, upstream: upstreams[0], adapters, options }
}

function judgeTopLevelKey(entry: Entry, isRoot: boolean, problems: Problems): void {
  if (entry.key === 'version' && !isRoot && readVersion(entry, problems) === 1)
    problems.error(
      'version-unsupported',
      placeOf(entry),
      'a file that is included by one of version 2 is read by its rules',
      '2',
    )
  if (entry.key === 'plugins') {
    problems.error('key-renamed', entry.keyAt, '"plugins:" has been renamed to "adapters:"', 'adapters')
  } else if (!KEYS_2.some((key) => key === entry.key)) {
    refuseUnknownKey(entry, KEYS_2, problems)
  } else if (!isRoot && !['version', 'include', ...SHARED_SECTIONS].includes(entry.key)) {
    const message = `${quote(entry.key)} belongs into the file that includes this one: there is one of it for all`
    problems.error('include-key', entry.keyAt, message)
  }
}

function readOptions(own: (key: string) => readonly Entry[], problems: Problems): Options {
  const limits = readLimits(own('limits'), problems)
  const [chain] = own('chain')
  const [security] = own('security')
  const [log] = own('log')
  const [admin] = own('admin')
  return {
    limits,
    chain: chain ? readChain(chain, problems) : INITIAL_CHAIN,
    security: security ? readSecurity(security, problems) : INITIAL_SECURITY,
    decisions: log && readLog(log, problems),
    admin: admin && readAdmin(admin, problems),
  }
}

/** `defaults.timeout` is not for adapters of protocol 1: those of 2015 rely on having five minutes. */
function readDefaults(sections: readonly Entry[], { limits }: Options, problems: Problems): UseSettings {
  let settings = initialSettings(limits)
  const { timeoutV1Ms } = settings
  for (const section of sections) {
    for (const entry of readMap(section, problems)?.entries ?? []) {
      const key = DEFAULTS_KEYS.find((each) => each === entry.key)
      if (key === undefined) refuseUnknownKey(entry, DEFAULTS_KEYS, problems)
      else settings = { ...settings, ...readSetting(key, entry, limits, problems), timeoutV1Ms }
    }
  }
  return settings
}

function entriesOf(
  sections: readonly Entry[],
  key: 'adapters' | 'endpoints',
  root: MapNode,
  problems: Problems,
): readonly Entry[] {
  return requiredMaps(key, sections, root, problems).flatMap(({ entries }) => entries)
}

function mapOf(sections: readonly Entry[], root: MapNode, problems: Problems): MapNode {
  return {
    kind: 'map',
    at: root.at,
    entries: sections.length === 0 ? [] : entriesOf(sections, 'endpoints', root, problems),
  }
}

function readAdapters(
  definitions: readonly Entry[],
  ground: Version2Ground,
  problems: Problems,
): ReadonlyMap<string, AdapterConfig> {
  const adapters = definitions.flatMap((entry) => readAdapter2(entry, ground, problems) ?? [])
  return new Map(adapters.map((adapter) => [adapter.name, adapter]))
}

/** What is in a group is read where it is used: a setting may fit one phase and not another. */
function readGroups(
  sections: readonly Entry[],
  adapters: readonly Entry[],
  problems: Problems,
): readonly Entry[] {
  const groups = sections.flatMap((section) => readMap(section, problems)?.entries ?? [])
  refuseTaken(groups, 'group', problems)
  for (const group of groups) {
    const { key, keyAt, value } = group
    if (value.kind !== 'list' && value.kind !== 'broken')
      problems.error('value-not-list', placeOf(group), `the group ${quote(key)} is a list of adapters`)
    const adapter = adapters.find((entry) => entry.key === key)
    if (adapter !== undefined) {
      const where = `${adapter.keyAt.file}:${adapter.keyAt.line}`
      problems.error(
        'name-taken',
        keyAt,
        `${quote(key)} is an adapter already, in ${where}: hook lists could mean either`,
      )
    }
  }
  return groups
}

function warnOfUnused(
  adapters: readonly Entry[],
  groups: readonly Entry[],
  rules: readonly Rule[],
  problems: Problems,
): void {
  const used = new Set(
    rules.flatMap(({ pre, validate, post, observe, stream }) =>
      [...pre, ...validate, ...post, ...observe, ...stream].map(({ adapter }) => adapter),
    ),
  )
  const inGroups = new Set(groups.flatMap(namesIn))
  for (const { key, keyAt } of adapters)
    if (!used.has(key) && !inGroups.has(key))
      problems.warn('adapter-unused', keyAt, `adapter ${quote(key)} is not used by any endpoint`)
}

function namesIn({ value }: Entry): string[] {
  const items = value.kind === 'list' ? value.items : []
  return items.flatMap((item) => {
    if (item.kind === 'text') return [item.text]
    const use = item.kind === 'map' ? item.entries.find(({ key }) => key === 'use')?.value : undefined
    return use?.kind === 'text' ? [use.text] : []
  })
}

/** Rules that no listener has are hooks that are never called. */
function warnOfIdleRules(
  rules: readonly Rule[],
  listeners: readonly ListenerConfig[],
  endpoints: readonly Entry[],
  problems: Problems,
): void {
  if (rules.length === 0 || listeners.length === 0) return
  if (listeners.some((listener) => listener.rules === rules)) return
  for (const { keyAt } of endpoints)
    problems.warn(
      'endpoints-unused',
      keyAt,
      'no listener uses these endpoints: each has its own, or "hooks: false"',
    )
}
