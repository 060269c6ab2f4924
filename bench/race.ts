/** One scenario, from its start to its figures: contenders side by side, taking turns. */
import { setMaxListeners } from 'node:events'
import type { Contender, ContenderId } from './contenders/contender.ts'
import { type Figure, overRounds, type Value } from './figure.ts'
import { startProgram } from './program.ts'
import type { ScenarioReport } from './report.ts'
import type { Course, Sample, Scenario, Stage } from './scenarios/scenario.ts'
import type { Subject } from './subject.ts'

export interface RaceOptions {
  readonly stage: Stage
  /** The engine itself. It goes first in every round. */
  readonly direct: Subject
  readonly contenders: readonly Contender[]
  /** Contenders get folders of their own below it. */
  readonly dir: string
  readonly signal: AbortSignal
  readonly tell: (line: string) => void
}

/** Far more than the slowest needs; a contender that hangs is a finding, and must not stop the others. */
const CHECK_LIMIT_MS = 30_000
const TURN_LIMIT_MS = 120_000

export async function runRace(scenario: Scenario, options: RaceOptions): Promise<ScenarioReport> {
  const { stage, tell } = options
  const course = await scenario.prepare(stage)
  const samples = new Map<ContenderId, Sample[]>()
  const failures = new Map<ContenderId, string>()
  const rounds = scenario.rounds[stage.pace]

  tell(scenario.title)
  for (let round = 1; round <= rounds; ) {
    await using field = await startField(course, failures, options)
    const last = scenario.freshEachRound ? round : rounds
    for (; round <= last; round++) {
      for (const subject of field.subjects) {
        const turn = await attempt(subject, TURN_LIMIT_MS, failures, options, (signal) =>
          course.measure(subject, signal),
        )
        if (turn === undefined) continue
        samples.set(subject.id, [...(samples.get(subject.id) ?? []), turn.value])
        if (Object.keys(turn.value).length > 0)
          tell(`  ${round}/${rounds} ${subject.id}: ${describeSample(turn.value)}`)
      }
    }
  }
  for (const id of failures.keys()) samples.delete(id)
  return {
    id: scenario.id,
    title: scenario.title,
    figures: scenario.figures.map((figure) => ({ ...figure, values: valuesOf(figure, samples) })),
    failures: Object.fromEntries(failures),
  }
}

interface Field extends AsyncDisposable {
  readonly subjects: readonly Subject[]
}

/** Starts all contenders that have not failed yet, and leaves out those that do not answer as they have to. */
async function startField(
  course: Course,
  failures: Map<ContenderId, string>,
  options: RaceOptions,
): Promise<Field> {
  const subjects: Subject[] = [options.direct]
  const end = async () => {
    await Promise.all(subjects.map((subject) => subject.end()))
  }
  try {
    for (const contender of options.contenders) {
      const { id, title } = contender
      if (failures.has(id)) continue
      const program = await startProgram(
        contender,
        options.stage.engine.socket,
        `${options.dir}/${id}`,
        options.signal,
      )
      subjects.push({ id, title, ...program })
    }
    const ready: Subject[] = []
    for (const subject of subjects) {
      const checked = await attempt(subject, CHECK_LIMIT_MS, failures, options, (signal) =>
        course.check(subject, signal),
      )
      if (checked !== undefined) ready.push(subject)
    }
    return { subjects: ready, [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}

/** Undefined if the contender has failed, now or before. If the engine itself fails, or the run is stopped, it throws. */
async function attempt<T>(
  subject: Subject,
  limitMs: number,
  failures: Map<ContenderId, string>,
  options: RaceOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T } | undefined> {
  if (failures.has(subject.id)) return undefined
  const limit = new AbortController()
  // Every connection listens, and a turn may open a thousand.
  setMaxListeners(0, limit.signal)
  const stop = () => limit.abort(options.signal.reason)
  options.signal.addEventListener('abort', stop, { once: true })
  const alarm = setTimeout(() => limit.abort(new Error(`not done after ${limitMs} ms`)), limitMs)
  try {
    options.signal.throwIfAborted()
    return { value: await work(limit.signal) }
  } catch (error) {
    options.signal.throwIfAborted()
    if (subject.id === 'direct') throw error
    const message = error instanceof Error ? error.message : String(error)
    failures.set(subject.id, message)
    options.tell(`  ${subject.id} FAILS: ${message}`)
    // An engine request that hangs holds its container, and those whose turn is next would wait for it.
    await subject.end()
    return undefined
  } finally {
    clearTimeout(alarm)
    options.signal.removeEventListener('abort', stop)
  }
}

function valuesOf(
  figure: Figure,
  samples: ReadonlyMap<ContenderId, readonly Sample[]>,
): Partial<Record<ContenderId, Value>> {
  const values: Partial<Record<ContenderId, Value>> = {}
  const direct = samples.get('direct') ?? []
  for (const [id, rounds] of samples) {
    if (figure.of === 'proxies' && id === 'direct') continue
    values[id] = overRounds(
      figure,
      rounds.map((sample, round) =>
        figure.added === undefined
          ? sample[figure.id]!
          : sample[figure.added]! - direct[round]![figure.added]!,
      ),
    )
  }
  return values
}

function describeSample(sample: Sample): string {
  return Object.entries(sample)
    .map(([figure, value]) => `${figure} ${value.toPrecision(4)}`)
    .join(', ')
}
