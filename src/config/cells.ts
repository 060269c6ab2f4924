/**
 * How wide text is on a terminal, in cells: a letter takes one, an ideograph or emoji two, a combining mark none. Without
 * this a caret under `名前: wrong` points four cells too far to the left.
 */

/** Cells from one tab stop to the next. YAML forbids tabs where they would matter, so any width will do. */
const TAB_STOP_CELLS = 4

/** What the eye sees as one character, and how it is shown. */
export interface Glyph {
  readonly shown: string
  readonly cells: number
  /** Where it starts in the text and where the next one does, in UTF-16 units. */
  readonly start: number
  readonly end: number
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** A line of a file as glyphs. Tabs become spaces; what could drive the terminal (escapes, text direction) is replaced. */
export function glyphsOf(line: string): readonly Glyph[] {
  const glyphs: Glyph[] = []
  let cellsBefore = 0
  for (const { segment, index } of segmenter.segment(line)) {
    const shown =
      segment === '\t' ? ' '.repeat(TAB_STOP_CELLS - (cellsBefore % TAB_STOP_CELLS)) : harmless(segment)
    const cells = segment === '\t' ? shown.length : cellsOf(shown)
    glyphs.push({ shown, cells, start: index, end: index + segment.length })
    cellsBefore += cells
  }
  return glyphs
}

/** Text that may come from a file, without what a terminal would obey instead of showing it. */
export function harmless(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]|\p{Cs}/gu,
    '\uFFFD',
  )
}

/** The scripts and blocks that terminals draw two cells wide: East Asian Width W and F (Unicode, UAX #11). */
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6\u{16FE0}-\u{18DFF}\u{1AFF0}-\u{1B2FF}\u{20000}-\u{3FFFD}]/u

function cellsOf(glyph: string): number {
  if (/^[\p{Mn}\p{Me}\p{Cf}]+$/u.test(glyph)) return 0
  return WIDE.test(glyph) || /\p{Emoji_Presentation}|\uFE0F/u.test(glyph) ? 2 : 1
}
