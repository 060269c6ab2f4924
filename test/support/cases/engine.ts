/** An engine whose answers are written by the test, on Node's own HTTP server: what it accepts is well-formed HTTP. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../../src/model/address.ts'
import { Milestones } from './milestones.ts'

/** A request as it reached the engine. */
export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** Names as they were spelt, and values. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
  /** Value of a field by its name in lower case. */
  field(name: string): string | undefined
}

export type EngineScript = (request: SeenRequest, response: ServerResponse) => void

export interface CaseEngine extends AsyncDisposable {
  readonly address: Address
  /** In order of arrival. */
  readonly requests: readonly SeenRequest[]
  /** The only request that has come. */
  readonly onlyRequest: SeenRequest
  asked(number?: number): Promise<SeenRequest>
}

/** What the engine of the numbered cases does: it gives back the JSON that it was sent, and leaves its mark. */
export const towel: EngineScript = ({ body }, response) => {
  const text = body === '' ? '{}' : body
  sendJson(response, 200, { ...(JSON.parse(text) as object), SeenByFakeDocker: 42 })
}

/** As dockerd does it: with a length. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, 'application/json', JSON.stringify(body))
}

export function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body)
}

/** An engine whose answer is always the same text. */
export function answering(status: number, type: string, body: string | Buffer): EngineScript {
  return (_request, response) => send(response, status, type, body)
}

export async function startEngine(script: EngineScript, at: 'unix' | 'tcp' = 'unix'): Promise<CaseEngine> {
  const requests = new Milestones<SeenRequest>()
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const fields = pairs(request.rawHeaders)
    const seen: SeenRequest = {
      method: request.method ?? '',
      target: request.url ?? '',
      fields,
      body: Buffer.concat(parts).toString(),
      field: (name) => fields.find(([own]) => own.toLowerCase() === name)?.[1],
    }
    requests.add(seen)
    script(seen, response)
  })
  server.keepAliveTimeout = 0
  const folder = at === 'unix' ? await mkdtemp(join(tmpdir(), 'engine-')) : undefined
  if (folder !== undefined) server.listen(join(folder, 'docker.sock'))
  else server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address() as AddressInfo | string

  return {
    address:
      typeof bound === 'string'
        ? { kind: 'unix', path: bound }
        : { kind: 'tcp', host: bound.address, port: bound.port },
    requests: requests.all,
    get onlyRequest() {
      if (requests.all.length !== 1) throw new Error(`${requests.all.length} requests have come`)
      return requests.all[0]!
    },
    asked: (number = 1) => requests.reached(number),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}

function pairs(raw: readonly string[]): readonly (readonly [string, string])[] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []))
}
