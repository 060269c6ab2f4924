import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { Client, type Dispatcher, errors } from 'undici'
import type { HookFailure } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { StopSignal } from '../model/stop.ts'
import { badReply } from '../wire/bad-reply.ts'
import type { Reply } from '../wire/v1.ts'
import { causeOf } from './cause.ts'
import type { Destination } from './destination.ts'

/**
 * Why we close a socket ourselves. It must be given: undici takes a close without an error for the end of a reply that only
 * the end of its connection delimits, and fails an assertion if it was told before that nobody reads on. Made once, because
 * a stack trace for every call is dear and this one is of no use.
 */
const HUNG_UP = new Error('the connection is not needed any more')

/** One message to an adapter. */
export interface LineMessage {
  readonly method: 'POST' | 'OPTIONS'
  /** `Content-Length` and `Connection` are not among them. */
  readonly fields: Readonly<Record<string, string>>
  /** One that comes in pieces goes on in pieces; its `Content-Length` is among the fields then. */
  readonly body: string | Readable | null
}

/** What came back, read to its end. */
export interface LineReply extends Reply {
  /** Names in lower case. */
  readonly fields: LineFields
}

export type LineFields = Readonly<Record<string, string | string[] | undefined>>

/** What came of a call, and whether the connection had died of old age: it was an idle one and nothing came back. */
export interface LineEnd {
  readonly result: Result<LineReply, HookFailure>
  readonly stale: boolean
  /** There was a connection, so the adapter may have seen the message. */
  readonly sent: boolean
}

/**
 * One connection to an adapter, for one call at a time. It is opened by the first call, and again by one that finds it
 * closed. Nothing else ends or destroys it.
 */
export class Line {
  readonly #destination: Destination
  readonly #keep: boolean
  readonly #client: Client
  #socket: Socket | undefined
  #connected = false
  #replied = false

