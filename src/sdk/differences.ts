/** What has to be done to a JSON value to make another of it, as a JSON Patch (RFC 6902). */
import { type Json, type JsonObject, parseJson, printJson, sameJson } from './json.ts'

export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string }

/**
 * The operations that make `after` of `before`, each reaching as deep as it can: a list that got one more entry is one
 * `add`. Nothing where both would be written alike but for the order of keys. `before` is what `parseJson` made.
 */
export function differences(before: Json, after: unknown): readonly PatchOperation[] {
  const operations: PatchOperation[] = []
  compare(before, after, '', operations)
  return operations
}

function compare(before: Json, given: unknown, path: string, operations: PatchOperation[]): void {
  if (before === given) return
  const after = plain(given)
  if (Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, operations)
  else if (isObject(before) && isObject(after)) compareObjects(before, after, path, operations)
  else if (before !== after) operations.push({ op: 'replace', path, value: after as Json })
}

function compareObjects(
  before: JsonObject,
  after: JsonObject,
  path: string,
  operations: PatchOperation[],
): void {
  for (const key of Object.keys(before)) {
    if (before[key] === after[key] && Object.hasOwn(after, key)) continue
    const at = `${path}/${escaped(key)}`
    if (!Object.hasOwn(after, key) || after[key] === undefined) operations.push({ op: 'remove', path: at })
    else compare(before[key]!, after[key], at, operations)
  }
  for (const [key, value] of Object.entries(after))
    if (value !== undefined && !Object.hasOwn(before, key))
      operations.push({ op: 'add', path: `${path}/${escaped(key)}`, value })
}

/** With so few operations nobody asks whether the whole list would be shorter. */
const FEW_OPERATIONS = 8

function compareLists(before: Json[], given: unknown[], path: string, operations: PatchOperation[]): void {
  // Written as a list it has a null wherever there is nothing.
  const after = Array.from(given, (item) => item ?? null) as Json[]
  const edits = listEdits(before, after, path)
  if (edits.length > FEW_OPERATIONS && printJson(edits).length > printJson(after).length)
    operations.push({ op: 'replace', path, value: after })
  else for (const edit of edits) operations.push(edit)
}

/** Indexes are those that hold when the operation's turn comes: what was added before it counts, what was removed does not. */
function listEdits(before: Json[], after: Json[], path: string): PatchOperation[] {
  const edits: PatchOperation[] = []
  let at = 0
  let from = 0
  let to = 0
  /** Makes the entries up to the next pair that stays into those that stand there now. */
  const bridge = (fromEnd: number, toEnd: number) => {
    for (; from < fromEnd && to < toEnd; at++) compare(before[from++]!, after[to++], `${path}/${at}`, edits)
    for (; from < fromEnd; from++) edits.push({ op: 'remove', path: `${path}/${at}` })
    for (; to < toEnd; at++) edits.push({ op: 'add', path: `${path}/${at}`, value: after[to++]! })
  }
  for (const [kept, now] of keptPairs(before, after)) {
    bridge(kept, now)
    at++
    from++
    to++
  }
  bridge(before.length, after.length)
  return edits
}

/** Places of entries that are the same in both lists, in an order that both have. */
function keptPairs(before: Json[], after: Json[]): readonly (readonly [number, number])[] {
  const shorter = Math.min(before.length, after.length)
  let head = 0
  while (head < shorter && sameJson(after[head], before[head])) head++
  let tail = 0
  while (tail < shorter - head && sameJson(after[after.length - 1 - tail], before[before.length - 1 - tail]))
    tail++
  return [
    ...Array.from({ length: head }, (_, index) => [index, index] as const),
    ...keptWithin(before, after, head, tail),
    ...Array.from(
      { length: tail },
      (_, index) => [before.length - tail + index, after.length - tail + index] as const,
    ),
  ]
}

/** The longest run of entries that moved past none of each other; an entry that stands twice meets its like in turn. */
function keptWithin(before: Json[], after: Json[], head: number, tail: number): [number, number][] {
  const [fromEnd, toEnd] = [before.length - tail, after.length - tail]
  if (head === fromEnd || head === toEnd) return []
  const places = new Map<string, number[]>()
  for (let index = fromEnd - 1; index >= head; index--) {
    const text = printJson(before[index])
    const known = places.get(text)
    if (known === undefined) places.set(text, [index])
    else known.push(index)
  }
  const pairs: [number, number][] = []
  for (let index = head; index < toEnd; index++) {
    const place = places.get(printJson(after[index]))?.pop()
    if (place !== undefined) pairs.push([place, index])
  }
  return risingPairs(pairs)
}

/** The longest subsequence whose first numbers rise. */
function risingPairs(pairs: [number, number][]): [number, number][] {
  /** Of each length, the end of the subsequence that ends lowest, by its place in `pairs`. */
  const ends: number[] = []
  const previous: number[] = []
  for (const [index, [place]] of pairs.entries()) {
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (pairs[ends[middle]!]![0] < place) low = middle + 1
      else high = middle
    }
    previous.push(low === 0 ? -1 : ends[low - 1]!)
    ends[low] = index
  }
  const rising: [number, number][] = []
  for (let index = ends.at(-1) ?? -1; index !== -1; index = previous[index]!) rising.push(pairs[index]!)
  return rising.reverse()
}

function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** A date and its like become what is written for them. */
function plain(value: unknown): unknown {
  return isObject(value) && typeof value.toJSON === 'function' ? parseJson(printJson(value)) : value
}

function isObject(value: unknown): value is JsonObject & { readonly toJSON?: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
