/** The request that goes to the engine after the pre-hooks: exactly what they judged. */
import { PLAIN_JSON } from './gate/media.ts'
import type { Framing } from './http1/framing.ts'
import { fieldValue } from './http1/head.ts'
import { rebuildRequestHead } from './http1/rebuild.ts'
import type { HookRequest } from './model/hook.ts'
import { mutatedFields } from './mutated-fields.ts'
import type { AdmittedRequest } from './route/admit.ts'

/** A request's body by the time that its hooks run. `text` is what they see. */
export type TakenBody =
  | { readonly kind: 'absent'; readonly text: null }
  /** Still to come, and not for hooks. */
  | { readonly kind: 'streamed'; readonly text: null }
  /** Taken in, and nobody is to see it: the engine would not look at it either. */
  | { readonly kind: 'dropped'; readonly text: null }
  /** `raw`: as received, chunk framing included. `data`: the body itself. `plain`: the text is what was received. */
  | {
      readonly kind: 'taken'
      readonly text: string | null
      readonly raw: Buffer
      readonly data: Buffer
      readonly plain: boolean
    }

export interface Onward {
  /** All that goes out at once: the head, and the body if it has been taken in. */
  readonly opening: Buffer
  /** What follows from the client. */
  readonly framing: Framing
}

const NO_FRAMING: Framing = { kind: 'none' }

export function onwardRequest(
  request: AdmittedRequest,
  body: TakenBody,
  shown: HookRequest,
  judged: HookRequest,
): Onward {
  if (body.kind === 'streamed')
    return {
      opening: Buffer.from(reheaded(retargeted(request, judged.target), request, judged), 'latin1'),
      framing: request.terms.framing,
    }
  if (judged === shown && !mustRebuild(request, body, shown)) {
    const head = Buffer.from(request.onward, 'latin1')
    return { opening: body.kind === 'taken' ? Buffer.concat([head, body.raw]) : head, framing: NO_FRAMING }
  }
  const data =
    body.kind === 'taken' && body.plain && judged.body === shown.body && judged.base64 === shown.base64
      ? body.data
      : judged.base64 === undefined
        ? Buffer.from(judged.body ?? '')
        : Buffer.from(judged.base64, 'base64')
  const head = rebuildRequestHead({
    method: request.head.method,
    target: judged.target,
    minor: request.head.minor,
    fields: mutatedFields(request.fields, judged.mutation),
    mayUpgrade: request.tunnel !== undefined,
    bodyBytes: judged.body === null && body.kind === 'absent' ? undefined : data.length,
    contentType: data.length > 0 && judged.base64 === undefined ? PLAIN_JSON : undefined,
  })
  return { opening: Buffer.concat([head, data]), framing: NO_FRAMING }
}

/**
 * What hooks were shown is what goes on. Of the client's own bytes that is true where they say it in the plainest way; a
 * body that was taken in also has one length, and no expectation, for that has been met by then.
 */
function mustRebuild(request: AdmittedRequest, body: TakenBody, shown: HookRequest): boolean {
  if (shown.target !== request.head.target || body.kind === 'dropped') return true
  if (body.kind !== 'taken') return false
  const { terms, head } = request
  if (!body.plain || terms.framing.kind === 'chunked' || terms.expectsContinue) return true
  return body.text !== null && (fieldValue(head, 'content-type') ?? PLAIN_JSON) !== PLAIN_JSON
}

/** The client's own head with another target. */
function retargeted({ onward, head }: AdmittedRequest, target: string): string {
  if (target === head.target) return onward
  return `${head.method} ${target}${onward.slice(head.method.length + 1 + head.target.length)}`
}

/** A head whose body follows as the client frames it, with the fields that hooks have changed. */
function reheaded(head: string, request: AdmittedRequest, { mutation }: HookRequest): string {
  if (mutation === undefined) return head
  const { fields } = request
  const kept = new Set(mutatedFields(fields, mutation))
  const requestLine = head.slice(0, head.indexOf('\r\n') + 2)
  const lines = [...kept].map((field) =>
    fields.includes(field)
      ? request.head.text.slice(field.start, field.end)
      : `${field.name}: ${field.value}\r\n`,
  )
  return `${requestLine}${lines.join('')}\r\n`
}
