import { compilePattern, type Pattern } from '../route/pattern.ts'
import type { AdapterUse, Rule } from './config.ts'
import type { Problems } from './problem.ts'
import { nearest, suggest } from './spelling.ts'
import { asYaml, type Entry, type MapNode, type Node, nameNode, quote } from './tree.ts'
import { placeOf, refuseUnknownKey } from './values.ts'

const KEYS = ['pre', 'post'] as const

/** The names that a hook list may use. `undefined` where they could not be read: then no name is called undefined. */
export type AdapterNames = ReadonlySet<string> | undefined

/** Reads `endpoints:`, each key of which is a rule. */
export function readRules(section: MapNode, names: AdapterNames, problems: Problems): readonly Rule[] {
  return section.entries.flatMap((entry) => {
    const pattern = readPattern(entry, problems)
    const hooks = readHooks(entry, names, problems)
    return pattern && hooks ? [{ pattern, ...hooks, line: entry.keyAt.line }] : []
  })
}

function readPattern({ key, keyAt }: Entry, problems: Problems): Pattern | undefined {
  const pattern = compilePattern(key)
  if (!pattern.ok) {
    const { message, example } = pattern.failure
    problems.error('pattern-impossible', keyAt, `${message}; write ${quote(example)}`, asYaml(example))
    return undefined
  }
  const { fixedVersion } = pattern.value
  if (fixedVersion !== undefined) {
    const example = key.replace(`/v${fixedVersion}/`, '/*/')
    const message = `only requests for API version ${fixedVersion} match, and clients choose their version; "${example}" matches all`
    problems.warn('pattern-fixed-version', keyAt, message, asYaml(example))
  }
  return pattern.value
}

function readHooks(
  endpoint: Entry,
  names: AdapterNames,
  problems: Problems,
): Pick<Rule, 'pre' | 'post'> | undefined {
  const { key, value } = endpoint
  if (value.kind === 'broken') return undefined
  if (value.kind === 'null' || (value.kind === 'map' && value.entries.length === 0)) {
    problems.error('key-missing', endpoint.keyAt, `the endpoint ${quote(key)} has neither "pre" nor "post"`)
    return undefined
  }
  if (value.kind !== 'map') {
    const message = `an endpoint is a map with "pre", "post" or both, not ${nameNode(value)}`
    problems.error('value-not-map', value.at, message)
    return undefined
  }

  const hooks: Record<(typeof KEYS)[number], readonly AdapterUse[]> = { pre: [], post: [] }
  for (const entry of value.entries) {
    if (entry.key === 'pre' || entry.key === 'post') hooks[entry.key] = readUses(entry, names, problems)
    else refuseUnknownKey(entry, KEYS, problems)
  }
  return hooks
}

function readUses(phase: Entry, names: AdapterNames, problems: Problems): readonly AdapterUse[] {
  const { key, value } = phase
  if (value.kind === 'list') return value.items.flatMap((item) => readUse(item, key, names, problems))
  if (value.kind === 'text') {
    const list = `[${asYaml(value.text)}]`
    problems.error('value-not-list', value.at, `${quote(key)} is a list; write ${list}`, list)
    return readUse(value, key, names, problems)
  }
  if (value.kind !== 'broken') {
    const message = `${quote(key)} is a list of adapters, not ${nameNode(value)}; write [name], or [] for none`
    problems.error('value-not-list', placeOf(phase), message)
  }
  return []
}

function readUse(item: Node, phase: string, names: AdapterNames, problems: Problems): readonly AdapterUse[] {
  if (item.kind === 'broken') return []
  if (item.kind !== 'text') {
    const fix = item.kind === 'number' || item.kind === 'boolean' ? JSON.stringify(item.source) : undefined
    const message = `${quote(phase)} lists the names of adapters, not ${nameNode(item)}; write [${fix ?? 'name'}]`
    problems.error('hook-not-name', item.at, message, fix)
    return []
  }
  const adapter = item.text
  if (names !== undefined && !names.has(adapter)) {
    const meant = nearest(adapter, names)
    const message = `adapter ${quote(adapter)} is not defined${suggest(meant, [...names], 'adapters')}`
    problems.error('adapter-undefined', item.at, message, meant && asYaml(meant))
    return []
  }
  return [{ adapter, line: item.at.line }]
}
