/** Calls to the adapter under test, on the same connections as the proxy's own. */

import { setMaxListeners } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { failed, ok, type Result } from '../model/result.ts'
import { type Auth, type AuthSettings, authOf } from '../transport/auth.ts'
import { causeOf } from '../transport/cause.ts'
import { withinDeadline } from '../transport/deadline.ts'
import {
  type Credentials,
  type Destination,
  destinationOf,
  type RemoteAddress,
} from '../transport/destination.ts'
import type { LineReply } from '../transport/line.ts'
import { Lines } from '../transport/lines.ts'

/** Where the adapter is, and how it knows who calls. */
export interface Target {
  readonly url: string
  readonly address: RemoteAddress
  readonly auth?: AuthSettings | undefined
  readonly credentials?: Credentials | undefined
}

/** What came of a call. */
export type Came =
  | { readonly kind: 'reply'; readonly reply: LineReply; readonly tookMs: number }
  | { readonly kind: 'nothing'; readonly why: string; readonly tookMs: number }

export type Fields = Readonly<Record<string, string>>

export interface Message {
  readonly method: 'POST' | 'OPTIONS'
  readonly fields: Fields
  readonly body: string | null
  /** In pieces that arrive one after the other, the first of them one byte long. */
  readonly inPieces?: boolean
}

/** More than the calls that any check makes at one time. */
const CONNECTIONS = 64

/** What the proxy takes of a reply. */
const REPLY_LIMIT_BYTES = 32 * 1024 * 1024

export class Caller {
  readonly target: Target
  readonly timeoutMs: number
  readonly auth: Auth
  readonly #destination: Destination
  readonly #kept: Lines
  readonly #fresh: Lines
  readonly #stop = new AbortController()

  constructor(target: Target, timeoutMs: number) {
    this.target = target
    this.timeoutMs = timeoutMs
    this.auth = authOf(target.auth)
    // Each call in hand listens for the end of all.
    setMaxListeners(0, this.#stop.signal)
    this.#destination = destinationOf(target.url, target.address, target.credentials)
    const terms = { connections: CONNECTIONS, waiting: CONNECTIONS, replyLimitBytes: REPLY_LIMIT_BYTES }
    this.#kept = new Lines(this.#destination, { ...terms, fresh: false })
    this.#fresh = new Lines(this.#destination, { ...terms, fresh: true })
  }

  /** `fresh`: on a connection of its own, as protocol 1 wants it. */
  async send(message: Message, fresh: boolean): Promise<Came> {
    const { method, body, inPieces = false } = message
    const pieces = inPieces && body !== null ? piecesOf(body) : undefined
    const fields =
      pieces === undefined
        ? message.fields
        : { ...message.fields, 'Content-Length': String(Buffer.byteLength(body!)) }
    const from = performance.now()
    const end = await withinDeadline(this.timeoutMs, this.#stop.signal, (stop) =>
      (fresh ? this.#fresh : this.#kept).send({ method, fields, body: pieces ?? body }, stop),
    )
    const tookMs = performance.now() - from
    if (end.ok) return { kind: 'reply', reply: end.value, tookMs }
    const { failure } = end
    const why =
      failure.kind === 'unreachable'
        ? failure.cause
        : failure.kind === 'bad-reply'
          ? failure.problem
          : `no reply within ${this.timeoutMs} ms`
    return { kind: 'nothing', why, tookMs }
  }

  /** Sends the first `share` of a message, and hangs up without waiting for anything. */
  async hangUp(message: Message, share: number): Promise<void> {
    const { method, fields, body } = message
    const text = body ?? ''
    const head = [
      `${method} ${this.#destination.path} HTTP/1.1`,
      `Host: ${new URL(this.#destination.origin).host}`,
      ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
      `Content-Length: ${Buffer.byteLength(text)}`,
    ]
    const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`)
    const { socket, ready } = this.#destination.dial()
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      socket.on('error', () => {})
      socket.once(ready, () => {
        socket.write(bytes.subarray(0, Math.ceil(bytes.length * share)), () => socket.destroy())
      })
    })
  }

  /** Whether somebody accepts connections there; the failure says why not. Nothing is sent. */
  knock(): Promise<Result<undefined, string>> {
    const { socket, ready } = this.#destination.dial()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        socket.destroy()
        resolve(failed(`no connection within ${this.timeoutMs} ms`))
      }, this.timeoutMs)
      const end = (result: Result<undefined, string>) => {
        clearTimeout(timer)
        socket.destroy()
        resolve(result)
      }
      socket.on('error', (problem) => end(failed(causeOf(problem))))
      socket.once(ready, () => end(ok(undefined)))
    })
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all([this.#kept.close(), this.#fresh.close()])
  }
}

/** How long the network would take between two of them, in milliseconds. */
const PIECE_PAUSE_MS = 40

function piecesOf(body: string): Readable {
  const bytes = Buffer.from(body)
  const cuts = [0, 1, Math.ceil(bytes.length / 3), Math.ceil((2 * bytes.length) / 3), bytes.length]
  return Readable.from(
    (async function* () {
      for (const [index, cut] of cuts.slice(1).entries()) {
        if (index > 0) await pause(PIECE_PAUSE_MS)
        yield bytes.subarray(cuts[index], cut)
      }
    })(),
  )
}

/** For people, as long as a few lines. */
export function describeCame(came: Came): string {
  if (came.kind === 'nothing') return `nothing that can be used: ${came.why}`
  const { status, fields, body } = came.reply
  const type = fields['content-type']
  const said = body === undefined ? 'bytes that are not UTF-8' : body === '' ? 'no body' : shortened(body)
  return `${status}${typeof type === 'string' ? ` ${type}` : ''}: ${said}`
}

const SHOWN_LENGTH = 800

export function shortened(text: string): string {
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}… (${text.length} characters)`
}
