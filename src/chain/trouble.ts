/** How a chain can stop before its end, and the one place where that becomes words for the person running `docker`. */
import type { Denial, HookFailure } from '../model/hook.ts'
import { impossible } from '../model/result.ts'

/** A hook that ended its chain: by decision, or because it failed. */
export type Trouble =
  | { readonly kind: 'denied'; readonly adapter: string; readonly denial: Denial }
  | {
      readonly kind: 'failed'
      readonly adapter: string
      readonly failure: Exclude<HookFailure, { kind: 'aborted' }>
    }

export interface TroubleAnswer {
  /** 400 to 599. */
  readonly status: number
  readonly message: string
}

/** `engineStatus`: what the engine had answered, where it had been asked already. */
export function answerFor(trouble: Trouble, engineStatus?: number): TroubleAnswer {
  const { status, message } = trouble.kind === 'denied' ? denial(trouble) : failure(trouble)
  return engineStatus === undefined
    ? { status, message }
    : { status, message: `${message}; the engine had already answered ${engineStatus}` }
}

function denial({ adapter, denial: { status, message } }: Trouble & { kind: 'denied' }): TroubleAnswer {
  return { status, message: withReason(`denied by adapter "${adapter}"`, message) }
}

function failure({ adapter, failure: cause }: Trouble & { kind: 'failed' }): TroubleAnswer {
  const who = `adapter "${adapter}" failed`
  switch (cause.kind) {
    case 'unreachable':
      return { status: 502, message: `${who}: it could not be reached (${cause.cause})` }
    case 'deadline':
      return { status: 504, message: `${who}: no answer within ${cause.deadlineMs / 1000} s` }
    case 'broken':
      return {
        status: cause.status,
        message: withReason(who, cause.message || `it answered ${cause.status}`),
      }
    case 'bad-reply':
      return { status: 502, message: `${who}: ${cause.problem}` }
    default:
      return impossible(cause)
  }
}

function withReason(what: string, reason: string): string {
  return reason === '' ? what : `${what}: ${reason}`
}
