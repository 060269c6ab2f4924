/**
 * Endpoints by operation: `ContainerCreate`, `ImageCreate | ImageBuild`, `unknown`, `*`.
 *
 * They match what a request means to the engine, so no other spelling of it, escaped, versioned or not, is missed.
 */
import { failed, ok, type Result } from '../model/result.ts'
import { OPERATIONS } from './operations.ts'
import { type Pattern, UNKNOWN_OPERATION } from './pattern.ts'

/** Every id that an endpoint may name. */
export const OPERATION_IDS: readonly string[] = [...OPERATIONS.map(({ id }) => id), UNKNOWN_OPERATION]

/** A part between the bars that names no operation: where it stands in the text, and what it is. */
export interface UnknownId {
  readonly start: number
  readonly id: string
}

/** `*` alone is every request, those with the id `unknown` included. */
export function compileOperations(text: string): Result<Pattern, readonly UnknownId[]> {
  const parts = splitAtBars(text)
  const unknown = parts.filter(({ id }) => id !== '*' && !KNOWN.has(id))
  if (unknown.length > 0) return failed(unknown)
  const ids = new Set(parts.map(({ id }) => id))
  const all = ids.has('*')
  return ok({
    text,
    kind: 'operations',
    fixedVersion: undefined,
    matches: ({ operation }) => all || ids.has(operation),
  })
}

const KNOWN: ReadonlySet<string> = new Set(OPERATION_IDS)

function splitAtBars(text: string): UnknownId[] {
  let at = 0
  return text.split('|').map((part) => {
    const start = at + (part.length - part.trimStart().length)
    at += part.length + 1
    return { start, id: part.trim() }
  })
}
