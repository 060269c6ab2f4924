import type { Address, ClientTls, EngineTarget } from '../model/address.ts'
import type { ListenerSpec, SocketRights } from '../model/listener.ts'
import type { SecretKind } from '../model/secret.ts'
import type { Pattern } from '../route/pattern.ts'
import type { AdapterAddress } from './adapter-url.ts'

/**
 * A configuration that has been checked. Nothing in it changes: a reload makes another one.
 *
 * Version 1 and version 2 become the same thing; what version 1 cannot say stands here with its default.
 */
export interface Config {
  readonly version: 1 | 2
  /** The file as it was named to us, for messages that point into it. */
  readonly file: string
  /** The rules of every listener that has none of its own, in file order: that is how rules that match the same request are joined. */
  readonly rules: readonly Rule[]
  /** In file order; none where the command line names the addresses. */
  readonly listeners: readonly ListenerConfig[]
  /** Nothing: the command line or the environment names the engine. */
  readonly upstream: EngineTarget | undefined
  readonly adapters: ReadonlyMap<string, AdapterConfig>
  readonly options: Options
}

/** One place where clients connect, and its rules. */
export interface ListenerConfig extends ListenerSpec, Place {
  /**
   * The rules for what comes in here: `Config.rules` itself (the same array) unless the listener has `endpoints` of its own;
   * empty with `hooks: false`.
   */
  readonly rules: readonly Rule[]
}

/** Where something is written, for messages that point there. */
export interface Place {
  /** As messages show it: the configuration itself, or a file that it includes. */
  readonly file: string
  /** Counted from 1. */
  readonly line: number
}

export const PHASES = ['pre', 'validate', 'post', 'observe', 'stream'] as const

/** When a hook is called. (`unwind` is not configured: it follows from `pre`.) */
export type Phase = (typeof PHASES)[number]

/** One endpoint and its hooks, in order. */
export interface Rule extends Place, Readonly<Record<Phase, readonly AdapterUse[]>> {
  /** What its key matches: a glob over method and path, or operations by their ids. */
  readonly pattern: Pattern
}

/** An adapter in one place of one list. */
export interface AdapterUse extends Place {
  /** A key of `Config.adapters`. */
  readonly adapter: string
  /** What holds in this place: the use's own settings, else the adapter's, else the defaults. */
  readonly settings: UseSettings
}

export type AdapterConfig = UrlAdapter | InProcessAdapter | ModuleAdapter

export interface UrlAdapter extends AdapterDefinition {
  readonly kind: 'url'
  /** Exactly as written. With `unix` and `path` it is the URL that says the same. */
  readonly url: string
  readonly address: AdapterAddress
  /** A new connection for every call, as protocol 1 promises its adapters. */
  readonly fresh: boolean
  readonly auth: AdapterAuth | undefined
  /** For `https`, beyond what Node trusts. */
  readonly tls: ClientTls | undefined
  /** Calls at one time. Nothing: as many as there are exchanges, or as the adapter's handshake allows. */
  readonly concurrency: number | undefined
  /** Calls that may wait for one of these. */
  readonly maxQueue: number
  /** How long the handshake of protocol 2 is repeated in quick succession while the adapter starts. */
  readonly startupTimeoutMs: number
  readonly circuitBreaker: CircuitBreaker | undefined
}

/** How calls show that they come from here. Absolute names of files, read again when they change. */
export type AdapterAuth =
  | { readonly kind: 'bearer'; readonly file: string }
  /** One secret a line, the newest first: each call is signed with all of them. */
  | { readonly kind: 'hmac'; readonly file: string }

/** After `failures` calls in a row that failed, none is made for `pauseMs`; then one is tried. */
export interface CircuitBreaker {
  readonly failures: number
  readonly pauseMs: number
}

/** An adapter that comes with powerstrip and runs inside it. */
export interface InProcessAdapter extends AdapterDefinition {
  readonly kind: 'in-process'
  /** Which of them: one of the names that `parseConfig` was given. */
  readonly use: string
}

/** A user's own adapter that runs inside powerstrip. */
export interface ModuleAdapter extends AdapterDefinition {
  readonly kind: 'module'
  /** Absolute name of the file whose default export `defineAdapter` made. */
  readonly module: string
}

