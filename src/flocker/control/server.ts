/** The REST API over HTTP: Flocker's version 1 for clients, and a second one for agents. */
import { randomUUID } from 'node:crypto'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { impossible, type Result } from '../../model/result.ts'
import { VERSION } from '../../version.ts'
import {
  acquireLease,
  configurationTag,
  createDataset,
  deleteDataset,
  moveDataset,
  releaseLease,
} from '../ledger/configure.ts'
import type { CustodyChange } from '../ledger/custody.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ServerTls } from '../tls.ts'
import { CUSTODY_PATH, REPORT_PATH, type ReportRequest } from '../wire/messages.ts'
import type { Control, ControlFailure } from './control.ts'
import { ACQUIRE_LEASE, CREATE_DATASET, MOVE_DATASET } from './schemas.ts'
import { configuredView, leaseView, nodeViews, stateViews } from './views.ts'

/** The release of Flocker whose API this is: the last one that changed it for clients. */
const FLOCKER_VERSION = '1.0.3'

export function controlServer(control: Control, tls: ServerTls | undefined): FastifyInstance {
  const server = fastify({
    https: tls ?? null,
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false } },
  })
  server.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ description: `There is no ${request.method} ${request.url}.` }),
  )
  server.setErrorHandler((problem: Error & { readonly statusCode?: number }, _request, reply) =>
    reply.code(problem.statusCode ?? 500).send({ description: problem.message }),
  )
  server.register(
    async (api) => {
      clientRoutes(api, control)
    },
    { prefix: '/v1' },
  )
  agentRoutes(server, control)
  return server
}

function clientRoutes(api: FastifyInstance, control: Control): void {
  api.get('/version', async () => ({ flocker: FLOCKER_VERSION, powerstrip: VERSION }))

  api.get('/configuration/datasets', async (_request, reply) => {
    const seen = await control.look()
    if (!seen.ok) return refuse(reply, seen.failure)
    return tagged(reply, seen.value.ledger).send(
      Object.values(seen.value.ledger.datasets).map(configuredView),
    )
  })

  api.post<{ Body: CreateBody }>(
    '/configuration/datasets',
    { schema: { body: CREATE_DATASET } },
    async (request, reply) => {
      const { dataset_id, primary, metadata, maximum_size } = request.body
      const wanted = {
        id: (dataset_id ?? randomUUID()).toLowerCase(),
        primary,
        metadata: metadata ?? {},
        maximumSize: maximum_size ?? null,
      }
      const made = await control.configure((ledger) => createDataset(ledger, wanted), tagOf(request))
      return answer(reply, made, 201, configuredView)
    },
  )

  api.post<{ Params: DatasetPath; Body: { readonly primary: string } }>(
    '/configuration/datasets/:dataset',
    { schema: { body: MOVE_DATASET } },
    async (request, reply) => {
      const moved = await control.configure(
        (ledger, nowMs) => moveDataset(ledger, request.params.dataset, request.body.primary, nowMs),
        tagOf(request),
      )
      return answer(reply, moved, 200, configuredView)
    },
  )

  api.delete<{ Params: DatasetPath }>('/configuration/datasets/:dataset', async (request, reply) => {
    const gone = await control.configure(
      (ledger, nowMs) => deleteDataset(ledger, request.params.dataset, nowMs),
      tagOf(request),
    )
    return answer(reply, gone, 200, configuredView)
  })

  api.get('/state/datasets', async (_request, reply) => {
    const seen = await control.look()
    if (!seen.ok) return refuse(reply, seen.failure)
    return reply.send(stateViews(seen.value.ledger, seen.value.reports))
  })

  api.get('/state/nodes', async (_request, reply) => {
    const seen = await control.look()
    if (!seen.ok) return refuse(reply, seen.failure)
    return reply.send(nodeViews(seen.value.reports))
  })

  api.get('/configuration/leases', async (_request, reply) => {
    const seen = await control.look()
    if (!seen.ok) return refuse(reply, seen.failure)
    const nowMs = Date.now()
    const leases = Object.values(seen.value.ledger.datasets).map((dataset) => leaseView(dataset, nowMs))
    return tagged(reply, seen.value.ledger).send(leases.filter((lease) => lease !== undefined))
  })

  api.post<{ Body: LeaseBody }>(
    '/configuration/leases',
    { schema: { body: ACQUIRE_LEASE } },
    async (request, reply) => {
      const { dataset_id, node_uuid, expires, used_by } = request.body
      const wish = {
        dataset: dataset_id,
        node: node_uuid,
        expiresSeconds: expires ?? null,
        usedBy: used_by ?? [],
      }
      let decidedMs = 0
      const leased = await control.configure((ledger, nowMs) => {
        decidedMs = nowMs
        return acquireLease(ledger, wish, nowMs)
      }, tagOf(request))
      const status = leased.ok && leased.value.value.renewed ? 200 : 201
      // As it was given: a short one may have expired by the time that it is kept for good.
      return answer(reply, leased, status, ({ dataset }) => leaseView(dataset, decidedMs))
    },
  )

  api.delete<{ Params: DatasetPath }>('/configuration/leases/:dataset', async (request, reply) => {
    const nowMs = Date.now()
    const released = await control.configure(
      (ledger) => releaseLease(ledger, request.params.dataset, nowMs),
      tagOf(request),
    )
    return answer(reply, released, 200, (dataset) => leaseView(dataset, nowMs))
  })
}

function agentRoutes(server: FastifyInstance, control: Control): void {
  server.post<{ Body: ReportRequest }>(
    REPORT_PATH,
    { bodyLimit: REPORT_LIMIT_BYTES },
    async (request, reply) => {
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const orders = await control.report(request.body, gone.signal)
      return orders.ok ? reply.send(orders.value) : refuse(reply, orders.failure)
    },
  )

  server.post<{ Body: CustodyChange }>(CUSTODY_PATH, async (request, reply) => {
    const changed = await control.changeCustody(request.body)
    return changed.ok ? reply.send({ revision: changed.value.revision }) : refuse(reply, changed.failure)
  })
}

/** A report has some 300 bytes for each copy: room for ten thousand datasets on one node. */
const REPORT_LIMIT_BYTES = 4 * 1024 * 1024

interface DatasetPath {
  readonly dataset: string
}

interface CreateBody {
  readonly primary: string
  readonly dataset_id?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly maximum_size?: number | null
}

interface LeaseBody {
  readonly dataset_id: string
  readonly node_uuid: string
  readonly expires?: number | null
  readonly used_by?: readonly string[]
}

function tagOf(request: FastifyRequest): string | undefined {
  const tag = request.headers['x-if-configuration-matches']
  return Array.isArray(tag) ? tag[0] : tag
}

function tagged(reply: FastifyReply, ledger: Ledger): FastifyReply {
  return reply.header('X-Configuration-Tag', configurationTag(ledger))
}

function answer<T>(
  reply: FastifyReply,
  outcome: Result<{ readonly value: T; readonly ledger: Ledger }, ControlFailure>,
  status: number,
  view: (value: T) => unknown,
): FastifyReply {
  if (!outcome.ok) return refuse(reply, outcome.failure)
  return tagged(reply, outcome.value.ledger).code(status).send(view(outcome.value.value))
}

/** The one place where a failure becomes an answer. */
function refuse(reply: FastifyReply, failure: ControlFailure): FastifyReply {
  switch (failure.kind) {
    case 'refused':
      return reply.code(failure.refusal.status).send({ description: failure.refusal.description })
    case 'unavailable':
      return reply
        .code(503)
        .send({ description: `The state of the cluster is not available: ${failure.message}` })
    default:
      return impossible(failure)
  }
}
