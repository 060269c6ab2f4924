/**
 * What differs from one run to the next and means nothing: ids, dates, the names that scenarios make up, and whether the
 * CLI has lost patience with a container that is slow to start.
 */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{64}\b/g, '(id)'],
  [/\b[0-9a-f]{12}\b/g, '(short id)'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?(?: [A-Z]{3,4})?/g, '(date)'],
  [/failed to resize tty, using default size\r?\n/g, ''],
]

/** Replaces what varies in every text of a value. `tag` is what the names of all ways begin with, before one digit. */
export function masked<Value>(value: Value, tag: string): Value {
  const names = new RegExp(`${tag}\\d`, 'g')
  const mask = (part: unknown): unknown => {
    if (typeof part === 'string') {
      return VARYING.reduce((text, [what, word]) => text.replace(what, word), part.replace(names, '(way)'))
    }
    if (Array.isArray(part)) return part.map(mask)
    if (part === null || typeof part !== 'object') return part
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [mask(key), mask(inner)]))
  }
  return mask(value) as Value
}
