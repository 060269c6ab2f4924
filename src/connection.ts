/**
 * One client connection: its requests in turn, one exchange at a time, over one engine connection of its own.
 *
 * The engine connection is opened by the first request that may go on and lives exactly as long as the client's. It is
 * never shared, so no answer can reach another client, and a client that leaves takes its own work with it.
 *
 * The way of a request that no hook asked for, `head` → `#forward` → `#relayed` → `#close` or the next `await`, runs in the
 * sockets' own callbacks, without promises: an exchange of `/_ping` costs 20 µs in all, and they would be a third of it.
 * A hooked one is told by `runExchange`, to which a connection is the parts that it needs.
 */
import { type AnswerWatch, type ExchangeLimits, type ExchangeParts, runExchange } from './exchange.ts'
import { ABORTED, type ExchangeEnd, endingOf, type Unreachable, unreachableEngine } from './exchange-end.ts'
import { errorAnswer } from './http1/answer.ts'
import type { Framing } from './http1/framing.ts'
import type { ClientIdentity } from './model/client.ts'
import type { ChainNote, EventSink, Fate } from './model/event.ts'
import type { Hook, HookUser } from './model/hook.ts'
import { type Refusal, refusal } from './model/refusal.ts'
import { impossible } from './model/result.ts'
import type { Soon } from './model/soon.ts'
import { Stop, type StopSignal } from './model/stop.ts'
import type { Onward } from './onward.ts'
import { type Collected, collectBody } from './plane/collect.ts'
import type { Dial } from './plane/dial.ts'
import { lingeringClose } from './plane/linger.ts'
import type { Link, LinkReader } from './plane/link.ts'
import { Relay, type RelayEnd } from './plane/relay.ts'
import { RequestSource, type RequestTaker } from './plane/request-source.ts'
import { splice } from './plane/splice.ts'
import { removeUnstarted } from './refused-start.ts'
import { type AdmissionTerms, type AdmittedRequest, admit, COME_ROUND } from './route/admit.ts'
import { EMPTY_PLAN, type Plan, planFor, type Rule } from './route/plan.ts'

/** What a connection needs from the proxy that serves it. */
export interface ConnectionTerms {
  /** The engine as it is reached now. */
  engine(): Engine
  /** What holds for every request now: the same object until that changes. */
  admission(): ConnectionAdmission
  readonly headTimeoutMs: number
  /** The hooks in force now. Read once for each exchange: a reload changes the next one, never the one in hand. */
  hooks(): HookRules
  readonly tell: EventSink
  /** What goes on when an exchange is over; the proxy does not stop before it has ended. */
  readonly behind: (task: Promise<void>) => void
}

export interface Engine {
  /** For messages. */
  readonly name: string
  readonly dial: Dial
}

export interface ConnectionAdmission extends AdmissionTerms {
  /** `passthrough`: a connection that opens with HTTP/2 goes to the engine as it is (PS-UPGRADE-004). */
  readonly http2: 'refuse' | 'passthrough'
}

/** The hooks of a configuration. */
export interface HookRules {
  readonly rules: readonly Rule<Hook>[]
  readonly limits: ExchangeLimits
  /** Names the configuration that they come from. */
  readonly revision?: string
}

/** A head that was read, and what came of it. */
interface Judged {
  readonly received: Buffer
  readonly terms: AdmissionTerms
  readonly request: AdmittedRequest
  planned: { readonly rules: readonly Rule<Hook>[]; readonly plan: Plan<Hook> } | undefined
}

/** A request that may turn two-way goes on with its whole body; an exec's JSON has a few hundred bytes. */
const TWO_WAY_BODY_LIMIT_BYTES = 4 * 1024 * 1024

const TWO_WAY_BODY_TOO_LARGE = refusal(
  'PS-SIZE-001',
  413,
  `the body of a request that turns two-way is larger than ${TWO_WAY_BODY_LIMIT_BYTES} bytes`,
)

