/** One end of a raw connection in a test: it sends exactly the bytes it is told to and keeps every read apart. */
import { once } from 'node:events'
import { Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Address } from '../../src/model/address.ts'

/** How long a test waits for bytes or for an end before it fails with what has come instead, in milliseconds. */
const PATIENCE_MS = 20_000

export class Peer implements AsyncDisposable {
  readonly socket: Socket
  /** One buffer for each read of the socket. */
  readonly reads: Buffer[] = []
  /** The other side has sent its FIN. */
  ended = false
  closed = false
  /** What a reset said, if there was one. */
  problem: NodeJS.ErrnoException | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.reads.push(chunk))
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (problem) => {
      this.problem = problem
    })
    socket.on('close', () => {
      this.closed = true
    })
  }

  get received(): Buffer {
    return Buffer.concat(this.reads)
  }

  /** All that was received, a character a byte. */
  get text(): string {
    return this.received.toString('latin1')
  }

  get receivedBytes(): number {
    return this.reads.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  /** Sends as one write; resolves when the kernel has all of it. */
  send(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, (problem) =>
        problem ? reject(problem) : resolve(),
      )
    })
  }

  /** Resolves with all that was received once it holds `part`; `from` skips what came earlier. */
  async until(part: string, from = 0): Promise<string> {
    await this.wait(JSON.stringify(part), () => this.text.includes(part, from))
    return this.text
  }

  async untilBytes(count: number): Promise<void> {
    await this.wait(`${count} bytes`, () => this.receivedBytes >= count)
  }

  /** Resolves with all that was received when the other side has sent its FIN. */
  async end(): Promise<string> {
    await this.wait('a FIN', () => this.ended)
    return this.text
  }

  /** Resolves with all that was received when the other side is gone: after its FIN as well as after a reset. */
  async close(): Promise<string> {
    await this.wait('the close', () => this.ended || this.closed)
    return this.text
  }

  /** Sends FIN; what the other side still says is received. */
  finish(): void {
    this.socket.end()
  }

  /** Closes at once. */
  leave(): void {
    this.socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
    await this.wait('the close', () => this.closed)
  }

  private wait(what: string, seen: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (seen()) return settle(resolve)
        if (this.closed) settle(() => reject(new Error(`closed before ${what} came; ${this.#story()}`)))
      }
      const timer = setTimeout(
        () => settle(() => reject(new Error(`${what} did not come; ${this.#story()}`))),
        PATIENCE_MS,
      )
      const settle = (how: () => void) => {
        clearTimeout(timer)
        for (const event of ['data', 'end', 'close'] as const) this.socket.off(event, look)
        how()
      }
      for (const event of ['data', 'end', 'close'] as const) this.socket.on(event, look)
      look()
    })
  }

  #story(): string {
    const told = this.text
    return `received ${told.length} bytes: ${JSON.stringify(told.slice(0, 500))}`
  }
}

/** Opens a connection; half-open sockets allowed, as Docker's own clients have them. With `tls` it is an encrypted one. */
export async function connect(to: Address, tls?: ConnectionOptions): Promise<Peer> {
  if (tls !== undefined && to.kind === 'tcp') return connectSecurely(to, tls)
  const socket = new Socket({ allowHalfOpen: true })
  const peer = new Peer(socket)
  if (to.kind === 'unix') socket.connect({ path: to.path })
  else socket.connect({ host: to.host, port: to.port, noDelay: true })
  await once(socket, 'connect')
  return peer
}

async function connectSecurely(
  { host, port }: Address & { kind: 'tcp' },
  tls: ConnectionOptions,
): Promise<Peer> {
  const options: ConnectionOptions & { readonly allowHalfOpen: true } = {
    host,
    port,
    allowHalfOpen: true,
    ...tls,
  }
  const socket = connectTls(options)
  socket.setNoDelay(true)
  const peer = new Peer(socket)
  await once(socket, 'secureConnect')
  return peer
}
