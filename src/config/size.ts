import { failed, ok, type Result } from '../model/result.ts'
import type { Misfit } from './problem.ts'
import { quote } from './tree.ts'

const UNITS_BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const
type Unit = keyof typeof UNITS_BYTES

/** `4MiB`, `512KiB`, `100B`, or a bare number of bytes; at most `largestBytes`, which depends on what is measured. */
export function parseSize(text: string, largestBytes: number): Result<number, Misfit> {
  const [, digits, unit] = /^(\d{1,12})(B|KiB|MiB|GiB)?$/.exec(text) ?? []
  if (digits === undefined) return failed(misread(text))
  const bytes = Number(digits) * UNITS_BYTES[(unit ?? 'B') as Unit]
  if (bytes === 0) return failed({ message: 'a size is at least 1B' })
  if (bytes > largestBytes) {
    const largest = formatSize(largestBytes)
    return failed({ message: `this size is at most ${largest}`, fix: largest })
  }
  return ok(bytes)
}

/** In the largest unit that leaves a whole number. */
export function formatSize(bytes: number): string {
  const units = Object.keys(UNITS_BYTES) as Unit[]
  const unit = units.findLast((name) => bytes % UNITS_BYTES[name] === 0) ?? 'B'
  return `${bytes / UNITS_BYTES[unit]}${unit}`
}

function misread(text: string): Misfit {
  const message = `a size is a whole number with B, KiB, MiB or GiB, not ${quote(text)}`
  // "MB" may mean a million bytes or 1024 × 1024 of them: it is not guessed, only what was probably meant is named.
  const [, digits, letter] = /^(\d{1,12}) ?([kmg])(?:i?b)?$/i.exec(text) ?? []
  if (digits === undefined || letter === undefined) return { message }
  const fix = `${digits}${letter.toUpperCase()}iB`
  return { message: `${message}; write ${quote(fix)}`, fix }
}
