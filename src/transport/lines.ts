import type { HookFailure } from '../model/hook.ts'
import { failed, type Result } from '../model/result.ts'
import { isLater } from '../model/soon.ts'
import type { StopSignal } from '../model/stop.ts'
import type { Destination } from './destination.ts'
import { Line, type LineMessage, type LineReply } from './line.ts'
import { Places } from './places.ts'

export interface LineTerms {
  /** A connection for each call, closed after it. Otherwise connections are kept and used again. */
  readonly fresh: boolean
  /** The most connections at once. Further calls wait for one. */
  readonly connections: number
  /** The most calls that wait. Further ones fail. */
  readonly waiting: number
  readonly replyLimitBytes: number
  /** Failures say whether the adapter may have seen the call, and repeating it is the caller's. */
  readonly tellsWhetherSent?: boolean
}

/** The connections to one adapter. */
export class Lines {
  readonly #destination: Destination
  readonly #terms: LineTerms
  readonly #places: Places
  /** The one used last comes first, so that those not needed any more age and close. */
  readonly #idle: Line[] = []
  #inUse = 0
  /** Whoever waits for the calls in hand. */
  readonly #waiting: (() => void)[] = []
  #keep: boolean

  constructor(destination: Destination, terms: LineTerms) {
    this.#destination = destination
    this.#terms = terms
    this.#places = new Places(terms.connections, terms.waiting)
    this.#keep = !terms.fresh
  }

  /** A message of protocol 1. */
  post(message: string, stop: StopSignal): Promise<Result<LineReply, HookFailure>> {
    return this.send({ method: 'POST', fields: JSON_FIELDS, body: message }, stop)
  }

  async send(message: LineMessage, stop: StopSignal): Promise<Result<LineReply, HookFailure>> {
    const taking = this.#places.take(stop)
    const place = isLater(taking) ? await taking : taking
    if (place === 'full') return failed({ kind: 'unreachable', cause: 'too many calls are waiting for it' })
    if (place === 'stopped') return failed({ kind: 'aborted' })
    this.#inUse++
    try {
      let line = this.#idle.pop()
      for (;;) {
        if (stop.aborted) {
          line?.destroy()
          return failed({ kind: 'aborted' })
        }
        line ??= new Line(this.#destination, this.#keep)
        const { result, stale, sent } = await line.send(message, this.#terms.replyLimitBytes, stop)
        if (result.ok && this.#keep) this.#idle.push(line)
        else line.destroy()
        if (result.ok) return result
        if (this.#terms.tellsWhetherSent === true) return failed(withEffect(result.failure, sent, stale))
        // The adapter closed an idle connection just as it was used again. It has seen nothing of the call, so there is one
        // more try; a call on a new connection is never repeated.
        if (!stale) return result
        line = undefined
      }
    } finally {
      this.#places.leave()
      if (--this.#inUse === 0) for (const tell of this.#waiting.splice(0)) tell()
    }
  }

  /** From now on so many connections at once, at most. Calls in hand are not disturbed. */
  limit(connections: number): void {
    this.#places.resize(connections)
  }

  /**
   * Closes what is idle and keeps nothing open from here on, then waits for the calls in hand. Later calls still work,
   * on connections of their own: an exchange keeps the hooks that it began with.
   */
  async close(): Promise<void> {
    this.#keep = false
    for (const line of this.#idle.splice(0)) line.destroy()
    if (this.#inUse > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

/** Whether the adapter may have acted on a call that came to nothing. */
function withEffect(failure: HookFailure, sent: boolean, stale: boolean): HookFailure {
  if (!sent) return failure
  if (failure.kind === 'unreachable') return { ...failure, sent: true, ...(stale ? { stale } : {}) }
  return failure.kind === 'bad-reply' ? { ...failure, mayHaveActed: true } : failure
}

const JSON_FIELDS = { 'Content-Type': 'application/json' }
