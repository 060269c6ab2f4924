/**
 * Hook calls of protocol 2 as values, the same on both sides: the proxy makes one and writes it, an adapter reads it; an
 * adapter within the proxy is handed it as it is.
 *
 * JSON that belongs to others (bodies, metadata, settings, patches) stays text, so that numbers keep their digits and
 * nothing is written anew that nobody changed.
 */
import type { HookRequest, HookResponse, HookUser, Outcome, Remarks, UnwindCause } from './hook.ts'

export const HOOK_TYPES = [
  'pre-hook',
  'validate-hook',
  'post-hook',
  'unwind-hook',
  'observe-hook',
  'stream-hook',
] as const
export type HookType = (typeof HOOK_TYPES)[number]

export type HookCall = PreCall | ValidateCall | PostCall | UnwindCall | ObserveCall | StreamCall

/** What every call says. */
export interface CallEnvelope {
  readonly uid: string
  readonly requestId: string
  /** Counted from 1; above it where the call had been tried before. */
  readonly attempt: number
  readonly dryRun: boolean
  /** What is left for the answer. */
  readonly timeoutMs: number
  readonly operation: string | null
  readonly apiVersion: string | null
  readonly params: Readonly<Record<string, string>>
  /** Decoded, in the order of the target. */
  readonly query: Readonly<Record<string, readonly string[]>>
  readonly user: HookUser
  readonly listener: string
  readonly chain: { readonly endpoint: string; readonly index: number; readonly length: number }
  /** JSON text of what the configuration says under `with`. */
  readonly config: string
  readonly request: HookRequest
  /** What the client sent; only for those who asked for it. */
  readonly original?: HookRequest | undefined
  /** JSON text of an object. Nothing where the adapter has not returned any. */
  readonly metadata?: string | undefined
}

export interface PreCall extends CallEnvelope {
  readonly type: 'pre-hook'
}

export interface ValidateCall extends CallEnvelope {
  readonly type: 'validate-hook'
}

export interface PostCall extends CallEnvelope {
  readonly type: 'post-hook'
  readonly response: HookResponse
}

export interface UnwindCall extends CallEnvelope {
  readonly type: 'unwind-hook'
  readonly cause: Omit<UnwindCause, 'response'>
  readonly response: HookResponse | null
}

export interface ObserveCall extends CallEnvelope {
  readonly type: 'observe-hook'
  readonly response: HookResponse | null
  readonly fate: string
  readonly requestBytes: number
  readonly responseBytes: number
}

/** A batch of messages of a stream, or its beginning or end. */
export interface StreamCall extends CallEnvelope {
  readonly type: 'stream-hook'
  readonly part: 'open' | 'data' | 'close'
  /** Counted from 0 over all calls about one stream. */
  readonly seq: number
  /** JSON texts. */
  readonly events: readonly string[]
  /** Head of the answer that the stream is the body of. */
  readonly response: HookResponse
}

/** What an adapter answers to any call. What is left out says nothing. */
export interface HookReply {
  readonly outcome: Outcome | StreamOutcome
  readonly remarks?: Partial<Remarks>
}

/** What becomes of the events of a batch; those that are not named pass. */
export interface StreamOutcome {
  readonly kind: 'edit'
  readonly edits: readonly EventEdit[]
  /** JSON texts, each put in front of the event of its index; an index as large as the batch puts it behind. */
  readonly inserts: readonly { readonly before: number; readonly event: string }[]
  /** The stream ends behind this batch. */
  readonly end: boolean
}

export type EventEdit =
  | { readonly index: number; readonly action: 'drop' }
  | { readonly index: number; readonly action: 'replace'; readonly event: string }

/** What an adapter says of itself when it is asked with `OPTIONS`. */
export interface AdapterAbilities {
  readonly name: string
  readonly version: string | undefined
  /** Protocol versions that it speaks. */
  readonly protocols: readonly number[]
  readonly implements: readonly HookType[]
  /** Narrows what the configuration asks for. Nothing: every operation. */
  readonly operations: readonly string[] | undefined
  readonly sideEffects: 'None' | 'NoneOnDryRun' | 'Some'
  readonly idempotent: boolean
  readonly maxBodyBytes: number | undefined
  readonly maxConnections: number | undefined
  /** How long this may be relied on, in seconds. */
  readonly optionsTtlS: number | undefined
  /** Changes when the adapter's own configuration does. */
  readonly isTag: string | undefined
}
