/**
 * What a hook is shown and what it may answer, whatever protocol and transport carry it.
 *
 * Bodies are text: a body that is shown to hooks is UTF-8, and adapters of protocol 1 get it as a JSON string within
 * JSON. `null` is a body that is not there, or not for hooks to see.
 */
import type { AdapterAbilities, HookCall, HookReply, StreamCall, StreamOutcome } from './call.ts'
import type { Result } from './result.ts'
import type { SecretKind } from './secret.ts'
import type { Soon } from './soon.ts'
import type { StopSignal } from './stop.ts'

/** A request as hooks see it. What is optional is for protocol 2; the first has no place for it. */
export interface HookRequest {
  readonly method: string
  /** Path and query as received, escapes untouched. */
  readonly target: string
  readonly body: string | null
  /** How to read the body. Left out: JSON where there is a text, otherwise nothing. */
  readonly form?: BodyForm | undefined
  /** Of the form `base64`: the bytes, which are no text. `body` is `null` then. */
  readonly base64?: string | undefined
  readonly headers?: HookHeaders | undefined
  /** What hooks have changed of the header fields so far. */
  readonly mutation?: HeaderMutation | undefined
}

/** An answer of the engine as hooks see it. What is optional is for protocol 2. */
export interface HookResponse {
  /** 200 to 599. */
  readonly status: number
  /** The whole field value, parameters included. `null` where the answer has none. */
  readonly contentType: string | null
  readonly body: string
  /** How to read the body. Left out: text, if there is any. */
  readonly form?: BodyForm | undefined
  /** Of the form `base64`: the bytes, which are no text. `body` is empty then. */
  readonly base64?: string | undefined
  readonly headers?: HookHeaders | undefined
  /** What hooks have changed of the header fields so far. */
  readonly mutation?: HeaderMutation | undefined
}

/** `json`: the text is one JSON document. `none`: there is no body. `omitted`: there is one, and it is not shown. */
export type BodyForm = 'json' | 'utf8' | 'base64' | 'none' | 'omitted'

/** Header fields by their names in lower case; a field that stands twice has two values. */
export type HookHeaders = Readonly<Record<string, readonly string[]>>

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
  /** 400 to 499 in protocol 1, 400 to 599 in protocol 2. */
  readonly status: number
  /** For the person at the client; empty if the adapter gave no reason. */
  readonly message: string
  /** In a word or two, for programs. Protocol 2 only. */
  readonly reason?: string
}

/** Everything that an adapter of any protocol can decide, in whatever phase. Which phase allows what is for `wire/` to judge. */
export type Outcome = { readonly kind: 'pass' } | Replacement | Denial | Immediate

/** Go on with these instead. What is left out stays as it was. */
export interface Replacement {
  readonly kind: 'replace'
  /** Of a request: the same path with another query. */
  readonly target?: string
  /** Never beside `patch`. */
  readonly body?: string
  /** How to read `body`; left out, it is text as it stands. `base64` is bytes. */
  readonly form?: 'json' | 'utf8' | 'base64'
  /** A change of the JSON body, still to be applied. */
  readonly patch?: BodyPatch
  /** Of an answer. */
  readonly status?: number
  readonly contentType?: string
  readonly headers?: HeaderMutation
}

/** A patch as JSON text: what it says of numbers must survive. RFC 6902 or RFC 7396. */
export interface BodyPatch {
  readonly type: 'JSONPatch' | 'JSONMergePatch'
  readonly text: string
}

/** Names in lower case. What is set replaces all fields of that name. */
export interface HeaderMutation {
  readonly set: Readonly<Record<string, string>>
  readonly remove: readonly string[]
}

/** Answer the client now: the engine never sees the request. */
export interface Immediate {
  readonly kind: 'respond'
  /** 200 to 599. */
  readonly status: number
  readonly contentType: string | null
  readonly body: string
  readonly form: 'json' | 'utf8' | 'base64'
  readonly skipPost: boolean
}

