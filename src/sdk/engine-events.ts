import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { causeOf } from '../transport/cause.ts'
import { isJsonObject, type Json, parseJson, printJson } from './json.ts'

/** As for `docker events --filter`: `{ type: ['container'], event: ['start', 'die'], label: ['team'] }`. */
export type EngineFilters = Readonly<Record<string, readonly string[]>>

export type EngineNews =
  /** From here on nothing is missed: compare what you remember with what the engine has now. */
  | { readonly kind: 'connected' }
  | EngineEvent
  /** The connection is gone, or could not be made; the next attempt is on its way. */
  | { readonly kind: 'lost'; readonly message: string; readonly retryInMs: number }

export interface EngineEvent {
  readonly kind: 'event'
  /** `container`, `network`, `volume`, … */
  readonly type: string
  /** `start`, `die`, `destroy`, … */
  readonly action: string
  /** Of the object that it happened to; the name of a volume. */
  readonly id: string
  readonly attributes: Readonly<Record<string, string>>
  /** Everything that the engine tells. */
  readonly raw: Json
}

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5000

/** An event is a few hundred bytes, and its labels as long as somebody made them. */
const EVENT_LIMIT = 4 * 1024 * 1024

/** A half-dead connection to another machine is noticed by the kernel's own probes from here on. */
const KEEP_ALIVE_AFTER_MS = 15_000

export async function* followEvents(
  address: string,
  destination: RequestOptions,
  filters: EngineFilters,
  signal: AbortSignal,
): AsyncGenerator<EngineNews, void, void> {
  let retryInMs = FIRST_RETRY_MS
  while (!signal.aborted) {
    let message = 'the engine ended the stream of events'
    try {
      const answer = await openStream(destination, filters, signal)
      retryInMs = FIRST_RETRY_MS
      yield { kind: 'connected' }
      for await (const line of linesIn(answer)) yield readEvent(line)
    } catch (problem) {
      message = `the engine at ${address} cannot be asked for events (${causeOf(problem as Error)})`
    }
    if (signal.aborted) return
    yield { kind: 'lost', message, retryInMs }
    // Rejects when it is called off, which the loop sees for itself.
    await pause(retryInMs, undefined, { signal }).catch(() => {})
    retryInMs = Math.min(retryInMs * 2, LAST_RETRY_MS)
  }
}

/**
 * The engine sends its head before it listens for events of its own. So it is asked for those from a moment before the
 * head on, by its own clock: it looks up the ones that it kept since then in the moment when it begins to listen.
 */
async function openStream(
  destination: RequestOptions,
  filters: EngineFilters,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const query = new URLSearchParams({ filters: printJson(filters) })
  const now = await engineTime(destination, signal)
  if (now !== undefined) query.set('since', now)
  return send({ ...destination, method: 'GET', path: `/events?${query}` }, signal)
}

/** Seconds since 1970 with all the digits that the engine gives, as it wants them back. */
async function engineTime(destination: RequestOptions, signal: AbortSignal): Promise<string | undefined> {
  const told = parseJson(await text(await send({ ...destination, method: 'GET', path: '/info' }, signal)))
  const time = isJsonObject(told) ? textIn(told.SystemTime) : ''
  const [, fraction = ''] = /\.([0-9]+)/.exec(time) ?? []
  const second = Math.floor(Date.parse(time) / 1000)
  return Number.isNaN(second) ? undefined : `${second}.${fraction.padEnd(9, '0')}`
}

function send(options: RequestOptions, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({ ...options, signal, agent: false }, (answer) => {
      if (answer.statusCode === 200) return resolve(answer)
      answer.destroy()
      return reject(new Error(`it answered ${answer.statusCode}`))
    })
    call.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS))
    // Stays: a stream that is called off or broken tells its reader, and this too.
    call.on('error', reject)
    call.end()
  })
}

/** Leaving it ends the connection. */
async function* linesIn(answer: IncomingMessage): AsyncGenerator<string, void, void> {
  let begun = ''
  for await (const part of answer.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (begun + part).split('\n')
    begun = lines.pop() ?? ''
    if (begun.length > EVENT_LIMIT) throw new Error(`an event is longer than ${EVENT_LIMIT} characters`)
    for (const line of lines) if (line.trim() !== '') yield line
  }
}

function readEvent(line: string): EngineEvent {
  const raw = parseJson(line)
  const event = isJsonObject(raw) ? raw : {}
  const actor = isJsonObject(event.Actor) ? event.Actor : {}
  const attributes = isJsonObject(actor.Attributes) ? actor.Attributes : {}
  return {
    kind: 'event',
    type: textIn(event.Type),
    action: textIn(event.Action),
    id: textIn(actor.ID),
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, textIn(value)])),
    raw,
  }
}

function textIn(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
