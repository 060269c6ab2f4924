/**
 * One client connection: its requests in turn, one exchange at a time, over one engine connection of its own.
 *
 * The engine connection is opened by the first request that may go on and lives exactly as long as the client's. It is
 * never shared, so no answer can reach another client, and a client that leaves takes its own work with it.
 *
 * The usual way of a request, `head` → `#forward` → `#relayed` → `#close` or the next `await`, runs in the sockets' own
 * callbacks, without promises: an exchange of `/_ping` costs 20 µs in all, and they would be a third of it.
 */
import { errorAnswer } from './http1/answer.ts'
import type { Framing } from './http1/framing.ts'
import { type Address, describeAddress } from './model/address.ts'
import type { EventSink, Fate } from './model/event.ts'
import { type Refusal, refusal } from './model/refusal.ts'
import { impossible } from './model/result.ts'
import { collectBody } from './plane/collect.ts'
import { dial } from './plane/dial.ts'
import { lingeringClose } from './plane/linger.ts'
import type { Link, LinkReader } from './plane/link.ts'
import { Relay, type RelayEnd } from './plane/relay.ts'
import { RequestSource, type RequestTaker } from './plane/request-source.ts'
import { splice } from './plane/splice.ts'
import { type AdmittedRequest, admit } from './route/admit.ts'

/** What a connection needs from the proxy that serves it. */
export interface ConnectionTerms {
  readonly engine: Address
  /** Oldest API version that is let through (PS-PATH-007). */
  readonly minApiVersion: string
  readonly tell: EventSink
}

/** How one exchange ended, as the connection sees it. */
interface ExchangeEnd {
  readonly fate: Fate
  readonly status: number | undefined
  /** What becomes of the connection: `softly` lets an answer on its way arrive. */
  readonly next: 'serve-another' | 'close-softly' | 'close-now'
  readonly detail?: string
}

/** A request that may turn two-way goes on with its whole body; an exec's JSON has a few hundred bytes. */
const TWO_WAY_BODY_LIMIT_BYTES = 4 * 1024 * 1024

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

export class Connection implements RequestTaker {
  readonly #client: Link
  readonly #terms: ConnectionTerms
  readonly #requests: RequestSource
  /** The engine's side, once a request has needed it. */
  #engine: { readonly link: Link; readonly relay: Relay } | undefined
  #request: AdmittedRequest | undefined
  #startedAt = 0
  #exchanges = 0
  #busy = false
  #draining = false
  /** Byte counts at the end of the exchange before. */
  #toldIn = 0
  #toldOut = 0
  #closed: () => void = () => {}

