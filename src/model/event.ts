import type { ClientIdentity } from './client.ts'
import type { HookFailure, HookRequest, HookResponse, HookUser, UnwindCause } from './hook.ts'

/** How an exchange ended; exactly one for each (`docs/life-of-a-request.md` has a paragraph on every one). */
export type Fate =
  /** No hook matched: bytes were copied. */
  | 'relayed'
  /** Hooks ran and left request and answer as they were. */
  | 'unchanged'
  /** Hooks ran, and at least one changed the request or the answer. */
  | 'changed'
  /** Refused by the proxy itself, before any hook and before the engine. */
  | 'ambiguous'
  /** An adapter answered in the engine's place. */
  | 'answered'
  /** A pre- or validate-hook refused; the engine was not asked. */
  | 'denied'
  /** A pre- or validate-hook failed; the engine was not asked. */
  | 'hook-failed'
  /** A post-hook refused. The engine had acted already. */
  | 'post-denied'
  /** A post- or stream-hook failed, or could not be shown the answer. The engine had acted already. */
  | 'post-failed'
  /** The engine could not be reached, or went away before it answered. */
  | 'unreachable'
  /** The engine went away, or broke HTTP, in the middle of its answer. */
  | 'cut-off'
  /** The connection turned into a two-way stream. */
  | 'hijacked'
  /** The client left before it had its answer. */
  | 'aborted'

/** Why post- or stream-hooks were passed over. `streamed`: stream-hooks stand in the place of post-hooks. */
export type SkipReason = 'two-way' | 'endless' | 'binary' | 'streamed'

/** When a hook is called. */
export type HookPhase = 'pre' | 'validate' | 'post' | 'unwind' | 'observe' | 'stream'

/** What is worth telling of a chain while it runs. None of it changes how the exchange ends. */
export type ChainNote =
  /** For the adapter's author. */
  | {
      readonly kind: 'warning'
      readonly phase: HookPhase
      readonly adapter: string
      readonly warning: string
    }
  /** Passed over because the configuration says `onError: ignore`. */
  | {
      readonly kind: 'failure-ignored'
      readonly phase: HookPhase
      readonly adapter: string
      readonly failure: HookFailure
    }
  | {
      readonly kind: 'post-hooks-skipped' | 'stream-hooks-skipped'
      readonly adapters: readonly string[]
      readonly reason: SkipReason
    }
  /** A body was too large for a hook whose `onOversize` says that it is passed over. */
  | { readonly kind: 'oversize-skipped'; readonly phase: HookPhase; readonly adapter: string }
  /** Something was undone. */
  | {
      readonly kind: 'unwound'
      readonly adapter: string
      readonly uid: string
      readonly requestId: string
      readonly durationMs: number
    }
  /** Something could not be undone: all that is needed to do it by hand. */
  | {
      readonly kind: 'unwind-failed'
      readonly adapter: string
      readonly uid: string
      readonly requestId: string
      readonly method: string
      readonly target: string
      /** JSON text of what the adapter had returned for its later hooks. */
      readonly metadata: string | undefined
      readonly cause: Omit<UnwindCause, 'response'>
      readonly failure: HookFailure
      readonly durationMs: number
    }
  /** The start of a container that was to be removed when it ends was refused, and it was removed in its client's name. */
  | { readonly kind: 'unstarted-removed'; readonly container: string; readonly listener: string }
  /** The same, and it may be there still. `refused`: its client may not remove it. */
  | {
      readonly kind: 'unstarted-left'
      /** Its id or, where it could not be looked at, what its client calls it. */
      readonly container: string
      readonly listener: string
      readonly engine: string
      readonly refused: boolean
      readonly reason: string
    }
  | { readonly kind: 'observer-failed'; readonly adapter: string; readonly failure: HookFailure }
  /** An observe-hook was told of an exchange. */
  | { readonly kind: 'observed'; readonly adapter: string; readonly durationMs: number }
  /** An observe-hook is slower than the exchanges it is told of: the oldest that waited was dropped. */
  | { readonly kind: 'observation-dropped'; readonly adapter: string }

/** One call of one hook, as the decision log has it. */
export interface HookRecord {
  readonly adapter: string
  readonly phase: HookPhase
  /** Protocol 2 only. */
  readonly uid: string | undefined
  /** `skipped`: it was not called, by its condition or because of what it is. */
  readonly outcome: 'pass' | 'replace' | 'deny' | 'respond' | 'failed' | 'skipped'
  readonly durationMs: number
  /** Of a denial or a failure. */
  readonly detail: string | undefined
  /** A failure that `onError: ignore` passed over. */
  readonly failOpen: boolean
  readonly warnings: readonly string[]
  readonly annotations: Readonly<Record<string, string>>
  /** JSON text of what it returned for its later hooks. */
  readonly metadata?: string | undefined
  /** What it changed, if anything. */
  readonly change: HookChange | undefined
  /** Of a stream-hook, whose calls about one stream are one record. */
  readonly stream?: StreamCounts
}

