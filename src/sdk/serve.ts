/** An adapter as a service of its own, for proxies that speak protocol 2 or 1. */
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Adapter } from '../model/hook.ts'
import { Stop, type StopSignal } from '../model/stop.ts'
import { thrownText } from '../wire/text.ts'
import {
  decodeHookCall,
  encodePostReply,
  encodePreReply,
  type HookCall as OldCall,
  type Reply,
} from '../wire/v1.ts'
import { decodeCall } from '../wire/v2/call.ts'
import { V2_TYPE } from '../wire/v2/fields.ts'
import { encodeAbilities } from '../wire/v2/handshake.ts'
import { encodeReply } from '../wire/v2/reply.ts'
import { answersTo, instanceIn } from './askers.ts'
import { beginBackground } from './background.ts'
import type { AdapterDefinition } from './define-adapter.ts'
import { type Guard, guardOf, type ServeAuth } from './guard.ts'
import { formatListenUrl, type ListenUrl, parseListenUrl, removeStaleSocket } from './listen-url.ts'
import { type AdapterLog, CONSOLE_LOG } from './log.ts'
import { adaptersByConfig } from './told-by-callers.ts'

export interface ServeTerms {
  /** `http://127.0.0.1:4000`, with port 0 for a free one, or `unix:///run/adapter.sock`. */
  readonly listen: string
  /** What a configuration would say under `with`. A caller of protocol 2 whose configuration says otherwise gets its way. */
  readonly with?: unknown
  /** Whose calls are answered. Without it, everybody's. */
  readonly auth?: ServeAuth
  readonly log?: AdapterLog
}

export interface Served {
  /** Where it listens: a port 0 has become a number. */
  readonly address: string
  /** Accepts no more calls, lets running ones finish, and resolves when all connections are closed. */
  close(): Promise<void>
}

/** Rejects if the adapter does not accept its configuration, or if nobody can listen there. */
export async function serve(definition: AdapterDefinition, terms: ServeTerms): Promise<Served> {
  const { log = CONSOLE_LOG } = terms
  const adapter = definition.create(terms.with, { log })
  const url = parseListenUrl(terms.listen)
  const told = adaptersByConfig(definition, adapter, terms.with, log)
  const server = await hookServer(definition, { adapter, told }, guardOf(terms.auth), log)
  const address = await listen(server, url)
  const background = beginBackground([adapter])
  return {
    address: formatListenUrl(address),
    async close() {
      await server.close()
      await background.end()
    },
  }
}

/**
 * Post-hooks get the engine's answers whole, listings of many containers as well as a build's progress. How much is shown
 * is the proxy's own limit; this one only keeps a strange caller from filling the memory.
 */
const CALL_LIMIT_BYTES = 64 * 1024 * 1024

interface Answering {
  /** As it was started. */
  readonly adapter: Adapter
  /** With what a call says under `AdapterConfig`. */
  readonly told: (config: string) => Adapter
}

async function hookServer(
  { name, version }: AdapterDefinition,
  { adapter, told }: Answering,
  guard: Guard,
  log: AdapterLog,
): Promise<FastifyInstance> {
  // Loaded here: an adapter that runs within the proxy has no use for it.
  const { fastify } = await import('fastify')
  const server = fastify({ bodyLimit: CALL_LIMIT_BYTES })

  // Whatever type a caller gives its JSON, it has to be a hook call.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => done(null, text))
  server.setErrorHandler<Error & { statusCode?: number }>((problem, _request, reply) =>
    reply.code(problem.statusCode ?? 500).send({ message: problem.message }),
  )
  server.get('/healthz', async () => ({ name, version }))
  server.options('/*', async ({ headers }, reply) => {
    const objection = guard.questionObjection(headers)
    if (objection !== undefined) return refuse(reply, objection)
    return reply.type(V2_TYPE).send(encodeAbilities(adapter.abilities))
  })
  server.post('/*', async ({ headers, body }, reply) => {
    const text = typeof body === 'string' ? body : ''
    const objection = guard.objection(headers, text)
    if (objection !== undefined) return refuse(reply, objection)
    const instance = instanceIn(headers.via)
    if (instance !== undefined) answersTo(instance)
    const wait = waitOf(reply, Number(headers['powerstrip-timeout-ms']))
    const said = await answer({ adapter, told }, headers, text, wait.stop, log)
    wait.settle()
    reply.code(said.status).headers(guard.fieldsFor(uidIn(headers), said.body ?? ''))
    if (adapter.abilities.isTag !== undefined) reply.header('powerstrip-istag', adapter.abilities.isTag)
    if (said.status === 204) return reply.send()
    return reply.type(said.type).send(said.body)
  })
  return server
}

