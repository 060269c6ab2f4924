import type { Operation } from './operation.ts'
import { queryValue } from './query.ts'

/** What the engine reads in the body of this very request. A pull has none; an import has one if its source is `-`. */
export function bodyRead(operation: Operation, query: string): Operation['takes'] {
  if (operation.id !== 'ImageCreate') return operation.takes
  return queryValue(query, 'fromSrc') === '-' ? 'tar' : 'none'
}
