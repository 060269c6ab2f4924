import { compilePattern, type Pattern } from '../route/pattern.ts'
import { unshownBecause, unshownBy } from '../route/unshown.ts'
import type { AdapterConfig, AdapterUse, Rule } from './config.ts'
import { warnOfEarlyJudges } from './early-judges.ts'
import { type Problems, placeIn } from './problem.ts'
import { nearest, suggest } from './spelling.ts'
import { asYaml, type Entry, type MapNode, type Node, nameNode, quote } from './tree.ts'
import { placeOf, refuseUnknownKey } from './values.ts'

const KEYS = ['pre', 'post'] as const

/** The phases that version 1 does not have. */
const NO_HOOKS = { validate: [], observe: [], stream: [] } as const

/** What a hook list may name. `undefined` where it could not be read: then no name is called undefined. */
export type KnownAdapters =
  | {
      readonly names: ReadonlySet<string>
      /** Those of them that were understood. */
      readonly adapters: ReadonlyMap<string, AdapterConfig>
    }
  | undefined

/** Reads `endpoints:`, each key of which is a rule. */
export function readRules(section: MapNode, known: KnownAdapters, problems: Problems): readonly Rule[] {
  const read = section.entries.flatMap((entry) => {
    const pattern = readGlob(entry, problems)
    const hooks = readHooks(entry, known, problems)
    if (pattern && hooks && hooks.post.length > 0) warnOfUnshown(pattern, entry, problems)
    if (!pattern || !hooks) return []
    const at = entry.keyAt
    return [{ rule: { pattern, ...NO_HOOKS, ...hooks, ...placeIn(at) }, at }]
  })
  if (known !== undefined) warnOfEarlyJudges(read, known.adapters, problems)
  return read.map(({ rule }) => rule)
}

export function readGlob({ key, keyAt }: Entry, problems: Problems): Pattern | undefined {
  const pattern = compilePattern(key)
  if (!pattern.ok) {
    const { message, example } = pattern.failure
    problems.error('pattern-impossible', keyAt, `${message}; write ${quote(example)}`, asYaml(example))
    return undefined
  }
  const { fixedVersion } = pattern.value
  if (fixedVersion !== undefined) {
    const example = key.replace(`/v${fixedVersion}/`, '/*/')
    const message = `only requests for API version ${fixedVersion} match, and clients choose their version; ${quote(example)} matches all`
    problems.warn('pattern-fixed-version', keyAt, message, asYaml(example))
  }
  return pattern.value
}

/** As many operations as are named of each kind; a pattern like `* *` matches more than fit a message. */
const MOST_NAMED = 3

/** Protocol 1 has no message for some answers (rules P12, P13 and P15): whoever hooks them should know. */
export function warnOfUnshown(pattern: Pattern, { key, keyAt }: Entry, problems: Problems): void {
  const unshown = unshownBy(pattern)
  if (unshown.length === 0) return
  const reasons = [...new Set(unshown.map(unshownBecause))]
  const named = reasons.map((reason) => {
    const ids = unshown.filter((operation) => unshownBecause(operation) === reason).map(({ id }) => id)
    const more = ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : ''
    return `${reason} (${ids.slice(0, MOST_NAMED).join(', ')}${more})`
  })
  const message = `post-hooks of ${quote(key)} are passed over on answers that are ${named.join(', ')}; "onUnsupported: fail" refuses these instead`
  problems.warn('post-not-shown', keyAt, message)
}

function readHooks(
  endpoint: Entry,
  known: KnownAdapters,
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
    if (entry.key === 'pre' || entry.key === 'post') hooks[entry.key] = readUses(entry, known, problems)
    else refuseUnknownKey(entry, KEYS, problems)
  }
  return hooks
}

function readUses(phase: Entry, known: KnownAdapters, problems: Problems): readonly AdapterUse[] {
  const { key, value } = phase
  if (value.kind === 'list') return value.items.flatMap((item) => readUse(item, key, known, problems))
  if (value.kind === 'text') {
    const list = `[${asYaml(value.text)}]`
    problems.error('value-not-list', value.at, `${quote(key)} is a list; write ${list}`, list)
    return readUse(value, key, known, problems)
  }
  if (value.kind !== 'broken') {
    const message = `${quote(key)} is a list of adapters, not ${nameNode(value)}; write [name], or [] for none`
    problems.error('value-not-list', placeOf(phase), message)
  }
  return []
}

function readUse(item: Node, phase: string, known: KnownAdapters, problems: Problems): readonly AdapterUse[] {
  if (item.kind === 'broken') return []
  if (item.kind !== 'text') {
    const fix = item.kind === 'number' || item.kind === 'boolean' ? JSON.stringify(item.source) : undefined
    const message = `${quote(phase)} lists the names of adapters, not ${nameNode(item)}; write [${fix ?? 'name'}]`
    problems.error('hook-not-name', item.at, message, fix)
    return []
  }
  const adapter = item.text
  if (known !== undefined && !known.names.has(adapter)) {
    const meant = nearest(adapter, known.names)
    const message = `adapter ${quote(adapter)} is not defined${suggest(meant, known.names, 'adapters')}`
    problems.error('adapter-undefined', item.at, message, meant && asYaml(meant))
    return []
  }
  const defined = known?.adapters.get(adapter)
  // What is wrong with an adapter that is named and not there has been reported.
  return defined === undefined ? [] : [{ adapter, settings: defined.settings, ...placeIn(item.at) }]
}
