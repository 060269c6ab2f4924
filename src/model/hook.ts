/**
 * What a hook is shown and what it may answer, whatever protocol and transport carry it.
 *
 * Bodies are text: a body that is shown to hooks is UTF-8, and adapters of protocol 1 get it as a JSON string within
 * JSON. `null` is a body that is not there, or not for hooks to see.
 */
import type { Result } from './result.ts'

/** A request as hooks see it. */
export interface HookRequest {
  readonly method: string
  /** Path and query as received, escapes untouched. */
  readonly target: string
  readonly body: string | null
}

/** An answer of the engine as hooks see it. */
export interface HookResponse {
  /** 200 to 599. */
  readonly status: number
  /** The whole field value, parameters included. `null` where the answer has none. */
  readonly contentType: string | null
  readonly body: string
}

/** What an adapter decided about the request it was shown. */
export type PreOutcome =
  | { readonly kind: 'pass' }
  /** Go on with these instead. What is left out stays as it was. */
  | { readonly kind: 'replace'; readonly target?: string; readonly body?: string }
  | Denial

/** What an adapter decided about the answer it was shown. */
export type PostOutcome =
  | { readonly kind: 'pass' }
  | {
      readonly kind: 'replace'
      readonly status?: number
      readonly contentType?: string
      readonly body?: string
    }
  | Denial

/** Refuse. A decision, not a failure: no failure policy turns it into a pass. */
export interface Denial {
  readonly kind: 'deny'
  /** 400 to 499. */
  readonly status: number
  /** For the person at the client; empty if the adapter gave no reason. */
  readonly message: string
}

/** Everything that can go wrong between the proxy and an adapter. None of it is a bug here. */
export type HookFailure =
  /** Refused, reset, no such host, closed without a reply. */
  | { readonly kind: 'unreachable'; readonly cause: string }
  | { readonly kind: 'deadline'; readonly deadlineMs: number }
  /** The adapter itself says that it failed: a status from 500 on. `message` may be empty. */
  | { readonly kind: 'broken'; readonly status: number; readonly message: string }
  /** A reply that means nothing: not JSON, too large, a redirect, a field of the wrong type. */
  | { readonly kind: 'bad-reply'; readonly problem: string }
  /** The client left, so the call was ended. */
  | { readonly kind: 'aborted' }

/** What a hook answers: its outcome, and what its author should be told of (logged, never shown to clients). */
export interface Answered<O> {
  readonly outcome: O
  readonly warnings: readonly string[]
}

/** An adapter in one place of a plan. */
export interface Hook {
  /** The adapter's name in the configuration. */
  readonly adapter: string
  /** What follows when the adapter fails. A denial is a decision and no failure. */
  readonly onError: 'fail' | 'ignore'
  /** What follows when a post-hook cannot be run on an exchange: hijacked, endless or binary. */
  readonly onUnsupported: 'pass' | 'fail'
  /** Whether the adapter may change the query. */
  readonly requestRewrite: 'query' | 'ignore'
  /** A request body larger than this is refused rather than left unjudged. */
  readonly maxBodyBytes: number
  pre(request: HookRequest, signal: AbortSignal): Promise<Result<Answered<PreOutcome>, HookFailure>>
  /** `request` is what the client sent, before any pre-hook. */
  post(
    request: HookRequest,
    response: HookResponse,
    signal: AbortSignal,
  ): Promise<Result<Answered<PostOutcome>, HookFailure>>
}

/** An adapter's own code, in whatever process it runs: what `defineAdapter` of the SDK makes. */
export interface Adapter {
  readonly name: string
  pre(request: HookRequest, signal: AbortSignal): Promise<PreOutcome>
  post(request: HookRequest, response: HookResponse, signal: AbortSignal): Promise<PostOutcome>
  /** What it does besides, from when it is put in force until the signal is aborted. It may still be called after that. */
  readonly background?: (signal: AbortSignal) => Promise<void>
}