/** What an adapter of protocol 2 says beside its outcome. */
export interface Remarks {
  /** For the people at the client. */
  readonly warnings: readonly string[]
  /** For whoever reads the decision log. */
  readonly annotations: Readonly<Record<string, string>>
  /** JSON text of an object, which this adapter's later hooks in the same request are handed. */
  readonly metadata?: string
  /** Something was reserved, which must be undone if the request does not end well. */
  readonly compensate: boolean
}

/** Everything that can go wrong between the proxy and an adapter. None of it is a bug here. */
export type HookFailure =
  /**
   * Refused, reset, no such host, closed without a reply. `sent`: the adapter may have seen the call. `stale`: more likely it
   * had just closed a connection that had been idle.
   */
  | { readonly kind: 'unreachable'; readonly cause: string; readonly sent?: true; readonly stale?: true }
  /** `begun`: false where the adapter was not even called in that time, because nobody knew yet what it speaks. */
  | { readonly kind: 'deadline'; readonly deadlineMs: number; readonly begun?: false }
  /** The adapter itself says that it failed: a status from 500 on. `message` may be empty. */
  | { readonly kind: 'broken'; readonly status: number; readonly message: string }
  /** A reply that means nothing: not JSON, too large, a redirect, a field of the wrong type. */
  | {
      readonly kind: 'bad-reply'
      readonly problem: string
      /** What the adapter did is not known, or it asked for it to be undone in a reply that was wrong otherwise. */
      readonly mayHaveActed?: true
    }
  /** Whether the hook is to be called at all could not be decided, so it was not. */
  | { readonly kind: 'undecided'; readonly problem: string }
  /** The client left, so the call was ended, or never made. */
  | { readonly kind: 'aborted'; readonly begun?: false }

/** What a hook answers: its outcome, and what its author should be told of (logged, never shown to clients). */
export interface Answered<O> {
  readonly outcome: O
  readonly warnings: readonly string[]
  /** Protocol 2 only. */
  readonly remarks?: Remarks
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
  /** The secrets that the configuration grants it. Left out: none. */
  readonly secrets?: readonly SecretKind[]
  /** What a configuration of version 2 adds to a place. Left out: the adapter speaks protocol 1 there. */
  readonly terms?: HookTerms
  /** What the adapter said of itself. Nothing where it speaks protocol 1, or has not said anything yet. */
  abilities?(): AdapterAbilities | undefined
  /** Whether it turned out to speak protocol 1 in a place that knows both. */
  speaksOld?(): boolean
  pre(
    request: HookRequest,
    signal: StopSignal,
    facts: CallFacts,
  ): Soon<Result<Answered<Outcome>, HookFailure>>
  /** `request` is what the client sent, before any pre-hook; in protocol 2 what was sent to the engine. */
  post(
    request: HookRequest,
    response: HookResponse,
    signal: StopSignal,
    facts: CallFacts,
  ): Soon<Result<Answered<Outcome>, HookFailure>>
  /** Protocol 1 has no such hooks, nor the following. */
  validate?(
    request: HookRequest,
    signal: StopSignal,
    facts: CallFacts,
  ): Soon<Result<Answered<Outcome>, HookFailure>>
  /** Undoes the pre-hook call of `facts.uid`. `budgetMs`: the most that it may take. */
  unwind?(
    request: HookRequest,
    cause: UnwindCause,
    budgetMs: number,
    facts: CallFacts,
  ): Soon<Result<undefined, HookFailure>>
  observe?(
    request: HookRequest,
    end: ObservedEnd,
    signal: StopSignal,
    facts: CallFacts,
  ): Soon<Result<undefined, HookFailure>>
  /** Shows one part of a stream. The calls about one stream come one after the other, each when the one before was answered. */
  stream?(
    request: HookRequest,
    part: StreamPart,
    signal: StopSignal,
    facts: CallFacts,
  ): Soon<Result<StreamOutcome, HookFailure>>
}

/** What a stream-hook is shown in one call. */
export type StreamPart = Pick<StreamCall, 'part' | 'seq' | 'events' | 'response'>

