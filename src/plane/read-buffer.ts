/**
 * One buffer for a socket to read into, over and over.
 *
 * By default Node allocates 64 KiB for each read. For a download of a gigabyte that is sixteen thousand buffers, and collecting
 * them cost more processor time than moving the bytes. With one buffer a socket, what is read is *lent*: it is valid until
 * the reader returns, and who keeps any of it keeps a copy. The one keeper that copies nothing is a socket which could not
 * send all at once; then the buffer is left to it, and the next read gets a new one.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'

/**
 * Bytes of one read. The kernel holds about 208 KiB of a unix socket's bytes (net.core.wmem_default); measured here, larger
 * buffers than this moved no more. Pages that are never read into take no memory.
 */
const READ_BYTES = 64 * 1024

/** Whether bytes that were lent in the read in hand wait in some socket to be sent. Reads do not overlap. */
let unsent = false

/** A socket tells that it could not send at once what it was given. */
export function keepsBytes(): void {
  unsent = true
}

export class ReadBuffer {
  #buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  /** Takes what was read. */
  take: (lent: Buffer) => void = () => {}

  /** For a socket that is to read into this. */
  readonly options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
    allowHalfOpen: true,
    onread: {
      buffer: () => this.#buffer,
      callback: (size) => {
        unsent = false
        this.take(this.#buffer.subarray(0, size))
        if (unsent) this.#buffer = Buffer.allocUnsafeSlow(READ_BYTES)
        return true
      },
    },
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
