/** `endpoints:` and `groups:` as version 2 writes them. */

import { FRAMED_OPERATIONS, framedBy, isFramed } from '../route/framed.ts'
import type { Operation } from '../route/operation.ts'
import { compileOperations, OPERATION_IDS } from '../route/operation-pattern.ts'
import { OPERATIONS } from '../route/operations.ts'
import type { Pattern } from '../route/pattern.ts'
import { reaches, unshownBecause, unshownBy } from '../route/unshown.ts'
import { readUseSettings, type Version2Ground } from './adapters-2.ts'
import {
  type AdapterConfig,
  type AdapterUse,
  PHASES,
  type Phase,
  type Rule,
  type UseSettings,
} from './config.ts'
import { type PlacedRule, warnOfEarlyJudges } from './early-judges.ts'
import { readGlob, warnOfUnshown } from './endpoints.ts'
import { type Problems, placeIn, type Span } from './problem.ts'
import { USE_KEYS } from './settings.ts'
import { nearest, suggest } from './spelling.ts'
import { asYaml, type Entry, type MapNode, type Node, nameNode, quote } from './tree.ts'
import { placeOf, readText, refuseUnknownKey } from './values.ts'

/** What hook lists may refer to. */
export interface UseGround extends Version2Ground {
  /** Every adapter that the file names, those that could not be understood included. */
  readonly names: ReadonlySet<string>
  readonly adapters: ReadonlyMap<string, AdapterConfig>
  /** What is written under each group's name. */
  readonly groups: ReadonlyMap<string, Entry>
}

/** Reads `endpoints:`, each key of which is a rule. */
export function readRules2(section: MapNode, ground: UseGround, problems: Problems): readonly Rule[] {
  const read = section.entries.flatMap((entry) => {
    const pattern = isGlob(entry.key) ? readGlob2(entry, problems) : readOperations(entry, problems)
    const hooks = readHooks(entry, ground, problems)
    if (pattern === undefined || hooks === undefined) return []
    const rule: Rule = { pattern, ...hooks, ...placeIn(entry.keyAt) }
    if (rule.post.length > 0) judgeUnshown(rule, entry, ground, problems)
    if (rule.stream.length > 0) judgeFramed(rule, entry, problems)
    return [{ rule, at: entry.keyAt }]
  })
  judgeBuildDoors(read, problems)
  warnOfEarlyJudges(read, ground.adapters, problems)
  return read.map(({ rule }) => rule)
}

/** Bars and spaces around them belong to lists of operations, any other space or slash to a method and a path. */
function isGlob(key: string): boolean {
  return key.split('|').some((part) => /[\s/]/.test(part.trim()))
}

function readGlob2(entry: Entry, problems: Problems): Pattern | undefined {
  const pattern = readGlob(entry, problems)
  const same = pattern && operationFor(pattern)
  if (same !== undefined && pattern?.fixedVersion === undefined) {
    const message = `${quote(entry.key)} is the operation ${same}; by that name no spelling of it is missed`
    problems.warn('pattern-has-operation', entry.keyAt, message, same)
  }
  return pattern
}

/** The operation that a pattern spells out, if it is no more and no less than that. */
function operationFor({ text }: Pattern): string | undefined {
  return OPERATIONS.find(({ method, path }) => text === `${method} /*${path.replaceAll(/\{[^}]+\}/g, '*')}`)
    ?.id
}

function readOperations({ key, keyAt }: Entry, problems: Problems): Pattern | undefined {
  const pattern = compileOperations(key)
  if (pattern.ok) return pattern.value
  for (const { id } of pattern.failure) {
    const meant = nearest(id, OPERATION_IDS)
    const advice =
      meant === undefined
        ? '; write an id of the Docker API, as "ContainerCreate", or a method and a path'
        : `; did you mean ${quote(meant)}?`
    const fix = meant !== undefined && pattern.failure.length === 1 ? key.replace(id, meant) : undefined
    problems.error('operation-unknown', keyAt, `there is no operation ${quote(id)}${advice}`, fix)
  }
  return undefined
}

type Hooks = Readonly<Record<Phase, readonly AdapterUse[]>>

function readHooks({ key, keyAt, value }: Entry, ground: UseGround, problems: Problems): Hooks | undefined {
  if (value.kind === 'broken') return undefined
  if (value.kind === 'null' || (value.kind === 'map' && value.entries.length === 0)) {
    problems.error(
      'key-missing',
      keyAt,
      `the endpoint ${quote(key)} has no hooks; its keys are ${PHASES.join(', ')}`,
    )
    return undefined
  }
  if (value.kind !== 'map') {
    const message = `an endpoint is a map with some of ${PHASES.join(', ')}, not ${nameNode(value)}`
    problems.error('value-not-map', value.at, message)
    return undefined
  }
  const hooks: Record<Phase, readonly AdapterUse[]> = {
    pre: [],
    validate: [],
    post: [],
    observe: [],
    stream: [],
  }
  for (const entry of value.entries) {
    const phase = PHASES.find((each) => each === entry.key)
    if (phase === undefined) refuseUnknownKey(entry, PHASES, problems)
    else hooks[phase] = readUses(entry, phase, ground, problems)
  }
  return hooks
}

