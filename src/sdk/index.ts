/** `powerstrip/sdk`: write an adapter. `docs/writing-an-adapter.md` starts from nothing. */
export type { AdapterAbilities, HookCall, HookReply, HookType } from '../model/call.ts'
export type { Adapter, Denial, HookHeaders, HookUser, Immediate } from '../model/hook.ts'
export type { Result } from '../model/result.ts'
export type { OperationId } from '../route/operations.ts'
export type { RequestBody, ResponseBody } from './bodies.ts'
export { type CallParts, makeCall } from './call.ts'
export type {
  CallContext,
  ObserveContext,
  PostContext,
  PreContext,
  RequestView,
  ResponseDraft,
  ResponseView,
  StreamContext,
  UnwindContext,
  ValidateContext,
} from './context.ts'
export {
  type AdapterDefinition,
  type AdapterGround,
  type AdapterSpec,
  type BackgroundContext,
  type Decision,
  defineAdapter,
  type ObserveSpec,
  type PostSpec,
  type PreDecision,
  type PreSpec,
  type StreamSpec,
  type UnwindSpec,
  type ValidateSpec,
} from './define-adapter.ts'
export { differences, type PatchOperation } from './differences.ts'
export type * as Docker from './docker.ts'
export type { ContainerCreateBody, HostConfig, Mount } from './docker.ts'
export {
  type EngineAnswer,
  type EngineCall,
  type EngineClient,
  type EngineFailure,
  engine,
  engineAt,
} from './engine.ts'
export type { EngineEvent, EngineFilters, EngineNews } from './engine-events.ts'
export type { ServeAuth } from './guard.ts'
export { isJsonObject, type Json, type JsonObject, parseJson, printJson } from './json.ts'
export type { AdapterLog } from './log.ts'
export { duration, flag, type OptionReader, options, text, texts } from './options.ts'
export type { DenyOptions, RespondOptions } from './outcomes.ts'
export type { Query, QueryDraft } from './query-draft.ts'
export { type Served, type ServeTerms, serve } from './serve.ts'
export type { ConfigReader, StandardIssue, StandardResult, StandardSchema } from './standard-schema.ts'
export type { LogEvent, StreamEvent, SystemEvent } from './stream.ts'