  constructor(client: Link, terms: ConnectionTerms) {
    this.#client = client
    this.#terms = terms
    this.#requests = new RequestSource(client, this)
    client.onBug = (bug) => this.#crash(bug)
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
    if (!this.#busy) this.destroy()
  }

  /** Ends everything at once. */
  destroy(): void {
    this.#client.destroy()
    this.#engine?.link.destroy()
  }

  // What the client sends: a head, something that is not one, or its leave.

  head(received: Buffer): void {
    this.#begin()
    const text = received.toString('latin1')
    const admitted = admit(text, this.#terms)
    if (!admitted.ok)
      return this.#end(this.#refuse(admitted.failure, text.startsWith('HEAD ') ? 'HEAD' : 'GET'))
    const request = admitted.value
    this.#request = request
    const opening = request.onward === text ? received : Buffer.from(request.onward, 'latin1')
    if (request.tunnel !== undefined) this.#forwardWhole(request, opening)
    else this.#forward(opening, request.terms.framing)
  }

  refused(why: Refusal): void {
    this.#begin()
    this.#end(this.#refuse(why))
  }

  gone(): void {
    void this.#close()
  }

  #begin(): void {
    this.#busy = true
    this.#exchanges++
    this.#request = undefined
    this.#startedAt = performance.now()
  }

  /** dockerd reads the head and the body of a two-way request as one: what comes later is input for the container. */
  #forwardWhole(request: AdmittedRequest, opening: Buffer): void {
    if (request.terms.expectsContinue) this.#client.write(CONTINUE)
    collectBody(this.#client, request.terms.framing, TWO_WAY_BODY_LIMIT_BYTES, (body) => {
      switch (body.kind) {
        case 'body':
          return this.#forward(Buffer.concat([opening, body.raw]), { kind: 'none' })
        case 'refused':
          return this.#end(this.#refuse(body.refusal))
        case 'gone':
          return this.#end({ fate: 'aborted', status: undefined, next: 'close-now' })
        default:
          return impossible(body)
      }
    })
  }

  #forward(opening: Buffer, framing: Framing): void {
    if (this.#engine === undefined) return this.#reachEngine(() => this.#forward(opening, framing))
    const { head, tunnel } = this.#request!
    this.#engine.relay.begin({ method: head.method, opening, framing, tunnel })
  }

  #reachEngine(then: () => void): void {
    const { engine } = this.#terms
    dial(engine)
      .then((dialled) => {
        if (this.#client.closed) {
          if (dialled.ok) dialled.value.destroy()
          return this.#end({ fate: 'aborted', status: undefined, next: 'close-now' })
        }
        if (!dialled.ok) {
          const where = describeAddress(engine)
          return this.#end(
            this.#fail(
              'unreachable',
              `the Docker Engine at ${where} cannot be reached (${dialled.failure.message}); is it running?`,
            ),
          )
        }
        const link = dialled.value
        link.onBug = (bug) => this.#crash(bug)
        this.#engine = { link, relay: new Relay(this.#client, link, (end) => this.#relayed(end)) }
        then()
      })
      .catch((bug: unknown) => this.#crash(bug))
  }

  #relayed(end: RelayEnd): void {
    if (end.kind !== 'switched') return this.#end(this.#endOfRelay(end))
    splice(this.#client, this.#engine!.link)
      .then(() => this.#end({ fate: 'hijacked', status: end.status, next: 'close-now' }))
      .catch((bug: unknown) => this.#crash(bug))
  }

  #endOfRelay(end: Exclude<RelayEnd, { kind: 'switched' }>): ExchangeEnd {
    switch (end.kind) {
      case 'complete': {
        const again = end.reusable && this.#request!.terms.keepAlive && !this.#draining
        return { fate: 'relayed', status: end.status, next: again ? 'serve-another' : 'close-softly' }
      }
      case 'client-gone':
        return { fate: 'aborted', status: end.status, next: 'close-now' }
      case 'request-garbled':
        if (end.answered)
          return { fate: 'ambiguous', status: undefined, next: 'close-now', detail: end.message }
        return this.#refuse(refusal('PS-FRAME-008', 400, end.message))
      case 'answer-garbled':
        if (end.answered)
          return { fate: 'cut-off', status: undefined, next: 'close-softly', detail: end.message }
        return this.#fail('cut-off', `the engine's answer cannot be read: ${end.message}`)
      case 'engine-gone':
        if (end.answered)
          return {
            fate: 'cut-off',
            status: end.status,
            next: 'close-softly',
            detail: 'the engine left in the middle of its answer',
          }
        // On a kept connection the engine may just have closed it for being idle. Clients know that case when they see
        // it, a close without an answer, and send the request again; an answer of ours would take the retry from them.
        if (this.#exchanges > 1)
          return {
            fate: 'unreachable',
            status: undefined,
            next: 'close-softly',
            detail: 'the engine closed the kept connection',
          }
        return this.#fail('unreachable', 'the Docker Engine closed the connection without an answer')
      default:
        return impossible(end)
    }
  }

  #refuse(why: Refusal, method = 'GET'): ExchangeEnd {
    this.#client.write(errorAnswer(why.status, `${why.message} (${why.rule})`, method))
    return {
      fate: 'ambiguous',
      status: why.status,
      next: 'close-softly',
      detail: `${why.rule}: ${why.message}`,
    }
  }

  #fail(fate: Fate, message: string): ExchangeEnd {
    this.#client.write(errorAnswer(502, message, this.#request?.head.method ?? 'GET'))
    return { fate, status: 502, next: 'close-softly', detail: message }
  }

  #end(end: ExchangeEnd): void {
    this.#busy = false
    this.#report(end)
    if (end.next === 'serve-another') {
      this.#engine!.link.readInto(this.#idleEngine)
      this.#requests.await()
      return
    }
    if (end.next === 'close-now') this.#client.destroy()
    void this.#close()
  }

  /** Between exchanges an engine has nothing to say. Whatever it does then, close or talk, ends the connection. */
  readonly #idleEngine: LinkReader = {
    bytes: () => this.#client.destroy(),
    end: () => this.#client.destroy(),
    drained() {},
    closed: () => this.#client.destroy(),
  }

  async #close(): Promise<void> {
    this.#engine?.link.destroy()
    await lingeringClose(this.#client)
    this.#closed()
  }

  #crash(bug: unknown): void {
    this.#terms.tell({ kind: 'connection-crashed', error: bug })
    this.destroy()
    this.#closed()
  }

  #report(end: ExchangeEnd): void {
    const { bytesTaken, bytesOut } = this.#client
    const request = this.#request
    this.#terms.tell({
      kind: 'exchange-ended',
      report: {
        method: request?.head.method ?? '',
        target: request?.head.target ?? '',
        operation: request?.route.operation?.id ?? 'unknown',
        status: end.status,
        requestBytes: bytesTaken - this.#toldIn,
        responseBytes: bytesOut - this.#toldOut,
        durationMs: performance.now() - this.#startedAt,
        fate: end.fate,
        detail: end.detail,
      },
    })
    this.#toldIn = bytesTaken
    this.#toldOut = bytesOut
  }
}
