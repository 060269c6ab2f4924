/** What becomes of the engine's answer when its head is there: relayed, held for hooks, or shown to those who look on. */

import { isBinaryAnswer } from './gate/answer-body.ts'
import { readJson } from './gate/json.ts'
import { isJson, mediaType, utf8Text } from './gate/media.ts'
import { fieldsOf, fieldValue } from './http1/head.ts'
import type { SkipReason } from './model/event.ts'
import type { BodyForm, Hook, HookResponse } from './model/hook.ts'
import { type Refusal, refusal } from './model/refusal.ts'
import type { CopiedAnswer, HeldAnswer, HoldAnswer } from './plane/relay.ts'
import type { AdmittedRequest } from './route/admit.ts'
import { isEndless } from './route/endless.ts'
import { isFramed } from './route/framed.ts'
import type { Operation } from './route/operation.ts'
import type { StreamedAnswer } from './streamed.ts'
import { type AnswerWarnings, warnsInBody, withWarningFields } from './warn.ts'
import { shownFields } from './wire/v2/fields.ts'

export type Skip = (hooks: readonly Hook[], reason: SkipReason) => void

/** Hooks on the answer, as far as the request alone tells. */
type AnswerHooks =
  | { readonly kind: 'hooks'; readonly hooks: readonly Hook[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** The post-hooks that will see the answer. */
export function postHooks({ route, head }: AdmittedRequest, post: readonly Hook[], skip: Skip): AnswerHooks {
  const { operation } = route
  const twoWay = isTwoWay(operation)
  const endless =
    operation !== undefined && operation.hijack === undefined && isEndless(operation, route.query)
  const reason: SkipReason | undefined = twoWay ? 'two-way' : endless ? 'endless' : undefined
  if (post.length === 0 || reason === undefined) return { kind: 'hooks', hooks: post }
  const insisting = post.find((hook) => hook.onUnsupported === 'fail')
  if (insisting !== undefined) return unshown(`${head.method} ${route.path}`, reason, insisting)
  if (twoWay) return { kind: 'hooks', hooks: post }
  skip(post, reason)
  return { kind: 'hooks', hooks: [] }
}

/** The stream-hooks that will see the answer if it is a stream. One to whom a pattern gave an ordinary answer has no part in it. */
export function streamHooks({ route, head }: AdmittedRequest, stream: readonly Hook[]): AnswerHooks {
  const { operation } = route
  if (stream.length === 0 || operation === undefined || isFramed(operation))
    return { kind: 'hooks', hooks: stream }
  if (operation.hijack === undefined) return { kind: 'hooks', hooks: [] }
  const insisting = isTwoWay(operation) ? stream.find((hook) => hook.onUnsupported === 'fail') : undefined
  return insisting === undefined
    ? { kind: 'hooks', hooks: stream }
    : unshown(`${head.method} ${route.path}`, 'two-way', insisting)
}

/** An exec may also be started without a stream. */
function isTwoWay(operation: Operation | undefined): boolean {
  return operation?.hijack !== undefined && operation.id !== 'ExecStart'
}

function unshown(
  request: string,
  reason: SkipReason,
  { adapter }: Hook,
): AnswerHooks & { readonly kind: 'refused' } {
  return {
    kind: 'refused',
    refusal: refusal(
      'PS-SIZE-003',
      501,
      `the answer of ${request} is ${reason} and cannot be shown to adapter "${adapter}", which insists on seeing it`,
    ),
  }
}

export interface HoldTerms {
  readonly posts: readonly Hook[]
  /** Where there are stream-hooks: they stand in the place of the post-hooks if the answer is a stream. */
  readonly streamed: StreamedAnswer | undefined
  readonly limitBytes: number
  /** Something may have to be undone, before the client hears of an error. */
  readonly errors: boolean
  readonly warnings: AnswerWarnings
  readonly skip: Skip
}

/** Nothing: whatever the answer is, it is relayed. */
export function holdFor({ route }: AdmittedRequest, terms: HoldTerms): HoldAnswer | undefined {
  const { posts, streamed, limitBytes, errors, warnings, skip } = terms
  if (posts.length === 0 && streamed === undefined && !errors && warnings.length === 0) return undefined
  return {
    limitBytes,
    maySwitch: [...posts, ...(streamed?.hooks ?? [])].every((hook) => hook.onUnsupported === 'pass'),
    decide(text, answer) {
      const streaming = streamed?.decide(text, answer)
      if (streaming !== undefined) {
        if (posts.some((hook) => hook.onUnsupported === 'fail')) return 'refuse'
        if (posts.length > 0) skip(posts, 'streamed')
        return streaming
      }
      const fields = { fields: fieldsOf(text) }
      const binary = isBinaryAnswer({
        status: answer.status,
        contentType: fieldValue(fields, 'content-type'),
        contentEncoding: fieldValue(fields, 'content-encoding'),
        gives: route.operation?.gives,
      })
      if (posts.length > 0 && !binary) {
        // Clients start the container when the head of their `wait` is there; holding it back would stop them for ever.
        const atOnce = route.operation?.id === 'ContainerWait' && answer.framing.kind === 'chunked'
        return atOnce ? 'hold-body' : 'hold'
      }
      if (posts.some((hook) => hook.onUnsupported === 'fail')) return 'refuse'
      if (posts.length > 0) skip(posts, 'binary')
      if (errors && answer.status >= 400) return 'hold'
      if (warnings.length === 0) return 'pass'
      return !binary && warnsInBody(route.operation?.id)
        ? 'hold'
        : { passAs: withWarningFields(text, warnings) }
    },
  }
}

/** `undefined`: it is not UTF-8 after all. `full`: with what only protocol 2 has a place for. */
export function shownAnswer(answer: HeldAnswer, full: boolean): HookResponse | undefined {
  const body = utf8Text(answer.data)
  if (body === undefined) return undefined
  const fields = { fields: fieldsOf(answer.head) }
  const contentType = fieldValue(fields, 'content-type') ?? null
  const { status } = answer.terms
  if (!full) return { status, contentType, body }
  const form = textForm(contentType, body)
  return { status, contentType, body, form, headers: shownFields(fields.fields) }
}

/** An answer that was relayed, for those who look on. */
export function copiedResponse({ head, status, data }: CopiedAnswer): HookResponse {
  const fields = { fields: fieldsOf(head) }
  const contentType = fieldValue(fields, 'content-type') ?? null
  const headers = shownFields(fields.fields)
  if (data === undefined) return { status, contentType, body: '', form: 'omitted', headers }
  const body = utf8Text(data)
  if (body === undefined)
    return { status, contentType, body: '', form: 'base64', base64: data.toString('base64'), headers }
  const form = textForm(contentType, body)
  return { status, contentType, body, form, headers }
}

/** What is labelled JSON and is more than one document, as progress is, is text. */
function textForm(contentType: string | null, body: string): BodyForm {
  if (body === '') return 'none'
  return isJson(mediaType(contentType)) && readJson(body).ok ? 'json' : 'utf8'
}