/** What every kind of adapter has. */
export interface AdapterDefinition extends Place {
  readonly name: string
  /** `auto`: 2 if the adapter answers the handshake, else 1. In process it is always 2 in a file of version 2. */
  readonly protocol: 1 | 2 | 'auto'
  /** What holds in each of its places that says nothing else. */
  readonly settings: UseSettings
}

/** What each use of an adapter may set for itself. */
export interface UseSettings {
  readonly timeoutMs: number
  /** The same for an adapter with `protocol: auto` that turned out to speak protocol 1, which has a longer default. */
  readonly timeoutV1Ms: number
  /** What follows when the adapter fails. A denial is a decision and no failure. */
  readonly onError: 'fail' | 'ignore'
  /** What follows when a hook cannot be run on an exchange (a hijacked, binary or endless one). */
  readonly onUnsupported: 'pass' | 'fail'
  /** Whether the adapter may change the query. */
  readonly requestRewrite: 'query' | 'ignore'
  /** A request body larger than this is refused rather than left unjudged, or as `onOversize` says. */
  readonly maxBodyBytes: number
  /** Secrets that the adapter is shown; without a grant it sees none. */
  readonly secrets: readonly SecretKind[]
  /** `omit`: the hook is called without the body (observe and post only). `skip`: it is not called. */
  readonly onOversize: 'reject' | 'omit' | 'skip'
  /** `auto`: JSON is buffered, archives are not. */
  readonly body: 'auto' | 'buffered' | 'none'
  readonly headers: HeaderRights
  /** Whether protocol 2 sends `OriginalClientRequest` too. */
  readonly originalRequest: boolean
  /** What the configuration tells the adapter. It alone judges the content. */
  readonly with: JsonObject
  /** A condition in CEL: false, and the hook is not called. */
  readonly when: string | undefined
  /** The share of exchanges that an observer is told of: more than 0, at most 1. */
  readonly sample: number
  /** How often a call that may be repeated is. */
  readonly retries: number
  /** What becomes of a dry run when the adapter says that it has side effects even then. */
  readonly dryRun: 'refuse' | 'skip'
}

/** Field names in lower case. */
export interface HeaderRights {
  /** Shown to the adapter besides what all are shown. */
  readonly forward: readonly string[]
  /** The adapter may set or remove them. */
  readonly mutate: readonly string[]
}

export interface Options {
  readonly limits: BodyLimits
  readonly chain: ChainOptions
  readonly security: SecurityOptions
  readonly decisions: DecisionLog | undefined
  readonly admin: AdminOptions | undefined
}

export interface ChainOptions {
  /** For all hooks of one exchange together. Nothing: none; none either where an adapter of protocol 1 is among them. */
  readonly deadlineMs: number | undefined
  /** For undoing what the hooks of one exchange did. */
  readonly unwindTimeoutMs: number
}

export interface SecurityOptions {
  /** Refuses what is otherwise only warned about: plain `http` to adapters on other hosts, for one. */
  readonly strict: boolean
  /** What becomes of requests that are in no Docker API description (PS-PATH-008). */
  readonly unknownEndpoints: 'relay' | 'refuse'
  /** `passthrough`: a connection that opens with HTTP/2 goes to the engine as it is, unseen by any hook (PS-UPGRADE-004). */
  readonly http2: 'refuse' | 'passthrough'
  /** Requests of an older API version are refused (PS-PATH-007). */
  readonly minApiVersion: string
}

export interface DecisionLog {
  /** Absolute; or `stdout` or `stderr`, which are the process's own. */
  readonly file: string
  /** Keys and header names whose values are masked besides those that always are. */
  readonly mask: readonly string[]
  /** Whether requests that no hook asked for get a line. */
  readonly relayed: boolean
}

export interface AdminOptions {
  readonly address: Address
  /** Of a unix socket. */
  readonly socket: SocketRights
  /** Plain TCP beyond loopback: whoever reaches it sees who does what. */
  readonly insecure: boolean
}

/** The most that is held in memory of one body. What is larger is refused, never passed by unjudged. */
export interface BodyLimits {
  readonly requestBodyBytes: number
  readonly responseBodyBytes: number
  readonly adapterReplyBytes: number
}

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}
