/** Health, metrics, the configuration in force and taps, on an address of their own and never where Docker clients connect (PS-LISTEN-005). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import { openPlain } from '../listen/listener.ts'
import { type Address, describeAddress } from '../model/address.ts'
import { DEFAULT_LISTENER_LIMITS, type SocketRights } from '../model/listener.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { browserRefusal } from '../route/browser.ts'
import type { TapFilter } from '../telemetry/taps.ts'
import { Faucet } from './faucet.ts'

export interface AdminSpec {
  readonly address: Address
  /** Of a unix socket. */
  readonly socket: SocketRights
  /** Plain TCP beyond loopback: whoever reaches it sees who does what. */
  readonly insecure: boolean
}

/** What is told there, looked up when somebody asks. */
export interface AdminGround {
  readonly version: string
  ready(): Promise<Readiness>
  metrics(): Promise<{ readonly type: string; readonly text: string }>
  /** Without secrets. */
  config(): unknown
  /** What happens to such a request, in lines for people. */
  explain(method: string, path: string): string
  tap(filter: TapFilter, show: (line: string) => void): () => void
}

export interface Readiness {
  readonly ready: boolean
  /** Of everything that has to be. */
  readonly [part: string]: unknown
}

export interface Admin {
  readonly spec: AdminSpec
  /** Where it really listens: a port 0 has become a number. */
  readonly address: Address
  readonly isClosed: boolean
  /** Ends everything that is open there, taps too. */
  close(): Promise<void>
}

/** What strangers may take up there: it is one process with the Docker port, which must not notice. */
export interface AdminLimits {
  /** At one time; further ones are closed at once. File descriptors are the clients' too. */
  readonly connections: number
  /** For a whole request, from the moment of the connection. */
  readonly requestTimeoutMs: number
}

/** More than people and monitors need. A request is a line and a few fields. */
const ADMIN_LIMITS: AdminLimits = { connections: 64, requestTimeoutMs: 10_000 }

/** The failure is why nobody can listen there. */
export async function openAdmin(
  spec: AdminSpec,
  ground: AdminGround,
  { connections, requestTimeoutMs }: AdminLimits = ADMIN_LIMITS,
): Promise<Result<Admin, string>> {
  let server: Server | undefined
  const app = fastify({
    serverFactory(handler) {
      const terms = {
        headersTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        connectionsCheckingInterval: Math.ceil(requestTimeoutMs / 10),
      }
      server = createServer(terms, handler as (request: IncomingMessage, response: ServerResponse) => void)
      server.maxConnections = connections
      return server
    },
  })
  if (spec.address.kind === 'tcp') keepBrowsersOut(app)
  addPages(app, ground)
  await app.ready()
  const listening = server!
  const opened = await openPlain(listening, { ...spec, limits: DEFAULT_LISTENER_LIMITS })
  if (!opened.ok) {
    await app.close()
    return failed(`the admin listener cannot listen on ${describeAddress(spec.address)}: ${opened.failure}`)
  }
  let isClosed = false
  return ok({
    spec,
    address: opened.value,
    get isClosed() {
      return isClosed
    },
    async close() {
      isClosed = true
      listening.close()
      listening.closeAllConnections()
      await app.close()
    },
  })
}

/** As on TCP for Docker clients (PS-LISTEN-004). */
function keepBrowsersOut(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }, reply) => {
    const fields = Object.entries(raw.headers).map(([key, value]) => ({
      name: key,
      key,
      value: String(value),
      start: 0,
      end: 0,
    }))
    const refusal = browserRefusal({ fields }, [])
    if (refusal !== undefined)
      return reply.code(refusal.status).send({ message: `${refusal.message} (${refusal.rule})` })
  })
}

const PAGES = '/healthz /readyz /metrics /config /explain?method=GET&path=/info /tap'

function addPages(app: FastifyInstance, ground: AdminGround): void {
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: `there is ${PAGES}` }))
  app.setErrorHandler<Error & { statusCode?: number }>((problem, _request, reply) =>
    reply.code(problem.statusCode ?? 500).send({ message: problem.message }),
  )
  app.get('/healthz', async () => ({ status: 'ok', version: ground.version }))
  app.get('/readyz', async (_request, reply) => {
    const readiness = await ground.ready()
    return reply.code(readiness.ready ? 200 : 503).send(readiness)
  })
  app.get('/metrics', async (_request, reply) => {
    const { type, text } = await ground.metrics()
    return reply.type(type).send(text)
  })
  app.get('/config', async (_request, reply) =>
    reply.type(JSON_TYPE).send(`${JSON.stringify(ground.config(), null, 2)}\n`),
  )
  app.get('/explain', { schema: { querystring: EXPLAIN_QUERY } }, async ({ query }, reply) => {
    const { method, path } = query as { readonly method: string; readonly path: string }
    return reply.type('text/plain; charset=utf-8').send(ground.explain(method, path))
  })
  app.get('/tap', { schema: { querystring: TAP_QUERY } }, ({ query }, reply) => {
    const { operation = [], adapter = [] } = query as Partial<Record<string, readonly string[]>>
    flow(reply, ground, { operations: operation, adapters: adapter })
  })
}

const JSON_TYPE = 'application/json'
const TEXTS = { type: 'array', items: { type: 'string' } }
const EXPLAIN_QUERY = {
  type: 'object',
  required: ['method', 'path'],
  properties: {
    method: { type: 'string', pattern: '^[!-~]+$' },
    path: { type: 'string', pattern: '^[!-~]+$' },
  },
}
/** Each may stand several times. */
const TAP_QUERY = { type: 'object', properties: { operation: TEXTS, adapter: TEXTS } }

/** A line of JSON for each exchange, until the other side leaves. */
function flow(reply: FastifyReply, ground: AdminGround, filter: TapFilter): void {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  raw.flushHeaders()
  const faucet = new Faucet(raw)
  const close = ground.tap(filter, (line) => faucet.show(line))
  raw.once('close', close)
}
