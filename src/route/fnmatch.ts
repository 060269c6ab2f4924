/**
 * Python's `fnmatch.fnmatchcase`, whose patterns every `adapters.yml` since 2015 is written in.
 *
 * `*` is any run of characters, `/` among them; `?` is one character; `[a-z]` and `[!a-z]` are one character inside or
 * outside a set. Nothing quotes a special character. What Python's own function answers is the specification, odd sets
 * included: a test asks it.
 *
 * Python makes a regular expression out of a pattern. Here it is walked directly, with one place to go back to: the last
 * `*`. The work is bounded by the length of the pattern times that of the text, whatever the pattern.
 */

export type Glob = readonly Piece[]

/** A code point stands for itself. */
export type Piece = number | typeof RUN | CharSet

/** `*` */
export const RUN = 'run'

interface CharSet {
  readonly negated: boolean
  readonly ranges: readonly Range[]
}

/** First and last code point. */
type Range = readonly [number, number]

/** `?`: everything that is not in the empty set. */
const ANY: CharSet = { negated: true, ranges: [] }

const STAR = 0x2a
const QUESTION_MARK = 0x3f
const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const EXCLAMATION_MARK = 0x21
const HYPHEN = 0x2d

export function compileGlob(pattern: string): Glob {
  const text = Array.from(pattern, (character) => character.codePointAt(0)!)
  const pieces: Piece[] = []
  for (let at = 0; at < text.length; at += 1) {
    const code = text[at]!
    if (code === STAR) pieces.push(RUN)
    else if (code === QUESTION_MARK) pieces.push(ANY)
    else if (code === OPENING_BRACKET) {
      const end = setEnd(text, at + 1)
      if (end === -1) pieces.push(code)
      else {
        pieces.push(readSet(text.slice(at + 1, end)))
        at = end
      }
    } else pieces.push(code)
  }
  return pieces
}

export function globMatches(glob: Glob, text: string): boolean {
  let piece = 0
  let at = 0
  let pieceAfterRun = -1
  let runEnd = 0
  while (at < text.length) {
    const current = glob[piece]
    if (current === RUN) {
      piece += 1
      pieceAfterRun = piece
      runEnd = at
      continue
    }
    const code = text.codePointAt(at)!
    if (current !== undefined && pieceTakes(current, code)) {
      piece += 1
      at += unitsOf(code)
      continue
    }
    if (pieceAfterRun === -1) return false
    // The last run takes one character more, and everything behind it is tried again.
    runEnd += unitsOf(text.codePointAt(runEnd)!)
    at = runEnd
    piece = pieceAfterRun
  }
  while (glob[piece] === RUN) piece += 1
  return piece === glob.length
}

/** Whether a piece can stand for this one character. */
export function pieceTakes(piece: Piece, code: number): boolean {
  if (piece === RUN) return true
  if (typeof piece === 'number') return piece === code
  for (const [first, last] of piece.ranges) if (code >= first && code <= last) return !piece.negated
  return piece.negated
}

function unitsOf(code: number): number {
  return code > 0xffff ? 2 : 1
}

/** Where the set that starts here ends, or -1. A `]` in first place belongs to the set. */
function setEnd(text: readonly number[], start: number): number {
  let at = start
  if (text[at] === EXCLAMATION_MARK) at += 1
  if (text[at] === CLOSING_BRACKET) at += 1
  return text.indexOf(CLOSING_BRACKET, at)
}

function readSet(content: readonly number[]): CharSet {
  const chunks = withoutEmptyRanges(cutAtRanges(content))
  // Only now is it clear what stands first: dropping an empty range can bring a `!` there, and Python goes by that.
  if (chunks[0]![0] !== EXCLAMATION_MARK) return { negated: false, ranges: rangesOf(chunks) }
  const rest = [chunks[0]!.slice(1), ...chunks.slice(1)]
  return { negated: true, ranges: rangesOf(rest) }
}

/** Cuts at each hyphen that makes a range: from the last character of one chunk to the first of the next. */
function cutAtRanges(content: readonly number[]): (readonly number[])[] {
  const chunks: number[][] = []
  let start = 0
  let from = content[0] === EXCLAMATION_MARK ? 2 : 1
  for (;;) {
    const hyphen = content.indexOf(HYPHEN, from)
    if (hyphen === -1) break
    chunks.push(content.slice(start, hyphen))
    start = hyphen + 1
    // The end of one range cannot be the start of another.
    from = hyphen + 3
  }
  const last = content.slice(start)
  // A hyphen in last place is a character like any other.
  if (last.length > 0) chunks.push(last)
  else chunks.at(-1)!.push(HYPHEN)
  return chunks
}

/** A range that runs backwards takes its two ends with it. */
function withoutEmptyRanges(chunks: readonly (readonly number[])[]): (readonly number[])[] {
  const kept = [...chunks]
  for (let at = kept.length - 1; at > 0; at -= 1) {
    const before = kept[at - 1]!
    const after = kept[at]!
    if (before.at(-1)! > after[0]!) kept.splice(at - 1, 2, [...before.slice(0, -1), ...after.slice(1)])
  }
  return kept
}

function rangesOf(chunks: readonly (readonly number[])[]): readonly Range[] {
  const ranges: Range[] = []
  for (const [index, chunk] of chunks.entries()) {
    const from = chunks[index - 1]?.at(-1)
    // Nothing left of the hyphen but the `!`: then it stands for itself.
    if (index > 0) ranges.push(from === undefined ? [HYPHEN, HYPHEN] : [from, chunk[0]!])
    for (const code of chunk) ranges.push([code, code])
  }
  return ranges
}
