import type { Problems } from './problem.ts'
import { type Entry, nameNode, quote } from './tree.ts'
import { placeOf } from './values.ts'

/** Whether a `version` or `protocol` is one that this release knows: 1. The same number in quotes is as good. */
export function readSupportedVersion(entry: Entry, problems: Problems): boolean {
  const { key, value } = entry
  if (value.kind === 'broken') return true
  const written = value.kind === 'number' ? value.source : value.kind === 'text' ? value.text : undefined
  if (written !== undefined && Number(written) === 1) return true

  const isPlanned = written === '2' || (key === 'protocol' && written === 'auto')
  const message = isPlanned
    ? `${quote(key)} ${written} is not supported yet by this release; supported: 1`
    : `${quote(key)} is not ${nameNode(value)}; supported: 1`
  problems.error('version-unsupported', placeOf(entry), message, isPlanned ? undefined : '1')
  return false
}
