import type {
  Answered,
  Hook,
  HookFailure,
  HookRequest,
  HookResponse,
  PostOutcome,
  PreOutcome,
} from '../model/hook.ts'
import type { Result } from '../model/result.ts'
import type { Soon } from '../model/soon.ts'
import type { StopSignal } from '../model/stop.ts'

/** What a hook is besides its calls. */
export type HookPlace = Pick<
  Hook,
  'adapter' | 'onError' | 'onUnsupported' | 'requestRewrite' | 'maxBodyBytes' | 'secrets'
>

/** A hook that is told no more than the messages themselves. */
export interface HookOfProtocol1 extends HookPlace {
  pre(request: HookRequest, signal: StopSignal): Soon<Result<Answered<PreOutcome>, HookFailure>>
  /** `request` is what the client sent, before any pre-hook. */
  post(
    request: HookRequest,
    response: HookResponse,
    signal: StopSignal,
  ): Soon<Result<Answered<PostOutcome>, HookFailure>>
}

export interface HookSettings extends HookPlace {
  /** For one call, everything included. */
  readonly timeoutMs: number
}

export function placeOf(settings: HookPlace): HookPlace {
  const { adapter, onError, onUnsupported, requestRewrite, maxBodyBytes, secrets = [] } = settings
  return { adapter, onError, onUnsupported, requestRewrite, maxBodyBytes, secrets }
}
