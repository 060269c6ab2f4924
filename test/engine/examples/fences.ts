/** The code on a page of Markdown. */
export interface Fence {
  /** The word after the back-ticks. */
  readonly language: string
  readonly text: string
  /** The heading that it stands under, without the number signs. */
  readonly section: string
}

export function fencesIn(markdown: string): readonly Fence[] {
  const fences: Fence[] = []
  let section = ''
  let open: { readonly language: string; readonly lines: string[] } | undefined
  for (const line of markdown.split('\n')) {
    const mark = /^```(.*)$/.exec(line)
    if (mark !== null && open === undefined) open = { language: mark[1]!, lines: [] }
    else if (mark !== null && open !== undefined) {
      fences.push({ language: open.language, text: `${open.lines.join('\n')}\n`, section })
      open = undefined
    } else if (open !== undefined) open.lines.push(line)
    else section = /^#+ (.*)$/.exec(line)?.[1] ?? section
  }
  return fences
}