/** The head that the preface of HTTP/2 looks like (RFC 9113, section 3.4). */
const HTTP2_OPENING = 'PRI * HTTP/2.0\r\n\r\n'

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

export class Connection implements RequestTaker, ExchangeParts {
  readonly identity: ClientIdentity
  readonly #client: Link
  readonly #terms: ConnectionTerms
  readonly #requests: RequestSource
  /** The engine's side, once a request has needed it. */
  #engine: { readonly link: Link; readonly relay: Relay } | undefined
  #request: AdmittedRequest | undefined
  /** Those of the exchange in hand. */
  #hooks: HookRules
  #previous: Judged | undefined
  /** Who is told how the engine's answer ended. */
  #onAnswered: (end: RelayEnd) => void = () => {}
  /** Made when a hook first asks. */
  #user: HookUser | undefined
  /** Of the hooked exchange in hand: aborted when the client leaves. */
  #leaving: Stop | undefined
  #startedAt = 0
  #exchanges = 0
  #busy = false
  #twoWay = false
  #draining = false
  #closing = false
  /** Byte counts at the end of the exchange before. */
  #toldIn = 0
  #toldOut = 0
  #closed: () => void = () => {}

  constructor(client: Link, identity: ClientIdentity, terms: ConnectionTerms) {
    this.identity = identity
    this.#client = client
    this.#terms = terms
    this.#hooks = terms.hooks()
    this.#requests = new RequestSource(client, this, terms.headTimeoutMs)
    client.onBug = this.#crash
  }

