/**
 * Brings datasets to this host, before the container that asks for them is made.
 *
 *     find or create    by name; created with the tag of the configuration that had none, so that two hosts make one
 *     lease             taken for this host, wherever the data is
 *     move              the wish is set to this host
 *     wait              until the state shows it here and nowhere else
 *     lease again       it was ours all the time, or all of it is looked at again
 *
 * The lease comes before the move, and that is what makes two hosts that ask at the same instant safe: the control service
 * gives it to one of them, and only the one that has it touches the wish. The other way round both would set the wish, the data
 * would set out for the later one, and the earlier one might still see it where it was a moment ago. A real Flocker lets
 * the wish be changed whoever has the lease, and only does not carry it out; so the wish is read again once the lease is
 * held, since it may already have been for somewhere else. Leases are taken one after the other in the order of the names: of two
 * requests for the same several datasets one gets all of them.
 */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { AdapterLog, Result } from 'powerstrip/sdk'
import type { Configuration, ControlService, Dataset, Presence } from './control-service.ts'
import type { Claim, Leases, NamedDataset } from './leases.ts'
import { nameNode, type ThisNode } from './this-node.ts'
import { broken, refused, type Trouble, troubleOf } from './trouble.ts'

export interface Surroundings {
  readonly control: ControlService
  readonly leases: Leases
  readonly node: ThisNode
  readonly terms: BringTerms
  readonly log: AdapterLog
  readonly signal: AbortSignal
}

export interface BringTerms {
  /** For all of it. */
  readonly deadlineMs: number
  /** With back ends that do not tell where they mount: part of the path. */
  readonly hostUuid: string | undefined
  /** How long a problem that the service tells of may last: a service that is started over, or a full disk. */
  readonly problemPatienceMs: number
  /** Whether somebody else may call a dataset away while it is waited for: the service has no leases. */
  readonly watchWish: boolean
}

/** A dataset that is complete on this host, and leased to it. */
export interface Here extends NamedDataset {
  readonly path: string
  /** Where it came from, if it was moved for this. */
  readonly moved: { readonly from: string; readonly tookMs: number } | undefined
}

/** Brings all of them here, or tells why not. The values are in the order of what is wanted. */
export async function bring(
  wanted: readonly Wanted[],
  claim: Claim,
  around: Surroundings,
): Promise<Result<readonly Here[], Trouble>> {
  const untilMs = Date.now() + around.terms.deadlineMs
  const found = new Map<Wanted, NamedDataset>()
  for (const one of [...wanted].sort(byName)) {
    const dataset =
      'id' in one ? await findById(one.id, around) : await findOrCreate(one.name, untilMs, around)
    if (!dataset.ok) return dataset
    const leased = await around.leases.take(claim, dataset.value, around.node, around.signal)
    if (!leased.ok) return leased
    found.set(one, dataset.value)
  }
  // The first trouble ends the others' waiting too.
  const stop = new AbortController()
  const signal = AbortSignal.any([around.signal, stop.signal])
  let trouble: Trouble | undefined
  // One dataset may be wanted by its name and by its id.
  const here = new Map<string, Here>()
  const bringing = new Map([...found.values()].map((dataset) => [dataset.id, dataset]))
  await Promise.all(
    [...bringing.values()].map(async (dataset) => {
      const brought = await bringOne(dataset, claim, untilMs, { ...around, signal })
      if (brought.ok) return here.set(dataset.id, brought.value)
      trouble ??= brought.failure
      stop.abort()
      return undefined
    }),
  )
  if (trouble !== undefined) return { ok: false, failure: trouble }
  return { ok: true, value: wanted.map((one) => here.get(found.get(one)!.id)!) }
}

/** By name, to be created where there is none; or by id, as a container that exists has it. */
export type Wanted = { readonly name: string } | { readonly id: string }

function byName(one: Wanted, other: Wanted): number {
  const [a, b] = [one, other].map((wanted) => ('id' in wanted ? wanted.id : wanted.name)) as [string, string]
  return a < b ? -1 : a > b ? 1 : 0
}

async function findById(
  id: string,
  { control, signal }: Surroundings,
): Promise<Result<NamedDataset, Trouble>> {
  const configuration = troubleOf(await control.configuration(signal))
  if (!configuration.ok) return configuration
  const found = configuration.value.datasets.find((dataset) => dataset.id === id)
  if (found === undefined || found.deleted) return refused(`the dataset ${id} has been deleted`)
  return { ok: true, value: named(found) }
}