function uidIn({ 'webhook-id': uid }: IncomingHttpHeaders): string {
  return typeof uid === 'string' ? uid : ''
}

/** The caller's patience: ends when its time is up or when it leaves, whichever is first. */
function waitOf(reply: FastifyReply, timeoutMs: number): { readonly stop: StopSignal; settle(): void } {
  const gone = new Stop()
  const timer =
    timeoutMs > 0 ? setTimeout(() => gone.abort(), Math.min(timeoutMs, LONGEST_TIMER_MS)) : undefined
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return { stop: gone, settle: () => clearTimeout(timer) }
}

/** A longer one of Node's would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

function refuse(reply: FastifyReply, message: string): FastifyReply {
  return reply.code(401).send({ message })
}

/** An answer on its way out. `type` is that of its body. */
interface Said extends Reply {
  readonly type: string
}

async function answer(
  { adapter, told }: Answering,
  headers: IncomingHttpHeaders,
  text: string,
  stop: StopSignal,
  log: AdapterLog,
): Promise<Said> {
  try {
    return isOfTwo(headers, text) ? await answerTwo(told, text, stop) : await answerOne(adapter, text, stop)
  } catch (problem) {
    // Whatever status an exception carries: only a denial may look like one.
    log.error(problem)
    return message(500, thrownText(problem))
  }
}

/** Other callers than powerstrip may give their JSON any type. */
function isOfTwo(headers: IncomingHttpHeaders, text: string): boolean {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  return type === V2_TYPE || /"PowerstripProtocolVersion"\s*:\s*2\b/.test(text)
}

async function answerTwo(told: Answering['told'], text: string, stop: StopSignal): Promise<Said> {
  const call = decodeCall(text)
  if (!call.ok) return message(400, call.failure)
  const adapter = told(call.value.config)
  const { type } = call.value
  if (!adapter.abilities.implements.includes(type)) return message(400, `This adapter implements no ${type}.`)
  return { ...encodeReply(await adapter.answer(call.value, stop), call.value), type: V2_TYPE }
}

async function answerOne(adapter: Adapter, text: string, stop: StopSignal): Promise<Said> {
  const call = decodeHookCall(text)
  if (!call.ok) return message(400, call.failure)
  return answerOld(adapter, call.value, stop)
}

async function answerOld(adapter: Adapter, call: OldCall, stop: StopSignal): Promise<Said> {
  const { request } = call
  if (call.type === 'pre-hook') {
    const outcome = await adapter.pre(request, stop)
    if (outcome.kind === 'deny') return message(outcome.status, outcome.message)
    return { status: 200, type: JSON_TYPE, body: encodePreReply(outcome, request) }
  }
  const outcome = await adapter.post(request, call.response, stop)
  if (outcome.kind === 'deny') return message(outcome.status, outcome.message)
  return { status: 200, type: JSON_TYPE, body: encodePostReply(outcome, call.response) }
}

function message(status: number, text: string): Said {
  return { status, type: JSON_TYPE, body: JSON.stringify({ message: text }) }
}

const JSON_TYPE = 'application/json'

async function listen(server: FastifyInstance, url: ListenUrl): Promise<ListenUrl> {
  if (url.kind === 'unix') {
    await removeStaleSocket(url.path)
    await server.listen({ path: url.path })
    return url
  }
  await server.listen({ host: url.host, port: url.port })
  return { ...url, port: (server.server.address() as AddressInfo).port }
}
