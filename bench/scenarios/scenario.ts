import type { Engine } from '../../test/support/engine/index.ts'
import type { Figure } from '../figure.ts'
import type { ProcessTree } from '../process-tree.ts'
import type { Subject } from '../subject.ts'

/** `quick` only shows that everything works: its figures mean nothing. */
export type Pace = 'full' | 'quick'

/** What all scenarios share: one engine, with a running container in it. */
export interface Stage {
  readonly engine: Engine
  readonly engineProcesses: ProcessTree
  /** Name of a container that runs and does nothing. `/mem` in it is a tmpfs. */
  readonly box: string
  readonly pace: Pace
}

/** Values of one round by figure. */
export type Sample = Readonly<Record<string, number>>

/** One thing to measure. To add one, write it in a file of its own and name it in `all.ts`. */
export interface Scenario {
  readonly id: string
  readonly title: string
  /** In the order of the table. Those with `added` are computed; every other one is in each sample. */
  readonly figures: readonly Figure[]
  readonly rounds: Readonly<Record<Pace, number>>
  /** Starts every contender anew before each round: where one round would change what the next one finds. */
  readonly freshEachRound?: boolean
  prepare(stage: Stage): Promise<Course>
}

/** A scenario made ready. Work ends when `signal` says so. */
export interface Course {
  /** Throws unless the subject answers as it has to. What does not work is not timed. */
  check(subject: Subject, signal: AbortSignal): Promise<void>
  /** One turn in one round. */
  measure(subject: Subject, signal: AbortSignal): Promise<Sample>
}
