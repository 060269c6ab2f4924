/** Which answers post-hooks can be shown, decided by the head alone (protocol 1, rules P12 to P16). */
import { isBinary, mediaType } from './media.ts'

export interface AnswerFacts {
  readonly status: number
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly gives: 'none' | 'json' | 'json-stream' | 'tar' | 'raw-stream' | 'text' | 'two-way' | undefined
}

/**
 * Whether an answer is an archive, a framed stream, or packed: nothing that a text message can hold. Errors are text,
 * whatever they are labelled: dockerd calls its 404 to an attach a raw stream.
 */
export function isBinaryAnswer({ status, contentType, contentEncoding, gives }: AnswerFacts): boolean {
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') return true
  if (status >= 400) return false
  return gives === 'tar' || gives === 'raw-stream' || isBinary(mediaType(contentType))
}
