/** What one hook changed, for people: the difference of two bodies as a JSON Patch (RFC 6902). */
import { applyPatch, createPatch, type Operation, Pointer } from 'rfc6902'
import { copyJson, type Json, sameJson } from '../sdk/json.ts'

/** One step of a patch. `was` is ours: readers of patches pass over what they do not know. */
export interface Step {
  readonly op: Operation['op']
  readonly path: string
  readonly value?: Json
  /** What was replaced or removed. */
  readonly was?: Json
}

/**
 * How many pairs of items are compared to find the fewest steps from one list to another, for one difference: the library takes a few
 * microseconds for each. Lists beyond that, and all that hold objects, are compared item by item where they differ; lists within
 * lists would take the square of the square.
 */
const PAIRS_LIMIT = 4_096

export function difference(before: Json, after: Json): readonly Step[] {
  const scene = copyJson(before)
  const steps: Step[] = []
  for (const operation of createPatch(before, after, listsWithin({ pairs: PAIRS_LIMIT }))) {
    const step = operation as unknown as Step
    const loses = step.op === 'remove' || step.op === 'replace'
    steps.push(loses ? { ...step, was: copyJson(Pointer.fromJSON(step.path).get(scene) as Json) } : step)
    // A whole document is replaced at once or not at all.
    if (step.path !== '') applyPatch(scene, [operation])
  }
  return steps
}

type ListDifference = (before: unknown, after: unknown, at: Pointer) => Operation[] | undefined

/** Nothing comes back for what the library does best. */
function listsWithin(left: { pairs: number }): ListDifference {
  const lists: ListDifference = (before, after, at) => {
    if (!Array.isArray(before) || !Array.isArray(after)) return undefined
    const [one, other] = [before as Json[], after as Json[]]
    if (one.length * other.length <= left.pairs && [...one, ...other].every(isScalar)) {
      left.pairs -= one.length * other.length
      return undefined
    }
    return itemByItem(one, other, at, lists)
  }
  return lists
}

function itemByItem(
  one: readonly Json[],
  other: readonly Json[],
  at: Pointer,
  lists: ListDifference,
): Operation[] {
  const shorter = Math.min(one.length, other.length)
  let start = 0
  while (start < shorter && sameJson(one[start], other[start])) start++
  let tail = 0
  while (tail < shorter - start && sameJson(one.at(-1 - tail), other.at(-1 - tail))) tail++
  const gone = one.slice(start, one.length - tail)
  const come = other.slice(start, other.length - tail)
  const both = Math.min(gone.length, come.length)
  const place = (index: number) => at.add(String(start + index)).toString()
  /** What changed below a place, in the words of the whole. */
  const within = (item: Json, index: number) =>
    createPatch(gone[index], item, lists).map((step) => ({ ...step, path: `${place(index)}${step.path}` }))
  return [
    ...gone
      .slice(both)
      .map((_, index): Operation => ({ op: 'remove', path: place(gone.length - 1 - index) })),
    ...come.slice(0, both).flatMap(within),
    ...come.slice(both).map((value, index): Operation => ({ op: 'add', path: place(both + index), value })),
  ]
}

function isScalar(item: Json): boolean {
  return typeof item !== 'object'
}
