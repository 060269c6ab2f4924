import { type Glyph, glyphsOf, harmless } from './cells.ts'
import { type ConfigProblem, type ConfigProblemCode, FILE_PROBLEM_CODES } from './problem.ts'

/** The widest excerpt of a line, in cells. With the line number before it, it still fits a terminal of 120. */
const EXCERPT_CELLS = 100

/** How much of a long line stays in sight before what is marked, in cells. */
const LEAD_CELLS = 40

/** Many times what an excerpt shows, for the sake of characters that have no width. */
const CUT_UNITS = 8 * EXCERPT_CELLS

/**
 * Problems as a person at a terminal reads them: place and message, the line itself, and a caret under each character
 * that is meant; at the end how many there are. Each line ends with a line break. `text` is what the problems were found in,
 * `others` the texts of further files, by the names that the problems have for them.
 *
 *     adapters.yml:3:20  adapter "waeve" is not defined; did you mean "weave"?
 *       3 |     pre: [flocker, waeve]
 *         |                    ^^^^^
 */
export function describeProblems(
  text: string,
  file: string,
  problems: readonly ConfigProblem[],
  others: ReadonlyMap<string, string> = new Map(),
): string {
  const linesIn = new Map([...others].map(([name, other]) => [name, linesOf(other)]))
  const ownLines = linesOf(text)
  const described = problems.map((problem) => {
    const message = harmless(problem.severity === 'warning' ? `warning: ${problem.message}` : problem.message)
    if (isOfWholeFile(problem.code)) return `${harmless(file)}  ${message}`
    const lines = linesIn.get(problem.file)
    const line = ((lines ?? ownLines)[problem.line - 1] ?? '').replace(/\r$/, '')
    const place = `${harmless(lines === undefined ? file : problem.file)}:${problem.line}:${problem.column}`
    return [`${place}  ${message}`, ...excerpt(line, problem)].join('\n')
  })
  return [...described, count(problems), ''].join('\n')
}

function linesOf(text: string): readonly string[] {
  return text.replace(/^\uFEFF/, '').split('\n')
}

/** What keeps a file from being read belongs to no line of it. */
function isOfWholeFile(code: ConfigProblemCode): boolean {
  return FILE_PROBLEM_CODES.some((fileCode) => fileCode === code)
}

function excerpt(line: string, { line: number, column, endColumn }: ConfigProblem): readonly string[] {
  // A line of a megabyte is first cut to what may possibly be shown.
  const cutStart = Math.max(0, column - 1 - CUT_UNITS)
  const glyphs = glyphsOf(line.slice(cutStart, column - 1 + CUT_UNITS))
  const markStart = column - 1 - cutStart
  const markEnd = Math.max(endColumn, column + 1) - 1 - cutStart
  const isMarked = ({ start, end }: Glyph) => end > markStart && start < markEnd
  const shown = windowOf(glyphs, glyphs.findIndex(isMarked))

  const before = shown.findIndex(isMarked)
  const indent = widthOf(before === -1 ? shown : shown.slice(0, before))
  const carets = Math.max(1, widthOf(shown.filter(isMarked)))
  const gutter = String(number)
  return [
    `  ${gutter} | ${shown.map((glyph) => glyph.shown).join('')}`.trimEnd(),
    `  ${' '.repeat(gutter.length)} | ${' '.repeat(indent)}${'^'.repeat(carets)}`,
  ]
}

/** The glyphs around the one at `focus` that fit an excerpt, with `…` where something is left out. */
function windowOf(glyphs: readonly Glyph[], focus: number): readonly Glyph[] {
  if (widthOf(glyphs) <= EXCERPT_CELLS) return glyphs
  let start = focus === -1 ? glyphs.length : focus
  for (let lead = 0; start > 0; start -= 1) {
    lead += glyphs[start - 1]!.cells
    if (lead > LEAD_CELLS) break
  }
  let end = start
  for (let room = EXCERPT_CELLS; end < glyphs.length; end += 1) {
    room -= glyphs[end]!.cells
    if (room < 0) break
  }
  return [...(start > 0 ? [GAP] : []), ...glyphs.slice(start, end), ...(end < glyphs.length ? [GAP] : [])]
}

/** Something was left out here. It stands nowhere in the text, so that no mark ever covers it. */
const GAP: Glyph = { shown: '…', cells: 1, start: -1, end: -1 }

function widthOf(glyphs: readonly Glyph[]): number {
  return glyphs.reduce((sum, { cells }) => sum + cells, 0)
}

function count(problems: readonly ConfigProblem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const warnings = problems.length - errors
  const parts = [
    ...(errors > 0 ? [counted(errors, 'error')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
  ]
  return parts.length === 0 ? 'no problems' : parts.join(', ')
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
