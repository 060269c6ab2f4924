import type { Problems } from './problem.ts'
import { type Entry, nameNode, quote } from './tree.ts'
import { placeOf } from './values.ts'

/** By whose rules the file is read. The same number in quotes is as good. `undefined`: by none that this release knows. */
export function readVersion(entry: Entry, problems: Problems): 1 | 2 | undefined {
  const { key, value } = entry
  const written = numberIn(entry)
  if (written === 1 || written === 2) return written
  if (value.kind !== 'broken')
    problems.error(
      'version-unsupported',
      placeOf(entry),
      `${quote(key)} is not ${nameNode(value)}; supported: 1, 2`,
      '2',
    )
  return undefined
}

/** `protocol` in a file of version 1, which knows no other. */
export function readSupportedProtocol(entry: Entry, problems: Problems): void {
  const { key, value } = entry
  if (value.kind === 'broken' || numberIn(entry) === 1) return
  const isOfVersion2 = numberIn(entry) === 2 || (value.kind === 'text' && value.text === 'auto')
  const message = isOfVersion2
    ? `"${key}: ${value.kind === 'text' ? value.text : 2}" needs "version: 2" at the top of the file; supported in version 1: 1`
    : `${quote(key)} is not ${nameNode(value)}; supported: 1`
  problems.error('version-unsupported', placeOf(entry), message, isOfVersion2 ? undefined : '1')
}

/** `protocol` in a file of version 2. */
export function readProtocol(entry: Entry, problems: Problems): 1 | 2 | 'auto' {
  const { key, value } = entry
  const written = numberIn(entry)
  if (written === 1 || written === 2) return written
  if (value.kind === 'text' && value.text === 'auto') return 'auto'
  if (value.kind !== 'broken')
    problems.error(
      'version-unsupported',
      placeOf(entry),
      `${quote(key)} is 1, 2 or "auto", not ${nameNode(value)}`,
    )
  return 'auto'
}

function numberIn({ value }: Entry): number | undefined {
  if (value.kind === 'number') return Number(value.source)
  return value.kind === 'text' && /^[0-9]+$/.test(value.text) ? Number(value.text) : undefined
}
