import type { Span } from './problem.ts'

/** Turns offsets into lines and columns. The YAML parser counts lines too, and loses some in broken text. */
export class Places {
  readonly #file: string
  readonly #text: string
  /** Offsets at which lines start. */
  readonly #starts: readonly number[]

  /** `file`: as messages name it. */
  constructor(text: string, file: string) {
    this.#file = file
    this.#text = text
    const starts = [0]
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
    this.#starts = starts
  }

  /** The stretch from `start` up to, not including, `end`, or as much of it as stands on its first line. */
  span(start: number, end: number): Span {
    const line = this.#lineOf(start)
    const column = start - this.#starts[line - 1]! + 1
    const nextLine = this.#starts[line]
    const endOfLine = nextLine === undefined ? this.#text.length : nextLine - 1
    const last = Math.min(end, this.#text[endOfLine - 1] === '\r' ? endOfLine - 1 : endOfLine)
    return { file: this.#file, line, column, endColumn: column + Math.max(0, last - start) }
  }

  /** How many lines start at or before the offset. */
  #lineOf(offset: number): number {
    let low = 0
    let high = this.#starts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#starts[middle]! <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