function readUses(list: Entry, phase: Phase, ground: UseGround, problems: Problems): readonly AdapterUse[] {
  return itemsOf(list, problems).flatMap((item) => readItem(item, phase, [], ground, problems))
}

function itemsOf(list: Entry, problems: Problems): readonly Node[] {
  const { key, value } = list
  if (value.kind === 'list') return value.items
  if (value.kind === 'text') {
    const fix = `[${asYaml(value.text)}]`
    problems.error('value-not-list', value.at, `${quote(key)} is a list; write ${fix}`, fix)
  } else if (value.kind !== 'broken') {
    const message = `${quote(key)} is a list of adapters, not ${nameNode(value)}; write [name], or [] for none`
    problems.error('value-not-list', placeOf(list), message)
  }
  return []
}

/** A name, a name with settings of its own, or a group, in whose place its items stand. `within`: the groups around it. */
function readItem(
  item: Node,
  phase: Phase,
  within: readonly string[],
  ground: UseGround,
  problems: Problems,
): readonly AdapterUse[] {
  switch (item.kind) {
    case 'broken':
      return []
    case 'text': {
      const group = ground.groups.get(item.text)
      if (group === undefined) return readUse(item.text, item.at, [], phase, ground, problems)
      if (within.includes(item.text)) {
        problems.error('group-cycle', item.at, `the group ${quote(item.text)} stands within itself`)
        return []
      }
      const inner = group.value.kind === 'list' ? group.value.items : []
      return inner.flatMap((each) => readItem(each, phase, [...within, item.text], ground, problems))
    }
    case 'map':
      return readUseMap(item, phase, ground, problems)
    default: {
      const fix = item.kind === 'number' || item.kind === 'boolean' ? JSON.stringify(item.source) : undefined
      const message = `${quote(phase)} lists adapters by name, or maps with "use", not ${nameNode(item)}`
      problems.error('hook-not-name', item.at, message, fix)
      return []
    }
  }
}

function readUseMap(
  map: MapNode,
  phase: Phase,
  ground: UseGround,
  problems: Problems,
): readonly AdapterUse[] {
  const keys = ['use', ...USE_KEYS]
  for (const entry of map.entries) if (!keys.includes(entry.key)) refuseUnknownKey(entry, keys, problems)
  const use = map.entries.find(({ key }) => key === 'use')
  if (use === undefined) {
    problems.error('key-missing', map.at, `a use with settings names its adapter: { use: name, … }`)
    return []
  }
  const name = readText(use, 'the name of an adapter', problems)
  if (name === undefined) return []
  if (ground.groups.has(name)) {
    problems.error(
      'value-not-allowed',
      use.value.at,
      `${quote(name)} is a group; it has no settings of its own, its items have`,
    )
    return []
  }
  return readUse(name, use.value.at, map.entries, phase, ground, problems)
}

function readUse(
  name: string,
  at: Span,
  overrides: readonly Entry[],
  phase: Phase,
  ground: UseGround,
  problems: Problems,
): readonly AdapterUse[] {
  if (!ground.names.has(name)) {
    const known = [...ground.names, ...ground.groups.keys()]
    const meant = nearest(name, known)
    const message = `adapter ${quote(name)} is not defined${suggest(meant, known, 'adapters')}`
    problems.error('adapter-undefined', at, message, meant && asYaml(meant))
    return []
  }
  const adapter = ground.adapters.get(name)
  // What is wrong with an adapter that is named and not there has been reported.
  if (adapter === undefined) return []
  judgeUse(adapter, at, overrides, phase, problems)
  const settings = readUseSettings(overrides, adapter.settings, ground, problems)
  judgeFailOpen(settings, name, at, phase, problems)
  return [{ adapter: name, ...placeIn(at), settings: fitting(settings, phase) }]
}

const PHASES_OF_PROTOCOL_1: readonly Phase[] = ['pre', 'post']

function judgeUse(
  adapter: AdapterConfig,
  at: Span,
  overrides: readonly Entry[],
  phase: Phase,
  problems: Problems,
): void {
  if (adapter.protocol === 1) {
    if (!PHASES_OF_PROTOCOL_1.includes(phase))
      problems.error(
        'needs-protocol-2',
        at,
        `adapter ${quote(adapter.name)} speaks protocol 1, which has no ${phase} hooks`,
      )
    for (const { key, keyAt } of overrides)
      if (key === 'with' || key === 'headers' || key === 'originalRequest')
        problems.error(
          'needs-protocol-2',
          keyAt,
          `${quote(key)} needs protocol 2: protocol 1 has no place for it`,
        )
  }
  for (const { key, keyAt, value } of overrides) {
    if (key === 'sample' && phase !== 'observe')
      problems.error(
        'value-not-allowed',
        keyAt,
        '"sample" is for observe hooks: a hook that decides must see every exchange',
      )
    if (key === 'onOversize' && value.kind === 'text' && value.text === 'omit' && !mayOmit(phase))
      problems.error(
        'value-not-allowed',
        value.at,
        `"omit" is for post and observe hooks: a ${phase} hook that has not seen a body cannot have approved it`,
      )
    if (key === 'onOversize' && value.kind === 'text' && value.text === 'skip' && phase === 'stream')
      problems.error(
        'value-not-allowed',
        value.at,
        '"skip" is not for stream hooks: a message that is too large for one ends the stream',
      )
  }
}

