/**
 * A small client of the engine's API, for adapters that have to ask or do more than they are shown.
 *
 * Its address is the engine's own: a client that is sent to powerstrip meets the hooks again, its own adapter's among them.
 * Each call has a connection of its own, which ends with the call.
 */
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { failed, ok, type Result } from '../model/result.ts'
import { causeOf } from '../transport/cause.ts'
import { askerFields } from './askers.ts'
import { engineRequestOptions } from './engine-address.ts'
import { type EngineFilters, type EngineNews, followEvents } from './engine-events.ts'
import { isJsonObject, type Json, parseJson, printJson } from './json.ts'
import type { OptionReader } from './options.ts'

export interface EngineClient {
  /** As it was given. */
  readonly address: string
  /**
   * One call. `path` is `/containers/json`, or `/v1.41/containers/json` where one version is meant; names in it are the
   * caller's to escape (`encodeURIComponent`). Never rejects: an engine that refuses or cannot be asked is a failure.
   */
  json(method: string, path: string, call?: EngineCall): Promise<Result<EngineAnswer, EngineFailure>>
  /**
   * What happens in the engine, until the signal is aborted or the loop is left. Connects again for as long as it takes.
   * After each `connected` whatever is remembered has to be compared with the engine: what happened before is not told.
   * From then on nothing is missed; what happened just before it may be told too.
   */
  events(filters: EngineFilters, signal: AbortSignal): AsyncIterable<EngineNews>
}

export interface EngineCall {
  /** Lists and maps become JSON, as the engine takes its `filters`. `undefined` is left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | object | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  readonly signal?: AbortSignal
  /** For the whole call. 30 s unless told. */
  readonly deadlineMs?: number
}

export interface EngineAnswer {
  /** Below 400. */
  readonly status: number
  /** The body as JSON; `null` where there is none, and text that does not claim to be JSON as it is. */
  readonly body: Json
}

export type EngineFailure =
  /** The engine said no: 400 to 599. The message is the engine's own. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'deadline'; readonly message: string }
  /** The signal of the call was aborted. */
  | { readonly kind: 'aborted'; readonly message: string }
  /** JSON that is none, or more of it than fits. */
  | { readonly kind: 'bad-answer'; readonly message: string }

/** `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375`. Throws for anything else; nothing is sent yet. */
export function engineAt(address: string): EngineClient {
  const destination = engineRequestOptions(address)
  const json: EngineClient['json'] = (method, path, call = {}) => {
    return ask(address, { ...destination, method, path: `${path}${queryOf(call.query)}` }, call)
  }
  return { address, json, events: (filters, signal) => followEvents(address, destination, filters, signal) }
}

/** An option that names the engine: `$DOCKER_HOST` or `unix:///var/run/docker.sock` unless told. */
export function engine(): OptionReader<EngineClient> {
  return (value = process.env.DOCKER_HOST || 'unix:///var/run/docker.sock') => {
    if (typeof value !== 'string') throw new TypeError('is text')
    return engineAt(value)
  }
}

function queryOf(parts: EngineCall['query'] = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parts))
    if (value !== undefined) query.set(name, typeof value === 'object' ? printJson(value) : String(value))
  return query.size === 0 ? '' : `?${query}`
}

const DEADLINE_MS = 30_000

/** A listing of some ten thousand containers. More is no answer to a question of an adapter's. */
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024

async function ask(
  address: string,
  options: RequestOptions,
  { body, signal, deadlineMs = DEADLINE_MS }: EngineCall,
): Promise<Result<EngineAnswer, EngineFailure>> {
  const what = `${options.method} ${options.path}`
  if (signal?.aborted) return failed({ kind: 'aborted', message: `${what} was called off` })
  const stop = new AbortController()
  const leave = () => stop.abort('aborted')
  const timer = setTimeout(() => stop.abort('deadline'), deadlineMs)
  signal?.addEventListener('abort', leave)
  try {
    const answer = await exchange(options, body, stop.signal)
    return readAnswer(what, answer)
  } catch (problem) {
    if (stop.signal.reason === 'aborted')
      return failed({ kind: 'aborted', message: `${what} was called off` })
    if (stop.signal.reason === 'deadline')
      return failed({ kind: 'deadline', message: `the engine did not answer ${what} in ${deadlineMs} ms` })
    return failed(unreachable(address, problem as Error))
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', leave)
  }
}

interface WholeAnswer {
  readonly status: number
  readonly isJson: boolean
  /** `undefined`: too long. */
  readonly text: string | undefined
}

function exchange(options: RequestOptions, body: unknown, signal: AbortSignal): Promise<WholeAnswer> {
  const text = body === undefined ? undefined : printJson(body)
  const own = { ...options.headers, ...askerFields() }
  const headers =
    text === undefined
      ? own
      : { ...own, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  return new Promise((resolve, reject) => {
    const call = request({ ...options, headers, signal, agent: false }, (answer) => {
      readWhole(answer).then(resolve, reject)
    })
    call.on('error', reject)
    call.end(text)
  })
}

async function readWhole(answer: IncomingMessage): Promise<WholeAnswer> {
  const status = answer.statusCode ?? 0
  const isJson = /^application\/(?:json|problem\+json)\b/i.test(answer.headers['content-type'] ?? '')
  const parts: Buffer[] = []
  let length = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length
    // Leaving the loop ends the connection.
    if (length > ANSWER_LIMIT_BYTES) return { status, isJson, text: undefined }
    parts.push(part)
  }
  return { status, isJson, text: Buffer.concat(parts).toString() }
}

function readAnswer(
  what: string,
  { status, isJson, text }: WholeAnswer,
): Result<EngineAnswer, EngineFailure> {
  if (text === undefined)
    return failed({
      kind: 'bad-answer',
      message: `the engine answered ${what} with more than ${ANSWER_LIMIT_BYTES} bytes`,
    })
  const body = isJson && text !== '' ? readJson(text) : ok(text === '' ? null : text)
  if (status >= 400) return failed({ kind: 'refused', status, message: refusalIn(what, status, text, body) })
  if (body.ok) return ok({ status, body: body.value })
  return failed({
    kind: 'bad-answer',
    message: `the engine answered ${what} with JSON that is none: ${body.failure}`,
  })
}

function readJson(text: string): Result<Json, string> {
  try {
    return ok(parseJson(text))
  } catch (problem) {
    return failed((problem as Error).message)
  }
}

function refusalIn(what: string, status: number, text: string, body: Result<Json, string>): string {
  if (body.ok && isJsonObject(body.value) && typeof body.value.message === 'string') return body.value.message
  return text.trim() || `the engine answered ${what} with ${status}`
}

function unreachable(address: string, problem: Error): EngineFailure {
  return { kind: 'unreachable', message: `the engine at ${address} cannot be asked (${causeOf(problem)})` }
}