async function findOrCreate(
  name: string,
  untilMs: number,
  around: Surroundings,
): Promise<Result<NamedDataset, Trouble>> {
  const { control, node, signal, log } = around
  for (;;) {
    const configuration = troubleOf(await control.configuration(signal))
    if (!configuration.ok) return configuration
    const { datasets, tag } = configuration.value
    const found = findLive(name, datasets)
    if (!found.ok || found.value !== undefined) return found as Result<NamedDataset, Trouble>
    const mounted = await findByPath(name, datasets, around)
    if (!mounted.ok || mounted.value !== undefined) return mounted as Result<NamedDataset, Trouble>

    const id = tag === undefined ? idFor(name, configuration.value) : undefined
    const wanted = { primary: node.primary, name, ...(id === undefined ? {} : { id }) }
    const created = await control.create(wanted, tag, signal)
    if (created.ok) {
      log.info(`dataset "${name}": created here as ${created.value.id}`)
      return { ok: true, value: { id: created.value.id, name } }
    }
    // 412: the configuration has changed since it was read. 409: somebody has just made one with this id.
    const { failure } = created
    const outrun = failure.kind === 'refused' && (failure.status === 412 || failure.status === 409)
    if (!outrun) return broken(`the dataset "${name}" cannot be created: ${failure.message}`)
    if (Date.now() > untilMs)
      return broken(`the dataset "${name}" could not be created in time: ${failure.message}`)
    await beforeAnotherTry(signal)
  }
}

function findLive(name: string, datasets: readonly Dataset[]): Result<NamedDataset | undefined, Trouble> {
  const live = datasets.filter(({ deleted }) => !deleted)
  const [first, second] = live.filter((dataset) => dataset.name === name)
  if (first !== undefined && second !== undefined)
    return refused(
      `two datasets have the name "${name}": ${first.id} on ${first.primary} and ${second.id} on ${second.primary}; delete one of them, or mount the right one as /flocker/ID`,
    )
  const found = first ?? live.find(({ id }) => id === name.toLowerCase())
  return { ok: true, value: found && named(found) }
}

/** `/flocker/NAME` may also be where a dataset is mounted already: a request that this adapter has seen before. */
async function findByPath(
  name: string,
  datasets: readonly Dataset[],
  { control, node, terms, signal }: Surroundings,
): Promise<Result<NamedDataset | undefined, Trouble>> {
  const state = troubleOf(await control.state(signal))
  if (!state.ok) return state
  const there = state.value.find(
    (entry) => node.is(entry.primary) && pathOf(entry, terms) === `/flocker/${name}`,
  )
  const dataset = datasets.find(({ id, deleted }) => id === there?.id && !deleted)
  return { ok: true, value: dataset && named(dataset) }
}

function named({ id, name }: Dataset): NamedDataset {
  return { id, name: name || id }
}

/**
 * Without tags two hosts may create at the same time. They make it under the same id, and the second is told that it is in
 * use. Ids of deleted datasets are never used again.
 */