  /** `keep`: whether it is for more than one call. The adapter is told by `Connection: close` if not. */
  constructor(destination: Destination, keep: boolean) {
    this.#destination = destination
    this.#keep = keep
    // Time limits are the caller's, and one for everything; undici's own begin anew with every byte that comes.
    this.#client = new Client(destination.origin, {
      pipelining: keep ? 1 : 0,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, opened) => this.#open(opened),
    })
  }

  /** Sends one message and waits for the reply. `stop` destroys the line, whatever it is doing. */
  send(message: LineMessage, replyLimitBytes: number, stop: StopSignal): Promise<LineEnd> {
    return new Promise((resolve) => {
      const hangUp = () => this.destroy()
      stop.addEventListener('abort', hangUp)
      const idle = this.#socket
      const bytesBefore = idle?.bytesRead
      this.#exchange(message, replyLimitBytes, (result) => {
        stop.removeEventListener('abort', hangUp)
        const stale =
          !result.ok && idle !== undefined && idle === this.#socket && idle.bytesRead === bytesBefore
        // Whatever went wrong, no later call should meet the rest of it.
        if (!result.ok) this.destroy()
        resolve({ result, stale, sent: this.#connected })
      })
    })
  }

  destroy(): void {
    // Then it has served its one call and is closed already. undici's own way is slower by a tenth of such a call.
    if (!this.#keep && this.#replied) return
    // undici does not know the socket before it is connected.
    this.#socket?.destroy(HUNG_UP)
    void this.#client.destroy(HUNG_UP)
  }

  #open(opened: (...result: [null, Socket] | [Error, null]) => void): void {
    const { trusted } = this.#destination
    if (trusted === undefined) return this.#connect(opened)
    trusted().then(
      () => this.#connect(opened),
      (error: Error) => opened(error, null),
    )
  }

  #connect(opened: (...result: [null, Socket] | [Error, null]) => void): void {
    this.#connected = false
    const { socket, ready } = this.#destination.dial()
    this.#socket = socket
    let answered = false
    socket.once(ready, () => {
      answered = true
      this.#connected = true
      opened(null, socket)
    })
    socket.on('error', (error) => {
      if (!answered) opened(error, null)
      answered = true
    })
  }

  #exchange(
    { method, fields, body }: LineMessage,
    replyLimitBytes: number,
    tell: (result: Result<LineReply, HookFailure>) => void,
  ): void {
    const { path } = this.#destination
    let isOver = false
    const done = (result: Result<LineReply, HookFailure>) => {
      if (isOver) return
      isOver = true
      this.#replied = result.ok
      if (!this.#keep) this.#socket?.destroy(HUNG_UP)
      tell(result)
    }
    const reader = new ReplyReader(replyLimitBytes, () => this.#socket?.errored != null, done)
    this.#client.dispatch({ method, path, headers: fields, body }, reader)
  }
}

const NO_BYTES = Buffer.alloc(0)

/** Reads one reply, up to its limit. The first result counts. */
class ReplyReader implements Dispatcher.DispatchHandler {
  readonly #limitBytes: number
  readonly #hasBroken: () => boolean
  readonly #done: (result: Result<LineReply, HookFailure>) => void
  #bytes = NO_BYTES
  #length = 0
  #status: number | undefined
  #fields: LineFields = {}

  constructor(
    limitBytes: number,
    hasBroken: () => boolean,
    done: (result: Result<LineReply, HookFailure>) => void,
  ) {
    this.#limitBytes = limitBytes
    this.#hasBroken = hasBroken
    this.#done = done
  }

  // undici takes an object for a handler of this kind by the presence of this method.
  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, fields: LineFields): void {
    // 102 and 103 announce a reply and are none.
    if (status < 200) return
    this.#status = status
    this.#fields = fields
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#length + chunk.length <= this.#limitBytes) return this.#append(chunk)
    this.#bytes = NO_BYTES
    this.#done(badReply(`its reply is larger than ${this.#limitBytes} bytes`))
    controller.abort(new errors.ResponseExceededMaxSizeError())
  }

  onResponseEnd(): void {
    // undici takes a reset for the end of a reply that only the end of its connection delimits. What came before it may
    // be all of it, but nothing at all must not be read as an empty reply: that would be consent.
    if (this.#length === 0 && this.#hasBroken()) this.#done(badReply(CUT_OFF))
    else if (this.#status === undefined) this.#done(badReply(NOT_HTTP))
    else this.#done(ok({ status: this.#status, body: this.#text(), fields: this.#fields }))
  }

  #text(): string | undefined {
    if (this.#length === 0) return ''
    const bytes = this.#bytes.subarray(0, this.#length)
    return isUtf8(bytes) ? bytes.toString() : undefined
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (error instanceof errors.HeadersOverflowError)
      this.#done(badReply('the head of its reply is too large'))
    else if (isMalformed(error, this.#status)) this.#done(badReply(NOT_HTTP))
    else if (this.#status !== undefined) this.#done(badReply(CUT_OFF))
    else this.#done(failed({ kind: 'unreachable', cause: causeOf(error) }))
  }

  /** Copied, for an adapter may send its reply in chunks of a byte, and to keep each of them takes a hundred bytes. */
  #append(chunk: Buffer): void {
    const needed = this.#length + chunk.length
    if (needed > this.#bytes.length) {
      const room = Math.min(Math.max(needed, 2 * this.#bytes.length, 1024), this.#limitBytes)
      const larger = Buffer.allocUnsafe(room)
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#length)
    this.#length = needed
  }
}

/** undici names a head with two lengths, and an end too early, by what it noticed first. */
function isMalformed(error: Error, status: number | undefined): boolean {
  // For 100 and 101, which nobody has asked for. These errors have no code of their own.
  if (error.message === 'bad response' || error.message === 'bad upgrade') return true
  if (error instanceof errors.HTTPParserError) return error.code !== 'HPE_INVALID_EOF_STATE'
  return error instanceof errors.ResponseContentLengthMismatchError && status === undefined
}

const CUT_OFF = 'its reply was cut off'
const NOT_HTTP = 'its reply is not HTTP/1.1'
