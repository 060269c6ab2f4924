/**
 * An agent: reports what lies on its node, hears what is wished, and does it. One pass after another, a second apart when
 * nothing happens; everything that takes time is a task of its own, one a dataset.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { failed, impossible, ok, type Result } from '../../model/result.ts'
import type { CustodyChange } from '../ledger/custody.ts'
import type { Dataset } from '../ledger/ledger.ts'
import type { FlockerLog } from '../log.ts'
import { reasonOf } from '../reason.ts'
import type { CopyReport, MovePhase, NodeReport, Orders } from '../wire/messages.ts'
import type { ControlClient } from './control-client.ts'
import { Hasher } from './hasher.ts'
import { type NextStep, nextStep, type Source } from './next-step.ts'
import type { Peers } from './peer.ts'
import type { Custodian } from './peer-server.ts'
import { type Progress, pull } from './pull.ts'
import type { AgentTrouble } from './trouble.ts'
import type { LocalCopy, LocalVolumes, VolumeBackend } from './volume-backend.ts'

export interface AgentParts {
  readonly node: string
  readonly host: string
  /** `HOST:PORT` where other agents reach this one. */
  readonly endpoint: string
  readonly backend: VolumeBackend
  readonly control: ControlClient
  readonly peers: Peers
  readonly log: FlockerLog
}

/** After a failed step, in milliseconds; doubled each time up to the last. A dataset in use is asked for every second. */
const RETRY_MS = { first: 1_000, last: 30_000 }

/** A long move is logged this often, in milliseconds. */
const PROGRESS_LOG_MS = 5_000

interface Retry {
  readonly afterMs: number
  readonly pauseMs: number
}

interface Move extends Progress {
  readonly from: string
  at: MovePhase
  bytes: number
  totalBytes: number
  readonly sinceMs: number
  /** When each phase began, in milliseconds after the first. */
  readonly began: Partial<Record<MovePhase, number>>
}

interface Task {
  readonly kind: NextStep['kind'] | 'hand-over' | 'clear-away'
  readonly done: Promise<void>
  readonly stop: AbortController
}

export class Agent implements Custodian {
  readonly #parts: AgentParts
  readonly #tasks = new Map<string, Task>()
  readonly #problems = new Map<string, string>()
  /** Forgotten as soon as what may have stood in the way is over. */
  readonly #retries = new Map<string, Retry>()
  readonly #moves = new Map<string, Move>()
  readonly #hashers = new Map<string, Hasher>()
  /** The last handover of each dataset, which orders may not name yet. */
  readonly #announced = new Map<string, string>()
  /** Orders older than this say nothing about the dataset: this agent has changed its entry since. */
  readonly #outdated = new Map<string, number>()
  #orders: Orders | undefined
  /** Aborted when there is something to report. */
  #news = new AbortController()

  constructor(parts: AgentParts) {
    this.#parts = parts
  }

