/** Which answers no post-hook of protocol 1 can be shown (rules P12, P13 and P15), known before any request. */
import type { SkipReason } from '../model/event.ts'
import type { Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { type Pattern, subjectOf } from './pattern.ts'

/** Why post-hooks may not see the answers of an operation; nothing if they always do. */
export function unshownBecause({ hijack, endless, gives }: Operation): SkipReason | undefined {
  if (hijack !== undefined) return 'two-way'
  if (endless !== undefined) return 'endless'
  return gives === 'tar' || gives === 'raw-stream' ? 'binary' : undefined
}

/** The operations that a pattern matches, and whose answers its post-hooks may not see. */
export function unshownBy(pattern: Pattern): readonly Operation[] {
  return OPERATIONS.filter(
    (operation) => unshownBecause(operation) !== undefined && reaches(pattern, operation),
  )
}

/** A name in the path is taken to be a plain word; a pattern for one certain name is compared with requests only. */
export function reaches(pattern: Pattern, operation: Operation): boolean {
  const plain = operation.path.replace(/\{[^}]+\}/g, 'x')
  return [undefined, '1.45'].some((version) => {
    const path = version === undefined ? plain : `/v${version}${plain}`
    return pattern.matches(
      subjectOf(operation.method, { rawPath: path, versionedPath: path, version, operation }),
    )
  })
}
