/** How an exchange ended; exactly one for each (`docs/life-of-a-request.md` has a paragraph on every one). */
export type Fate =
  /** No hook matched: bytes were copied. */
  | 'relayed'
  /** Refused by the proxy itself, before any hook and before the engine. */
  | 'ambiguous'
  /** The engine could not be reached, or went away before it answered. */
  | 'unreachable'
  /** The engine went away, or broke HTTP, in the middle of its answer. */
  | 'cut-off'
  /** The connection turned into a two-way stream. */
  | 'hijacked'
  /** The client left before it had its answer. */
  | 'aborted'

/** What is told about an exchange when it is over. */
export interface ExchangeReport {
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
  | { readonly kind: 'listening'; readonly address: string }
  | {
      readonly kind: 'engine-found'
      readonly address: string
      readonly version: string
      readonly apiVersion: string
    }
  | { readonly kind: 'engine-missing'; readonly address: string; readonly message: string }
  | { readonly kind: 'draining'; readonly connections: number; readonly graceMs: number }
  | { readonly kind: 'connection-crashed'; readonly error: unknown }

export type EventSink = (event: ProxyEvent) => void
