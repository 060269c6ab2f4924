/** What an agent serves to other agents: its copies, to those that take over. */

import { type ChildProcess, execFile } from 'node:child_process'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import type { Result } from '../../model/result.ts'
import { syncFileSystem } from '../durable.ts'
import type { ServerTls } from '../tls.ts'
import type { Hasher } from './hasher.ts'
import { packTar, packTarInto } from './tar.ts'
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
  readonly hasher: (dataset: string) => Hasher
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
      void hashAhead(custodian, dataset, offered.value)
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
      const text = Readable.from(custodian.hasher(dataset).lines(frozen.value.path))
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
  if (tls === undefined) serveConnections(server, custodian)
  return server
}

/**
 * Without TLS a whole dataset goes from tar to tar over a connection of its own, which costs half the processor time of
 * passing it through two agents. The request asks for an upgrade, and the answer is the archive without a head.
 */
function serveConnections(server: FastifyInstance, custodian: Custodian): void {
  const packing = new Map<string, ChildProcess>()
  server.server.on('upgrade', async (request, socket) => {
    socket.on('error', () => {})
    const [, dataset, to] = CONNECTION_URL.exec(request.url ?? '') ?? []
    const offered = dataset === undefined || to === undefined ? undefined : await custodian.offer(dataset, to)
    if (dataset === undefined || offered?.ok !== true || !(socket instanceof Socket)) {
      socket.destroy()
      return
    }
    void hashAhead(custodian, dataset, offered.value)
    // One whose receiver is gone without a word would wait for it for minutes.
    packing.get(dataset)?.kill('SIGKILL')
    const tar = packTarInto(offered.value.path, socket)
    packing.set(dataset, tar)
    tar.once('close', () => {
      if (packing.get(dataset) === tar) packing.delete(dataset)
    })
  })
  server.addHook('onClose', async () => {
    for (const tar of packing.values()) tar.kill('SIGKILL')
  })
}

const CONNECTION_URL = /^\/datasets\/([0-9a-f-]+)\/connection\?to=([0-9a-f-]+)$/

/**
 * While the pages are in memory anyway. What is written to later is hashed once more.
 *
 * That a file was written to is seen by its times, and a program that has it in its memory (mmap) changes them only when it
 * first writes to a page that is on the disk. So all pages have to be on the disk before: what is changed in the time of
 * the sync is not hashed yet.
 */
async function hashAhead(custodian: Custodian, dataset: string, { path }: LocalCopy): Promise<void> {
  const untouchedSinceMs = Date.now()
  try {
    await syncFileSystem(path)
    await custodian.hasher(dataset).hashAhead(path, untouchedSinceMs)
  } catch {
    // It is hashed when it is asked for, and what is wrong is told then.
  }
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

/** 409 where waiting helps, 503 where something is wrong. */
function refuse(reply: FastifyReply, { message, busy }: AgentTrouble): FastifyReply {
  return reply.code(busy === true ? 409 : 503).send({ description: message })
}

/** Bytes that it takes on the disk. */
async function diskUsage(path: string): Promise<number> {
  const { stdout } = await promisify(execFile)('du', ['--summarize', '--block-size=1', path])
  return Number.parseInt(stdout, 10)
}