  /** Until `stop` is aborted. Tasks that are under way are then broken off, which every task survives. */
  async run(stop: AbortSignal, started: () => void): Promise<void> {
    const { backend, control, log } = this.#parts
    let seen: number | null = null
    let complained = ''
    let blind = false
    while (!stop.aborted) {
      this.#news = new AbortController()
      const local = await backend.list()
      if (local.ok && blind) this.#retries.clear()
      blind = !local.ok
      const report = this.#report(local)
      const news = AbortSignal.any([stop, this.#news.signal])
      const orders = await control.report({ report, seen }, news)
      if (orders.ok) {
        if (complained !== '') {
          log.info('the control service answers again')
          this.#retries.clear()
        }
        complained = ''
        seen = orders.value.revision
        started()
        this.#orders = orders.value
        // What was listed before a task ended says nothing about what it has done.
        if (local.ok && !this.#news.signal.aborted) {
          this.#clearAway(local.value)
          this.#consider(orders.value, local.value)
        } else seen = null
        // An engine that is away says so at once, and the control service answers at once whoever has seen nothing.
        if (!local.ok) await sleep(RETRY_MS.first / 4, undefined, { signal: stop }).catch(() => undefined)
      } else {
        seen = null
        if (news.aborted) continue
        if (orders.failure.message !== complained) log.warn('no orders', { reason: orders.failure.message })
        complained = orders.failure.message
        await sleep(RETRY_MS.first / 4, undefined, { signal: stop }).catch(() => undefined)
      }
    }
    for (const { stop: end } of this.#tasks.values()) end.abort()
    for (const dataset of this.#hashers.keys()) this.#endHasher(dataset)
    await Promise.all([...this.#tasks.values()].map(({ done }) => done))
  }

  hasher = (dataset: string): Hasher => {
    const known = this.#hashers.get(dataset)
    if (known?.over === false) return known
    const made = new Hasher()
    this.#hashers.set(dataset, made)
    return made
  }

  #endHasher(dataset: string): void {
    this.#hashers.get(dataset)?.close()
    this.#hashers.delete(dataset)
  }

  async offer(dataset: string, to: string): Promise<Result<LocalCopy, AgentTrouble>> {
    const copy = await this.#current(dataset)
    if (!copy.ok) return copy
    // A pull that was broken off comes back to a copy that is frozen already, for itself.
    if (copy.value.frozen) {
      const handover = this.#entry(dataset)?.handover
      return handover?.to === to ? copy : failed({ message: 'it is handed over to another node', busy: true })
    }
    const users = await this.#parts.backend.users(copy.value)
    if (!users.ok) return users
    return users.value.length === 0
      ? copy
      : failed({ message: `it is in use on ${this.#parts.host} by ${users.value.join(', ')}`, busy: true })
  }

  async handOver(dataset: string, to: string): Promise<Result<string, AgentTrouble>> {
    if (this.#tasks.has(dataset))
      return failed({ message: `${this.#parts.host} is busy with the dataset`, busy: true })
    let outcome: Result<string, AgentTrouble> = failed({ message: 'the agent is stopping' })
    await this.#task(dataset, 'hand-over', async () => {
      outcome = await this.#handOver(dataset, to)
      return ok(undefined)
    })
    return outcome
  }

  async #handOver(dataset: string, to: string): Promise<Result<string, AgentTrouble>> {
    const { node, backend, host } = this.#parts
    const copy = await this.#current(dataset)
    if (!copy.ok) return copy
    const frozen = copy.value.frozen ? ok(copy.value) : await backend.freeze(copy.value)
    if (!frozen.ok) return failed({ ...frozen.failure, message: `on ${host}: ${frozen.failure.message}` })
    const name = randomUUID()
    const change: CustodyChange = { kind: 'hand-over', dataset, node, from: copy.value.copy, to, copy: name }
    const announced = await this.#change(change)
    if (announced.ok) {
      this.#announced.set(dataset, name)
      return ok(name)
    }
    // Whether it was announced is not known when the answer is lost. The next orders tell, and thaw what should be.
    return announced
  }

  async frozen(dataset: string, copy: string): Promise<Result<LocalCopy, AgentTrouble>> {
    const current = await this.#current(dataset)
    if (!current.ok) return current
    const since = this.#outdated.get(dataset)
    const behind = since !== undefined && (this.#orders?.revision ?? 0) < since
    const inForce = behind ? this.#announced.get(dataset) : this.#entry(dataset)?.handover?.copy
    if (current.value.frozen && inForce === copy) return current
    return failed({ message: 'the handover is no longer in force' })
  }

  #entry(dataset: string): Dataset | undefined {
    return this.#orders?.datasets.find(({ id }) => id === dataset)
  }

  async #current(dataset: string): Promise<Result<LocalCopy, AgentTrouble>> {
    const local = await this.#parts.backend.list()
    if (!local.ok) return local
    const copy = local.value.copies.find((one) => one.dataset === dataset)
    const holder = this.#entry(dataset)?.holder
    if (copy !== undefined && holder?.node === this.#parts.node && holder.copy === copy.copy) return ok(copy)
    return failed({ message: `${this.#parts.host} does not hold the dataset` })
  }

  #report(local: Result<LocalVolumes, AgentTrouble>): NodeReport {
    const { node, host, endpoint } = this.#parts
    const nowMs = performance.now()
    const moves = [...this.#moves].map(([dataset, { from, at, bytes, totalBytes, sinceMs }]) => ({
      dataset,
      from,
      phase: at,
      bytes,
      totalBytes,
      bytesPerSecond: Math.round((bytes / Math.max(1, nowMs - sinceMs)) * 1000),
    }))
    const copies = local.ok ? local.value.copies.map(copyReport) : null
    const stages = local.ok ? local.value.stages.map(({ dataset }) => dataset) : []
    const problems = Object.fromEntries(this.#problems)
    if (!local.ok) for (const { id } of this.#orders?.datasets ?? []) problems[id] ??= local.failure.message
    return { node, host, endpoint, copies, stages, moves, problems }
  }

  /** What is left of copies that were given up. Nothing else is done with such a dataset meanwhile. */
  #clearAway({ remains }: LocalVolumes): void {
    for (const copy of remains) {
      const what = `remains of ${copy.dataset}`
      if (this.#tasks.has(copy.dataset) || this.#isPausing(what)) continue
      void this.#task(copy.dataset, 'clear-away', async () => {
        const removed = await this.#parts.backend.remove(copy)
        if (!removed.ok) this.#pause(what, removed.failure)
        return removed
      })
    }
  }

