/// <reference lib="es2024.string" />
/**
 * What a hook may change, whichever way its answer came: as JSON from far away or as a value within this process.
 *
 * A field that is not there or `null` says nothing. A field that says what was there already changes nothing, so an
 * outcome names exactly what is different.
 */
import type {
  Answered,
  HookFailure,
  HookRequest,
  HookResponse,
  PostOutcome,
  PreOutcome,
} from '../model/hook.ts'
import { ok, type Result } from '../model/result.ts'
import { badReply } from './bad-reply.ts'
import { quoted } from './text.ts'

/** Whether an adapter can refuse with this status. 404 and 405 are what a server says at a wrong URL. */
export function isDenialStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status <= 499 && status !== 404 && status !== 405
}

export function unchanged(warnings: readonly string[]): {
  readonly ok: true
  readonly value: Answered<{ readonly kind: 'pass' }>
} {
  return warnings.length === 0 ? UNCHANGED : ok({ outcome: PASS, warnings })
}

const PASS = { kind: 'pass' } as const
const UNCHANGED = ok({ outcome: PASS, warnings: [] })

export function settlePre(
  wanted: { readonly method?: unknown; readonly target?: unknown; readonly body?: unknown },
  sent: HookRequest,
): Result<Answered<PreOutcome>, HookFailure> {
  const warnings: string[] = []
  const { method, target: wantedTarget, body: wantedBody } = wanted
  if (method !== undefined && method !== null && method !== sent.method)
    warnings.push(methodKept(sent.method))
  const target = settleTarget(wantedTarget, sent.target, warnings)
  if (!target.ok) return target
  const body = settleBody(wantedBody, sent.body, warnings)
  if (!body.ok) return body
  const changes = { ...target.value, ...body.value }
  return isEmpty(changes) ? unchanged(warnings) : ok({ outcome: { kind: 'replace', ...changes }, warnings })
}

export function settlePost(
  wanted: { readonly status?: unknown; readonly contentType?: unknown; readonly body?: unknown },
  sent: HookResponse,
): Result<Answered<PostOutcome>, HookFailure> {
  const warnings: string[] = []
  const { status: wantedStatus, contentType: wantedType, body: wantedBody } = wanted
  const status = settleStatus(wantedStatus, sent.status)
  if (!status.ok) return status
  const contentType = settleContentType(wantedType, sent.contentType)
  if (!contentType.ok) return contentType
  const body = settleBody(wantedBody, sent.body, warnings)
  if (!body.ok) return body
  const bodiless = hasNoBody({ ...sent, ...status.value, ...body.value })
  const changes = { ...status.value, ...(bodiless ? {} : contentType.value), ...body.value }
  return isEmpty(changes) ? unchanged(warnings) : ok({ outcome: { kind: 'replace', ...changes }, warnings })
}

export function settleTarget(
  wanted: unknown,
  sent: string,
  warnings: string[],
): Result<{ readonly target?: string }, HookFailure> {
  if (wanted === undefined || wanted === null || wanted === sent) return ok({})
  if (typeof wanted !== 'string' || pathOf(wanted) !== pathOf(sent)) {
    warnings.push(pathKept(wanted))
    return ok({})
  }
  return QUERY.test(wanted.slice(pathOf(wanted).length))
    ? ok({ target: wanted })
    : badReply('the query it gave has characters that must be percent-encoded')
}

/** The same characters that are accepted from a client (PS-FRAME-003): nothing that could end the request line. */
const QUERY = /^[\x21\x22\x24-\x7e]*$/

export function pathOf(target: string): string {
  const queryStart = target.indexOf('?')
  return queryStart === -1 ? target : target.slice(0, queryStart)
}

function settleBody(
  wanted: unknown,
  sent: string | null,
  warnings: string[],
): Result<{ readonly body?: string }, HookFailure> {
  if (wanted === undefined || wanted === sent) return ok({})
  if (wanted === null) {
    if (sent !== '') warnings.push(NULL_BODY)
    return ok({})
  }
  if (typeof wanted !== 'string')
    return badReply('the body it gave is not a string; a JSON body goes as text')
  // Nothing was there and nothing is wanted: a language without `null` says it like this.
  if (wanted === '' && sent === null) return ok({})
  // Only as an escape within JSON could it come here, and no bytes of UTF-8 stand for it.
  if (!wanted.isWellFormed())
    return badReply('the body it gave holds half of a surrogate pair, which is no text')
  return ok({ body: wanted })
}

export function settleStatus(
  wanted: unknown,
  sent: number,
): Result<{ readonly status?: number }, HookFailure> {
  if (wanted === undefined || wanted === sent) return ok({})
  return typeof wanted === 'number' && Number.isInteger(wanted) && wanted >= 200 && wanted <= 599
    ? ok({ status: wanted })
    : badReply('the status it gave is not an integer from 200 to 599')
}

export function settleContentType(
  wanted: unknown,
  sent: string | null,
): Result<{ readonly contentType?: string }, HookFailure> {
  // Empty is what a language without `null` makes of an answer that has no type.
  if (wanted === undefined || wanted === null || wanted === '' || wanted === sent) return ok({})
  return typeof wanted === 'string' && FIELD_VALUE.test(wanted)
    ? ok({ contentType: wanted })
    : badReply('the content type it gave cannot stand in a header')
}

/** Text in ASCII with no control characters, and none around it: it can neither end its line nor change on the way. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

/** Such an answer gets no content type: there is nothing that it could be the type of. */
function hasNoBody({ status, body }: HookResponse): boolean {
  return body === '' || status === 204 || status === 304
}

function isEmpty(changes: object): boolean {
  for (const _ in changes) return false
  return true
}

const NULL_BODY =
  'It answered with null for a body that has text. This changes nothing; leave the body out, or give "" to empty it.'

export function methodKept(sent: string): string {
  return `It answered with another method. A hook cannot change the method, so ${sent} was kept.`
}

function pathKept(wanted: unknown): string {
  const path =
    typeof wanted === 'string' ? `the path ${quoted(pathOf(wanted))}` : 'a request target that is no string'
  return `It answered with ${path}. A hook may change the query but not the path, so the target was kept as it was.`
}