  /** Serves until one side closes; resolves when nothing of the connection is open any more. */
  serve(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve
      this.#requests.await()
    })
  }

  /** Lets the exchange in hand finish and serves no other. */
  drain(): void {
    this.#draining = true
    if (!this.#busy) this.#leave()
  }

  /** Ends everything at once. */
  destroy(): void {
    this.#client.destroy()
    this.#engine?.link.destroy()
  }

  /** Whether an exchange is in hand, and whether it has turned two-way. */
  get state(): 'idle' | 'busy' | 'two-way' {
    return this.#twoWay ? 'two-way' : this.#busy ? 'busy' : 'idle'
  }

  // What the client sends: a head, something that is not one, or its leave.

  head(received: Buffer): void {
    this.#begin()
    const request = this.#admit(received)
    if (request === undefined) return
    this.#request = request
    const hooks = this.#hooks
    const plan = this.#planFor(request, hooks.rules)
    if (plan !== EMPTY_PLAN && request.isOwnQuestion) return this.#end(this.refuse(COME_ROUND))
    if (plan !== EMPTY_PLAN || request.dryRun) return this.#runHooked(request, plan, hooks)
    const opening =
      request.onward === request.head.text ? this.#previous!.received : Buffer.from(request.onward, 'latin1')
    if (request.tunnel !== undefined) this.#forwardWhole(request, opening)
    else this.#forward(opening, request.terms.framing)
  }

  refused(why: Refusal): void {
    this.#begin()
    this.#end(this.refuse(why))
  }

  gone(): void {
    void this.#close()
  }

  /**
   * A verdict depends on the head's bytes and the terms alone, so the verdict on the same bytes as before is the one before. Clients that
   * poll send the same head for hours; reading it anew was a tenth of the cost of a small exchange.
   */
  #admit(received: Buffer): AdmittedRequest | undefined {
    const terms = this.#terms.admission()
    const previous = this.#previous
    if (previous?.terms === terms && previous.received.equals(received)) return previous.request
    const text = received.toString('latin1')
    if (terms.http2 === 'passthrough' && this.#exchanges === 1 && text === HTTP2_OPENING) {
      this.#passHttp2(received)
      return undefined
    }
    const admitted = admit(text, terms)
    if (!admitted.ok) {
      this.#end(this.refuse(admitted.failure, text.startsWith('HEAD ') ? 'HEAD' : undefined))
      return undefined
    }
    this.#previous = { received: Buffer.from(received), terms, request: admitted.value, planned: undefined }
    return admitted.value
  }

  /** As with the verdict: the same head has the same plan, while the rules are the same. */
  #planFor(request: AdmittedRequest, rules: readonly Rule<Hook>[]): Plan<Hook> {
    const judged = this.#previous!
    if (judged.planned?.rules === rules) return judged.planned.plan
    const plan = planFor(rules, request.route, request.head.method)
    judged.planned = { rules, plan }
    return plan
  }

  #begin(): void {
    this.#busy = true
    this.#exchanges++
    this.#request = undefined
    this.#hooks = this.#terms.hooks()
    this.#startedAt = performance.now()
  }

  /** From here on the connection is not HTTP/1.1, and nobody here reads it. */
  #passHttp2(opening: Buffer): void {
    const preface = Buffer.from(opening)
    const pass = async (): Promise<ExchangeEnd> => {
      const unreachable = await this.#reachEngine()
      if (unreachable !== undefined) return { ...ABORTED, fate: 'unreachable', detail: unreachable.message }
      const engine = this.#engine!.link
      engine.write(preface)
      this.#twoWay = true
      await splice(this.#client, engine)
      return { fate: 'hijacked', status: undefined, next: 'close-now' }
    }
    pass().then((end) => this.#end(end), this.#crash)
  }

  // A request that no hook asked for.

  /** dockerd reads the head and the body of a two-way request as one: what comes later is input for the container. */
  #forwardWhole(request: AdmittedRequest, opening: Buffer): void {
    if (request.terms.expectsContinue) this.#client.write(CONTINUE)
    collectBody(
      this.#client,
      request.terms.framing,
      TWO_WAY_BODY_LIMIT_BYTES,
      TWO_WAY_BODY_TOO_LARGE,
      (body) => {
        switch (body.kind) {
          case 'body':
            return this.#forward(Buffer.concat([opening, body.raw]), { kind: 'none' })
          case 'refused':
            return this.#end(this.refuse(body.refusal))
          case 'gone':
            return this.#end(ABORTED)
          default:
            return impossible(body)
        }
      },
    )
  }

  #forward(opening: Buffer, framing: Framing): void {
    if (this.#engine === undefined) {
      this.#reachEngine().then((unreachable) => {
        if (unreachable === undefined) this.#forward(opening, framing)
        else this.#end(this.#client.closed ? ABORTED : this.fail('unreachable', 502, unreachable.message))
      }, this.#crash)
      return
    }
    const { head, tunnel } = this.#request!
    this.#onAnswered = this.#relayed
    this.#engine.relay.begin({ method: head.method, opening, framing, tunnel })
  }

  readonly #relayed = (end: RelayEnd): void => {
    if (end.kind === 'complete') this.#end(this.#whole(end, 'relayed'))
    else
      this.#settled(end as Exclude<RelayEnd, { kind: 'held' | 'complete' }>).then(
        (ended) => this.#end(ended),
        this.#crash,
      )
  }

  // A hooked request: `runExchange` tells the story, these are its parts.

  #runHooked(request: AdmittedRequest, plan: Plan<Hook>, hooks: HookRules): void {
    this.#leaving = new Stop()
    this.#watchClient()
    runExchange(request, plan, hooks.limits, this).then((end) => this.#end(end), this.#crash)
  }

  get user(): HookUser {
    this.#user ??= userOf(this.identity)
    return this.#user
  }

  get left(): StopSignal {
    return this.#leaving!
  }

  /** While adapters are asked, what the client sends waits, and its leaving ends the calls. */
  #watchClient(): void {
    const client = this.#client
    // What is there already waits where it is.
    if (client.holdsBytes && !client.closed) client.holdFor(this.#waitingClient)
    else client.readInto(this.#waitingClient)
    client.watchForVanishing()
  }

  readonly #waitingClient: LinkReader = {
    bytes: (chunk) => this.#client.hold(chunk),
    end() {},
    drained() {},
    closed: () => this.#leaving?.abort(),
  }

  collect(limitBytes: number, tooLarge: Refusal): Soon<Collected> {
    const { framing, expectsContinue } = this.#request!.terms
    if (expectsContinue) this.#client.write(CONTINUE)
    // Most bodies have come with their head, and nothing is waited for.
    const whole =
      framing.kind === 'length' && framing.bytes <= limitBytes
        ? this.#client.takeHeld(framing.bytes)
        : undefined
    if (whole !== undefined) return { kind: 'body', raw: whole, data: whole }
    return new Promise((resolve) => {
      collectBody(this.#client, framing, limitBytes, tooLarge, (body) => {
        this.#watchClient()
        resolve(body)
      })
    })
  }

  async ask(
    { opening, framing }: Onward,
    { hold, copyLimitBytes }: AnswerWatch,
  ): Promise<RelayEnd | Unreachable> {
    const unreachable = this.#engine === undefined ? await this.#reachEngine() : undefined
    if (this.#client.closed) return { kind: 'client-gone', status: undefined }
    if (unreachable !== undefined) return unreachable
    this.#client.stopWatching()
    const { head, tunnel } = this.#request!
    const end = await new Promise<RelayEnd>((resolve) => {
      this.#onAnswered = resolve
      this.#engine!.relay.begin({
        method: head.method,
        opening,
        framing,
        tunnel,
        hold,
        copyLimitBytes,
      })
    })
    if (end.kind === 'held') this.#watchClient()
    return end
  }

  note(note: ChainNote): void {
    this.#terms.tell({ kind: 'chain', operation: this.#request?.route.operation?.id ?? 'unknown', note })
  }

  send(bytes: Buffer): void {
    this.#client.write(bytes)
  }

  hasLeft(): Promise<boolean> {
    return this.#client.hasVanished()
  }

  behind(task: Promise<void>): void {
    this.#terms.behind(task)
  }

  crash(bug: unknown): void {
    this.#crash(bug)
  }

  startRefused(request: AdmittedRequest): Promise<void> {
    const { tell, behind } = this.#terms
    const { identity, user } = this
    const removal = removeUnstarted(request, {
      identity,
      user,
      admission: this.#previous!.terms,
      hooks: this.#hooks,
      engine: this.#terms.engine(),
      tell,
      behind,
      crash: this.#crash,
    })
    // It goes on when the client has left.
    behind(removal)
    return removal
  }

  traffic(): { readonly requestBytes: number; readonly responseBytes: number } {
    const { bytesTaken, bytesOut } = this.#client
    return { requestBytes: bytesTaken - this.#toldIn, responseBytes: bytesOut - this.#toldOut }
  }

  after(reusable: boolean): ExchangeEnd['next'] {
    const { terms, tunnel } = this.#request!
    // What a client sent behind a request that might have turned two-way was meant for the stream. There is none: it is
    // dropped with the connection, for read as a request it would be one that the client never meant (PS-UPGRADE-002).
    const meantForStream = tunnel !== undefined && this.#client.holdsBytes
    return reusable && terms.keepAlive && !meantForStream && !this.#draining
      ? 'serve-another'
      : 'close-softly'
  }

  // Both kinds.

  /** The connection's engine side, opened when first needed. Nothing comes back where it is open. */
  async #reachEngine(): Promise<Unreachable | undefined> {
    if (this.#engine !== undefined) return undefined
    const engine = this.#terms.engine()
    const dialled = await engine.dial()
    if (!dialled.ok) return unreachableEngine(engine.name, dialled.failure.message)
    const link = dialled.value
    link.onBug = this.#crash
    this.#engine = { link, relay: new Relay(this.#client, link, (end) => this.#onAnswered(end)) }
    if (!this.#client.closed) return undefined
    link.destroy()
    return { kind: 'unreachable', message: 'the client left' }
  }

  #whole({ status, reusable }: RelayEnd & { kind: 'complete' }, fate: Fate): ExchangeEnd {
    return { fate, status, next: this.after(reusable) }
  }

  settle(end: Exclude<RelayEnd, { kind: 'held' }> | Unreachable, fate: Fate): Soon<ExchangeEnd> {
    return end.kind === 'complete' ? this.#whole(end, fate) : this.#settled(end)
  }

  async #settled(end: Exclude<RelayEnd, { kind: 'held' | 'complete' }> | Unreachable): Promise<ExchangeEnd> {
    if (end.kind === 'switched') {
      this.#twoWay = true
      await splice(this.#client, this.#engine!.link)
      return { fate: 'hijacked', status: end.status, next: 'close-now' }
    }
    const { error, ...ended } = endingOf(end, this.#exchanges > 1)
    if (error !== undefined)
      this.#client.write(errorAnswer(error.status, error.message, this.#request?.head.method))
    return ended
  }

  refuse(why: Refusal, method = this.#request?.head.method): ExchangeEnd {
    const message = `${why.message} (${why.rule})`
    this.#client.write(errorAnswer(why.status, message, method))
    return { fate: 'ambiguous', status: why.status, next: 'close-softly', detail: message }
  }

  fail(fate: Fate, status: number, message: string): ExchangeEnd {
    this.#client.write(errorAnswer(status, message, this.#request?.head.method))
    return { fate, status, next: 'close-softly', detail: message }
  }

  #end(end: ExchangeEnd): void {
    this.#busy = false
    this.#client.stopWatching()
    this.#report(end)
    if (end.next === 'serve-another') {
      // An adapter may have answered in the engine's place, which then was never asked.
      this.#engine?.link.readInto(this.#idleEngine)
      this.#requests.await()
      return
    }
    if (end.next === 'close-now') this.#client.destroy()
    void this.#close()
  }

  /** Between exchanges an engine has nothing to say. Whatever it does then, close or talk, ends the connection. */
  readonly #idleEngine: LinkReader = {
    bytes: () => this.#leave(),
    end: () => this.#leave(),
    drained() {},
    closed: () => this.#leave(),
  }

  /** Between two exchanges the client may still be reading the last answer. In one, its hooks are told that it is over. */
  #leave(): void {
    if (this.#busy) return this.#client.destroy()
    if (this.#closing) return
    this.#requests.cancel()
    void this.#close()
  }

  async #close(): Promise<void> {
    this.#closing = true
    this.#engine?.link.readInto(undefined)
    this.#engine?.link.destroy()
    await lingeringClose(this.#client)
    this.#closed()
  }

  /** A bug of ours costs this connection, and no other. */
  readonly #crash = (bug: unknown): void => {
    this.#terms.tell({ kind: 'connection-crashed', error: bug })
    this.destroy()
    this.#closed()
  }

  #report(end: ExchangeEnd): void {
    const { requestBytes, responseBytes } = this.traffic()
    const request = this.#request
    this.#terms.tell({
      kind: 'exchange-ended',
      report: {
        method: request?.head.method ?? '',
        target: request?.head.target ?? '',
        operation: request?.route.operation?.id ?? 'unknown',
        apiVersion: request?.route.version,
        client: this.identity,
        revision: this.#hooks.revision,
        status: end.status,
        requestBytes,
        responseBytes,
        durationMs: performance.now() - this.#startedAt,
        fate: end.fate,
        detail: end.detail,
        chain: end.chain,
      },
    })
    this.#toldIn += requestBytes
    this.#toldOut += responseBytes
  }
}

/** All hooks of its exchanges are shown the same object, those within this process too. */
function userOf({ certificate, peerAddress }: ClientIdentity): HookUser {
  return Object.freeze({
    name: certificate?.commonName ?? null,
    authenticationMethod: certificate === undefined ? null : 'TLS',
    peerAddress: peerAddress ?? null,
  })
}
