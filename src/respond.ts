/** The answer that goes to the client after the post-hooks. */
import { fieldsOf } from './http1/head.ts'
import { rebuildAnswerHead } from './http1/rebuild.ts'
import type { HookResponse } from './model/hook.ts'
import { mutatedFields } from './mutated-fields.ts'
import type { HeldAnswer } from './plane/relay.ts'
import type { AdmittedRequest } from './route/admit.ts'
import { type AnswerWarnings, warningLines, withWarningFields, withWarnings } from './warn.ts'

/**
 * The engine's own bytes where no hook changed anything and its framing can stand; otherwise its status line and fields
 * with what the hooks made of them, and a length (protocol 1, rule P19).
 */
export function finalAnswer(
  request: AdmittedRequest,
  held: HeldAnswer,
  shown: HookResponse,
  judged: HookResponse,
  close: boolean,
  warnings: AnswerWarnings = [],
): Buffer {
  const { framing } = held.terms
  const framingStands = framing.kind === 'length' || framing.kind === 'none'
  const warned = withWarnings(judged, request.route.operation?.id, warnings)
  if (warned.response === shown && framingStands) {
    const head =
      warned.fields.length === 0
        ? Buffer.from(held.head, 'latin1')
        : withWarningFields(held.head, warned.fields)
    return Buffer.concat([head, held.raw])
  }
  const { response } = warned
  const bodiless = isBodiless(request, response)
  const body = bodiless
    ? Buffer.alloc(0)
    : response.body === shown.body && response.base64 === undefined
      ? held.data
      : bytesOf(response)
  const head = rebuildAnswerHead({
    status: response.status,
    reason: response.status === shown.status ? reasonOf(held.head) : undefined,
    fields: mutatedFields(fieldsOf(held.head), response.mutation),
    // A content type describes a body; an answer without one gets none added.
    contentType: body.length === 0 && shown.contentType === null ? null : response.contentType,
    bodyBytes: bodiless ? undefined : body.length,
    close,
    ...linesOf(warned.fields),
  })
  return Buffer.concat([head, body])
}

/** An answer that no engine gave: an adapter's, or the proxy's own. */
export function ownAnswer(
  request: AdmittedRequest,
  response: HookResponse,
  close: boolean,
  warnings: AnswerWarnings = [],
): Buffer {
  const warned = withWarnings(response, request.route.operation?.id, warnings)
  const { status, contentType, mutation } = warned.response
  const bodiless = isBodiless(request, warned.response)
  const data = bytesOf(warned.response)
  const body = bodiless ? Buffer.alloc(0) : data
  const head = rebuildAnswerHead({
    status,
    reason: undefined,
    fields: mutatedFields([], mutation),
    contentType,
    bodyBytes: status === 204 || status === 304 ? undefined : data.length,
    close,
    ...linesOf(warned.fields),
  })
  return Buffer.concat([head, body])
}

function isBodiless({ head }: AdmittedRequest, { status }: HookResponse): boolean {
  return head.method === 'HEAD' || status === 204 || status === 304
}

function bytesOf({ body, base64 }: HookResponse): Buffer {
  return base64 === undefined ? Buffer.from(body) : Buffer.from(base64, 'base64')
}

function linesOf(warnings: AnswerWarnings): { readonly lines?: string } {
  return warnings.length === 0 ? {} : { lines: warningLines(warnings) }
}

/** The rest of a chunked answer whose head has gone before. */
export function lateBody(text: string): Buffer {
  const data = Buffer.from(text)
  if (data.length === 0) return Buffer.from('0\r\n\r\n')
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n0\r\n\r\n')])
}

function reasonOf(head: string): string {
  return head.slice('HTTP/1.1 200'.length, head.indexOf('\r\n')).trimStart()
}
