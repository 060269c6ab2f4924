/**
 * What the compiler knows of bodies. Nothing here runs: `npm run typecheck` is the test, and every line that must not compile
 * says so.
 */
import {
  type Docker,
  defineAdapter,
  type JsonObject,
  type OperationId,
  type RequestBody,
  type ResponseBody,
} from 'powerstrip/sdk'
import { OPERATIONS } from '../../../src/route/operations.ts'
import type { RequestBodies, ResponseBodies } from '../../../src/sdk/docker.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expect<Holds extends true> = Holds

// Every JSON operation has its types, and nothing else has.
type Takes = Extract<(typeof OPERATIONS)[number], { takes: 'json' }>['id']
type Gives = Extract<(typeof OPERATIONS)[number], { gives: 'json' }>['id']
export type AllRequests = Expect<Same<keyof RequestBodies, Takes>>
export type AllAnswers = Expect<Same<keyof ResponseBodies, Gives>>

export type TypedBodies = [
  Expect<Same<RequestBody<'ContainerCreate'>, Docker.ContainerCreateBody>>,
  Expect<Same<ResponseBody<'ContainerList'>, Docker.ContainerSummary[]>>,
  Expect<Same<RequestBody<'VolumeCreate'>, Docker.VolumeCreateRequest>>,
  // Handlers for everything know nothing of the body.
  Expect<Same<RequestBody<'*'>, RequestBody<'ImageBuild'>>>,
]

// Types of bodies are JSON: they may be handed to whoever takes any JSON object.
export const anyObject: (body: Docker.ContainerCreateBody) => JsonObject = (body) => body
export const known: readonly OperationId[] = OPERATIONS.map(({ id }) => id)

interface Metadata {
  volume: string
}

export const typed = defineAdapter<{ readonly owner: string }, Metadata>({
  name: 'typed',
  pre: {
    ContainerCreate({ body, config, metadata, respond }) {
      body.HostConfig?.Binds?.push(`/srv/${config.owner}:/data`)
      const memory: number | bigint | undefined = body.HostConfig?.Memory
      metadata.volume = `${memory}`
      // @ts-expect-error: misspelt
      body.Imgae = 'x'
      // @ts-expect-error: a list of texts
      body.Env = [1]
      // @ts-expect-error: an integer that may be too large for a number
      const small: number | undefined = body.HostConfig?.Memory
      // @ts-expect-error: not what this adapter remembers
      metadata.volumes = []
      return respond(201, { Id: `${small}` })
    },
    ContainerStart({ params }) {
      params.id satisfies string | undefined
    },
    // @ts-expect-error: no such operation
    ContainerCraete() {},
  },
  validate: {
    // @ts-expect-error: a validate-handler has no way to answer in the engine's place
    ContainerCreate: ({ respond }) => respond(200),
    // @ts-expect-error: nor to return anything else than a denial
    ContainerStart: () => true,
    NetworkCreate: ({ body, deny }) => (body.Driver === 'host' ? deny('no') : undefined),
  },
  post: {
    ContainerList(ctx) {
      ctx.body = ctx.body.filter(({ Labels }) => Labels?.owner === ctx.config.owner)
      // @ts-expect-error: a list of containers
      ctx.body = {}
    },
    ContainerInspect({ body, response }) {
      const pid: number | undefined = body.State?.Pid
      // Where the engine does not do what it was asked, it says why.
      const why: string | undefined = body.message
      response.code = pid === undefined && why !== undefined ? 404 : response.code
    },
  },
  unwind: {
    // @ts-expect-error: what was refused is refused
    ContainerStart: ({ deny }) => deny('no'),
    ContainerCreate: ({ metadata, cause }) => [metadata.volume satisfies string | undefined, cause.phase],
  },
  observe: {
    '*': ({ response, fate }) => [response.code satisfies number | null, fate],
  },
})

// The types of the configuration come from its reader.
export const inferred = defineAdapter({
  name: 'inferred',
  config: (value): { readonly most: number } => ({ most: Number(value) }),
  pre: {
    ContainerCreate({ config, metadata }) {
      config.most satisfies number
      metadata.anything = [1, null]
      // @ts-expect-error: no such option
      config.least
    },
  },
})
