/** Changes to a text that leave everything else in it as it was written. */

/** `end` is behind the last character that is replaced. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** `edits` in the order of the text, none within another. Without any, the very same text. */
export function splice(text: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return text
  let spliced = ''
  let from = 0
  for (const { start, end, text: put } of edits) {
    spliced += text.slice(from, start) + put
    from = end
  }
  return spliced + text.slice(from)
}
