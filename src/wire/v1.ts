/**
 * The messages of protocol 1, in both directions: what the proxy sends to an adapter and reads from it, and what the
 * adapter reads and sends. Field names and their order are those of 2015; `docs/protocol-v1.md` has the rules by id.
 *
 * A reply is read with patience where an adapter of 2015 needed it, and never so that a broken one passes for consent.
 */
import { AS_WRITTEN, structOf } from '../gate/shape.ts'
import type {
  Answered,
  Denial,
  HookFailure,
  HookRequest,
  HookResponse,
  PostOutcome,
  PreOutcome,
} from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { badReply } from './bad-reply.ts'
import { type JsonFields, readJson, readObject } from './json.ts'
import { isDenialStatus, settlePost, settlePre, unchanged } from './settle.ts'
import { readStrictly } from './strict.ts'
import { adapterText } from './text.ts'

export { isDenialStatus } from './settle.ts'

/** An adapter's HTTP reply, read to its end. */
export interface Reply {
  readonly status: number
  /** `undefined` where the bytes are not UTF-8. */
  readonly body: string | undefined
}

/** A hook call as the adapter gets it. */
export type HookCall =
  | { readonly type: 'pre-hook'; readonly request: HookRequest }
  | { readonly type: 'post-hook'; readonly request: HookRequest; readonly response: HookResponse }

// The proxy's side.

export function encodePreHook(request: HookRequest): string {
  return JSON.stringify({
    PowerstripProtocolVersion: 1,
    Type: 'pre-hook',
    ClientRequest: requestFields(request),
  })
}

export function encodePostHook(request: HookRequest, response: HookResponse): string {
  return JSON.stringify({
    PowerstripProtocolVersion: 1,
    Type: 'post-hook',
    ClientRequest: requestFields(request),
    ServerResponse: responseFields(response),
  })
}

export function decodePreReply(reply: Reply, sent: HookRequest): Result<Answered<PreOutcome>, HookFailure> {
  return decodeReply(reply, 'ModifiedClientRequest', ({ Method, Request, Body }) =>
    settlePre({ method: Method, target: Request, body: Body }, sent),
  )
}

export function decodePostReply(
  reply: Reply,
  sent: HookResponse,
): Result<Answered<PostOutcome>, HookFailure> {
  return decodeReply(reply, 'ModifiedServerResponse', ({ ContentType, Body, Code }) =>
    settlePost({ status: Code, contentType: ContentType, body: Body }, sent),
  )
}

// The adapter's side. A denial has no message of its own here: it is an HTTP status and a reason as text.

/** Reads a hook call, or says in one sentence what is wrong with it. */
export function decodeHookCall(text: string): Result<HookCall, string> {
  const call = readObject(readJson(text))
  if (call === undefined) return failed('A hook call is a JSON object.')
  const { PowerstripProtocolVersion: version, Type: type } = call
  if (version !== 1 && version !== undefined)
    return failed('PowerstripProtocolVersion is not 1, the only version spoken here.')
  const request = readRequest(readObject(call.ClientRequest))
  if (!request.ok) return request
  if (type === 'pre-hook') return ok({ type, request: request.value })
  if (type !== 'post-hook') return failed('Type is neither "pre-hook" nor "post-hook".')
  const response = readResponse(readObject(call.ServerResponse))
  if (!response.ok) return response
  return ok({ type, request: request.value, response: response.value })
}

/** Echoes what is not changed: the proxy of 2015 waited for every field. */
export function encodePreReply(outcome: Exclude<PreOutcome, Denial>, request: HookRequest): string {
  const changes = outcome.kind === 'replace' ? outcome : {}
  return JSON.stringify({
    PowerstripProtocolVersion: 1,
    ModifiedClientRequest: requestFields({ ...request, ...changes }),
  })
}

