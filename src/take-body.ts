/** Taking in the body of a hooked request: whether hooks are shown it, in which form, and how large it may be. */
import { type BodyFacts, bodyMode, readShownBody } from './gate/request-body.ts'
import { fieldValue } from './http1/head.ts'
import type { Hook, HookRequest } from './model/hook.ts'
import { type Refusal, refusal } from './model/refusal.ts'
import { type Soon, whenThere } from './model/soon.ts'
import type { TakenBody } from './onward.ts'
import type { Collected } from './plane/collect.ts'
import type { AdmittedRequest } from './route/admit.ts'
import { bodyRead } from './route/body-read.ts'
import { plainTarget } from './route/identity.ts'
import { shownFields } from './wire/v2/fields.ts'

export type Taken =
  /** `oversized`: the hooks that are passed over because the body is too large for them. */
  | { readonly kind: 'body'; readonly body: TakenBody; readonly oversized: readonly Hook[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'gone' }

type Collect = (limitBytes: number, tooLarge: Refusal) => Soon<Collected>

/** `judges`: the hooks that decide something by it. `observers`: those that are told of it if it has been taken in anyway. */
export function takeBody(
  { head, terms, route }: AdmittedRequest,
  judges: readonly Hook[],
  observers: readonly Hook[],
  collect: Collect,
): Soon<Taken> {
  const facts: BodyFacts = {
    hasBody: terms.framing.kind !== 'none',
    contentType: fieldValue(head, 'content-type'),
    contentEncoding: fieldValue(head, 'content-encoding'),
    operation: route.operation?.id,
    takes: route.operation && bodyRead(route.operation, route.query),
  }
  const mode = bodyMode(facts)
  if (mode === 'absent') return taken({ kind: 'absent', text: null })
  const wants = mode === 'streamed' ? seesBytes : seesJson
  const limit = limitOf(judges, observers, wants)
  if (limit === undefined) return taken(STREAMED)
  const oversizedFor = (bytes: number) =>
    judges.filter((hook) => isSkipping(hook) && wants(hook) && bytes > hook.maxBodyBytes)
  const { framing } = terms
  // One that is too large for all who may do without it is let through as it comes; the rest has to be counted first.
  if (!limit.strict && (framing.kind !== 'length' || framing.bytes > limit.bytes))
    return taken(STREAMED, oversizedFor(Number.POSITIVE_INFINITY))
  return whenThere(collect(limit.bytes, tooLarge(limit)), (collected): Taken => {
    if (collected.kind !== 'body') return collected
    if (mode === 'dropped') return taken({ kind: 'dropped', text: null })
    const { raw, data } = collected
    const oversized = oversizedFor(data.length)
    if (mode === 'streamed') return taken({ kind: 'taken', text: null, plain: true, raw, data }, oversized)
    const shown = readShownBody(data, facts)
    if (!shown.ok) return { kind: 'refused', refusal: shown.failure }
    const { text, plain } = shown.value
    return taken({ kind: 'taken', text, plain, raw, data }, oversized)
  })
}

const STREAMED: TakenBody = { kind: 'streamed', text: null }

function taken(body: TakenBody, oversized: readonly Hook[] = []): Taken {
  return { kind: 'body', body, oversized }
}

function isSkipping({ terms }: Hook): boolean {
  return terms?.onOversize === 'skip'
}

interface BodyLimit {
  readonly bytes: number
  readonly adapter: string
  /** A larger body is refused. */
  readonly strict: boolean
}

/** The smallest of those that refuse a larger body; where there are none, the largest of the others. Nothing: nobody is shown it. */
function limitOf(
  judges: readonly Hook[],
  observers: readonly Hook[],
  wants: (hook: Hook) => boolean,
): BodyLimit | undefined {
  let smallest: Hook | undefined
  let largest: Hook | undefined
  const allow = (hook: Hook) => {
    if (largest === undefined || hook.maxBodyBytes > largest.maxBodyBytes) largest = hook
  }
  for (const hook of judges) {
    if (!wants(hook)) continue
    if ((hook.terms?.onOversize ?? 'reject') !== 'reject') allow(hook)
    else if (smallest === undefined || hook.maxBodyBytes < smallest.maxBodyBytes) smallest = hook
  }
  for (const hook of observers) if (wants(hook)) allow(hook)
  const bound = smallest ?? largest
  return bound && { bytes: bound.maxBodyBytes, adapter: bound.adapter, strict: smallest !== undefined }
}

function tooLarge({ bytes, adapter }: BodyLimit): Refusal {
  return refusal(
    'PS-SIZE-001',
    413,
    `the request body is larger than ${bytes} bytes, the most that adapter "${adapter}" is shown`,
  )
}

function seesJson({ terms }: Hook): boolean {
  return terms?.body !== 'none'
}

function seesBytes({ terms }: Hook): boolean {
  return terms?.body === 'buffered'
}

/**
 * The request as the first hook is shown it. `full`: with what only protocol 2 has a place for. Frozen, so that hooks within this
 * process can be shown it as it is.
 */
export function originalRequest(
  { head, fields, route }: AdmittedRequest,
  body: TakenBody,
  full: boolean,
): HookRequest {
  const { method } = head
  const target = plainTarget(head.target, route)
  if (!full) return Object.freeze({ method, target, body: body.text })
  const headers = shownFields(fields)
  if (body.kind === 'taken' && body.data.length > 0) {
    if (body.text !== null) return Object.freeze({ method, target, headers, body: body.text, form: 'json' })
    const base64 = body.data.toString('base64')
    return Object.freeze({ method, target, headers, body: null, form: 'base64', base64 })
  }
  const form = body.kind === 'streamed' ? 'omitted' : 'none'
  return Object.freeze({ method, target, headers, body: null, form })
}
