/** Opening the engine side of a connection. */
import { Socket } from 'node:net'
import type { Address } from '../model/address.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { Link } from './link.ts'
import { ReadBuffer } from './read-buffer.ts'

/** Why the engine could not be reached, in words for the person at the client. */
export interface Unreachable {
  readonly message: string
}

/**
 * Longest time to wait for the engine to accept, in milliseconds. A local engine accepts at once or not at all; one
 * behind TCP may need a few retransmitted SYNs (1 + 2 + 4 s on Linux).
 */
const CONNECT_TIMEOUT_MS = 10_000

export function dial(address: Address): Promise<Result<Link, Unreachable>> {
  return new Promise((resolve) => {
    const input = new ReadBuffer()
    const socket = new EngineSocket(input.options)
    const timer = setTimeout(
      () => giveUp(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`),
      CONNECT_TIMEOUT_MS,
    )
    const giveUp = (reason: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(failed({ message: reason }))
    }
    const refused = (cause: Error) => giveUp(cause.message)
    socket.once('error', refused)
    socket.once('connect', () => {
      clearTimeout(timer)
      const link = new Link(socket, input)
      socket.off('error', refused)
      resolve(ok(link))
    })
    if (address.kind === 'unix') socket.connect({ path: address.path })
    else socket.connect({ host: address.host, port: address.port, noDelay: true, keepAlive: true })
  })
}

/**
 * A socket whose reading side outlives its writing side.
 *
 * An engine may refuse in the middle of an upload: it answers and closes while the client is still sending. The next
 * write then fails, and a plain socket would destroy itself with the answer still unread in the kernel. Here a failed
 * write only ends the writing; reading goes on to the engine's last byte, and then the socket closes.
 */
class EngineSocket extends Socket {
  #deaf = false

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#deaf) return done()
    super._write(chunk, encoding, this.#shielded(done))
  }

  override _writev(
    chunks: Array<{ chunk: Buffer; encoding: BufferEncoding }>,
    done: (error?: Error | null) => void,
  ): void {
    if (this.#deaf) return done()
    super._writev?.(chunks, this.#shielded(done))
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#deaf) return done()
    super._final(this.#shielded(done))
  }

  #shielded(done: (error?: Error | null) => void): (error?: Error | null) => void {
    return (error) => {
      if (error) {
        this.#deaf = true
        if (this.readableEnded) this.destroy()
      }
      done()
    }
  }
}
