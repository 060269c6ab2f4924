import type { Operation } from './operation.ts'
import { isTrue, queryValue } from './query.ts'

/** Whether the answer to this request may go on without end, so that nobody can wait for its last byte. */
export function isEndless(operation: Operation, query: string): boolean {
  switch (operation.endless) {
    case 'always':
      return true
    case 'unless-query': {
      const stream = queryValue(query, 'stream')
      return stream === undefined || isTrue(stream)
    }
    case 'if-query':
      return isTrue(queryValue(query, 'follow') ?? '')
    default:
      return false
  }
}
