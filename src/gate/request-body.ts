/** Which request bodies are shown to hooks, and what they must be for that (protocol 1, rules P7 and P8). */
import { type Refusal, refusal } from '../model/refusal.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { isJson, mediaType, utf8Text } from './media.ts'

/**
 * `absent`: there is none. `shown`: hooks judge it, so all of it must be there before anything goes on. `streamed`: not
 * for hooks; it follows the head untouched.
 */
export type BodyMode = 'absent' | 'shown' | 'streamed'

export interface BodyFacts {
  readonly hasBody: boolean
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** What Docker's API defines as the operation's body; nothing for an unknown operation. */
  readonly takes: 'none' | 'json' | 'tar' | undefined
}

/** By the operation first: dockerd does not look at the type of an archive, and takes JSON for JSON where it expects it. */
export function bodyMode({ hasBody, contentType, takes }: BodyFacts): BodyMode {
  if (!hasBody) return 'absent'
  if (takes === 'tar') return 'streamed'
  return takes === 'json' || isJson(mediaType(contentType)) ? 'shown' : 'streamed'
}

/** The text of a body that hooks are to judge. */
export function readShownBody(data: Buffer, { contentEncoding }: BodyFacts): Result<string | null, Refusal> {
  if (data.length === 0) return ok(null)
  // dockerd ignores the encoding and reads the bytes as they are; an adapter might not.
  if (contentEncoding !== undefined)
    return failed(
      refusal(
        'PS-TYPE-002',
        415,
        `Content-Encoding ${JSON.stringify(contentEncoding)} is not accepted on a body that hooks judge`,
      ),
    )
  const text = utf8Text(data)
  if (text === undefined) return failed(refusal('PS-JSON-006', 400, 'the request body is not valid UTF-8'))
  const problem = jsonProblem(text)
  return problem === undefined
    ? ok(text)
    : failed(refusal('PS-JSON-003', 400, `the request body is not JSON: ${problem}`))
}

/** Why a text is not one JSON document; nothing if it is. */
export function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (problem) {
    return (problem as SyntaxError).message
  }
}
