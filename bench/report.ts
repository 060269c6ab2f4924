/** What a run has found, as the JSON holds it. */
import type { ContenderId } from './contenders/contender.ts'
import type { Figure, Value } from './figure.ts'
import type { Pace } from './scenarios/scenario.ts'
import type { Verdict } from './targets.ts'

export interface Report {
  /** ISO 8601. */
  readonly startedAt: string
  readonly pace: Pace
  readonly machine: Machine
  readonly engine: { readonly version: string; readonly apiVersion: string }
  readonly contenders: readonly ContenderReport[]
  readonly scenarios: readonly ScenarioReport[]
  readonly verdicts: readonly Verdict[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly kernel: string
  readonly node: string
  /** Load average over a minute, before and after. Well below one before: nothing else was running. */
  readonly loadBefore: number
  readonly loadAfter: number
}

export interface ContenderReport {
  readonly id: ContenderId
  readonly title: string
  /** The engine's own stands above. */
  readonly version?: string
}

export interface ScenarioReport {
  readonly id: string
  readonly title: string
  readonly figures: readonly FigureReport[]
  /** Why a contender has no figures here, in its own words. */
  readonly failures: Readonly<Partial<Record<ContenderId, string>>>
}

export interface FigureReport extends Figure {
  readonly values: Readonly<Partial<Record<ContenderId, Value>>>
}

export function findValue(
  scenarios: readonly ScenarioReport[],
  scenario: string,
  figure: string,
  contender: ContenderId,
): number | undefined {
  const found = scenarios.find(({ id }) => id === scenario)?.figures.find(({ id }) => id === figure)
  return found?.values[contender]?.value
}
