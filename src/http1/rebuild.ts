/**
 * Heads that are written anew, because a hook changed the message or because its body was taken in.
 *
 * End-to-end fields keep their order and spelling. Hop-by-hop fields belong to the connection they arrived on and are
 * left behind; framing is stated once, by us, in bytes (PS-HEADER-002, protocol 1 rule P19).
 */

import { reasonFor } from './answer.ts'
import type { Field } from './head.ts'

/** RFC 9110, section 7.6.1, with the old `Keep-Alive` and `Proxy-Connection`. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'expect',
])

/** What still concerns the next hop where the connection may turn two-way. */
const UPGRADE_FIELDS: ReadonlySet<string> = new Set(['connection', 'upgrade', 'http2-settings'])

export interface RebuiltRequest {
  readonly method: string
  readonly target: string
  readonly minor: 0 | 1
  readonly fields: readonly Field[]
  /** Keeps what asks for the switch. */
  readonly mayUpgrade: boolean
  /** Bytes of the body. `undefined`: the request has no body and says nothing about one. */
  readonly bodyBytes: number | undefined
  /** What the body is, whatever the request said of it. Left out: what the request says stays. */
  readonly contentType?: string | undefined
}

export function rebuildRequestHead(request: RebuiltRequest): Buffer {
  let text = `${request.method} ${request.target} HTTP/1.${request.minor}\r\n`
  let typed = false
  for (const field of request.fields) {
    if (HOP_BY_HOP.has(field.key) && !(request.mayUpgrade && UPGRADE_FIELDS.has(field.key))) continue
    const isType = field.key === 'content-type'
    if (isType) typed = true
    const value = isType ? (request.contentType ?? field.value) : field.value
    text += `${field.name}: ${value}\r\n`
  }
  if (!typed && request.contentType !== undefined) text += `Content-Type: ${request.contentType}\r\n`
  if (request.bodyBytes !== undefined) text += `Content-Length: ${request.bodyBytes}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}

export interface RebuiltAnswer {
  readonly status: number
  /** The engine's own reason, where the status is still the engine's. */
  readonly reason: string | undefined
  readonly fields: readonly Field[]
  /** `null`: without one. */
  readonly contentType: string | null
  /** `undefined`: this answer has no body by its nature (HEAD, 204, 304) and keeps what length it announced. */
  readonly bodyBytes: number | undefined
  readonly close: boolean
  /** More lines, whole ones. */
  readonly lines?: string
}

export function rebuildAnswerHead(answer: RebuiltAnswer): Buffer {
  let text = `HTTP/1.1 ${answer.status} ${answer.reason ?? reasonFor(answer.status)}\r\n`
  let typed = false
  for (const field of answer.fields) {
    if (field.key === 'content-type') {
      if (answer.contentType === null) continue
      typed = true
      text += `${field.name}: ${answer.contentType}\r\n`
    } else if (!HOP_BY_HOP.has(field.key)) text += `${field.name}: ${field.value}\r\n`
  }
  if (!typed && answer.contentType !== null) text += `Content-Type: ${answer.contentType}\r\n`
  if (answer.bodyBytes !== undefined) text += `Content-Length: ${answer.bodyBytes}\r\n`
  if (answer.close) text += 'Connection: close\r\n'
  text += answer.lines ?? ''
  return Buffer.from(`${text}\r\n`, 'latin1')
}
