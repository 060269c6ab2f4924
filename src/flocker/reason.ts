import { types } from 'node:util'

/** The words in whatever was thrown. */
export function reasonOf(problem: unknown): string {
  return types.isNativeError(problem) ? problem.message : String(problem)
}
