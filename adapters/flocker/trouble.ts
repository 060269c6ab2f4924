import type { Result } from 'powerstrip/sdk'
import type { ControlFailure } from './control-service.ts'

/** Why a container cannot have a dataset now. */
export type Trouble =
  /** A decision: somebody else uses it, or what is asked for makes no sense. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  /** Something that should work does not. */
  | { readonly kind: 'failed'; readonly message: string }

export function refused(message: string, status = 409): { readonly ok: false; readonly failure: Trouble } {
  return { ok: false, failure: { kind: 'refused', status, message } }
}

export function broken(message: string): { readonly ok: false; readonly failure: Trouble } {
  return { ok: false, failure: { kind: 'failed', message } }
}

/** What the control service does not do is a failure of ours, whatever status it has for it. */
export function troubleOf<T>(asked: Result<T, ControlFailure>): Result<T, Trouble> {
  return asked.ok ? asked : broken(asked.failure.message)
}
