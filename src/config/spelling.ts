import { quote } from './tree.ts'

/** Longer names are not compared: nobody writes them by hand, and comparing takes the square of the length. */
const NAME_LIMIT = 64

/** The known name that was probably meant, if any is close enough; the first of several equally close ones. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  if (written.length > NAME_LIMIT) return undefined
  // One slip in three letters still looks like the same word; "weave" is no misspelt "pre".
  const tolerance = Math.max(1, Math.floor(written.length / 3))
  let best: { readonly name: string; readonly slips: number } | undefined
  for (const name of known) {
    if (name.length > NAME_LIMIT || Math.abs(name.length - written.length) > tolerance) continue
    const slips = countSlips(written.toLowerCase(), name.toLowerCase())
    if (slips <= tolerance && slips < (best?.slips ?? Number.POSITIVE_INFINITY)) best = { name, slips }
  }
  return best?.name
}

/** The end of a message about an unknown name: what was meant, or else what there is to choose from. */
export function suggest(meant: string | undefined, known: readonly string[], what: string): string {
  if (meant !== undefined) return `; did you mean ${quote(meant)}?`
  if (known.length === 0) return `; there are no ${what}`
  const shown = known.slice(0, 12).map(quote)
  return `; ${what}: ${shown.join(', ')}${known.length > shown.length ? ', …' : ''}`
}

/**
 * How many single slips lie between two words: a letter too many, too few, wrong, or two neighbours swapped, which is the
 * commonest of them ("waeve"). This is the optimal string alignment distance.
 */
function countSlips(from: string, to: string): number {
  let twoBack: number[] = []
  let oneBack = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const wrong = from[row - 1] === to[column - 1] ? 0 : 1
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current[column] = Math.min(
        oneBack[column]! + 1,
        current[column - 1]! + 1,
        oneBack[column - 1]! + wrong,
        swapped ? twoBack[column - 2]! + 1 : Number.POSITIVE_INFINITY,
      )
    }
    twoBack = oneBack
    oneBack = current
  }
  return oneBack[to.length]!
}
