/** Adapters of protocol 1 on `node:http`, each a server of its own, and what they can be made to do. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Milestones } from './milestones.ts'

/** What the proxy sends to an adapter. */
export interface HookMessage {
  readonly PowerstripProtocolVersion: 1
  readonly Type: 'pre-hook' | 'post-hook'
  readonly ClientRequest: {
    readonly Method: string
    readonly Request: string
    readonly Body: string | null
  }
  readonly ServerResponse?: {
    readonly ContentType: string | null
    readonly Body: string
    readonly Code: number
  }
}

/** An adapter's HTTP reply; a status of 200 and JSON unless it says otherwise. */
export interface Said {
  readonly status?: number
  readonly type?: string
  readonly text: string
}

/** `url` is the request target that the adapter is called with. */
export type Behaviour = (message: HookMessage, url: string) => Said | Promise<Said>

/** One call, as the adapter saw it. */
export interface AdapterCall {
  readonly message: HookMessage
  /** The proxy's end of the connection that it came over. */
  readonly port: number | undefined
  /** Resolves when the connection closes before the reply is out. */
  readonly hungUp: Promise<void>
}

export interface CaseAdapter extends AsyncDisposable {
  readonly url: string
  /** In order of arrival. */
  readonly calls: readonly AdapterCall[]
  /** Resolves with the call of this number, counted from 1, once it has come. */
  called(number?: number): Promise<AdapterCall>
  /** Connections that are open now. */
  connections(): Promise<number>
}

export async function startAdapter(does: Behaviour, port = 0): Promise<CaseAdapter> {
  const calls = new Milestones<AdapterCall>()
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    const hungUp = new Promise<void>((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
    for await (const part of request) parts.push(part as Buffer)
    const message = JSON.parse(Buffer.concat(parts).toString()) as HookMessage
    calls.add({ message, port: request.socket.remotePort, hungUp })
    const { status = 200, type = 'application/json', text } = await does(message, request.url ?? '')
    response.writeHead(status, { 'Content-Type': type }).end(text)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    calls: calls.all,
    called: (number = 1) => calls.reached(number),
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((problem, count) => (problem ? reject(problem) : resolve(count))),
      ),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

interface Modifiable {
  readonly Method?: string
  readonly Request?: string
  readonly Body?: string | null
  readonly ContentType?: string | null
  readonly Code?: number
}

/** What may be changed of a message: the request in a pre-hook, the response in a post-hook. */
function shown(message: HookMessage): Modifiable {
  return message.Type === 'pre-hook' ? message.ClientRequest : message.ServerResponse!
}

/** The reply that changes these fields and echoes the rest, as the adapters of 2015 had to. */
export function modified(message: HookMessage, changes: Modifiable): Said {
  const name = message.Type === 'pre-hook' ? 'ModifiedClientRequest' : 'ModifiedServerResponse'
  return {
    text: JSON.stringify({ PowerstripProtocolVersion: 1, [name]: { ...shown(message), ...changes } }),
  }
}

/** The null adapter: everything goes back as it came. */
export function echo(message: HookMessage): Said {
  return modified(message, {})
}

/** Changes the same fields in every message. */
export function setting(changes: Modifiable): Behaviour {
  return (message) => modified(message, changes)
}

/** Changes a JSON body. */
export function editing(edit: (body: Record<string, unknown>) => Record<string, unknown>): Behaviour {
  return (message) => {
    const body = JSON.parse(shown(message).Body ?? '{}') as Record<string, unknown>
    return modified(message, { Body: JSON.stringify(edit(body)) })
  }
}

/** Adds to `Number` in the body. */
export function adding(n: number): Behaviour {
  return editing((body) => ({ ...body, Number: Number(body.Number) + n }))
}

/** Answers with this and nothing else. */
export function saying(status: number, text: string, type = 'text/plain'): Behaviour {
  return () => ({ status, text, type })
}

/** Never replies. */
export function silent(): Promise<Said> {
  return new Promise(() => {})
}
