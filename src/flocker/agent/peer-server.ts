/** What an agent serves to other agents: its copies, to those that take over. */

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import type { Result } from '../../model/result.ts'
import type { ServerTls } from '../tls.ts'
import { diskUsage, encodeEntry, type Manifest, takeManifest } from './manifest.ts'
import { packTar } from './tar.ts'
import type { AgentTrouble } from './trouble.ts'
import type { LocalCopy } from './volume-backend.ts'

/** What the server needs of its agent. */
export interface Custodian {
  /** A copy that is here, is the current one, and is not in use. */
  offer(dataset: string, to: string): Promise<Result<LocalCopy, AgentTrouble>>
  /** The same, frozen, and announced to the control service. Returns the name of the copy that is to be made. */
  handOver(dataset: string, to: string): Promise<Result<string, AgentTrouble>>
  /** The frozen copy of that handover. */
  frozen(dataset: string, copy: string): Promise<Result<LocalCopy, AgentTrouble>>
  /** What has been hashed of a dataset so far. */
  readonly hashes: (dataset: string) => Map<string, string>
}

interface Path {
  readonly dataset: string
}

/** Names of files that are asked for once more. */
const NAMES_LIMIT_BYTES = 256 * 1024 * 1024

export function peerServer(custodian: Custodian, tls: ServerTls | undefined): FastifyInstance {
  const server = fastify({ https: tls ?? null, forceCloseConnections: true, bodyLimit: NAMES_LIMIT_BYTES })
  server.setErrorHandler((problem: Error & { readonly statusCode?: number }, _request, reply) =>
    reply.code(problem.statusCode ?? 500).send({ description: problem.message }),
  )

  server.post<{ Params: Path; Body: { readonly to: string } }>(
    '/datasets/:dataset/offer',
    async (request, reply) => {
      const offered = await custodian.offer(request.params.dataset, request.body.to)
      if (!offered.ok) return refuse(reply, offered.failure)
      return { bytes: await diskUsage(offered.value.path) }
    },
  )

  server.post<{ Params: Path; Body: { readonly to: string } }>(
    '/datasets/:dataset/stream',
    async (request, reply) => {
      const { dataset } = request.params
      const offered = await custodian.offer(dataset, request.body.to)
      if (!offered.ok) return refuse(reply, offered.failure)
      // While the pages are in memory anyway. What changes later is hashed once more.
      const gone = goneSignal(reply)
      takeManifest(offered.value.path, custodian.hashes(dataset), gone).catch(() => undefined)
      return stream(reply, offered.value.path, undefined)
    },
  )

  server.post<{ Params: Path; Body: { readonly to: string } }>(
    '/datasets/:dataset/hand-over',
    async (request, reply) => {
      const named = await custodian.handOver(request.params.dataset, request.body.to)
      return named.ok ? { copy: named.value } : refuse(reply, named.failure)
    },
  )

  server.get<{ Params: Path & { readonly copy: string } }>(
    '/datasets/:dataset/frozen/:copy/manifest',
    async (request, reply) => {
      const { dataset, copy } = request.params
      const frozen = await custodian.frozen(dataset, copy)
      if (!frozen.ok) return refuse(reply, frozen.failure)
      const manifest = await takeManifest(frozen.value.path, custodian.hashes(dataset), goneSignal(reply))
      const text = Readable.from(lines(manifest))
      return reply.type('application/x-ndjson').send(text)
    },
  )

  server.post<{ Params: Path & { readonly copy: string }; Body: { readonly names: readonly string[] } }>(
    '/datasets/:dataset/frozen/:copy/stream',
    async (request, reply) => {
      const frozen = await custodian.frozen(request.params.dataset, request.params.copy)
      if (!frozen.ok) return refuse(reply, frozen.failure)
      return stream(reply, frozen.value.path, request.body.names)
    },
  )
  return server
}

/** A tar that ends badly breaks the connection, so that its receiver does not take the end for the end. */
function stream(reply: FastifyReply, path: string, names: readonly string[] | undefined): FastifyReply {
  const tar = packTar(path, names)
  reply.hijack()
  reply.raw.writeHead(200, { 'content-type': 'application/x-tar' })
  reply.raw.setTimeout(SILENCE_LIMIT_MS, () => reply.raw.destroy())
  tar.once('error', () => reply.raw.destroy())
  pipeline(tar.stdout, reply.raw).catch(() => tar.kill('SIGKILL'))
  return reply
}

/** A receiver that takes nothing for this long, in milliseconds, is gone: a disk that stalls recovers sooner. */
export const SILENCE_LIMIT_MS = 30_000

function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}

/** 409 where waiting helps, 503 where something is wrong. */
function refuse(reply: FastifyReply, { message, busy }: AgentTrouble): FastifyReply {
  return reply.code(busy === true ? 409 : 503).send({ description: message })
}

function* lines(manifest: Manifest): Generator<string> {
  for (const entry of manifest.values()) yield `${encodeEntry(entry)}\n`
}