/** What a stream-hook was shown of a stream, and what became of it. */
export interface StreamCounts {
  readonly calls: number
  readonly events: number
  readonly dropped: number
  readonly replaced: number
  readonly inserted: number
  /** Calls that failed and were passed over. */
  readonly passedOver: number
}

export type HookChange =
  | { readonly of: 'request'; readonly before: HookRequest; readonly after: HookRequest }
  | { readonly of: 'response'; readonly before: HookResponse; readonly after: HookResponse }

/** What was undone of an exchange. */
export interface UnwindRecord {
  readonly adapter: string
  readonly uid: string
  readonly result: 'done' | 'failed'
  readonly durationMs: number
}

/** What the hooks of an exchange did. */
export interface ChainReport {
  readonly requestId: string
  readonly user: HookUser
  readonly listener: string
  readonly hooks: readonly HookRecord[]
  /** Those that were undone by the time of the report; more may follow, while `undoing` has not resolved. */
  readonly unwound: readonly UnwindRecord[]
  /** What goes on behind the client's back. Nothing: there is nothing to come. */
  readonly undoing: Promise<void> | undefined
  /** What the client sent, before any hook. */
  readonly original: HookRequest
  /** The last answer that hooks were shown or gave. */
  readonly response: HookResponse | null
  /** What the engine answered, whatever the client was told. */
  readonly engineStatus: number | undefined
}

/** What is told about an exchange when it is over. */
export interface ExchangeReport {
  /** Empty when the head could not be read. */
  readonly method: string
  /** Path and query as received; empty when the head could not be read. */
  readonly target: string
  /** Docker's operation id, or `unknown`. */
  readonly operation: string
  /** From the path; nothing where the client wrote none. */
  readonly apiVersion: string | undefined
  readonly client: ClientIdentity
  /** Of the configuration that it was judged by. */
  readonly revision: string | undefined
  /** Status that the client was sent, if any. */
  readonly status: number | undefined
  /** Bytes received from the client and sent to it, heads included. */
  readonly requestBytes: number
  readonly responseBytes: number
  readonly durationMs: number
  readonly fate: Fate
  /** Why, where the fate alone does not say it. */
  readonly detail: string | undefined
  /** Nothing where no hook was asked for. */
  readonly chain: ChainReport | undefined
}

/** Everything that the proxy tells its sinks. */
export type ProxyEvent =
  | { readonly kind: 'exchange-ended'; readonly report: ExchangeReport }
  | { readonly kind: 'chain'; readonly operation: string; readonly note: ChainNote }
  | { readonly kind: 'listening'; readonly listener: string; readonly address: string }
  | { readonly kind: 'listening-no-more'; readonly listener: string; readonly address: string }
  /** Plain TCP beyond loopback, as somebody has asked for. */
  | { readonly kind: 'listening-openly'; readonly listener: string; readonly address: string }
  /** Connections are being closed because there are as many as this listener may have. */
  | { readonly kind: 'listener-full'; readonly listener: string; readonly connections: number }
  /** A client was not let in; `reason` says what was wrong with its certificate or its handshake. */
  | {
      readonly kind: 'client-refused'
      readonly listener: string
      readonly peerAddress: string | undefined
      readonly reason: string
    }
  | { readonly kind: 'certificates-changed'; readonly listener: string }
  /** They have changed and cannot be used; the last good ones stay in force. */
  | { readonly kind: 'certificates-broken'; readonly listener: string; readonly message: string }
  | {
      readonly kind: 'engine-found'
      readonly address: string
      readonly version: string
      readonly apiVersion: string
    }
  | { readonly kind: 'engine-missing'; readonly address: string; readonly message: string }
  /** `warnings`: text for people, empty if there are none. */
  | { readonly kind: 'config-changed'; readonly file: string; readonly warnings: string }
  /** The last good configuration stays. `problems` is the text for people, with lines and carets. */
  | { readonly kind: 'config-broken'; readonly file: string; readonly problems: string }
  /** In an adapter's own words. */
  | {
      readonly kind: 'adapter-said'
      readonly adapter: string
      readonly level: 'info' | 'warn' | 'error'
      /** A text, or for `error` whatever was thrown. */
      readonly said: unknown
    }
  /** Health, metrics and taps are served there. */
  | { readonly kind: 'admin-listening'; readonly address: string }
  | { readonly kind: 'admin-closed'; readonly address: string }
  /** The decision log had been moved away or was asked to, and goes on in a new file of the same name. */
  | { readonly kind: 'decisions-reopened'; readonly file: string }
  /** It cannot be written; lines wait, up to a limit. */
  | { readonly kind: 'decisions-broken'; readonly file: string; readonly message: string }
  /** It was written more slowly than exchanges ended. */
  | { readonly kind: 'decisions-dropped'; readonly file: string; readonly lines: number }
  | { readonly kind: 'draining'; readonly connections: number; readonly graceMs: number }
  | { readonly kind: 'connection-crashed'; readonly error: unknown }
  /** Thrown where nobody catches it: from a timer of an adapter in process, say. */
  | { readonly kind: 'stray-error'; readonly error: unknown }

export type EventSink = (event: ProxyEvent) => void
