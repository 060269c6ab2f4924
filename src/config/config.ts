import type { Pattern } from '../route/pattern.ts'
import type { AdapterAddress } from './adapter-url.ts'

/** A configuration that has been checked. Nothing in it changes: a reload makes another one. */
export interface Config {
  readonly version: 1
  /** The file as it was named to us, for messages that point into it. */
  readonly file: string
  /** In file order, which is the order in which rules that match the same request are joined. */
  readonly rules: readonly Rule[]
  readonly adapters: ReadonlyMap<string, AdapterConfig>
  readonly options: Options
}

/** One endpoint and its hooks, in order. */
export interface Rule {
  readonly pattern: Pattern
  readonly pre: readonly AdapterUse[]
  readonly post: readonly AdapterUse[]
  /** Where its key is written, counted from 1. */
  readonly line: number
}

/** An adapter in one place of one list. Its name is a key of `Config.adapters`. */
export interface AdapterUse {
  readonly adapter: string
  readonly line: number
}

export type AdapterConfig = UrlAdapter | InProcessAdapter

export interface UrlAdapter extends AdapterSettings {
  readonly kind: 'url'
  /** Exactly as written. */
  readonly url: string
  readonly address: AdapterAddress
  /** A new connection for every call, as protocol 1 promises its adapters. */
  readonly fresh: true
}

/** An adapter that comes with powerstrip and runs inside it. */
export interface InProcessAdapter extends AdapterSettings {
  readonly kind: 'in-process'
  /** Which of them: one of the names that `parseConfig` was given. */
  readonly use: string
  /** What the configuration tells it. The adapter itself judges the content. */
  readonly with: JsonObject
}

export interface AdapterSettings {
  readonly name: string
  /** Where its name is written as a key, counted from 1. */
  readonly line: number
  readonly protocol: 1
  readonly timeoutMs: number
  /** What follows when the adapter fails. A denial is a decision and no failure. */
  readonly onError: 'fail' | 'ignore'
  /** What follows when a hook cannot be run on an exchange (a hijacked, binary or endless one). */
  readonly onUnsupported: 'pass' | 'fail'
  /** Whether the adapter may change the query. */
  readonly requestRewrite: 'query' | 'ignore'
  /** A request body larger than this is refused rather than left unjudged. */
  readonly maxBodyBytes: number
}

export interface Options {
  readonly limits: BodyLimits
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
