import type { ContenderId } from './contenders/contender.ts'

export type Unit = 'req/s' | 'µs' | 'ms' | 'GB/s' | 'ms/GB' | 'MB' | 'KB'

/** One line of the table. */
export interface Figure {
  readonly id: string
  readonly title: string
  readonly unit: Unit
  readonly better: 'more' | 'less'
  /** What stands for all rounds: their median, or the largest where a limit must never be passed. */
  readonly over: 'median' | 'largest'
  /** `proxies`: it says nothing about the engine directly. */
  readonly of: 'all' | 'proxies'
  /** Whom the ratios in the table compare with. */
  readonly ratioTo: ContenderId | undefined
  /** Not measured: what the figure of this id is more than the engine's own in the same round. */
  readonly added?: string
}

/** What one contender reached. */
export interface Value {
  readonly value: number
  readonly rounds: readonly number[]
}

export function overRounds(figure: Figure, rounds: readonly number[]): Value {
  return { value: figure.over === 'median' ? median(rounds) : Math.max(...rounds), rounds }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  if (!Number.isInteger(middle)) return sorted[Math.floor(middle)] ?? Number.NaN
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** The smallest value that this share of all values does not exceed. */
export function percentile(values: Float64Array, share: number): number {
  return values.slice().sort()[Math.max(0, Math.ceil(share * values.length) - 1)] ?? Number.NaN
}
