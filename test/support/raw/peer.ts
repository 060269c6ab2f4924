/**
 * One raw end of a connection: writes what it is told, keeps every byte that arrives, and reads them strictly. It serves
 * as a client and, around an accepted socket, as the engine.
 *
 * Every wait has a deadline, and its error shows the bytes that had arrived by then.
 */
import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Door } from './door.ts'
import { type Answer, type Taken, takeAnswer, takeHead } from './message.ts'

/** How the other side ended: an orderly FIN, or a connection cut off. */
export type Ending = 'fin' | 'reset'

/** Nothing awaited here takes a hundredth of it; machines that run tests may be busy with others. */
export const PATIENCE_MS = 30_000

export class RawPeer implements AsyncDisposable {
  readonly socket: Socket
  /** Everything received, in the pieces in which it was read. */
  readonly pieces: Buffer[] = []
  #unread: Buffer = Buffer.alloc(0)
  #ending: Ending | undefined
  #changed: () => void = () => {}

  /** The socket must have been made with `allowHalfOpen`. */
  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (piece: Buffer) => {
      this.pieces.push(piece)
      this.#unread = this.#unread.length === 0 ? piece : Buffer.concat([this.#unread, piece])
      this.#changed()
    })
    socket.on('end', () => this.#over('fin'))
    socket.on('error', () => this.#over('reset'))
    socket.on('close', () => this.#over('reset'))
  }

  static async connect(door: Door): Promise<RawPeer> {
    const socket = new ReadingSocket({ allowHalfOpen: true })
    if (door.kind === 'unix') socket.connect({ path: door.path })
    else socket.connect({ host: '127.0.0.1', port: door.port, noDelay: true })
    await once(socket, 'connect')
    return new RawPeer(socket)
  }

  /** Bytes that have arrived and were not asked for yet. */
  get unread(): Buffer {
    return this.#unread
  }

  /** How the other side has ended, once it has. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Writes and waits until the kernel has taken it all. */
  async writeAll(bytes: string | Buffer): Promise<void> {
    await new Promise<void>((taken) => {
      this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, () => taken())
    })
  }

  /** Sends FIN; reading goes on. */
  end(): void {
    this.socket.end()
  }

  /** Closes both directions at once, without waiting for anything. */
  destroy(): void {
    this.socket.destroy()
  }

  /** The next complete answer. `method`: of the request that it answers. */
  answer(method = 'GET'): Promise<Answer> {
    return this.#take('an answer', (seen, over) => takeAnswer(seen, over, method))
  }

  /** The next head, whatever follows it. */
  head(): Promise<string> {
    return this.#take('a head', takeHead)
  }

  /** Exactly so many bytes. */
  bytes(count: number): Promise<Buffer> {
    return this.#take(`${count} bytes`, (seen) =>
      seen.length < count ? undefined : { value: seen.subarray(0, count), used: count },
    )
  }

  /** Everything up to and with `mark`. */
  until(mark: string): Promise<Buffer> {
    return this.#take(JSON.stringify(mark), (seen) => {
      const at = seen.indexOf(mark, 0, 'latin1')
      if (at < 0) return undefined
      return { value: seen.subarray(0, at + mark.length), used: at + mark.length }
    })
  }

  /** Everything up to the end of the connection, and how it ended. */
  async rest(): Promise<{ readonly bytes: Buffer; readonly ending: Ending }> {
    const bytes = await this.#take('the end', (seen, over) =>
      over ? { value: seen, used: seen.length } : undefined,
    )
    return { bytes, ending: this.#ending! }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy()
  }

  #over(ending: Ending): void {
    this.#ending ??= ending
    this.#changed()
  }

  async #take<T>(what: string, attempt: (seen: Buffer, over: boolean) => Taken<T> | undefined): Promise<T> {
    const late = Date.now() + PATIENCE_MS
    for (;;) {
      const over = this.#ending !== undefined
      const taken = attempt(this.#unread, over)
      if (taken !== undefined) {
        this.#unread = this.#unread.subarray(taken.used)
        return taken.value
      }
      if (over)
        throw new Error(`waiting for ${what}, the connection ended (${this.#ending}) ${this.#sofar()}`)
      if (!(await this.#change(late - Date.now())))
        throw new Error(`waited ${PATIENCE_MS} ms for ${what} ${this.#sofar()}`)
    }
  }

  /** True when something has arrived; false when the time is over. */
  #change(patienceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.max(0, patienceMs))
      this.#changed = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  #sofar(): string {
    const text = this.#unread.toString('latin1')
    const shown = text.length > 2000 ? `${text.slice(0, 1000)} … ${text.slice(-1000)}` : text
    return `after ${this.#unread.length} bytes: ${JSON.stringify(shown)}`
  }
}

/** One request on a connection of its own, and the whole answer. */
export async function exchange(door: Door, request: string): Promise<Answer> {
  await using peer = await RawPeer.connect(door)
  peer.write(request)
  return await peer.answer(request.slice(0, request.indexOf(' ')))
}

/**
 * Goes on reading when a write fails. An engine may refuse an upload half-way and close; an ordinary socket destroys
 * itself at the next write, with the answer unread in the kernel, and a test would blame the proxy for it.
 */
class ReadingSocket extends Socket {
  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    super._write(chunk, encoding, () => done())
  }

  override _writev(chunks: Array<{ chunk: Buffer; encoding: BufferEncoding }>, done: () => void): void {
    super._writev?.(chunks, () => done())
  }

  override _final(done: () => void): void {
    super._final(() => done())
  }
}
