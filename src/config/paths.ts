/** File names that a configuration mentions: relative ones start at the file that mentions them. */
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Problems, Span } from './problem.ts'
import type { Entry } from './tree.ts'
import { readText } from './values.ts'

/** As messages show it. */
export function pathFrom(file: string, written: string): string {
  return isAbsolute(written) ? written : join(dirname(file), written)
}

/** The absolute path of a socket. What is no path at all stays as it is, for whoever reads it to complain of. */
export function socketFrom(file: string, written: string): string {
  return /^$|^\/|\0|:\/\//.test(written) ? written : resolve(pathFrom(file, written))
}

/** Whether a text can be the name of a file; a problem says it where it cannot. */
export function isFileName(text: string, { key }: Entry, at: Span, problems: Problems): boolean {
  if (text !== '' && !text.includes('\0')) return true
  problems.error('path', at, `${JSON.stringify(key)} is the name of a file, and this is none`)
  return false
}

/** The absolute name of a file that the value names, or a problem. */
export function readPath(entry: Entry, problems: Problems): string | undefined {
  const text = readText(entry, 'the name of a file', problems)
  if (text === undefined || !isFileName(text, entry, entry.value.at, problems)) return undefined
  return resolve(pathFrom(entry.value.at.file, text))
}
