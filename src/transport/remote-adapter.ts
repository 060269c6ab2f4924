/** An adapter of a configuration of version 2 that is called over HTTP: one for all its places. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdapterAbilities, HookCall } from '../model/call.ts'
import type { CallFacts, HookFailure } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { type Soon, whenThere } from '../model/soon.ts'
import type { StopSignal } from '../model/stop.ts'
import { badReply } from '../wire/bad-reply.ts'
import { encodeCall } from '../wire/v2/call.ts'
import { callFields } from '../wire/v2/fields.ts'
import { type Auth, type AuthSettings, authOf } from './auth.ts'
import { Breaker, type BreakerSettings } from './breaker.ts'
import { withinDeadline } from './deadline.ts'
import { type Credentials, destinationOf, type RemoteAddress } from './destination.ts'
import { Handshake, ONLY_PROTOCOL_1 } from './handshake.ts'
import type { LineMessage, LineReply } from './line.ts'
import { Lines } from './lines.ts'
import { type RepeatTerms, retryPauseMs } from './retry.ts'
import { trustSocket } from './trusted-socket.ts'
import type { HookUse } from './use.ts'

export interface RemoteAdapterSettings {
  readonly url: string
  readonly address: RemoteAddress
  readonly protocol: 2 | 'auto'
  readonly startupTimeoutMs: number
  readonly auth: AuthSettings | undefined
  readonly credentials: Credentials | undefined
  readonly circuitBreaker: BreakerSettings | undefined
  /** Calls at one time. Nothing: as many as the adapter's handshake allows. */
  readonly concurrency: number | undefined
  readonly maxQueue: number
  readonly replyLimitBytes: number
  /** Names this proxy in `Via`. */
  readonly instance: string
}

/** What is asked of the adapter in one place, whichever protocol it turns out to speak. */
export interface Question<T> {
  readonly use: HookUse
  readonly facts: CallFacts
  /**
   * For undoing: the time that it has, instead of what `use` and `facts` say. It is tried even while the circuit breaker holds other
   * calls off, for nobody tries again later.
   */
  readonly undoWithinMs?: number
  readonly signal: StopSignal
  /** Never repeated, whatever became of it. */
  readonly once?: true
  /** As at its first try. `timeoutMs`: what is left for the answer. */
  readonly call: (timeoutMs: number) => HookCall
  readonly read: (reply: LineReply, call: HookCall) => Result<T, HookFailure>
  /** The same in protocol 1, over lines of its own. */
  readonly old: (lines: Lines, stop: StopSignal) => Promise<Result<T, HookFailure>>
}

/** Where neither the adapter nor the configuration says how many calls it bears at one time. */
const CONNECTIONS = 128

export class RemoteAdapter {
  readonly #settings: RemoteAdapterSettings
  readonly #lines: Lines
  /** For an adapter of protocol 1: a connection for each call, as it is used to. */
  readonly #oldLines: Lines
  readonly #auth: Auth
  readonly #breaker: Breaker
  readonly #handshake: Handshake

