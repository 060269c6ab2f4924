/** What a check asks, whichever protocol it goes out in. */
import type { HookCall, HookType } from '../model/call.ts'
import type { Answered, HookFailure, HookRequest, HookResponse, Outcome, UnwindCause } from '../model/hook.ts'
import { ok, type Result } from '../model/result.ts'
import { identify } from '../route/identity.ts'
import type { LineReply } from '../transport/line.ts'
import { readJson, readObject } from '../wire/json.ts'
import { decodePostReply, decodePreReply, encodePostHook, encodePreHook } from '../wire/v1.ts'
import { encodeCall } from '../wire/v2/call.ts'
import { callFields, V2_TYPE } from '../wire/v2/fields.ts'
import { queryOf } from '../wire/v2/query.ts'
import { decodeReceipt, decodeReply, decodeStreamReply } from '../wire/v2/reply.ts'
import type { Fields } from './caller.ts'

/** One question to the adapter. What is left out is as usual. */
export interface Question {
  readonly hook: HookType
  readonly request: HookRequest
  readonly response?: HookResponse | undefined
  /** What is unusual about it, for reports. */
  readonly what?: string
  readonly uid?: string
  /** Where several questions are about one request. */
  readonly requestId?: string
  readonly attempt?: number
  readonly dryRun?: boolean
  readonly timeoutMs?: number
  /** JSON text. */
  readonly metadata?: string | undefined
  readonly cause?: Omit<UnwindCause, 'response'>
  readonly stream?: {
    readonly part: 'open' | 'data' | 'close'
    readonly seq: number
    readonly events: readonly string[]
  }
}

export type Twist = (text: string) => string

/** A question as it goes out. */
export interface Written {
  readonly text: string
  readonly fields: Fields
  readonly uid: string
}

export interface Dialect {
  readonly protocol: 1 | 2
  /** A connection for each call. */
  readonly fresh: boolean
  /** `twist` changes the message before it is signed. */
  write(question: Question, twist?: Twist): Written
  /** As the proxy would read it. */
  read(reply: LineReply, question: Question, uid: string): Result<Answered<Outcome>, HookFailure>
}

export const PROTOCOL_1: Dialect = {
  protocol: 1,
  fresh: true,
  write({ hook, request, response }, twist = asItIs) {
    const isPost = hook === 'post-hook' && response !== undefined
    const text = twist(isPost ? encodePostHook(request, response) : encodePreHook(request))
    return { text, fields: { 'Content-Type': 'application/json' }, uid: '' }
  },
  read(reply, { request, response }) {
    return response === undefined ? decodePreReply(reply, request) : decodePostReply(reply, response)
  },
}

/** `config`: JSON text of what a configuration would say under `with`. */
export function protocol2(config: string, prove: (uid: string, text: string) => Fields): Dialect {
  return {
    protocol: 2,
    fresh: false,
    write(question, twist = asItIs) {
      const call = callOf(question, config)
      const text = twist(encodeCall(call))
      return { text, fields: { ...callFields(call, 'conformance'), ...prove(call.uid, text) }, uid: call.uid }
    },
    read(reply, question, uid) {
      const call = callOf({ ...question, uid }, config)
      if (call.type === 'unwind-hook' || call.type === 'observe-hook') {
        const receipt = decodeReceipt(reply)
        return receipt.ok ? ok(NOTED) : receipt
      }
      if (call.type === 'stream-hook') {
        const edits = decodeStreamReply(reply, call)
        return edits.ok ? ok(NOTED) : edits
      }
      // Which ones a configuration lets it change is not known here; those that nobody may change stay forbidden.
      return decodeReply(reply, call, { mutableHeaders: headersIn(reply.body) })
    },
  }
}

const asItIs: Twist = (text) => text

const NOTED: Answered<Outcome> = { outcome: { kind: 'pass' }, warnings: [] }

/** The header fields that a reply names, in lower case. */
export function headersIn(body: string | undefined): readonly string[] {
  const { SetHeaders: set, RemoveHeaders: remove } =
    readObject(readObject(readJson(body ?? ''))?.HeaderMutation) ?? {}
  const removed = Array.isArray(remove) ? remove.filter((name) => typeof name === 'string') : []
  return [...Object.keys(readObject(set) ?? {}), ...removed].map((name) => name.toLowerCase())
}

export const OPTIONS_FIELDS: Fields = { Accept: V2_TYPE }

/** The `TimeoutMs` of calls that are not about it, in milliseconds: the proxy's own default. */
const TIMEOUT_MS = 10_000

let calls = 0

/** Of no call before. */
export function newUid(): string {
  calls += 1
  return `01CONFORMANCE${Date.now().toString(36).toUpperCase()}${String(calls).padStart(6, '0')}`
}

function callOf(question: Question, config: string): HookCall {
  const { hook, request, response, metadata, uid = newUid(), stream } = question
  const route = identify(request.method, request.target, { minApiVersion: '0.0' })
  const { operation, version, params } = route.ok
    ? route.value
    : { operation: undefined, version: undefined, params: {} }
  const envelope = {
    uid,
    requestId: question.requestId ?? `R${uid}`,
    attempt: question.attempt ?? 1,
    dryRun: question.dryRun ?? false,
    timeoutMs: question.timeoutMs ?? TIMEOUT_MS,
    operation: operation?.id ?? null,
    apiVersion: version ?? null,
    params,
    query: queryOf(request.target),
    user: { name: null, authenticationMethod: null, peerAddress: null },
    listener: 'default',
    chain: { endpoint: operation?.id ?? '*', index: 0, length: 1 },
    config,
    request,
    ...(metadata === undefined ? {} : { metadata }),
  }
  switch (hook) {
    case 'pre-hook':
    case 'validate-hook':
      return { type: hook, ...envelope }
    case 'post-hook':
      return { type: hook, ...envelope, response: response ?? NO_RESPONSE }
    case 'unwind-hook':
      return { type: hook, ...envelope, response: response ?? null, cause: question.cause ?? REFUSED_LATER }
    case 'observe-hook':
      return {
        type: hook,
        ...envelope,
        response: response ?? null,
        fate: 'unchanged',
        requestBytes: 200,
        responseBytes: 200,
      }
    case 'stream-hook':
      return {
        type: hook,
        ...envelope,
        response: response ?? NO_RESPONSE,
        ...(stream ?? { part: 'open', seq: 0, events: [] }),
      }
  }
}

const NO_RESPONSE: HookResponse = { status: 200, contentType: null, body: '', form: 'none', headers: {} }

/** Why an unwind-hook is called, unless a check says otherwise: somebody behind it in the chain said no. */
const REFUSED_LATER: Omit<UnwindCause, 'response'> = {
  phase: 'validate',
  adapter: 'policy',
  selfTimeout: false,
  upstream: 'not-called',
  status: { code: 403, message: 'denied by adapter "policy": not today' },
}
