/** Node's own HTTP parser, asked through an ordinary `node:http` server and client whose socket the test holds. */
import { once } from 'node:events'
import { type ClientRequest, createServer, type IncomingMessage, request } from 'node:http'
import { Duplex } from 'node:stream'

/** More than any head here has; node refuses above 16 KiB by default. */
const MAX_HEADER_SIZE = 1024 * 1024

/** A socket that is fed by hand: what is emitted as `data` is parsed before the call returns. */
class HandFed extends Duplex {
  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}

export interface NodeRequest {
  readonly method: string
  readonly target: string
  readonly minor: number
  readonly rawHeaders: readonly string[]
  readonly body: string
  readonly complete: boolean
}

export interface NodeReading {
  readonly requests: readonly NodeRequest[]
  /** llhttp's name for what it refuses: `HPE_INVALID_HEADER_TOKEN`. */
  readonly problem: string | undefined
  /** For each piece: whether the newest request was complete once it was read. */
  readonly completeAfter: readonly boolean[]
}

export class NodeServer {
  #seen: IncomingMessage[] = []
  #problem: string | undefined
  readonly #server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: MAX_HEADER_SIZE,
    requestTimeout: 0,
  })

  constructor() {
    const take = (message: IncomingMessage) => this.#seen.push(message)
    this.#server.on('request', take)
    this.#server.on('checkContinue', take)
    this.#server.on('checkExpectation', take)
    this.#server.on('clientError', (problem: NodeJS.ErrnoException) => {
      this.#problem = problem.code ?? problem.message
    })
  }

  read(pieces: readonly Buffer[]): NodeReading {
    this.#seen = []
    this.#problem = undefined
    const socket = new HandFed()
    this.#server.emit('connection', socket)
    const completeAfter = pieces.map((piece) => {
      if (this.#problem === undefined) socket.emit('data', piece)
      return this.#seen.at(-1)?.complete ?? false
    })
    const requests = this.#seen.map((message) => ({
      method: message.method ?? '',
      target: message.url ?? '',
      minor: message.httpVersionMinor,
      rawHeaders: [...message.rawHeaders],
      body: bodyOf(message),
      complete: message.complete,
    }))
    const problem = this.#problem
    // The parser goes back to its pool.
    socket.emit('close')
    return { requests, problem, completeAfter }
  }
}

export interface NodeAnswer {
  readonly status: number | undefined
  readonly interim: readonly number[]
  readonly body: string
  readonly problem: string | undefined
  /** For each piece: whether the final answer was complete once it was read. */
  readonly completeAfter: readonly boolean[]
}

export interface AnswerCase {
  readonly method: string
  readonly pieces: readonly Buffer[]
}

/** Reads a batch of answers: a node client takes a turn of the event loop to be ready for one. */
export async function readWithNodeClients(cases: readonly AnswerCase[]): Promise<NodeAnswer[]> {
  const asked = cases.map(({ method }) => {
    const socket = new HandFed()
    const client = request({
      method,
      createConnection: () => socket as never,
      insecureHTTPParser: false,
      maxHeaderSize: MAX_HEADER_SIZE,
    })
    client.end()
    return { socket, client, ready: once(client, 'socket') }
  })
  for (const { ready } of asked) await ready
  return asked.map(({ socket, client }, i) => readAnswer(socket, client, cases[i]!.pieces))
}

function readAnswer(socket: HandFed, client: ClientRequest, pieces: readonly Buffer[]): NodeAnswer {
  const interim: number[] = []
  let answer: IncomingMessage | undefined
  let switched = false
  let problem: string | undefined
  client.on('information', ({ statusCode }) => interim.push(statusCode))
  client.on('response', (message) => {
    answer = message
    message.on('error', () => {})
  })
  client.on('upgrade', (message) => {
    answer = message
    switched = true
  })
  client.on('error', (cause: NodeJS.ErrnoException) => {
    problem ??= cause.code ?? cause.message
  })
  const completeAfter = pieces.map((piece) => {
    if (problem === undefined && !switched) socket.emit('data', piece)
    return switched || (answer?.complete ?? false)
  })
  const told = {
    status: answer?.statusCode,
    interim,
    body: answer === undefined ? '' : bodyOf(answer),
    problem,
    completeAfter,
  }
  socket.emit('close')
  return told
}

function bodyOf(message: IncomingMessage): string {
  return (message.read() as Buffer | null)?.toString('latin1') ?? ''
}
