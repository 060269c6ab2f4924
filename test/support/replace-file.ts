import { renameSync, writeFileSync } from 'node:fs'

/** Puts new content in the place of what there is: a file that is written in place is an empty one for a moment, and may be read in it. */
export function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}
