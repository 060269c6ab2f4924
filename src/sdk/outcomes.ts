import type { Denial, Immediate } from '../model/hook.ts'
import { FIELD_VALUE } from '../wire/v2/fields.ts'
import { type Json, printJson } from './json.ts'

export interface DenyOptions {
  /** Status of the answer: 400 to 599, 403 unless told. After a 404 to a create, clients pull the image. */
  readonly code?: number
  /** In a word or two, for programs. */
  readonly reason?: string
}

/** Refuses. `docker` prints the message after "Error response from daemon: denied by adapter …". */
export function deny(message: string, { code = 403, reason }: DenyOptions = {}): Denial {
  if (!Number.isInteger(code) || code < 400 || code > 599)
    throw new RangeError(`the code of a denial is 400 to 599, not ${code}`)
  return { kind: 'deny', status: code, message, ...(reason === undefined ? {} : { reason }) }
}

export interface RespondOptions {
  /** `application/json` for JSON values; without one, texts and bytes have none. */
  readonly contentType?: string
  /** Keeps post-hooks from changing the answer. */
  readonly skipPostHooks?: boolean
}

/** Answers in the engine's place. A text or bytes go as they are, any other value as JSON, `undefined` as nothing. */
export function respond(
  code: number,
  body?: Json | Uint8Array,
  { contentType, skipPostHooks = false }: RespondOptions = {},
): Immediate {
  if (contentType !== undefined && (contentType === '' || !FIELD_VALUE.test(contentType)))
    throw new TypeError(`${JSON.stringify(contentType)} is no content type`)
  return {
    kind: 'respond',
    status: checkedStatus(code),
    ...writtenBody(body, contentType),
    skipPost: skipPostHooks,
  }
}

function writtenBody(
  body: Json | Uint8Array | undefined,
  contentType: string | undefined,
): Pick<Immediate, 'body' | 'form' | 'contentType'> {
  const type = contentType ?? null
  if (body === undefined) return { body: '', form: 'utf8', contentType: type }
  if (body instanceof Uint8Array)
    return { body: Buffer.from(body).toString('base64'), form: 'base64', contentType: type }
  if (typeof body === 'string') return { body, form: 'utf8', contentType: type }
  return { body: printJson(body), form: 'json', contentType: type ?? 'application/json' }
}

export function checkedStatus(code: number): number {
  if (!Number.isInteger(code) || code < 200 || code > 599)
    throw new RangeError(`the code of a response is 200 to 599, not ${code}`)
  return code
}
