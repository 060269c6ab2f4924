/**
 * What a request line means to the engine: one identity, or a refusal (`docs/security.md`, "Route identity").
 *
 * Hooks are bound to operations, and the engine executes what it reads out of the target, not what the target looks like:
 * `/containers/%63reate` and `/v1.41./containers/create` both create. So the path is decoded once, exactly as the engine
 * does it, and matched like the engine's router; spellings that no client needs are refused instead of being repaired.
 */
import { type Refusal, refusal } from '../model/refusal.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { findOperation, NO_PARAMS, type Params } from './lookup.ts'
import type { Operation } from './operation.ts'
import { hasBrokenEscape } from './percent.ts'
import { plainQuery, queryRefusal } from './query.ts'

export interface Route {
  /** Nothing for a path that is in no table: the id `unknown` (PS-PATH-008). The caller decides what becomes of it. */
  readonly operation: Operation | undefined
  /** As in the path, without the `v`: `1.41`. A request without it means the engine's newest version. */
  readonly version: string | undefined
  /** Decoded, without the version prefix: `/containers/create`. */
  readonly path: string
  /** Decoded, with the version prefix if there is one: `/v1.41/containers/create`. */
  readonly versionedPath: string
  /** As received, without the query. */
  readonly rawPath: string
  /** As received, without the question mark; empty if there is none. */
  readonly query: string
  /** The names in the path, decoded: `{ id: 'web' }`. */
  readonly params: Params
}

export interface RouteTerms {
  /** Older versions are refused: some requests mean something else there (PS-PATH-007). */
  readonly minApiVersion?: string
}

/** Every engine since 25 refuses older ones itself; before 1.24 `start` takes a HostConfig. */
const MIN_API_VERSION = '1.24'

export function identify(method: string, target: string, terms: RouteTerms = {}): Result<Route, Refusal> {
  if (!target.startsWith('/')) return failed(OTHER_FORM)
  const mark = target.indexOf('?')
  const rawPath = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? '' : target.slice(mark + 1)

  const decoded = decodePath(rawPath)
  if (!decoded.ok) return decoded
  const versionedPath = decoded.value
  if (UNCLEAN.test(versionedPath)) return failed(UNCLEAN_PATH)

  const prefixEnd = versionPrefixEnd(versionedPath)
  const version = prefixEnd === 0 ? undefined : versionedPath.slice(2, prefixEnd)
  const path = prefixEnd === 0 ? versionedPath : versionedPath.slice(prefixEnd)
  if (version !== undefined) {
    const refused = versionRefusal(version, path, terms.minApiVersion ?? MIN_API_VERSION)
    if (refused !== undefined) return failed(refused)
  }

  const found = findOperation(method, path)
  const refused = queryRefusal(query, found?.operation)
  if (refused !== undefined) return failed(refused)
  return ok({
    operation: found?.operation,
    version,
    path,
    versionedPath,
    rawPath,
    query,
    params: found?.params ?? NO_PARAMS,
  })
}

/** The target of a request that hooks judge: the client's own, or one that says the same in the plainest way. */
export function plainTarget(target: string, { rawPath, query, operation }: Route): string {
  const plain = plainQuery(query, operation)
  return plain === query ? target : `${rawPath}?${plain}`
}

/** Visible ASCII, without the two characters that other readers give a meaning of their own. */
const BAD_IN_RAW_PATH = /[^!-~]|[#\\]/
/** A name with a line break would slip past the engine's router, which matches line by line; none needs a control. */
const CONTROL = /[\0-\x1f\x7f]/

function decodePath(rawPath: string): Result<string, Refusal> {
  if (BAD_IN_RAW_PATH.test(rawPath)) return failed(BAD_BYTE)
  if (!rawPath.includes('%')) return ok(rawPath)
  if (hasBrokenEscape(rawPath)) return failed(BROKEN_PERCENT)
  try {
    const path = decodeURIComponent(rawPath)
    return CONTROL.test(path) ? failed(ENCODED_CONTROL) : ok(path)
  } catch {
    return failed(NOT_UTF8)
  }
}

/** What the engine would clean and answer with a redirect; a slash at the end stays. */
const UNCLEAN = /\/(?:\/|\.{1,2}(?:\/|$))/

/** Where the version prefix of a path ends, if it has one for the engine: `/v`, digits and dots, `/`. Otherwise 0. */
function versionPrefixEnd(path: string): number {
  if (!path.startsWith('/v')) return 0
  for (let at = 2; at < path.length; at += 1) {
    const code = path.charCodeAt(at)
    if (code === SLASH) return at === 2 ? 0 : at
    if (code !== DOT && (code < DIGIT_0 || code > DIGIT_9)) return 0
  }
  return 0
}

const SLASH = 0x2f
const DOT = 0x2e
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39

/** Major and minor without padding, and a third part for those who have one. */
const PLAIN_VERSION = /^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(\.(?:0|[1-9][0-9]*))?$/

function versionRefusal(version: string, path: string, oldest: string): Refusal | undefined {
  const parts = PLAIN_VERSION.exec(version)
  // Podman's own API has versions of three parts; `podman-remote` sends both kinds.
  if (parts === null || (parts[3] !== undefined && !path.startsWith('/libpod/'))) return ODD_VERSION
  const dot = oldest.indexOf('.')
  const older =
    compareNumbers(parts[1]!, oldest.slice(0, dot)) || compareNumbers(parts[2]!, oldest.slice(dot + 1))
  if (older >= 0) return undefined
  return refusal(
    'PS-PATH-007',
    400,
    `API version ${version} is older than ${oldest}, the oldest accepted here`,
  )
}

/** Of two numbers without leading zeros the one with more digits is larger. */
function compareNumbers(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length
  return one < other ? -1 : one > other ? 1 : 0
}

const BROKEN_PERCENT = refusal(
  'PS-PATH-001',
  400,
  'the path holds a "%" without two hexadecimal digits; write it as %25',
)
const ODD_VERSION = refusal(
  'PS-PATH-002',
  400,
  'the version in the path is not of the form /v1.41: two numbers, one dot, no leading zeros',
)
const UNCLEAN_PATH = refusal(
  'PS-PATH-003',
  400,
  'the path holds an empty, "." or ".." segment; send the path that is meant',
)
const OTHER_FORM = refusal('PS-PATH-004', 400, 'the request target must be a path that starts with "/"')
const BAD_BYTE = refusal(
  'PS-PATH-006',
  400,
  'the path may hold visible ASCII except "#" and "\\"; percent-encode everything else',
)
const NOT_UTF8 = refusal('PS-PATH-006', 400, 'the path is not UTF-8 once decoded')
const ENCODED_CONTROL = refusal('PS-PATH-006', 400, 'the path holds an encoded control character')