function mayOmit(phase: Phase): boolean {
  return phase === 'post' || phase === 'observe'
}

/** What an adapter says for all its places does not hold where it would make no sense. */
function fitting(settings: UseSettings, phase: Phase): UseSettings {
  const hasPlace = phase !== 'stream' && (settings.onOversize !== 'omit' || mayOmit(phase))
  const onOversize = hasPlace ? settings.onOversize : 'reject'
  const sample = phase === 'observe' ? settings.sample : 1
  return { ...settings, onOversize, sample }
}

/** Protocol 2 has an answer for streams, `stream` hooks; an operation whose answers are endless needs one (PS-SIZE-003). */
function judgeUnshown(rule: Rule, entry: Entry, ground: UseGround, problems: Problems): void {
  const { pattern, post } = rule
  const newer = post.filter(({ adapter }) => ground.adapters.get(adapter)?.protocol !== 1)
  const endless = unshownBy(pattern).filter(
    (operation) => operation.endless === 'always' && unshownBecause(operation) === 'endless',
  )
  if (pattern.kind === 'operations' && pattern.text !== '*' && newer.length > 0 && endless.length > 0) {
    const ids = endless.map(({ id }) => id).join(', ')
    const message = `the answer of ${ids} never ends, so post-hooks could never be shown it; use "stream" or "observe" (PS-SIZE-003)`
    problems.error('post-not-shown', entry.keyAt, message)
    return
  }
  warnOfUnshown(pattern, entry, problems)
}

/** A stream-hook that can never be called is one that somebody relies on. */
function judgeFramed({ pattern, post }: Rule, { key, keyAt }: Entry, problems: Problems): void {
  const framed = framedBy(pattern)
  const isAll = pattern.kind !== 'operations' || pattern.text === '*'
  const others: readonly Operation[] = isAll
    ? []
    : OPERATIONS.filter((operation) => reaches(pattern, operation) && !isFramed(operation))
  if (others.length > 0 || (isAll && framed.length === 0)) {
    const named = isAll ? `nothing that ${quote(key)} matches` : others.map(({ id }) => id).join(', ')
    const twoWay = others.some(({ hijack }) => hijack !== undefined)
      ? ', and nothing of a connection that turned two-way is shown'
      : ''
    const known = FRAMED_OPERATIONS.map(({ id }) => id).join(', ')
    const message = `stream hooks are for answers that are streams of messages, which ${named} ${isAll ? 'gives' : others.length === 1 ? 'does not give' : 'do not give'}${twoWay}; there are ${known}`
    problems.error('stream-not-framed', keyAt, message)
  } else if (post.length > 0 && framed.length > 0) {
    const message = `where the answer of ${quote(key)} is a stream of messages, its stream hooks are called instead of its post hooks, which see errors only`
    problems.warn('post-not-shown', keyAt, message)
  }
}

function judgeFailOpen(
  settings: UseSettings,
  name: string,
  at: Span,
  phase: Phase,
  problems: Problems,
): void {
  if (phase === 'validate' && settings.onError === 'ignore')
    problems.warn(
      'fails-open',
      at,
      `while it is broken, ${quote(name)} lets everything through ("onError: ignore")`,
    )
  if (settings.onOversize === 'skip' && phase !== 'observe' && phase !== 'stream')
    problems.warn(
      'fails-open',
      at,
      `a body that is large enough gets past ${quote(name)} unseen ("onOversize: skip")`,
    )
}

/** BuildKit's API is not Docker's: its builds go through two operations that carry them unseen (PS-UPGRADE-003). */
const BUILD_DOORS = ['Session', 'Grpc'] as const

function judgeBuildDoors(rules: readonly PlacedRule[], problems: Problems): void {
  const judging = rules
    .filter(({ rule: { pre, validate } }) => pre.length + validate.length > 0)
    .map(({ rule, at }) => ({ at, reached: operationsOf(rule.pattern) }))
  const builds = judging.find(({ reached }) => reached.has('ImageBuild'))
  if (builds === undefined) return
  const open = BUILD_DOORS.filter((id) => judging.every(({ reached }) => !reached.has(id)))
  if (open.length === 0) return
  const message = `builds with BuildKit go through ${open.join(' and ')} and are not seen by these hooks; hook a refusal to "${BUILD_DOORS.join(' | ')}" if builds must not get round them (PS-UPGRADE-003)`
  problems.warn('build-doors', builds.at, message)
}

function operationsOf(pattern: Pattern): ReadonlySet<string> {
  return new Set(OPERATIONS.filter((operation) => reaches(pattern, operation)).map(({ id }) => id))
}
