import type { HookFailure } from './hook.ts'

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
  /** A pre-hook refused; the engine was not asked. */
  | 'denied'
  /** A pre-hook failed; the engine was not asked. */
  | 'hook-failed'
  /** A post-hook refused. The engine had acted already. */
  | 'post-denied'
  /** A post-hook failed, or could not be shown the answer. The engine had acted already. */
  | 'post-failed'
  /** The engine could not be reached, or went away before it answered. */
  | 'unreachable'
  /** The engine went away, or broke HTTP, in the middle of its answer. */
  | 'cut-off'
  /** The connection turned into a two-way stream. */
  | 'hijacked'
  /** The client left before it had its answer. */
  | 'aborted'

/** Why post-hooks were passed over: what protocol 1 has no message for. */
export type SkipReason = 'two-way' | 'endless' | 'binary'

/** What is worth telling of a chain while it runs. None of it changes how the exchange ends. */
export type ChainNote =
  /** For the adapter's author. */
  | {
      readonly kind: 'warning'
      readonly phase: 'pre' | 'post'
      readonly adapter: string
      readonly warning: string
    }
  /** Passed over because the configuration says `onError: ignore`. */
  | {
      readonly kind: 'failure-ignored'
      readonly phase: 'pre' | 'post'
      readonly adapter: string
      readonly failure: HookFailure
    }
  | { readonly kind: 'post-hooks-skipped'; readonly adapters: readonly string[]; readonly reason: SkipReason }

/** What is told about an exchange when it is over. */
export interface ExchangeReport {
  /** Empty when the head could not be read. */
  readonly method: string
  /** Path and query as received; empty when the head could not be read. */
  readonly target: string
  /** Docker's operation id, or `unknown`. */
  readonly operation: string
  /** Status that the client was sent, if any. */
  readonly status: number | undefined
  /** Bytes received from the client and sent to it, heads included. */
  readonly requestBytes: number
  readonly responseBytes: number
  readonly durationMs: number
  readonly fate: Fate
  /** Why, where the fate alone does not say it. */
  readonly detail: string | undefined
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
  | { readonly kind: 'draining'; readonly connections: number; readonly graceMs: number }
  | { readonly kind: 'connection-crashed'; readonly error: unknown }

export type EventSink = (event: ProxyEvent) => void
