import { quote } from './tree.ts'

/** Longer names are not compared: nobody writes them by hand, and comparing takes the square of the length. */
const NAME_LIMIT = 64

/** Only so many known names are compared: thousands of unknown names against thousands of known ones take minutes. */
const COMPARE_LIMIT = 200

/** How many names a message lists. */
const LIST_LIMIT = 12

/** The known name that was probably meant, if any is close enough; the first of several equally close ones. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  if (written.length > NAME_LIMIT) return undefined
  // One slip in three letters still looks like the same word; "weave" is no misspelt "pre".
  const tolerance = Math.max(1, Math.floor(written.length / 3))
  let best: { readonly name: string; readonly slips: number } | undefined
  for (const name of first(COMPARE_LIMIT, known)) {
    if (name.length > NAME_LIMIT || Math.abs(name.length - written.length) > tolerance) continue
    const slips = countSlips(written.toLowerCase(), name.toLowerCase())
    if (slips <= tolerance && slips < (best?.slips ?? Number.POSITIVE_INFINITY)) best = { name, slips }
  }
  return best?.name
}

/** The end of a message about an unknown name: what was meant, or else what there is to choose from. */
export function suggest(meant: string | undefined, known: Iterable<string>, what: string): string {
  if (meant !== undefined) return `; did you mean ${quote(meant)}?`
  const shown = [...first(LIST_LIMIT + 1, known)].map(quote)
  if (shown.length === 0) return `; there are no ${what}`
  return `; ${what}: ${shown.slice(0, LIST_LIMIT).join(', ')}${shown.length > LIST_LIMIT ? ', …' : ''}`
}

function* first(count: number, names: Iterable<string>): Generator<string> {
  let left = count
  for (const name of names) {
    if (left === 0) return
    left -= 1
    yield name
  }
}

/**
 * How many single slips lie between two words: a letter too many, too few, wrong, or two neighbours swapped, which is the
 * commonest of them ("waeve"). This is the optimal string alignment distance.
 */
function countSlips(from: string, to: string): number {
  // Three rows of the usual table, each of which starts with the cost of leaving out all letters so far.
  let [twoBack, oneBack, current] = ROWS
  for (let column = 0; column <= to.length; column += 1) oneBack[column] = column
  for (let row = 1; row <= from.length; row += 1) {
    const letter = from.charCodeAt(row - 1)
    current[0] = row
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = letter === to.charCodeAt(column - 1)
      const isSwap =
        letter === to.charCodeAt(column - 2) && from.charCodeAt(row - 2) === to.charCodeAt(column - 1)
      let slips = oneBack[column - 1]! + (isSame ? 0 : 1)
      if (oneBack[column]! + 1 < slips) slips = oneBack[column]! + 1
      if (current[column - 1]! + 1 < slips) slips = current[column - 1]! + 1
      if (isSwap && twoBack[column - 2]! + 1 < slips) slips = twoBack[column - 2]! + 1
      current[column] = slips
    }
    ;[twoBack, oneBack, current] = [oneBack, current, twoBack]
  }
  return oneBack[to.length]!
}

const ROWS = [
  new Uint8Array(NAME_LIMIT + 1),
  new Uint8Array(NAME_LIMIT + 1),
  new Uint8Array(NAME_LIMIT + 1),
] as const
