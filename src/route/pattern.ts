/**
 * Endpoints as configurations of version 1 write them: `POST /v1.16/containers/create` (`docs/protocol-v1.md`, "Endpoint
 * patterns"). What a `*` and its fellows match is `fnmatch.ts`; here is what belongs to Docker: methods and versions.
 */
import { METHODS } from '../http1/head.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { compileGlob, type Glob, globMatches, type Piece, pieceTakes, RUN } from './fnmatch.ts'
import type { Route } from './identity.ts'
import type { Operation } from './operation.ts'
import { OPERATIONS } from './operations.ts'

export interface Pattern {
  /** As written. */
  readonly text: string
  /** `operations`: it goes by what a request means, not by how it is spelled (`operation-pattern.ts`). */
  readonly kind: 'glob' | 'operations'
  /** The one version that the pattern is for, if it names one: `1.16`. Clients choose their version, so it may miss some. */
  readonly fixedVersion: string | undefined
  matches(subject: Subject): boolean
}

/** A request as patterns see it: method, space, path; no query. */
export interface Subject {
  /** With the path's escapes as received. */
  readonly received: string
  /** With the path decoded once. */
  readonly decoded: string
  /** Whether the path starts with a version. */
  readonly versioned: boolean
  /** What it means: Docker's operation id, or `unknown`. */
  readonly operation: string
}

export function subjectOf(
  method: string,
  route: Pick<Route, 'rawPath' | 'versionedPath' | 'version' | 'operation'>,
): Subject {
  return {
    received: `${method} ${route.rawPath}`,
    decoded: `${method} ${route.versionedPath}`,
    versioned: route.version !== undefined,
    operation: route.operation?.id ?? UNKNOWN_OPERATION,
  }
}

/** The id of all that is in no Docker API description (PS-PATH-008). */
export const UNKNOWN_OPERATION = 'unknown'

/** Why a pattern can match no request. */
export interface PatternProblem {
  readonly kind: 'no-method' | 'lower-case-method' | 'unknown-method' | 'no-leading-slash'
  /** What is wrong, without the example. */
  readonly message: string
  /** What was probably meant. */
  readonly example: string
}

export function compilePattern(text: string): Result<Pattern, PatternProblem> {
  const parts = splitPattern(text)
  if (!parts.ok) return parts
  const { beforePath, path } = parts.value
  const whole = [...beforePath, ...path]
  const segment = firstSegment(path)
  const versionless =
    segment !== undefined && mayNameVersion(segment)
      ? [...beforePath, ...path.slice(1 + segment.length)]
      : undefined
  return ok({
    text,
    kind: 'glob',
    fixedVersion: segment && fixedVersion(segment),
    matches: (subject) =>
      matchesEither(whole, subject) ||
      // Without a version the engine means its newest one, so a pattern for any version is for this request too.
      (versionless !== undefined && !subject.versioned && matchesEither(versionless, subject)),
  })
}

/** An encoded letter must not hide a request from its hooks, nor may a pattern with an escape miss what it spells. */
function matchesEither(glob: Glob, { received, decoded }: Subject): boolean {
  return globMatches(glob, decoded) || (received !== decoded && globMatches(glob, received))
}

interface PatternParts {
  /** The method and the space, or a `*` that takes both. */
  readonly beforePath: Glob
  readonly path: Glob
}

function splitPattern(text: string): Result<PatternParts, PatternProblem> {
  const space = text.indexOf(' ')
  if (space === -1) {
    if (text.startsWith('*')) return ok({ beforePath: [RUN], path: compileGlob(text.replace(/^\*+/, '')) })
    return failed(noMethod(text))
  }
  const method = text.slice(0, space)
  if (method === '') return failed(noMethod(text))
  const path = text.slice(space + 1)
  const methodGlob = compileGlob(method)
  if (!METHODS.some((known) => globMatches(methodGlob, known))) return failed(wrongMethod(method, path))
  const pathGlob = compileGlob(path)
  if (pathGlob[0] === undefined || !pieceTakes(pathGlob[0], SLASH))
    return failed(noLeadingSlash(method, path))
  return ok({ beforePath: [...methodGlob, SPACE], path: pathGlob })
}

