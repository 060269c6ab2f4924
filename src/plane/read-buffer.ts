/**
 * One buffer for a socket to read into, over and over.
 *
 * By default Node allocates 64 KiB for each read. For a download of a gigabyte that is sixteen thousand buffers, and collecting
 * them cost more processor time than moving the bytes. With one buffer a socket, what is read is *lent*: it is valid until
 * the reader returns, and who keeps any of it keeps a copy. The one keeper that copies nothing is a socket which could not
 * send all at once; then the buffer is left to it until all has left, and the next read gets another one.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'

/**
 * Bytes of one read. The kernel holds about 208 KiB of a unix socket's bytes (net.core.wmem_default); measured here, larger
 * buffers than this moved no more. Pages that are never read into take no memory.
 */
const READ_BYTES = 64 * 1024

/**
 * Bytes of a socket's first reads. Most connections carry a few heads and small bodies; 64 KiB for each side of each of them
 * made collecting garbage a fifth of what a connection costs, and its longest pauses. Who sends more than fits gets a full one.
 */
const FIRST_READ_BYTES = 8 * 1024

/** Somebody who could not send at once what was lent, and tells when all of it has left. */
export interface Keeper {
  onceDrained(left: () => void): void
}

/** Who keeps bytes of the read in hand. Reads do not overlap. */
let keeper: Keeper | undefined

/** `by` could not send at once all that it was given. */
export function keepsBytes(by: Keeper): void {
  keeper = by
}

export class ReadBuffer {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_READ_BYTES)
  /** A second one, for the time that the first one is kept: a slow receiver makes two of them alternate. */
  #spare: Buffer | undefined
  /** Takes what was read. */
  take: (lent: Buffer) => void = () => {}

  /** For a socket that is to read into this. */
  readonly options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
    allowHalfOpen: true,
    onread: {
      buffer: () => this.#buffer,
      callback: (size) => {
        keeper = undefined
        const isFull = size === this.#buffer.length
        this.take(this.#buffer.subarray(0, size))
        if (keeper !== undefined) this.#leaveTo(keeper)
        if (isFull && this.#buffer.length < READ_BYTES) this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES)
        return true
      },
    },
  }

  #leaveTo(by: Keeper): void {
    const kept = this.#buffer
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(kept.length)
    this.#spare = undefined
    by.onceDrained(() => {
      this.#spare = kept
    })
  }
}

/**
 * The same connection as a socket that reads into `input`, for one that a server accepted with `pauseOnConnect`; servers have
 * no option for it. Handing a connection from one socket object to another is what Node itself does between processes, by the
 * same two names, which are not documented: where they are not there, nothing comes back, and the socket is used as it is.
 */
export function rereading(accepted: Socket, input: ReadBuffer): Socket | undefined {
  const owner = accepted as { _handle?: object | null }
  if (!owner._handle) return undefined
  const options = { ...input.options, handle: owner._handle }
  const socket = new Socket(options)
  owner._handle = null
  return socket
}
