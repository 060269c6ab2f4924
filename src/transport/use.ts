/** A place of an adapter under a configuration of version 2, and the calls that are made from it. */
import type { CallEnvelope, HookType } from '../model/call.ts'
import type { CallFacts, HookHeaders, HookRequest, HookResponse, HookTerms } from '../model/hook.ts'
import { addField } from '../wire/v2/fields.ts'
import { queryOf } from '../wire/v2/query.ts'
import type { HookPlace } from './settings.ts'

export interface HookUse extends HookPlace {
  readonly terms: HookTerms
  readonly timeoutMs: number
  /** The same where the adapter turned out to speak protocol 1. */
  readonly timeoutV1Ms: number
  /** Times that a call which may be repeated is repeated. */
  readonly retries: number
  /** JSON text of what the configuration tells the adapter. */
  readonly config: string
  /** Header fields of the client's that the adapter is shown besides those that all are, in lower case. */
  readonly forwardedHeaders: readonly string[]
}

/** What every call of a type says, at its first try. `timeoutMs`: what is left for the answer. */
export function envelopeOf<Type extends HookType>(
  type: Type,
  use: HookUse,
  request: HookRequest,
  facts: CallFacts,
  timeoutMs: number,
): CallEnvelope & { readonly type: Type } {
  const { terms } = use
  const { exchange } = facts
  return {
    type,
    uid: facts.uid,
    requestId: exchange.requestId,
    attempt: 1,
    dryRun: exchange.dryRun,
    timeoutMs,
    operation: exchange.operation,
    apiVersion: exchange.apiVersion,
    params: exchange.params,
    query: queryOf(request.target),
    user: exchange.user,
    listener: exchange.listener,
    chain: { endpoint: terms.endpoint, index: terms.index, length: terms.length },
    config: use.config,
    request: shownRequest(request, use, exchange.operation),
    original: terms.original ? shownRequest(facts.original, use, exchange.operation) : undefined,
    metadata: facts.metadata,
  }
}

/**
 * Without what this hook is not shown. The hooks of one exchange are mostly shown the same, so what was made for the one before is
 * looked at first: it is then written once for all of them, too.
 */
function shownRequest(request: HookRequest, use: HookUse, operation: string | null): HookRequest {
  const view = viewOf(use)
  const last = lastShown.get(request)
  if (last?.view === view) return last.shown
  const shown = shownAnew(request, use, operation)
  lastShown.set(request, { view, shown })
  return shown
}

const lastShown = new WeakMap<HookRequest, { readonly view: string; readonly shown: HookRequest }>()

/** All that a use says of what it is shown. */
function viewOf(use: HookUse): string {
  let view = views.get(use)
  if (view === undefined) {
    const { terms, forwardedHeaders, maxBodyBytes } = use
    view = JSON.stringify([
      terms.body,
      terms.onOversize,
      terms.mutableHeaders,
      forwardedHeaders,
      maxBodyBytes,
    ])
    views.set(use, view)
  }
  return view
}

const views = new WeakMap<HookUse, string>()

function shownAnew(request: HookRequest, use: HookUse, operation: string | null): HookRequest {
  const { method, target } = request
  const headers = shownHeaders(request.headers ?? {}, use)
  const shown = shownBody(request, use.terms, operation)
  const isTooLarge =
    use.terms.onOversize === 'omit' && Buffer.byteLength(shown.body ?? shown.base64 ?? '') > use.maxBodyBytes
  const { body, form, base64 } = (isTooLarge ? OMITTED : shown) as Pick<
    HookRequest,
    'body' | 'form' | 'base64'
  >
  return Object.freeze({ method, target, headers, body, form, base64 })
}

export function shownResponse(response: HookResponse, use: HookUse, operation: string | null): HookResponse {
  const { status, contentType, headers = {} } = response
  const { body, ...rest } = shownBody(response, use.terms, operation)
  return { status, contentType, headers, body: body ?? '', ...rest }
}

function shownBody(
  { body, form, base64 }: HookRequest | HookResponse,
  { body: wanted }: HookTerms,
  operation: string | null,
): Pick<HookRequest, 'body' | 'form' | 'base64'> {
  const there = form ?? (body === null || body === '' ? 'none' : 'json')
  if (there === 'none') return NO_BODY
  // Registry credentials.
  if (wanted === 'none' || operation === 'SystemAuth') return OMITTED
  if (there === 'base64')
    return wanted === 'buffered' ? { body: null, form: there, base64: base64 ?? '' } : OMITTED
  return there === 'omitted' ? OMITTED : { body, form: there }
}

const NO_BODY = { body: null, form: 'none' } as const
const OMITTED = { body: null, form: 'omitted' } as const

function shownHeaders(headers: HookHeaders, { forwardedHeaders, terms }: HookUse): HookHeaders {
  const shown: Record<string, readonly string[]> = {}
  for (const name of Object.keys(headers))
    if (ALWAYS_SHOWN.has(name) || forwardedHeaders.includes(name) || terms.mutableHeaders.includes(name))
      addField(shown, name, headers[name]!)
  return Object.freeze(shown)
}

/** What says how to read the message. Anything else an adapter gets because its operator said so. */
const ALWAYS_SHOWN: ReadonlySet<string> = new Set([
  'accept',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
])