/** Echoes what is not changed, as `encodePreReply` does. */
export function encodePostReply(outcome: Exclude<PostOutcome, Denial>, response: HookResponse): string {
  const changes = outcome.kind === 'replace' ? outcome : {}
  return JSON.stringify({
    PowerstripProtocolVersion: 1,
    ModifiedServerResponse: responseFields({ ...response, ...changes }),
  })
}

function requestFields({ method, target, body }: HookRequest) {
  return { Method: method, Request: target, Body: body }
}

function responseFields({ status, contentType, body }: HookResponse) {
  return { ContentType: contentType, Body: body, Code: status }
}

/** What the status decides, then what the body says. The status goes first: a 500 with perfect JSON is a failure. */
function decodeReply<O>(
  { status, body }: Reply,
  changesField: string,
  settle: (changes: JsonFields) => Result<Answered<O>, HookFailure>,
): Result<Answered<O | Denial | { readonly kind: 'pass' }>, HookFailure> {
  if (isDenialStatus(status))
    return ok({ outcome: { kind: 'deny', status, message: adapterText(body) }, warnings: [] })
  if (status >= 500 && status <= 599) return failed({ kind: 'broken', status, message: adapterText(body) })
  if (status < 200 || status > 299) return badReply(strangeStatus(status))

  if (body === '') return unchanged(status === 204 ? [] : [EMPTY_REPLY])
  if (body === undefined) return badReply('its reply is not UTF-8')
  const reply = readStrictly(body, REPLY, 'its reply')
  if (!reply.ok) return badReply(reply.failure)
  const { fields, warnings } = reply.value
  const changes = fields[changesField]
  if (changes === undefined || changes === null) return unchanged(warnings)
  const changed = readObject(changes)
  if (changed === undefined) return badReply(`its ${changesField} is not an object`)
  const settled = settle(changed)
  if (!settled.ok || warnings.length === 0) return settled
  return ok({ ...settled.value, warnings: [...warnings, ...settled.value.warnings] })
}

const REPLY = structOf({
  PowerstripProtocolVersion: AS_WRITTEN,
  ModifiedClientRequest: structOf({ Method: AS_WRITTEN, Request: AS_WRITTEN, Body: AS_WRITTEN }),
  ModifiedServerResponse: structOf({ ContentType: AS_WRITTEN, Body: AS_WRITTEN, Code: AS_WRITTEN }),
})

const EMPTY_REPLY =
  'It answered with an empty body, which changes nothing; to say so, answer {"PowerstripProtocolVersion":1} or the status 204.'

function strangeStatus(status: number): string {
  if (status >= 300 && status <= 399)
    return `it answered ${status}, a redirect, and redirects are not followed; check its URL`
  // Not a denial: at a wrong URL every server says so, and a 404 would make `docker run` pull the image.
  if (status === 404 || status === 405) return `it answered ${status}, as if its URL were wrong; check it`
  return `it answered with the status ${status}, which has no meaning here`
}

function readRequest(fields: JsonFields | undefined): Result<HookRequest, string> {
  if (fields === undefined) return failed('ClientRequest is not an object.')
  const { Method: method, Request: target, Body: body = null } = fields
  if (typeof method !== 'string') return failed('ClientRequest.Method is not a string.')
  if (typeof target !== 'string') return failed('ClientRequest.Request is not a string.')
  if (typeof body !== 'string' && body !== null)
    return failed('ClientRequest.Body is neither a string nor null.')
  return ok({ method, target, body })
}

function readResponse(fields: JsonFields | undefined): Result<HookResponse, string> {
  if (fields === undefined) return failed('ServerResponse is not an object.')
  const { Code: status, ContentType: contentType = null, Body: body } = fields
  if (typeof status !== 'number' || !Number.isInteger(status))
    return failed('ServerResponse.Code is not an integer.')
  if (typeof contentType !== 'string' && contentType !== null)
    return failed('ServerResponse.ContentType is neither a string nor null.')
  if (typeof body !== 'string') return failed('ServerResponse.Body is not a string.')
  return ok({ status, contentType, body })
}
