/**
 * What handlers find in a body, for the compiler. The engine's clients write these bodies: nothing here is checked when
 * the program runs, and everything may be missing.
 */
import type { OPERATIONS, OperationId } from '../route/operations.ts'
import type { Json, JsonObject } from './json.ts'

/** The body that a client sends for an operation. */
export type RequestBody<Id extends OperationId | '*'> = Id extends keyof KnownRequestBodies
  ? KnownRequestBodies[Id]
  : Id extends JsonOperationId
    ? JsonObject
    : Json

/** The body that the engine answers with. */
export type ResponseBody<Id extends OperationId | '*'> = Id extends keyof KnownResponseBodies
  ? KnownResponseBodies[Id]
  : Json

interface KnownRequestBodies {
  readonly ContainerCreate: ContainerCreateBody
}

interface KnownResponseBodies {
  readonly ContainerCreate: { Id?: string; Warnings?: string[] | null; message?: string }
}

type JsonOperationId = Extract<(typeof OPERATIONS)[number], { takes: 'json' }>['id']

/** The fields of a new container that adapters most often look at; the others are there too. */
export interface ContainerCreateBody {
  Image?: string
  Cmd?: string[] | string | null
  Entrypoint?: string[] | string | null
  Env?: string[] | null
  Labels?: Record<string, string> | null
  Hostname?: string
  Domainname?: string
  User?: string
  WorkingDir?: string
  HostConfig?: HostConfig | null
  [field: string]: unknown
}

export interface HostConfig {
  Binds?: string[] | null
  Mounts?: Mount[] | null
  VolumesFrom?: string[] | null
  NetworkMode?: string
  Privileged?: boolean
  CapAdd?: string[] | null
  Dns?: string[] | null
  DnsSearch?: string[] | null
  ExtraHosts?: string[] | null
  Memory?: number | bigint
  [field: string]: unknown
}

export interface Mount {
  Type?: string
  Source?: string
  Target?: string
  ReadOnly?: boolean
  [field: string]: unknown
}