  constructor(settings: RemoteAdapterSettings) {
    const { address, concurrency = CONNECTIONS, maxQueue: waiting, replyLimitBytes } = settings
    const found = destinationOf(settings.url, address, settings.credentials)
    const destination =
      address.via === 'unix' ? { ...found, trusted: () => trustSocket(address.socketPath) } : found
    const terms = { connections: concurrency, waiting, replyLimitBytes }
    this.#settings = settings
    this.#lines = new Lines(destination, { ...terms, fresh: false, tellsWhetherSent: true })
    this.#oldLines = new Lines(destination, { ...terms, fresh: true })
    this.#auth = authOf(settings.auth)
    this.#breaker = new Breaker(settings.circuitBreaker)
    this.#handshake = new Handshake({
      protocol: settings.protocol,
      startupTimeoutMs: settings.startupTimeoutMs,
      ask: (message, stop) => this.#lines.send(message, stop),
      fields: () => (settings.auth?.kind === 'bearer' ? this.#auth.fieldsFor('', '') : {}),
      learned: ({ maxConnections = CONNECTIONS }) => this.#lines.limit(Math.min(maxConnections, concurrency)),
    })
  }

  /** What it said of itself; nothing where it speaks protocol 1, or has said nothing yet. */
  get abilities(): AdapterAbilities | undefined {
    const spoken = this.#handshake.spoken
    return spoken?.protocol === 2 ? spoken.abilities : undefined
  }

  /** Whether it has said that it speaks protocol 1. */
  get isOld(): boolean {
    return this.#handshake.spoken?.protocol === 1
  }

  /** Why it cannot be called yet; nothing where it can. */
  get problem(): string | undefined {
    return this.#handshake.problem
  }

  /** Whether the circuit breaker holds calls off. */
  get isHeldOff(): boolean {
    return this.#breaker.isOpen
  }

  /** Resolves when it has been asked for the first time. The failure is why it can never be used; not being there is none. */
  async asked(): Promise<Result<undefined, string>> {
    const settled = await this.#handshake.settled()
    return settled.ok || settled.failure !== ONLY_PROTOCOL_1 ? ok(undefined) : failed(settled.failure)
  }

  /** Whatever comes of it comes in time, and counts for the circuit breaker. */
  ask<T>(question: Question<T>): Soon<Result<T, HookFailure>> {
    const { use, facts, undoWithinMs, signal } = question
    const ownMs = this.isOld ? use.timeoutV1Ms : use.timeoutMs
    const timeoutMs = Math.max(1, Math.ceil(undoWithinMs ?? Math.min(ownMs, facts.budgetMs)))
    const endsAt = performance.now() + timeoutMs
    let hasBegun = false
    const asked = withinDeadline(timeoutMs, signal, (stop) =>
      whenThere(this.#handshake.settled(), (spoken): Soon<Result<T, HookFailure>> => {
        if (!spoken.ok) return failed({ kind: 'unreachable', cause: `adapter not ready: ${spoken.failure}` })
        const tripped = undoWithinMs === undefined ? this.#breaker.objection() : undefined
        if (tripped !== undefined) return failed({ kind: 'unreachable', cause: tripped })
        hasBegun = true
        return spoken.value.protocol === 1
          ? question.old(this.#oldLines, stop)
          : this.#askTwo(question, spoken.value.abilities, endsAt, stop)
      }),
    )
    return whenThere(asked, (end) => {
      if (!hasBegun) return uncalled(end)
      if (!end.ok && end.failure.kind === 'aborted') this.#breaker.forget()
      else this.#breaker.tell(end.ok)
      return end
    })
  }

  async close(): Promise<void> {
    this.#handshake.close()
    await Promise.all([this.#lines.close(), this.#oldLines.close()])
  }

  /** One call, repeated where that is safe; each try says how much time is left. */
  #askTwo<T>(
    question: Question<T>,
    abilities: AdapterAbilities,
    endsAt: number,
    stop: StopSignal,
  ): Soon<Result<T, HookFailure>> {
    const call = question.call(leftMs(endsAt))
    if (!abilities.implements.includes(call.type))
      return badReply(`it implements no ${call.type}, as its answer to OPTIONS says`)
    const retries = question.once ? 'never' : question.use.retries
    return this.#try(call, question.read, { retries, idempotent: abilities.idempotent }, endsAt, stop)
  }

  #try<T>(
    call: HookCall,
    read: Question<T>['read'],
    terms: RepeatTerms,
    endsAt: number,
    stop: StopSignal,
  ): Soon<Result<T, HookFailure>> {
    const message = this.#messageOf(call)
    if (!message.ok) return message
    return this.#lines.send(message.value, stop).then((reply): Soon<Result<T, HookFailure>> => {
      const pauseMs = retryPauseMs(reply, call.attempt, terms)
      const isLast = pauseMs === undefined || stop.aborted || performance.now() + pauseMs >= endsAt
      const end = () => (reply.ok ? this.#read(reply.value, call, read) : reply)
      if (isLast) return end()
      return sleep(pauseMs).then(() => {
        if (stop.aborted) return end()
        const again = { ...call, attempt: call.attempt + 1, timeoutMs: leftMs(endsAt) }
        return this.#try(again, read, terms, endsAt, stop)
      })
    })
  }

  #messageOf(call: HookCall): Result<LineMessage, HookFailure> {
    const body = encodeCall(call)
    const fields = callFields(call, this.#settings.instance)
    try {
      Object.assign(fields, this.#auth.fieldsFor(call.uid, body))
    } catch (problem) {
      return failed({ kind: 'unreachable', cause: (problem as Error).message })
    }
    return ok({ method: 'POST', fields, body })
  }

  #read<T>(reply: LineReply, call: HookCall, read: Question<T>['read']): Result<T, HookFailure> {
    const { fields, body = '' } = reply
    const tag = fields['powerstrip-istag']
    if (typeof tag === 'string') this.#handshake.tagged(tag)
    const forged = this.#auth.objection(call.uid, body, fields)
    if (forged !== undefined) return failed({ kind: 'bad-reply', problem: forged, mayHaveActed: true })
    return read(reply, call)
  }
}

function leftMs(endsAt: number): number {
  return Math.max(0, Math.ceil(endsAt - performance.now()))
}

function uncalled<T>(end: Result<T, HookFailure>): Result<T, HookFailure> {
  if (end.ok || (end.failure.kind !== 'deadline' && end.failure.kind !== 'aborted')) return end
  return failed({ ...end.failure, begun: false })
}
