/**
 * One end of the proxy: a socket with one reader at a time.
 *
 * A socket's listeners are attached once, for its whole life; what changes from head to body to tunnel is only the
 * reader that they report to. Bytes that no reader has taken yet are held and handed to the next one, in order, so that
 * a switch of readers loses nothing and repeats nothing.
 */
import type { Socket } from 'node:net'
import { isOrphaned } from './orphan.ts'
import { type Keeper, keepsBytes, type ReadBuffer } from './read-buffer.ts'
import { stopWatching, type Watched, watch } from './watch-list.ts'

export interface LinkReader {
  /** Takes all of `chunk`, or gives the tail back with `unread`. It is lent: who keeps any of it keeps a copy. */
  bytes(chunk: Buffer): void
  /** The peer will send nothing more; it may still be reading. */
  end(): void
  /** What was written has left; writing may go on. */
  drained(): void
  /** The socket is gone, with or without an error. */
  closed(): void
}

/** Bytes held for a reader that is still to come before the socket is paused: one usual socket read. */
const HELD_LIMIT_BYTES = 64 * 1024

const NO_BYTES = Buffer.alloc(0)

export class Link implements Keeper, Watched {
  readonly socket: Socket
  /** Told of what a reader throws. That is a bug of ours, and must cost one connection, not all of them. */
  onBug: (bug: unknown) => void = (bug) => {
    throw bug
  }
  #reader: LinkReader | undefined
  #held: Buffer[] = []
  #heldBytes = 0
  watchPlace = -1
  #holding = false
  #ended = false
  #closed = false
  #bytesIn = 0
  #bytesOut = 0
  /** The kernel is being asked after a TCP peer. */
  #isAsking = false
  #onDrained: (() => void) | undefined

