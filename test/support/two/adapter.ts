/** Adapters of protocol 2 on `node:http` and a unix socket of their own, whose every answer the test decides. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Milestones } from '../cases/milestones.ts'

export const V2 = 'application/vnd.powerstrip.v2+json'

/** A hook call as the adapter saw it. */
export interface SeenCall {
  readonly adapter: string
  readonly type: string
  readonly uid: string
  /** As JSON.parse reads it, and as it came. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages at will
  readonly message: any
  readonly text: string
  readonly headers: IncomingHttpHeaders
  /** Resolves when the connection closes before the reply is out. */
  readonly hungUp: Promise<void>
}

/**
 * Nothing: 204. An object: 200 with that as JSON. A text: 200 with it as it is. `crash`: the connection is closed.
 * `silence`: nothing ever comes.
 */
export type Said =
  | undefined
  | string
  | object
  | { readonly status: number; readonly text?: string; readonly headers?: Readonly<Record<string, string>> }
  | 'crash'
  | 'silence'

export type Behaviour = (call: SeenCall) => Said | Promise<Said>

export interface TwoAdapter extends AsyncDisposable {
  readonly socket: string
  readonly calls: readonly SeenCall[]
  /** The call of this number, counted from 1, among those of a type. */
  called(number?: number, type?: string): Promise<SeenCall>
  /** Questions with OPTIONS that were answered. */
  readonly questions: readonly IncomingHttpHeaders[]
  asked(number?: number): Promise<IncomingHttpHeaders>
  /** Connections that were ever opened. */
  readonly connections: number
  /** Closes the connections that it has, in the middle of whatever they carry. */
  hangUp(): void
  /** Changes what it says of itself. */
  abilities: Record<string, unknown>
  /** Status of the answer to OPTIONS, 200 unless a test changes it. */
  optionsStatus: number
  optionsType: string
}

export interface TwoTerms {
  readonly does: Behaviour
  readonly abilities?: Readonly<Record<string, unknown>>
  /** Told of each call when it comes, in the order of all adapters that share it. */
  readonly timeline?: SeenCall[]
  readonly socket?: string
  /** Fields of every reply. */
  readonly replyHeaders?: (uid: string, body: string) => Readonly<Record<string, string>>
}

export async function startTwo(name: string, terms: TwoTerms): Promise<TwoAdapter> {
  const calls = new Milestones<SeenCall>()
  const questions = new Milestones<IncomingHttpHeaders>()
  let connections = 0
  const self = {
    abilities: {
      PowerstripProtocolVersion: 2,
      Name: name,
      ProtocolVersions: [2],
      Implements: ['pre-hook', 'validate-hook', 'post-hook', 'unwind-hook', 'observe-hook', 'stream-hook'],
      SideEffects: 'None',
      ...terms.abilities,
    } as Record<string, unknown>,
    optionsStatus: 200,
    optionsType: V2,
  }
  const server = createServer(async (request, response) => {
    if (request.method === 'OPTIONS') {
      response.writeHead(self.optionsStatus, { 'Content-Type': self.optionsType })
      response.end(JSON.stringify(self.abilities))
      questions.add(request.headers)
      return
    }
    const hungUp = new Promise<void>((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const text = Buffer.concat(parts).toString()
    const message = JSON.parse(text)
    const call: SeenCall = {
      adapter: name,
      type: message.Type,
      uid: message.Uid,
      message,
      text,
      headers: request.headers,
      hungUp,
    }
    terms.timeline?.push(call)
    calls.add(call)
    const said = await terms.does(call)
    if (said === 'silence') return
    if (said === 'crash') return void request.socket.destroy()
    const reply = asReply(said)
    const extra = terms.replyHeaders?.(call.uid, reply.text) ?? {}
    response.writeHead(reply.status, { 'Content-Type': V2, ...reply.headers, ...extra }).end(reply.text)
  })
  server.on('connection', () => {
    connections++
  })
  server.keepAliveTimeout = 0
  const folder = terms.socket === undefined ? await mkdtemp(join(tmpdir(), 'two-')) : undefined
  const socket = terms.socket ?? join(folder!, `${name}.sock`)
  server.listen(socket)
  await once(server, 'listening')
  const adapter = {
    socket,
    calls: calls.all,
    called: (number = 1, type?: string) =>
      calls.reached(number, (call) => type === undefined || call.type === type),
    questions: questions.all,
    asked: (number = 1) => questions.reached(number),
    hangUp: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    },
  }
  // As a getter: copied by value, it would stay what it is now.
  return Object.defineProperty(Object.assign(self, adapter, { connections: 0 }), 'connections', {
    get: () => connections,
  })
}

function asReply(said: Said): {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
} {
  if (said === undefined) return { status: 204, text: '', headers: {} }
  if (typeof said === 'string') return { status: 200, text: said, headers: {} }
  if ('status' in said) return { text: '', headers: {}, ...said }
  return { status: 200, text: JSON.stringify(said), headers: {} }
}
