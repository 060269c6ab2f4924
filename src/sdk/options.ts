/**
 * A reader for `config` out of readers for single options: refuses what is not a map and keys that nobody reads.
 *
 * ```ts
 * config: options({ delayMs: duration('1s') })
 * ```
 */
import { isJsonObject } from './json.ts'

/** Gets the value of one option, or `undefined` where it is not given. Throws what is wrong with it. */
export type OptionReader<T> = (value: unknown) => T

export function options<Config>(
  readers: { readonly [Key in keyof Config]: OptionReader<Config[Key]> },
): (value: unknown) => Config {
  const known = Object.keys(readers) as (keyof Config & string)[]
  return (value) => {
    if (!isJsonObject(value)) throw new TypeError('the options are a map')
    const unknown = Object.keys(value).find((key) => !known.some((name) => name === key))
    if (unknown !== undefined)
      throw new TypeError(
        `there is no option "${unknown}"; ${known.length === 0 ? 'there are none' : `there are: ${known.join(', ')}`}`,
      )
    return Object.fromEntries(known.map((key) => [key, readOne(key, readers[key], value[key])])) as Config
  }
}

function readOne<T>(key: string, read: OptionReader<T>, value: unknown): T {
  try {
    return read(value)
  } catch (problem) {
    throw new TypeError(`"${key}": ${problem instanceof Error ? problem.message : String(problem)}`)
  }
}

/** Text; must be given where there is no fallback. */
export function text(fallback?: string): OptionReader<string> {
  return (value) => {
    if (value === undefined && fallback !== undefined) return fallback
    if (typeof value === 'string' && value !== '') return value
    throw new TypeError(value === undefined ? 'is missing' : 'is text that is not empty')
  }
}

/** A list of texts; must be given where there is no fallback. */
export function texts(fallback?: readonly string[]): OptionReader<readonly string[]> {
  return (value) => {
    if (value === undefined && fallback !== undefined) return fallback
    if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')) return value
    throw new TypeError(value === undefined ? 'is missing' : 'is a list of texts')
  }
}

/** Off unless given. */
export function flag(): OptionReader<boolean> {
  return (value = false) => {
    if (typeof value === 'boolean') return value
    throw new TypeError('is true or false')
  }
}

/** `250ms`, `1s`, `5m`: in milliseconds. */
export function duration(fallback: string): OptionReader<number> {
  return (value = fallback) => {
    const [, digits, unit] = (typeof value === 'string' && /^([0-9]{1,6})(ms|s|m)$/.exec(value)) || []
    if (digits === undefined) throw new TypeError('is a whole number with ms, s or m, as in 250ms')
    return Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS]
  }
}

const UNITS_MS = { ms: 1, s: 1000, m: 60_000 } as const
