/** A client of our own: raw sockets, one request at a time, and no garbage while it measures. */
import { connect, type OnReadOpts, type Socket } from 'node:net'
import { AnswerReader } from './answer-reader.ts'

/** Where a contender listens: a path for a unix socket, a number for a port on 127.0.0.1. */
export type Where = string | number

export interface ClientOptions {
  /** Ends the connection; whatever is waited for then fails with the signal's reason, and how far the answer had come. */
  readonly signal: AbortSignal
  /** Size of the one buffer that is read into, over and over. */
  readonly readBytes?: number
}

/** Large enough that the client's own system calls are not what a fast contender waits for. */
const READ_BYTES = 256 * 1024

/** How far an answer has come. */
type Point = 'first-byte' | 'head' | 'body' | 'complete'

interface Waiting {
  readonly point: Point
  readonly done: () => void
  readonly failed: (why: Error) => void
}

export class Client implements Disposable {
  readonly #socket: Socket
  readonly #signal: AbortSignal
  /** The answer to the last request. */
  #answer: AnswerReader | undefined
  #waiting: Waiting | undefined
  #ended: Error | undefined

  /** Starts to connect at once; what is sent before the connection stands goes out when it does. */
  constructor(where: Where, options: ClientOptions) {
    const buffer = Buffer.allocUnsafeSlow(options.readBytes ?? READ_BYTES)
    const onread: OnReadOpts = {
      buffer,
      callback: (size) => {
        this.#take(buffer.subarray(0, size))
        return true
      },
    }
    this.#socket =
      typeof where === 'string'
        ? connect({ path: where, onread })
        : connect({ host: '127.0.0.1', port: where, noDelay: true, onread })
    this.#signal = options.signal
    this.#signal.addEventListener('abort', this.#abort, { once: true })
    if (this.#signal.aborted) this.#abort()
    this.#socket.on('error', (error) => this.#end(error))
    this.#socket.once('end', () => this.#end(new Error('the connection ended')))
    this.#socket.once('close', () => this.#end(new Error('the connection was closed')))
  }

  /** Resolves when the connection stands. */
  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      this.#socket.once('connect', resolve)
      this.#socket.once('close', () => reject(this.#ended ?? new Error('the connection was closed')))
    })
  }

  /** Sends a request, or its beginning. `onBody` sees the bytes of the answer's body. */
  begin(request: Buffer, onBody?: (part: Buffer) => void): void {
    this.#answer = new AnswerReader(onBody)
    this.#socket.write(request)
  }

  /** Resolves when the answer to the last request has come so far. */
  reached(point: Point): Promise<AnswerReader> {
    const answer = this.#answer
    return new Promise((resolve, reject) => {
      if (answer === undefined) throw new Error('nothing was asked')
      if (hasReached(answer, point)) return resolve(answer)
      if (this.#ended !== undefined) return reject(this.#ended)
      this.#waiting = { point, done: () => resolve(answer), failed: reject }
    })
  }

  /** Sends a request and resolves with its whole answer. */
  ask(request: Buffer, onBody?: (part: Buffer) => void): Promise<AnswerReader> {
    this.begin(request, onBody)
    return this.reached('complete')
  }

  /** Resolves when the bytes have been handed to the system. */
  send(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(this.#ended ?? error) : resolve()))
    })
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#abort)
    this.#socket.destroy()
  }

  readonly #abort = (): void => {
    const { message } = this.#signal.reason as Error
    this.#fail(new Error(`${message}; so far: ${this.#answer?.progress ?? 'nothing asked'}`))
  }

  #take(bytes: Buffer): void {
    const answer = this.#answer
    if (answer === undefined || answer.complete)
      return this.#fail(new Error('bytes that belong to no answer'))
    try {
      answer.push(bytes)
    } catch (error) {
      return this.#fail(error as Error)
    }
    if (this.#waiting !== undefined && hasReached(answer, this.#waiting.point)) this.#tell()
  }

  #tell(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.done()
  }

  #fail(why: Error): void {
    this.#end(why)
    this.#socket.destroy()
  }

  #end(why: Error): void {
    if (this.#ended !== undefined) return
    this.#ended = why
    if (this.#answer?.end()) return this.#tell()
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.failed(why)
  }
}

function hasReached(answer: AnswerReader, point: Point): boolean {
  if (answer.complete) return true
  if (point === 'first-byte') return answer.begun
  if (point === 'head') return answer.status > 0
  return point === 'body' && answer.bodyBytes > 0
}

/** A request without a body, as bytes. */
export function request(method: string, path: string, ...fields: readonly string[]): Buffer {
  return Buffer.from([`${method} ${path} HTTP/1.1`, 'Host: docker', ...fields, '', ''].join('\r\n'), 'latin1')
}
