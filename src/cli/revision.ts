import { createHash } from 'node:crypto'
import type { LoadedConfig } from '../config/read-file.ts'

/** Enough to tell any two configurations apart that somebody has had. */
const LENGTH = 12

/** Names a configuration by what stands in its files. */
export function revisionOf({ text, others }: Pick<LoadedConfig, 'text' | 'others'>): string {
  const hash = createHash('sha256').update(text)
  for (const [, read] of [...others].toSorted(([one], [other]) => (one < other ? -1 : 1)))
    hash.update('\0').update(read.ok ? read.value : '')
  return hash.digest('hex').slice(0, LENGTH)
}
