/**
 * Stream-handlers: one run of a generator for each stream, from its beginning to its end, whatever the calls are that it comes in.
 *
 * The generator is handed one event at a time. What it gives while it has an event stands in that event's place: the event
 * itself passes as it was, and one that it gives nothing for is gone. A call is answered when the generator asks for an event
 * that has not come yet.
 */
import type { EventEdit, HookReply, StreamCall, StreamOutcome } from '../model/call.ts'
import { Stop, type StopSignal } from '../model/stop.ts'
import { isJsonObject, type JsonObject, parseJson, printJson } from './json.ts'

/** Starts a stream-handler; `stop` is aborted when nobody waits for what it gives any more. */
export type BeginStream = (events: AsyncIterable<JsonObject>, stop: StopSignal) => AsyncIterator<unknown>

/** A line that a container wrote, or a piece of what it wrote to its terminal. */
export interface LogEvent {
  /** Left out where there is a terminal. */
  Stream?: 'stdin' | 'stdout' | 'stderr' | 'systemerr'
  Body: string
  /** `base64` where the bytes are no text. */
  BodyEncoding?: 'utf8' | 'base64'
}

/** What happened in the engine. */
export type SystemEvent = {
  Type?: string
  Action?: string
  Actor?: { ID?: string; Attributes?: Record<string, string> }
  scope?: string
  time?: number
  timeNano?: number | bigint
} & JsonObject

/** What the handler of a stream is handed, by its operation. */
export type StreamEvent<Id> = Id extends 'SystemEvents'
  ? SystemEvent
  : Id extends 'ContainerLogs' | 'ServiceLogs' | 'TaskLogs'
    ? LogEvent
    : JsonObject

/**
 * Streams that are under way at one time, for one adapter. More can only be those of proxies that went away without a word; the
 * one that has been silent for the longest is given up.
 */
const STREAMS_LIMIT = 4_096

/** The streams of one adapter that are under way. */
export class Streams {
  readonly #sessions = new Map<string, Session>()

  /** `begin` is called if this call is the first of its stream. */
  async answer(call: StreamCall, stop: StopSignal, begin: BeginStream): Promise<HookReply> {
    const { endpoint, index } = call.chain
    const key = `${call.requestId} ${index} ${endpoint}`
    const known = this.#sessions.get(key)
    // The handler has ended before its stream, or never begun.
    if (known === undefined && call.part === 'close') return PASSED
    const session = known ?? new Session(begin)
    // Anew each time, so that the map is in the order of the last calls.
    this.#sessions.delete(key)
    if (call.part !== 'close') this.#keep(key, session)
    try {
      const outcome = await session.answer(call, stop)
      return isSilent(outcome) ? PASSED : { outcome }
    } finally {
      if (session.isOver && this.#sessions.get(key) === session) this.#sessions.delete(key)
    }
  }

  #keep(key: string, session: Session): void {
    this.#sessions.set(key, session)
    if (this.#sessions.size <= STREAMS_LIMIT) return
    const [oldest, silent] = this.#sessions.entries().next().value!
    this.#sessions.delete(oldest)
    silent.abandon()
  }
}

const PASSED: HookReply = Object.freeze({ outcome: Object.freeze({ kind: 'pass' }) })

const SILENCE: StreamOutcome = Object.freeze({ kind: 'edit', edits: [], inserts: [], end: false })

function isSilent({ edits, inserts, end }: StreamOutcome): boolean {
  return edits.length + inserts.length === 0 && !end
}

/** A call that is being answered. */
interface Batch {
  readonly events: readonly string[]
  readonly edits: EventEdit[]
  readonly inserts: { before: number; event: string }[]
  /** Of the events, how many the handler has been handed. */
  handed: number
  /** The one that it has in hand, if it has not been given back; `inserts`: how many there were before it. */
  inHand:
    | { readonly index: number; readonly text: string; readonly value: JsonObject; readonly inserts: number }
    | undefined
  readonly isLast: boolean
  readonly answered: (outcome: StreamOutcome) => void
  readonly failed: (problem: unknown) => void
}

class Session {
  /** The handler is asked no more. */
  isOver = false
  readonly #leaving = new Stop()
  readonly #begin: BeginStream
  #generator: AsyncIterator<unknown> | undefined
  #batch: Batch | undefined
  /** The handler waits for an event. */
  #hand: ((next: IteratorResult<JsonObject>) => void) | undefined