  #consider(orders: Orders, local: LocalVolumes): void {
    const { node } = this.#parts
    const known = new Set(orders.datasets.map(({ id }) => id))
    for (const id of this.#problems.keys()) if (!known.has(id)) this.#problems.delete(id)
    for (const dataset of orders.datasets) {
      const { id } = dataset
      if ((this.#outdated.get(id) ?? 0) > orders.revision) continue
      this.#outdated.delete(id)
      const copy = local.copies.find((one) => one.dataset === id)
      const stage = local.stages.find((one) => one.dataset === id)
      const step = nextStep(node, dataset, { copy, stage }, orders, Date.now())
      const task = this.#tasks.get(id)
      if (task !== undefined) {
        // What was begun for a wish that is no longer one.
        if (task.kind === 'pull' && dataset.primary !== node && !task.stop.signal.aborted) {
          task.stop.abort()
          this.#endHasher(id)
        }
        continue
      }
      this.#begin(dataset, step)
    }
  }

  #begin(dataset: Dataset, step: NextStep): void {
    const { id } = dataset
    if (step.kind === 'nothing') {
      this.#problems.delete(id)
      this.#retries.delete(id)
      return
    }
    if (step.kind === 'blocked') {
      this.#problems.set(id, step.problem)
      // Once it is possible again, it is tried at once.
      this.#retries.delete(id)
      return
    }
    if (this.#isPausing(id)) {
      // The source need not stay frozen until then.
      if (step.kind === 'pull' && dataset.handover?.to === this.#parts.node)
        void this.#task(id, 'pull', () =>
          this.#change({ kind: 'call-off', dataset: id, node: this.#parts.node }),
        )
      return
    }
    void this.#task(id, step.kind, async (signal) => {
      const done = await this.#carryOut(dataset, step, signal)
      if (done.ok) {
        this.#problems.delete(id)
        this.#retries.delete(id)
      } else this.#failed(id, step, done.failure)
      return done
    })
  }

  #failed(id: string, step: NextStep, trouble: AgentTrouble): void {
    const { log } = this.#parts
    if (this.#problems.get(id) !== trouble.message)
      log.warn(`${step.kind} failed`, { dataset: id, reason: trouble.message })
    this.#problems.set(id, trouble.message)
    this.#pause(id, trouble)
  }

  #pause(what: string, { busy }: AgentTrouble): void {
    const last = this.#retries.get(what)?.pauseMs
    const pauseMs = busy === true || last === undefined ? RETRY_MS.first : Math.min(last * 2, RETRY_MS.last)
    this.#retries.set(what, { pauseMs, afterMs: performance.now() + pauseMs })
  }

  #isPausing(what: string): boolean {
    return performance.now() < (this.#retries.get(what)?.afterMs ?? 0)
  }

  async #carryOut(
    dataset: Dataset,
    step: Exclude<NextStep, { readonly kind: 'nothing' | 'blocked' }>,
    signal: AbortSignal,
  ): Promise<Result<unknown, AgentTrouble>> {
    const { node, backend, log } = this.#parts
    const { id } = dataset
    switch (step.kind) {
      case 'create': {
        const made = { dataset: id, generation: 1, copy: randomUUID() }
        const created = await backend.create(made)
        if (!created.ok) return created
        const claimed = await this.#change({ kind: 'claim', node, ...made })
        if (claimed.ok) log.info('created', { dataset: id, name: dataset.metadata.name })
        return claimed
      }
      case 'claim': {
        const { generation, copy } = step.copy
        return this.#change({ kind: 'claim', dataset: id, node, generation, copy })
      }
      case 'pull':
        return this.#pull(dataset, step.from, signal)
      case 'settle':
        return backend.settle(step.id)
      case 'thaw': {
        // From here on no promotion can succeed that was prepared before.
        const kept = await this.#change({ kind: 'keep', dataset: id, node, copy: step.copy.copy })
        if (!kept.ok) return kept
        log.info('a handover was called off; the copy here can be used again', { dataset: id })
        this.#endHasher(id)
        return backend.thaw(step.copy)
      }
      case 'remove-old': {
        const removed = await backend.remove(step.copy)
        if (removed.ok) {
          this.#endHasher(id)
          log.info('the old copy is removed', { dataset: id, generation: step.copy.generation })
        }
        return removed
      }
      case 'delete': {
        const removed = await backend.remove(step.copy)
        if (!removed.ok) return removed
        this.#endHasher(id)
        log.info('deleted', { dataset: id })
        return this.#change({ kind: 'forget', dataset: id, node, copy: step.copy.copy })
      }
      case 'forget':
        return this.#change({ kind: 'forget', dataset: id, node, copy: step.copy })
      case 'discard-stage':
        this.#endHasher(id)
        return backend.discardStage(id)
      default:
        return impossible(step)
    }
  }

  async #pull(dataset: Dataset, from: Source, signal: AbortSignal): Promise<Result<unknown, AgentTrouble>> {
    const { node, backend, peers, log } = this.#parts
    const { id } = dataset
    const name = dataset.metadata.name
    const move = this.#move(id, from)
    const ticker = setInterval(() => log.info('moving', { dataset: id, ...rateOf(move) }), PROGRESS_LOG_MS)
    this.#moves.set(id, move)
    try {
      const pulled = await pull({
        node,
        dataset: id,
        generation: from.generation,
        source: peers.at(from.endpoint, id, signal),
        backend,
        hasher: this.hasher(id),
        promote: (change) => this.#change(change),
        progress: move,
        signal,
      })
      if (pulled.ok) {
        this.#endHasher(id)
        const { digest, entries } = pulled.value
        const began = { comparingAfterMs: move.began.comparing, switchingAfterMs: move.began.switching }
        log.info('moved here', {
          dataset: id,
          name,
          from: from.host,
          entries,
          digest,
          ...rateOf(move),
          ...began,
        })
      } else if (pulled.failure.full) await backend.discardStage(id)
      return pulled
    } finally {
      clearInterval(ticker)
      this.#moves.delete(id)
    }
  }

  #move(dataset: string, { node, host }: Source): Move {
    const { log } = this.#parts
    return {
      from: node,
      at: 'copying',
      bytes: 0,
      totalBytes: 0,
      sinceMs: performance.now(),
      began: {},
      phase(phase) {
        this.at = phase
        this.began[phase] ??= Math.round(performance.now() - this.sinceMs)
      },
      total(bytes) {
        this.totalBytes = bytes
        log.info('moving here', { dataset, from: host, totalBytes: bytes })
      },
      received(bytes) {
        this.bytes += bytes
      },
      arrived() {
        this.bytes = Math.max(this.bytes, this.totalBytes)
      },
    }
  }

  /** Orders that are older than the change are overlooked from here on. */
  async #change(change: CustodyChange): Promise<Result<{ readonly revision: number }, AgentTrouble>> {
    const changed = await this.#parts.control.changeCustody(change)
    if (changed.ok) this.#outdated.set(change.dataset, changed.value.revision)
    return changed
  }

  #task(
    dataset: string,
    kind: Task['kind'],
    work: (signal: AbortSignal) => Promise<Result<unknown, AgentTrouble>>,
  ): Promise<void> {
    const stop = new AbortController()
    const done = work(stop.signal)
      .then(
        () => undefined,
        (problem: unknown) => {
          // What was broken off on purpose, or trouble with a disk in a place that expects none.
          if (stop.signal.aborted) return
          this.#failed(dataset, { kind } as NextStep, { message: reasonOf(problem) })
        },
      )
      .finally(() => {
        this.#tasks.delete(dataset)
        this.#news.abort()
      })
    this.#tasks.set(dataset, { kind, done, stop })
    return done
  }
}

function copyReport({ dataset, generation, copy, path, frozen }: LocalCopy): CopyReport {
  return { dataset, generation, copy, path, frozen }
}

function rateOf({ at, bytes, totalBytes, sinceMs }: Move) {
  const seconds = Math.max(0.001, (performance.now() - sinceMs) / 1000)
  const rate = bytes / seconds
  const left = Math.max(0, totalBytes - bytes)
  return {
    phase: at,
    bytes,
    totalBytes,
    seconds: Number(seconds.toFixed(2)),
    megabytesPerSecond: Number((rate / 1e6).toFixed(1)),
    ...(rate > 0 && left > 0 ? { etaSeconds: Math.ceil(left / rate) } : {}),
  }
}
