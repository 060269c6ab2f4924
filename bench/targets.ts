/** What powerstrip has promised, and whether a run keeps it. */
import type { ContenderId } from './contenders/contender.ts'
import { findValue, type ScenarioReport } from './report.ts'

interface Target {
  readonly what: string
  readonly scenario: string
  readonly figure: string
  readonly bound: 'at-least' | 'at-most'
  /** A figure of itself, or a multiple of somebody else's. */
  readonly limit: number | { readonly times: number; readonly of: ContenderId }
}

const TARGETS: readonly Target[] = [
  {
    what: 'requests/s, 16 connections',
    scenario: 'ping',
    figure: 'requests-per-second',
    bound: 'at-least',
    limit: { times: 0.85, of: 'haproxy' },
  },
  {
    what: 'requests/s, 16 connections',
    scenario: 'ping',
    figure: 'requests-per-second',
    bound: 'at-least',
    limit: { times: 2.2, of: 'http-proxy' },
  },
  {
    what: 'µs added to the p50 of a sequential client, unix',
    scenario: 'sequential-keep-alive-unix',
    figure: 'added-p50',
    bound: 'at-most',
    limit: { times: 1.3, of: 'haproxy' },
  },
  {
    what: 'µs added to the p50 of a sequential client, tcp',
    scenario: 'sequential-keep-alive-tcp',
    figure: 'added-p50',
    bound: 'at-most',
    limit: { times: 1.3, of: 'haproxy' },
  },
  {
    what: 'GB/s of a download',
    scenario: 'download',
    figure: 'gb-per-second',
    bound: 'at-least',
    limit: { times: 0.75, of: 'direct' },
  },
  {
    what: 'GB/s of an upload',
    scenario: 'upload',
    figure: 'gb-per-second',
    bound: 'at-least',
    limit: { times: 0.8, of: 'direct' },
  },
  {
    what: 'MB of memory growth, download',
    scenario: 'download',
    figure: 'memory-growth',
    bound: 'at-most',
    limit: 40,
  },
  {
    what: 'MB of memory growth, upload',
    scenario: 'upload',
    figure: 'memory-growth',
    bound: 'at-most',
    limit: 40,
  },
  {
    what: 'KB of memory, an idle event stream',
    scenario: 'idle-streams',
    figure: 'memory-per-stream',
    bound: 'at-most',
    limit: 64,
  },
]

export interface Verdict {
  readonly what: string
  readonly bound: Target['bound']
  /** Where the limit is a multiple of somebody else's figure. */
  readonly of: { readonly times: number; readonly contender: ContenderId; readonly value: number } | undefined
  readonly limit: number
  readonly value: number
  readonly met: boolean
}

/** A verdict on each target whose figures the run has. */
export function judge(scenarios: readonly ScenarioReport[]): Verdict[] {
  return TARGETS.flatMap((target) => {
    const { what, bound, scenario, figure } = target
    const find = (contender: ContenderId) => findValue(scenarios, scenario, figure, contender)
    const value = find('powerstrip')
    if (value === undefined) return []
    if (typeof target.limit === 'number')
      return [verdict({ what, bound, of: undefined, limit: target.limit, value })]
    const { times, of } = target.limit
    const theirs = find(of)
    if (theirs === undefined) return []
    return [
      verdict({ what, bound, of: { times, contender: of, value: theirs }, limit: times * theirs, value }),
    ]
  })
}

function verdict(of: Omit<Verdict, 'met'>): Verdict {
  return { ...of, met: of.bound === 'at-least' ? of.value >= of.limit : of.value <= of.limit }
}
