import type { Hook } from '../model/hook.ts'

/** What a hook is besides its calls. */
export type HookPlace = Omit<Hook, 'pre' | 'post'>

export interface HookSettings extends HookPlace {
  /** For one call, everything included. */
  readonly timeoutMs: number
}

export function placeOf(settings: HookSettings): HookPlace {
  const { adapter, onError, onUnsupported, requestRewrite, maxBodyBytes, secrets = [] } = settings
  return { adapter, onError, onUnsupported, requestRewrite, maxBodyBytes, secrets }
}