const SPACE = 0x20
const SLASH = 0x2f
const LETTER_V = 0x76
const VERSION_CHARACTERS = Array.from('0123456789.', (character) => character.charCodeAt(0))

/** What stands between the slash at the start and the next one. */
function firstSegment(path: Glob): Glob | undefined {
  if (path[0] !== SLASH) return undefined
  const end = path.indexOf(SLASH, 1)
  return end === -1 ? undefined : path.slice(1, end)
}

/** Whether the segment can be a version, `v` with digits and dots: `*`, `v*` and `v[12]` can, `volumes` cannot. */
function mayNameVersion(segment: Glob): boolean {
  const start = segment.findIndex((piece) => piece !== RUN)
  if (start === -1) return segment.length > 0
  const behindRun = start > 0
  const rest = segment.slice(start)
  if (behindRun && rest.every(takesVersionCharacter)) return true
  return rest.length > 1 && pieceTakes(rest[0]!, LETTER_V) && rest.slice(1).every(takesVersionCharacter)
}

function takesVersionCharacter(piece: Piece): boolean {
  return VERSION_CHARACTERS.some((code) => pieceTakes(piece, code))
}

function fixedVersion(segment: Glob): string | undefined {
  if (!segment.every((piece) => typeof piece === 'number')) return undefined
  return /^v([0-9.]+)$/.exec(String.fromCodePoint(...segment))?.[1]
}

function noMethod(text: string): PatternProblem {
  const slash = text.indexOf('/')
  return {
    kind: 'no-method',
    message: 'the pattern has no method before its path',
    example: slash === -1 ? endpointNamed(text) : withMethod(text.slice(slash)),
  }
}

function wrongMethod(method: string, path: string): PatternProblem {
  const upper = method.toUpperCase()
  const upperGlob = compileGlob(upper)
  if (METHODS.some((known) => globMatches(upperGlob, known)))
    return {
      kind: 'lower-case-method',
      message: `the method ${JSON.stringify(method)} is not in upper case, and methods are compared exactly`,
      example: `${upper} ${withSlash(path)}`,
    }
  return {
    kind: 'unknown-method',
    message: `${JSON.stringify(method)} is no method of the Docker API (${METHODS.join(', ')})`,
    example: withMethod(withSlash(path)),
  }
}

function noLeadingSlash(method: string, path: string): PatternProblem {
  return {
    kind: 'no-leading-slash',
    message: 'the path of the pattern does not start with "/" right after one space',
    example: `${method} ${withSlash(path)}`,
  }
}

function withSlash(path: string): string {
  const trimmed = path.trimStart()
  return /^[/*?[]/.test(trimmed) ? trimmed : `/${trimmed}`
}

/** The path with the method of the operations that it matches, or with `*` if they have several, or there are none. */
function withMethod(path: string): string {
  const anyMethod = `* ${path}`
  const pattern = compilePattern(anyMethod)
  if (!pattern.ok) return anyMethod
  const methods = new Set<string>()
  for (const operation of OPERATIONS) {
    const request = `${operation.method} ${operation.path.replaceAll(/\{[^}]+\}/g, 'x')}`
    const subject = { received: request, decoded: request, versioned: false, operation: operation.id }
    if (pattern.value.matches(subject)) methods.add(operation.method)
  }
  const [method] = methods
  return method !== undefined && methods.size === 1 ? `${method} ${path}` : anyMethod
}

/** Someone who wrote an operation's id meant its endpoint. */
function endpointNamed(text: string): string {
  const meant: Operation =
    OPERATIONS.find((operation) => operation.id.toLowerCase() === text.trim().toLowerCase()) ??
    OPERATIONS.find((operation) => operation.id === 'ContainerCreate')!
  return `${meant.method} /*${meant.path.replaceAll(/\{[^}]+\}/g, '*')}`
}