  constructor(begin: BeginStream) {
    this.#begin = begin
  }

  answer({ part, events }: StreamCall, stop: StopSignal): Promise<StreamOutcome> {
    // The call before was given up, and with it the stream.
    if (this.#batch !== undefined) this.abandon()
    if (this.isOver) return Promise.resolve(SILENCE)
    const leave = () => this.abandon()
    stop.addEventListener('abort', leave)
    return new Promise<StreamOutcome>((answered, failed) => {
      this.#batch = {
        events,
        edits: [],
        inserts: [],
        handed: 0,
        inHand: undefined,
        isLast: part === 'close',
        answered,
        failed,
      }
      if (this.#generator !== undefined) return this.#handOver()
      this.#generator = this.#begin(this.#events(), this.#leaving)
      void this.#run(this.#generator)
    }).finally(() => stop.removeEventListener('abort', leave))
  }

  /** Nobody will hear of it any more. */
  abandon(): void {
    this.isOver = true
    this.#leaving.abort()
    this.#batch?.answered(SILENCE)
    this.#batch = undefined
    this.#hand?.({ done: true, value: undefined })
    this.#hand = undefined
    // If it is in the middle of something, this waits for it to come to its next `yield`.
    void this.#generator?.return?.().then(undefined, () => {})
  }

  #events(): AsyncIterable<JsonObject> {
    const iterator = {
      next: () =>
        new Promise<IteratorResult<JsonObject>>((hand) => {
          this.#settleInHand()
          this.#hand = hand
          this.#handOver()
        }),
    }
    return { [Symbol.asyncIterator]: () => iterator }
  }

  /** Hands the next event to a handler that waits for one; where there is none the call has its answer. */
  #handOver(): void {
    const batch = this.#batch
    const hand = this.#hand
    if (batch === undefined || hand === undefined) return
    if (batch.handed < batch.events.length) {
      this.#hand = undefined
      const index = batch.handed++
      const text = batch.events[index]!
      const value = parseJson(text) as JsonObject
      batch.inHand = { index, text, value, inserts: batch.inserts.length }
      hand({ done: false, value })
    } else if (batch.isLast) {
      this.#hand = undefined
      hand({ done: true, value: undefined })
    } else this.#finish(batch, false)
  }

  async #run(generator: AsyncIterator<unknown>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await generator.next()
        if (done === true) break
        this.#give(value)
      }
      this.isOver = true
      const batch = this.#batch
      if (batch === undefined) return
      this.#settleInHand()
      // A handler that has enough ends the stream, and with it what it has not asked for.
      for (let index = batch.handed; index < batch.events.length; index++)
        batch.edits.push({ index, action: 'drop' })
      this.#finish(batch, !batch.isLast)
    } catch (problem) {
      this.isOver = true
      this.#batch?.failed(problem)
      this.#batch = undefined
    }
  }

  #give(value: unknown): void {
    if (!isJsonObject(value)) throw new TypeError('a stream-handler yields events, which are objects')
    const batch = this.#batch
    if (batch === undefined) return
    const { inHand } = batch
    if (inHand !== undefined && inHand.value === value) {
      const text = printJson(value)
      if (text !== printJson(parseJson(inHand.text)))
        batch.edits.push({ index: inHand.index, action: 'replace', event: text })
      batch.inHand = undefined
    } else batch.inserts.push({ before: inHand?.index ?? batch.handed, event: printJson(value) })
  }

  /** What it has not given back it has dropped, or given something else for. */
  #settleInHand(): void {
    const batch = this.#batch
    if (batch?.inHand === undefined) return
    const { index, inserts } = batch.inHand
    const instead = batch.inserts.length > inserts ? batch.inserts.pop() : undefined
    batch.edits.push(
      instead === undefined ? { index, action: 'drop' } : { index, action: 'replace', event: instead.event },
    )
    batch.inHand = undefined
  }

  #finish(batch: Batch, end: boolean): void {
    const { edits, inserts, answered } = batch
    this.#batch = undefined
    answered({ kind: 'edit', edits, inserts, end })
  }
}
