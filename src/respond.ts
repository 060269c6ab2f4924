/** The answer that goes to the client after the post-hooks. */
import { fieldsOf } from './http1/head.ts'
import { rebuildAnswerHead } from './http1/rebuild.ts'
import type { HookResponse } from './model/hook.ts'
import type { HeldAnswer } from './plane/relay.ts'
import type { AdmittedRequest } from './route/admit.ts'

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
): Buffer {
  const { framing } = held.terms
  const framingStands = framing.kind === 'length' || framing.kind === 'none'
  if (judged === shown && framingStands) return Buffer.concat([Buffer.from(held.head, 'latin1'), held.raw])

  const bodiless = request.head.method === 'HEAD' || judged.status === 204 || judged.status === 304
  const body = bodiless ? Buffer.alloc(0) : judged.body === shown.body ? held.data : Buffer.from(judged.body)
  const head = rebuildAnswerHead({
    status: judged.status,
    reason: judged.status === shown.status ? reasonOf(held.head) : undefined,
    fields: fieldsOf(held.head),
    // A content type describes a body; an answer without one gets none added.
    contentType: body.length === 0 && shown.contentType === null ? null : judged.contentType,
    bodyBytes: bodiless ? undefined : body.length,
    close,
  })
  return Buffer.concat([head, body])
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
