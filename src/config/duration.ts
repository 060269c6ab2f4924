import { failed, ok, type Result } from '../model/result.ts'
import type { Misfit } from './problem.ts'
import { quote } from './tree.ts'

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** Longer than any volume move; timers end at 24.8 days and would then fire at once. */
const LONGEST_MS = 24 * UNITS_MS.h

/** `300s`, `5m`, `250ms`, `1h`: a whole number and a unit, in milliseconds. */
export function parseDuration(text: string): Result<number, Misfit> {
  const [, digits, unit] = /^(\d{1,12})(ms|s|m|h)$/.exec(text) ?? []
  if (digits === undefined) return failed(misread(text))
  const durationMs = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS]
  if (durationMs === 0) return failed({ message: 'a duration is at least 1ms' })
  if (durationMs > LONGEST_MS) return failed({ message: 'a duration is at most 24h', fix: '24h' })
  return ok(durationMs)
}

function misread(text: string): Misfit {
  const message = `a duration is a whole number with ms, s, m or h, not ${quote(text)}`
  if (!/^\d{1,12}$/.test(text)) return { message }
  return { message: `${message}; for seconds write "${text}s"`, fix: `${text}s` }
}
