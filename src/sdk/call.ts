/** Hook calls made by hand: of what protocol 1 says, and for tests. */
import type { CallEnvelope, HookCall, HookType } from '../model/call.ts'
import type { HookHeaders, HookRequest, HookResponse, UnwindCause } from '../model/hook.ts'
import { ulid } from '../model/ulid.ts'
import { identify, type Route } from '../route/identity.ts'
import { OPERATIONS, type OperationId } from '../route/operations.ts'
import { readJson } from '../wire/json.ts'
import { queryOf } from '../wire/v2/query.ts'
import { type Json, printJson } from './json.ts'

/** What a made call is about, by the operation's id or as method and target. What is left out is empty. */
export interface CallParts {
  readonly operation?: OperationId
  /** The names in the operation's path. */
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  readonly apiVersion?: string
  /** Instead of `operation`, `params`, `query` and `apiVersion`. */
  readonly method?: string
  readonly target?: string
  /** A JSON value; a text is the body as it is. */
  readonly body?: Json
  readonly headers?: HookHeaders
  /** The answer, for post-, unwind- and observe-hooks. */
  readonly response?: {
    readonly code: number
    readonly contentType?: string | null
    readonly body?: Json
    readonly headers?: HookHeaders
  }
  /** Why it is undone. */
  readonly cause?: Partial<Omit<UnwindCause, 'response'>>
  /** What the adapter returned earlier in the request. */
  readonly metadata?: Json
  readonly uid?: string
  readonly requestId?: string
  readonly attempt?: number
  readonly dryRun?: boolean
  readonly timeoutMs?: number
  readonly user?: Partial<HookCall['user']>
  readonly fate?: string
}

/** A call of protocol 2 as a value. Throws for an operation that there is not, and for a target that means nothing. */
export function makeCall(type: Exclude<HookType, 'stream-hook'>, parts: CallParts): HookCall {
  const { method, target } = lineOf(parts)
  const call = callFor(type, requestOf(method, target, parts), {
    uid: parts.uid ?? ulid(),
    requestId: parts.requestId ?? ulid(),
    timeoutMs: parts.timeoutMs ?? MADE_TIMEOUT_MS,
  })
  const envelope = {
    ...call,
    attempt: parts.attempt ?? 1,
    dryRun: parts.dryRun ?? false,
    user: { ...call.user, ...parts.user },
    ...(parts.metadata === undefined ? {} : { metadata: printJson(parts.metadata) }),
  }
  const response = parts.response === undefined ? null : responseOf(parts.response)
  switch (type) {
    case 'pre-hook':
    case 'validate-hook':
      return { ...envelope, type }
    case 'post-hook':
      return { ...envelope, type, response: response ?? { status: 200, contentType: null, body: '' } }
    case 'unwind-hook':
      return { ...envelope, type, response, cause: { ...SOME_CAUSE, ...parts.cause } }
    case 'observe-hook':
      return {
        ...envelope,
        type,
        response,
        fate: parts.fate ?? 'unchanged',
        requestBytes: 0,
        responseBytes: 0,
      }
  }
}

/** For a test that says nothing else, in milliseconds: as in the proxy. */
const MADE_TIMEOUT_MS = 10_000

const SOME_CAUSE = {
  phase: 'engine',
  adapter: null,
  selfTimeout: false,
  upstream: 'failed',
  status: null,
} as const

/**
 * What a request of protocol 1 says, as calls of protocol 2 say it. Throws for a target that means nothing, or two things at
 * once: powerstrip shows none, and which handler should judge one that another caller shows cannot be told.
 */
export function callFor<Type extends HookType>(
  type: Type,
  request: HookRequest,
  {
    uid,
    requestId,
    timeoutMs,
  }: { readonly uid: string; readonly requestId: string; readonly timeoutMs: number },
): CallEnvelope & { readonly type: Type } {
  const route = routeOf(request)
  return {
    type,
    uid,
    requestId,
    timeoutMs,
    attempt: 1,
    dryRun: false,
    operation: route.operation?.id ?? null,
    apiVersion: route.version ?? null,
    params: route.params,
    query: queryOf(request.target),
    user: NOBODY,
    listener: '',
    chain: NO_CHAIN,
    config: '{}',
    request,
  }
}

const NOBODY = { name: null, authenticationMethod: null, peerAddress: null } as const
const NO_CHAIN = { endpoint: '', index: 0, length: 1 } as const

/** Once for all adapters of a chain, which are shown the same request. */
let lastRoute: { readonly method: string; readonly target: string; readonly route: Route } | undefined

function routeOf({ method, target }: HookRequest): Route {
  if (lastRoute?.target === target && lastRoute.method === method) return lastRoute.route
  const route = identify(method, target, ANY_VERSION)
  if (!route.ok) throw new Error(`the request cannot be judged: ${route.failure.message}`)
  lastRoute = { method, target, route: route.value }
  return route.value
}

/** Which versions are served is for the proxy to say. */
const ANY_VERSION = { minApiVersion: '0.0' }

function lineOf({ operation, params = {}, query = {}, apiVersion, method, target }: CallParts) {
  if (operation === undefined) return { method: method ?? 'POST', target: target ?? '/' }
  const known = OPERATIONS.find(({ id }) => id === operation)
  if (known === undefined) throw new TypeError(`there is no operation ${JSON.stringify(operation)}`)
  const path = known.path.replaceAll(/\{([^}]+)\}/g, (_name, name: string) =>
    encodeURIComponent(params[name] ?? name),
  )
  const pairs = Object.entries(query).flatMap(([name, values]) =>
    (typeof values === 'string' ? [values] : values).map((value) => [name, value] as [string, string]),
  )
  const version = apiVersion === undefined ? '' : `/v${apiVersion}`
  return {
    method: known.method as string,
    target: `${version}${path}${pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`}`,
  }
}

function requestOf(method: string, target: string, { body, headers = {} }: CallParts): HookRequest {
  return { method, target, headers, ...writtenBody(body) }
}

function responseOf({
  code,
  contentType = 'application/json',
  body,
  headers = {},
}: NonNullable<CallParts['response']>): HookResponse {
  const written = writtenBody(body)
  return { status: code, contentType, headers, ...written, body: written.body ?? '' }
}

function writtenBody(body: Json | undefined): Pick<HookRequest, 'body' | 'form'> {
  if (body === undefined) return { body: null, form: 'none' }
  if (typeof body !== 'string') return { body: printJson(body), form: 'json' }
  return body === ''
    ? { body: null, form: 'none' }
    : { body, form: readJson(body) === undefined ? 'utf8' : 'json' }
}
