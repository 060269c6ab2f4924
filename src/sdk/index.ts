/** `powerstrip/sdk`: write an adapter. `docs/writing-an-adapter.md` starts from nothing. */
export type { Adapter, Denial } from '../model/hook.ts'
export type { Result } from '../model/result.ts'
export type { OperationId } from '../route/operations.ts'
export type { ContainerCreateBody, HostConfig, Mount, RequestBody, ResponseBody } from './bodies.ts'
export type { PostContext, PreContext, RequestView, ResponseDraft } from './context.ts'
export {
  type AdapterDefinition,
  type AdapterGround,
  type AdapterSpec,
  type BackgroundContext,
  type Decision,
  defineAdapter,
  type PostSpec,
  type PreSpec,
} from './define-adapter.ts'
export type { DenyOptions } from './deny.ts'
export {
  type EngineAnswer,
  type EngineCall,
  type EngineClient,
  type EngineFailure,
  engine,
  engineAt,
} from './engine.ts'
export type { EngineEvent, EngineFilters, EngineNews } from './engine-events.ts'
export { isJsonObject, type Json, type JsonObject, parseJson, printJson } from './json.ts'
export type { AdapterLog } from './log.ts'
export { duration, flag, type OptionReader, options, text, texts } from './options.ts'
export type { Query, QueryDraft } from './query-draft.ts'
export { type Served, type ServeTerms, serve } from './serve.ts'
