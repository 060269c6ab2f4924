/** Which request bodies are shown to hooks, and what they must be for that (protocol 1, rules P7 and P8). */
import { type Refusal, refusal } from '../model/refusal.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { gatherHostConfig } from './host-config.ts'
import { describeFault, judgeJson } from './json.ts'
import { isJson, jsonTypeProblem, mediaType, utf8Text } from './media.ts'
import { bodyShape } from './shape.ts'
import { splice } from './splice.ts'

/**
 * `absent`: there is none. `shown`: hooks judge it, so all of it must be there before anything goes on. `streamed`: not
 * for hooks; it follows the head untouched. `dropped`: JSON that the engine would not look at, so it is neither shown nor
 * sent on.
 */
export type BodyMode = 'absent' | 'shown' | 'streamed' | 'dropped'

export interface BodyFacts {
  readonly hasBody: boolean
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** Docker's id of the operation; nothing for an unknown one. */
  readonly operation: string | undefined
  /** What the engine reads in the body of this request; nothing for an unknown operation. */
  readonly takes: 'none' | 'json' | 'tar' | undefined
}

/** By the operation first: dockerd does not look at the type of an archive, and takes JSON for JSON where it expects it. */
export function bodyMode({ hasBody, contentType, takes }: BodyFacts): BodyMode {
  if (!hasBody) return 'absent'
  if (takes === 'tar') return 'streamed'
  if (takes === 'json') return 'shown'
  if (!isJson(mediaType(contentType))) return 'streamed'
  return takes === 'none' ? 'dropped' : 'shown'
}

export interface ShownBody {
  /** As the engine will read it. `null`: it is empty. */
  readonly text: string | null
  /** The text is what was received. */
  readonly plain: boolean
}

/** The text of a body that hooks are to judge. */
export function readShownBody(data: Buffer, facts: BodyFacts): Result<ShownBody, Refusal> {
  if (data.length === 0) return ok({ text: null, plain: true })
  const { contentType, contentEncoding, operation } = facts
  // dockerd ignores the encoding and reads the bytes as they are; an adapter might not.
  if (contentEncoding !== undefined)
    return failed(
      refusal(
        'PS-TYPE-002',
        415,
        `Content-Encoding ${JSON.stringify(contentEncoding)} is not accepted on a body that hooks judge`,
      ),
    )
  const wrongType = contentType === undefined ? undefined : jsonTypeProblem(contentType)
  if (wrongType !== undefined)
    return failed(refusal('PS-TYPE-001', 415, `${wrongType}; a body that hooks judge is JSON in UTF-8`))
  const text = utf8Text(data)
  if (text === undefined) return failed(refusal('PS-JSON-006', 400, 'the request body is not valid UTF-8'))
  const judged = judgeBody(text, operation)
  return judged.ok ? ok({ text: judged.value, plain: judged.value === text }) : judged
}

/**
 * A JSON body in the spelling that the engine reads it in: the very same text where it is spelled so already. Bodies of
 * clients and bodies that adapters return go through here alike. `named`: how a refusal calls it.
 */
export function judgeBody(
  text: string,
  operation: string | undefined,
  named = 'the request body',
): Result<string, Refusal> {
  const { shape, nullable } = bodyShape(operation)
  const judged = judgeJson(text, shape)
  if (!judged.ok) {
    const problem = describeFault(judged.failure)
    return failed(refusal(judged.failure.rule, 400, `${named} is not acceptable: ${problem}`))
  }
  const { kind, edits, astray } = judged.value
  if (shape.kind !== 'any' && !(nullable && kind === 'null')) {
    const wanted = shape.kind === 'list' ? 'list' : 'object'
    if (kind !== wanted)
      return failed(refusal('PS-JSON-007', 400, `${named} is no ${wanted}, which ${operation} takes`))
  }
  const respelled = splice(text, edits)
  return ok(astray ? gatherHostConfig(respelled) : respelled)
}
