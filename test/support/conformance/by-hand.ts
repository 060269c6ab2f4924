/**
 * An adapter of protocol 2 on `node:http`, written by hand from the protocol's description: it labels what is created,
 * reserves something for it, refuses what is privileged, and takes part in every phase. Tests spoil it in one place each.
 */
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

const V2 = 'application/vnd.powerstrip.v2+json'

// biome-ignore lint/suspicious/noExplicitAny: a message is whatever a caller sends
export type Message = any

export interface Reply {
  status: number
  body?: Message
  /** Instead of `body`: exactly this. */
  text?: string
  headers?: Record<string, string>
}

/** What may be spoilt. Whatever is left out is as it should be. */
export interface Fault {
  readonly abilities?: Record<string, unknown>
  readonly optionsType?: string
  /** Decides instead of the good adapter, or makes something else of what that says. */
  readonly answer?: (call: Message, good: () => Reply, text: string) => Reply | Promise<Reply>
  /** Told how a call arrived, before it is read. True: it is closed without a reply. */
  readonly drops?: (request: IncomingMessage, text: string | undefined) => boolean
  readonly token?: string
  readonly key?: string
  readonly unsigned?: boolean
  /** Milliseconds that a signature may be old. */
  readonly toleranceMs?: number
}

export interface ByHand extends AsyncDisposable {
  readonly url: string
}

export async function startByHand(fault: Fault = {}): Promise<ByHand> {
  const leases = new Map<string, string>()
  const answer = fault.answer ?? ((_call: Message, good: () => Reply) => good())
  const server = createServer(async (request, response) => {
    if (request.method === 'OPTIONS') {
      response.writeHead(200, { 'Content-Type': fault.optionsType ?? V2 })
      return void response.end(JSON.stringify({ ...ABILITIES, ...fault.abilities }))
    }
    const text = await textOf(request)
    if (fault.drops?.(request, text) === true) return void request.socket.destroy()
    if (text === undefined) return
    let reply: Reply
    let body: string
    try {
      reply = isProven(request, text, fault)
        ? await answer(JSON.parse(text), () => decide(JSON.parse(text), leases), text)
        : { status: 401, body: { message: 'who are you?' } }
      body = textIn(reply)
    } catch (problem) {
      reply = { status: 500, body: { message: String(problem) } }
      body = textIn(reply)
    }
    const signature =
      fault.key === undefined || fault.unsigned
        ? {}
        : signed(fault.key, String(request.headers['webhook-id']), body)
    response.writeHead(reply.status, { 'Content-Type': V2, ...reply.headers, ...signature }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const ABILITIES = {
  PowerstripProtocolVersion: 2,
  Name: 'by-hand',
  Version: '1.0.0',
  ProtocolVersions: [2],
  Implements: ['pre-hook', 'validate-hook', 'post-hook', 'unwind-hook', 'observe-hook', 'stream-hook'],
  Operations: ['ContainerList', 'ContainerCreate', 'SystemEvents'],
  SideEffects: 'NoneOnDryRun',
  Idempotent: true,
}

function textIn({ text, body }: Reply): string {
  return text ?? (body === undefined ? '' : JSON.stringify(body))
}

/** Nothing: the caller hung up. */
async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = []
  try {
    for await (const part of request) parts.push(part as Buffer)
  } catch {
    return undefined
  }
  return Buffer.concat(parts).toString()
}

function decide(call: Message, leases: Map<string, string>): Reply {
  if (call.PowerstripProtocolVersion !== 2)
    return { status: 400, body: { message: 'only protocol 2 is spoken here' } }
  switch (call.Type) {
    case 'pre-hook':
      return before(call, leases)
    case 'validate-hook':
      return call.ClientRequest.Body?.HostConfig?.NetworkMode === 'host'
        ? refuse(call, 'the host network is not for containers')
        : { status: 204 }
    case 'post-hook':
      if (call.Operation !== 'ContainerCreate' || call.ServerResponse.Code !== 201) return { status: 204 }
      return ok(call, { Warnings: ['labelled by hand'] })
    case 'unwind-hook':
      leases.delete(call.Uid)
      return { status: 204 }
    case 'observe-hook':
      return { status: 204 }
    case 'stream-hook': {
      const dropped = call.Events.flatMap((event: Message, Index: number) =>
        event?.Type === 'network' ? [{ Index, Action: 'drop' }] : [],
      )
      return dropped.length === 0 ? { status: 204 } : ok(call, { Events: dropped })
    }
    default:
      return { status: 400, body: { message: `unknown Type ${call.Type}` } }
  }
}

function before(call: Message, leases: Map<string, string>): Reply {
  const { Body, BodyEncoding } = call.ClientRequest
  if (call.Operation !== 'ContainerCreate') return { status: 204 }
  if (BodyEncoding !== 'json') return refuse(call, 'what is not shown cannot be judged')
  if (Body.HostConfig?.Privileged === true) return refuse(call, 'privileged containers are not allowed here')
  const labels = Body.Labels
    ? { op: 'add', path: '/Labels/owner', value: 'infra' }
    : { op: 'add', path: '/Labels', value: { owner: 'infra' } }
  const change = {
    PatchType: 'JSONPatch',
    Patch: [labels],
    HeaderMutation: { SetHeaders: { 'x-team': 'infra' } },
  }
  if (call.DryRun) return ok(call, change)
  leases.set(call.Uid, 'lease')
  return ok(call, { ...change, Compensate: true, Metadata: { lease: call.Uid } })
}

export function ok(call: Message, fields: object): Reply {
  return { status: 200, body: { PowerstripProtocolVersion: 2, Uid: call.Uid, ...fields } }
}

export function refuse(call: Message, message: string): Reply {
  return ok(call, { Allowed: false, Status: { Code: 403, Reason: 'Forbidden', Message: message } })
}

function isProven(
  { headers }: IncomingMessage,
  text: string,
  { token, key, toleranceMs = 300_000 }: Fault,
): boolean {
  if (token !== undefined) return headers.authorization === `Bearer ${token}`
  if (key === undefined) return true
  const timestamp = String(headers['webhook-timestamp'])
  if (Math.abs(Date.now() - 1000 * Number(timestamp)) > toleranceMs) return false
  return String(headers['webhook-signature'])
    .split(' ')
    .includes(signatureOf(key, String(headers['webhook-id']), timestamp, text))
}

function signed(key: string, id: string, body: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000))
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatureOf(key, id, timestamp, body),
  }
}

function signatureOf(key: string, id: string, timestamp: string, body: string): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}
