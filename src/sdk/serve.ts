/** An adapter as a service of its own, for proxies that speak protocol 1. */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Adapter } from '../model/hook.ts'
import { Stop } from '../model/stop.ts'
import { decodeHookCall, encodePostReply, encodePreReply, type HookCall } from '../wire/v1.ts'
import { beginBackground } from './background.ts'
import type { AdapterDefinition } from './define-adapter.ts'
import { formatListenUrl, type ListenUrl, parseListenUrl, removeStaleSocket } from './listen-url.ts'
import { type AdapterLog, CONSOLE_LOG } from './log.ts'

export interface ServeTerms {
  /** `http://127.0.0.1:4000`, with port 0 for a free one, or `unix:///run/adapter.sock`. */
  readonly listen: string
  /** What a configuration would say under `with`. */
  readonly with?: unknown
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
  const server = await hookServer(definition, adapter, log)
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

async function hookServer(
  { name, version }: AdapterDefinition,
  adapter: Adapter,
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
  server.post('/*', async ({ body }, reply) => {
    const call = decodeHookCall(typeof body === 'string' ? body : '')
    if (!call.ok) return reply.code(400).send({ message: call.failure })
    try {
      return await answer(adapter, call.value, reply)
    } catch (problem) {
      // Whatever status an exception carries: only a denial may look like one.
      log.error(problem)
      return reply.code(500).send({ message: problem instanceof Error ? problem.message : String(problem) })
    }
  })
  return server
}

async function answer(adapter: Adapter, call: HookCall, reply: FastifyReply): Promise<FastifyReply> {
  const gone = new Stop()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  const { request } = call
  if (call.type === 'pre-hook') {
    const outcome = await adapter.pre(request, gone)
    if (outcome.kind === 'deny') return reply.code(outcome.status).send({ message: outcome.message })
    return reply.type(JSON_TYPE).send(encodePreReply(outcome, request))
  }
  const outcome = await adapter.post(request, call.response, gone)
  if (outcome.kind === 'deny') return reply.code(outcome.status).send({ message: outcome.message })
  return reply.type(JSON_TYPE).send(encodePostReply(outcome, call.response))
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