function idFor(name: string, { datasets }: Configuration): string {
  for (let generation = 0; ; generation++) {
    const hash = createHash('sha256').update(`powerstrip.flocker ${generation} ${name}`).digest('hex')
    const id = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`
    if (!datasets.some((dataset) => dataset.id === id)) return id
  }
}

async function bringOne(
  dataset: NamedDataset,
  claim: Claim,
  untilMs: number,
  around: Surroundings,
): Promise<Result<Here, Trouble>> {
  const { leases, node, signal, log } = around
  const begunMs = Date.now()
  let from: string | undefined
  for (;;) {
    const called = await callHere(dataset, untilMs, around)
    if (!called.ok) return called
    from ??= called.value
    const path = await untilHere(dataset, claim, untilMs, from, around)
    if (!path.ok) return path
    const still = await leases.take(claim, dataset, node, signal)
    if (!still.ok) return still
    // It had expired in between: this process was stopped for a while, say. Who knows who had it.
    if (still.value.fresh) continue
    const tookMs = Date.now() - begunMs
    if (from !== undefined)
      log.info(`dataset "${dataset.name}": moved here from ${from} in ${seconds(tookMs)}`)
    return {
      ok: true,
      value: { ...dataset, path: path.value, moved: from === undefined ? undefined : { from, tookMs } },
    }
  }
}

/** Sets the wish to this host. The value is the host it was on, if it was another. */
async function callHere(
  { id, name }: NamedDataset,
  untilMs: number,
  { control, node, signal, log }: Surroundings,
): Promise<Result<string | undefined, Trouble>> {
  for (;;) {
    const configuration = troubleOf(await control.configuration(signal))
    if (!configuration.ok) return configuration
    const { datasets, tag } = configuration.value
    const dataset = datasets.find((one) => one.id === id)
    if (dataset === undefined || dataset.deleted)
      return refused(`the dataset "${name}" (${id}) has been deleted meanwhile`)
    if (node.is(dataset.primary)) return { ok: true, value: undefined }
    const nodes = await control.nodes(signal)
    const from = nameNode(nodes.ok ? nodes.value : [], dataset.primary)
    const moved = await control.move(id, node.primary, tag, signal)
    if (moved.ok) {
      log.info(`dataset "${name}": moving here from ${from}`)
      return { ok: true, value: from }
    }
    const { failure } = moved
    if (failure.kind === 'refused' && failure.status === 409)
      return refused(`the dataset "${name}" cannot be moved here from ${from}: ${failure.message}`)
    if (failure.kind !== 'refused' || failure.status !== 412 || Date.now() > untilMs)
      return broken(`the dataset "${name}" cannot be moved here from ${from}: ${failure.message}`)
    await beforeAnotherTry(signal)
  }
}

/** Between two looks at the state: a twentieth of what has been waited already, within these bounds, in milliseconds. */
const DELAY_MS = { first: 100, last: 1000, share: 1 / 20 }
const TELL_EVERY_MS = 10_000

/** The value is where it is mounted. */
async function untilHere(
  dataset: NamedDataset,
  claim: Claim,
  untilMs: number,
  from: string | undefined,
  around: Surroundings,
): Promise<Result<string, Trouble>> {
  const { control, leases, node, terms, signal, log } = around
  const begunMs = Date.now()
  let [renewMs, tellMs] = [begunMs + leases.renewEveryMs, begunMs + TELL_EVERY_MS]
  let soundMs = begunMs
  for (;;) {
    const state = await control.state(signal)
    if (state.ok) {
      const path = placeIn(state.value, dataset.id, node, terms)
      if (path !== undefined) return { ok: true, value: path }
    }
    if (signal.aborted) return broken('nobody waits for this container any more')
    // A control service that is being restarted meanwhile is waited for too.
    const nowMs = Date.now()
    const seen = () => (state.ok ? describe(state.value, dataset.id, node, terms) : state.failure.message)
    if (nowMs > untilMs)
      return broken(
        `the dataset "${dataset.name}" (${dataset.id}) was not complete on this host after ${seconds(terms.deadlineMs)}; ${seen()}. It goes on; try again later`,
      )
    const problem = state.ok ? state.value.find(({ id }) => id === dataset.id)?.problem : undefined
    if (problem === undefined) soundMs = nowMs
    else if (nowMs > soundMs + terms.problemPatienceMs)
      return broken(`the dataset "${dataset.name}" (${dataset.id}) does not get here: ${problem}`)
    if (nowMs > tellMs) {
      const what = from === undefined ? 'waiting for it here' : `still moving here from ${from}`
      log.info(`dataset "${dataset.name}": ${what} after ${seconds(nowMs - begunMs)}; ${seen()}`)
      tellMs += TELL_EVERY_MS
    }
    if (nowMs > renewMs) {
      const renewed = await leases.take(claim, dataset, node, signal)
      if (!renewed.ok && renewed.failure.kind === 'refused') return renewed
      renewMs = nowMs + leases.renewEveryMs
    }
    if (terms.watchWish) {
      const away = await calledAway(dataset, around)
      if (away !== undefined) return refused(away)
    }
    const waitedMs = Date.now() - begunMs
    const delayMs = Math.min(Math.max(DELAY_MS.first, waitedMs * DELAY_MS.share), DELAY_MS.last)
    await pause(delayMs, undefined, { signal }).catch(() => {})
  }
}

/** Complete here and nowhere else, or `undefined`. What is attached nowhere has no primary, and says nothing. */
function placeIn(
  state: readonly Presence[],
  id: string,
  node: ThisNode,
  terms: BringTerms,
): string | undefined {
  const attached = state.filter((entry) => entry.id === id && entry.primary !== undefined)
  const [only, more] = attached
  if (only === undefined || more !== undefined || !node.is(only.primary)) return undefined
  return pathOf(only, terms)
}

/** The ZFS back end of early versions mounted by a rule and did not say where. */
function pathOf({ id, path }: Presence, { hostUuid }: BringTerms): string | undefined {
  return path ?? (hostUuid === undefined ? undefined : `/flocker/${hostUuid}.default.${id}`)
}

function describe(state: readonly Presence[], id: string, node: ThisNode, terms: BringTerms): string {
  const entries = state.filter((entry) => entry.id === id)
  if (entries.length === 0) return 'the control service sees it nowhere'
  const where = entries.map(({ primary }) =>
    primary === undefined ? 'detached' : node.is(primary) ? 'on this host' : `on ${primary}`,
  )
  const progress = entries.map((entry) => entry.progress ?? '').find((told) => told !== '')
  const unnamed =
    entries.length === 1 && node.is(entries[0]!.primary) && pathOf(entries[0]!, terms) === undefined
  return `the control service sees it ${where.join(' and ')}${progress === undefined ? '' : ` (${progress})`}${unnamed ? ' without a path; the option "hostUuid" is for such back ends' : ''}`
}

async function calledAway(
  { id, name }: NamedDataset,
  { control, node, signal }: Surroundings,
): Promise<string | undefined> {
  const configuration = await control.configuration(signal)
  if (!configuration.ok) return undefined
  const dataset = configuration.value.datasets.find((one) => one.id === id)
  return dataset === undefined || node.is(dataset.primary)
    ? undefined
    : `the dataset "${name}" has meanwhile been called to ${dataset.primary} by somebody else`
}

/** Hosts that ran into each other do not do so again in step. */
async function beforeAnotherTry(signal: AbortSignal): Promise<void> {
  await pause(20 + Math.random() * 80, undefined, { signal }).catch(() => {})
}

export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}
