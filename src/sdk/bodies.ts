/** What handlers find in a body, by the operation that they are for. */
import type { OperationId } from '../route/operations.ts'
import type { RequestBodies, ResponseBodies } from './docker.ts'
import type { Json } from './json.ts'

/** The body that a client sends for an operation. */
export type RequestBody<Id extends OperationId | '*'> = Id extends keyof RequestBodies
  ? RequestBodies[Id]
  : Json

/** The body that the engine answers with: `{ message }` where it does not do what it was asked. */
export type ResponseBody<Id extends OperationId | '*'> = Id extends keyof ResponseBodies
  ? ResponseBodies[Id] extends readonly unknown[] | string
    ? ResponseBodies[Id]
    : ResponseBodies[Id] & { message?: string }
  : Json