/** What the configuration says of one use of an adapter of protocol 2. */
export interface HookTerms {
  /** The endpoint of the configuration that the use stands in, as written. */
  readonly endpoint: string
  /** Place in its list, and the list's length. */
  readonly index: number
  readonly length: number
  /** Which bodies it is shown. `auto`: those that Docker's API defines as JSON. */
  readonly body: 'auto' | 'buffered' | 'none'
  /** What follows from a body larger than `maxBodyBytes`. */
  readonly onOversize: 'reject' | 'omit' | 'skip'
  /** Whether it is also shown the request as the client sent it. */
  readonly original: boolean
  /** Header fields that it may set or remove, in lower case. */
  readonly mutableHeaders: readonly string[]
  /** Decides whether the hook is called at all. Left out: always. */
  readonly when?: HookCondition
  /** Of an observe-hook: the share of exchanges that it is told of, above 0 and up to 1. */
  readonly sample: number
  /** What becomes of a dry run where the adapter has effects even then. */
  readonly dryRun: 'refuse' | 'skip'
}

/** A condition on the request; the failure is why it could not be decided. */
export interface HookCondition {
  readonly readsBody: boolean
  holds(request: HookRequest, exchange: ExchangeFacts): Result<boolean, string>
}

/** What hooks of protocol 2 are told of the exchange, beside its messages. The same for all of them. */
export interface ExchangeFacts {
  readonly requestId: string
  /** Docker's operation id; `null` for a request that is none. */
  readonly operation: string | null
  /** From the path: `1.45`. `null` where the client wrote none. */
  readonly apiVersion: string | null
  /** The names in the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly user: HookUser
  readonly listener: string
  readonly dryRun: boolean
}

/** Who asks, as far as the listener knows. */
export interface HookUser {
  readonly name: string | null
  /** `TLS` where a client certificate said who it is. */
  readonly authenticationMethod: string | null
  /** `null` on a unix socket. */
  readonly peerAddress: string | null
}

/** What hooks of protocol 2 are told of one call. */
export interface CallFacts {
  /** Of this call, and of each repetition of it. In an unwind-hook, that of the pre-hook call to be undone. */
  readonly uid: string
  readonly exchange: ExchangeFacts
  /** JSON text of an object: what this adapter returned earlier in this exchange. */
  readonly metadata: string | undefined
  /** What the client sent, before any hook. */
  readonly original: HookRequest
  /** What is left of the chain's time; Infinity where it has no end. */
  readonly budgetMs: number
}

/** Why a pre-hook is undone. */
export interface UnwindCause {
  readonly phase: 'pre' | 'validate' | 'engine' | 'post' | 'client'
  /** Whose outcome or failure it was; `null` for the engine's and the client's. */
  readonly adapter: string | null
  /** It is this hook's own call whose effect nobody knows. */
  readonly selfTimeout: boolean
  readonly upstream: 'not-called' | 'failed' | 'completed' | 'unknown'
  /** What the client was told, if anything. */
  readonly status: { readonly code: number; readonly message: string } | null
  /** The engine's answer, where it gave one. */
  readonly response: HookResponse | null
}

/** What an observe-hook is told of the end of an exchange. */
export interface ObservedEnd {
  /** What the client got; `null` if it got nothing. */
  readonly response: HookResponse | null
  readonly fate: string
  /** Bytes from and to the client, heads included. */
  readonly requestBytes: number
  readonly responseBytes: number
}

/** An adapter's own code, in whatever process it runs: what `defineAdapter` of the SDK makes. */
export interface Adapter {
  readonly name: string
  readonly abilities: AdapterAbilities
  /** Its answer to any call of protocol 2, at once where it need not wait for anything. What goes wrong is thrown, or rejected with. */
  answer(call: HookCall, signal: StopSignal): Soon<HookReply>
  /** The same for those who speak protocol 1. */
  pre(request: HookRequest, signal: StopSignal): Soon<PreOutcome>
  post(request: HookRequest, response: HookResponse, signal: StopSignal): Soon<PostOutcome>
  /** What it does besides, from when it is put in force until the signal is aborted. It may still be called after that. */
  readonly background?: (signal: AbortSignal) => Promise<void>
}
