import type { Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import type { Pattern } from './pattern.ts'
import { reaches } from './unshown.ts'

/** Whether a successful answer is a stream of messages, which stream-hooks can be shown one by one. */
export function isFramed({ gives }: Operation): boolean {
  return gives === 'json-stream' || gives === 'raw-stream'
}

export const FRAMED_OPERATIONS: readonly Operation[] = OPERATIONS.filter(isFramed)

/** The operations with such streams that a pattern matches. */
export function framedBy(pattern: Pattern): readonly Operation[] {
  return FRAMED_OPERATIONS.filter((operation) => reaches(pattern, operation))
}