  /** The socket must have been made with `allowHalfOpen: true`. `input`: what it reads into. */
  constructor(socket: Socket, input?: ReadBuffer) {
    this.socket = socket
    const guarded = <A extends unknown[]>(tell: (...told: A) => void) => {
      return (...told: A) => {
        try {
          tell(...told)
        } catch (bug) {
          this.onBug(bug)
        }
      }
    }
    const arrived = guarded((chunk: Buffer) => this.#arrived(chunk))
    if (input === undefined) socket.on('data', arrived)
    else input.take = arrived
    socket.on(
      'end',
      guarded(() => this.#endArrived()),
    )
    socket.on(
      'drain',
      guarded(() => {
        this.#onDrained?.()
        this.#onDrained = undefined
        this.#reader?.drained()
      }),
    )
    // The reason does not change what must be done, and `close` always follows.
    socket.on('error', () => {})
    socket.on(
      'close',
      guarded(() => {
        this.#closed = true
        this.stopWatching()
        this.#reader?.closed()
      }),
    )
  }

  /** Bytes received and taken by readers so far, over all exchanges. */
  get bytesTaken(): number {
    return this.#bytesIn - this.#heldBytes
  }

  /** Bytes handed to the socket so far, over all exchanges. */
  get bytesOut(): number {
    return this.#bytesOut
  }

  /** Whether bytes have arrived that no reader has taken. */
  get holdsBytes(): boolean {
    return this.#heldBytes > 0
  }

  /** Whether more was written than the peer has read: `drained` will be told. */
  get congested(): boolean {
    return this.socket.writableNeedDrain
  }

  /** Whether the peer has sent its FIN and all bytes before it were taken. */
  get ended(): boolean {
    return this.#ended && this.#heldBytes === 0
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Reports to `reader` from now on, first what was held back. `undefined`: hold everything from now on. */
  readInto(reader: LinkReader | undefined): void {
    this.#reader = reader
    this.#holding = false
    if (reader === undefined) return
    while (this.#held.length > 0 && this.#reader === reader && !this.#holding) {
      const chunk = this.#held.shift()!
      this.#heldBytes -= chunk.length
      reader.bytes(chunk)
    }
    if (this.#reader !== reader) return
    if (this.#heldBytes === 0) this.socket.resume()
    if (this.ended) reader.end()
    if (this.#closed && this.#reader === reader) reader.closed()
  }

  /**
   * Puts `tail` back and holds it and all that follows for the next reader. The present one still hears of a drain, of
   * the close, and of a FIN if nothing is held before it.
   */
  hold(tail: Buffer): void {
    this.#holding = true
    this.unread(tail)
  }

  /** Reports to `reader` from now on all but bytes, which are held. */
  holdFor(reader: LinkReader): void {
    this.#reader = reader
    this.#holding = true
  }

  /** Puts back the tail of the chunk that is being read, for the next reader. */
  unread(tail: Buffer): void {
    if (tail.length === 0) return
    // Most often nothing waits behind it, and an `unshift` is a call into the runtime.
    if (this.#held.length === 0) this.#held.push(Buffer.from(tail))
    else this.#held.unshift(Buffer.from(tail))
    this.#heldBytes += tail.length
  }

  /** The first bytes that are held, where so many arrived together; they are the caller's to keep. Nothing is taken otherwise. */
  takeHeld(bytes: number): Buffer | undefined {
    const first = this.#held[0]
    if (first === undefined || first.length < bytes) return undefined
    if (first.length === bytes) this.#held.shift()
    else this.#held[0] = first.subarray(bytes)
    this.#heldBytes -= bytes
    this.resume()
    return first.subarray(0, bytes)
  }

  /** All bytes that have arrived and not been taken, at once. */
  takeUnread(): Buffer {
    if (this.#heldBytes === 0) return NO_BYTES
    const taken = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return taken
  }

  /** False: the socket's buffer is full, wait for `drained`. */
  write(chunk: Buffer): boolean {
    if (this.socket.destroyed || this.socket.writableEnded) return true
    this.#bytesOut += chunk.length
    const free = this.socket.write(chunk)
    if (this.socket.writableLength > 0) keepsBytes(this)
    return free
  }

  /** Writes both in one go: engines read a hijacked request's head and body only if they arrive together. */
  writeTogether(first: Buffer, second: Buffer): boolean {
    if (second.length === 0) return this.write(first)
    if (first.length === 0) return this.write(second)
    if (first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset)
      return this.write(Buffer.from(first.buffer, first.byteOffset, first.length + second.length))
    this.socket.cork()
    this.write(first)
    const free = this.write(second)
    this.socket.uncork()
    return free
  }

  /** `left` is called when all that was written has left, or never: not if so little waits that nobody was told to pause. */
  onceDrained(left: () => void): void {
    this.#onDrained = left
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    if (this.#heldBytes <= HELD_LIMIT_BYTES) this.socket.resume()
  }

  /** Sends FIN behind what was written; reading goes on. `sent` is called when all of it has left, or never will. */
  end(sent?: () => void): void {
    if (!this.socket.destroyed) this.socket.end(sent)
    else sent?.()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /**
   * Finds out when the peer is gone altogether: after its FIN, or while nothing is read from it.
   *
   * A FIN does not tell a client that has no more to say from one that was killed. On a unix socket an empty write does:
   * Linux answers EPIPE once the peer has closed both directions, and nothing at all when it has only stopped sending.
   * On TCP it answers so only when data could not be delivered; until then the kernel's table of sockets tells it, of
   * peers on this machine.
   */
  watchForVanishing(): void {
    if (this.#closed) return
    watch(this)
    if (this.#ended) this.lookAfter()
  }

  /** Whether it is certain, without waiting, that nothing which is written now reaches anybody. */
  get vanished(): boolean {
    const { socket } = this
    if (this.#closed || socket.destroyed) return true
    // On TCP it would tell nothing.
    if (socket.remoteAddress === undefined) this.#writeNothing()
    // A write that fails at once is written down at once; the events come later.
    return socket.errored !== null
  }

  /** The same, with a look at what the kernel knows of a TCP peer that has ended its side. */
  async hasVanished(): Promise<boolean> {
    return (
      this.vanished || (this.#ended && this.socket.remoteAddress !== undefined && isOrphaned(this.socket))
    )
  }

  #writeNothing(): void {
    const { socket } = this
    if (!socket.writableEnded && socket.writableLength === 0) socket.write(NO_BYTES)
  }

  lookAfter(): void {
    const { socket } = this
    if (socket.destroyed) return
    this.#writeNothing()
    if (this.#isAsking || socket.remoteAddress === undefined || !(this.#ended || socket.isPaused())) return
    this.#isAsking = true
    isOrphaned(socket).then((gone) => {
      this.#isAsking = false
      if (gone) socket.destroy()
    }, this.onBug)
  }

  stopWatching(): void {
    stopWatching(this)
  }

  #endArrived(): void {
    this.#ended = true
    if (this.#reader === undefined) return
    if (this.#heldBytes === 0) this.#reader.end()
    else this.watchForVanishing()
  }

  #arrived(chunk: Buffer): void {
    this.#bytesIn += chunk.length
    if (this.#reader !== undefined && !this.#holding && this.#heldBytes === 0) {
      this.#reader.bytes(chunk)
      return
    }
    this.#held.push(Buffer.from(chunk))
    this.#heldBytes += chunk.length
    if (this.#heldBytes > HELD_LIMIT_BYTES) this.socket.pause()
  }
}
