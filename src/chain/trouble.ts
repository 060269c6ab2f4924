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

/** What went wrong, without saying whose failure it is. */
export function reasonOf(failure: Exclude<HookFailure, { kind: 'aborted' }>): string {
  switch (failure.kind) {
    case 'unreachable':
      return `it could not be reached (${failure.cause})`
    case 'deadline':
      return `no answer within ${failure.deadlineMs / 1000} s`
    case 'broken':
      return failure.message || `it answered ${failure.status}`
    case 'bad-reply':
      return failure.problem
    case 'undecided':
      return `whether it is to be called could not be decided: ${failure.problem}`
    default:
      return impossible(failure)
  }
}

function denial({ adapter, denial: { status, message } }: Trouble & { kind: 'denied' }): TroubleAnswer {
  return {
    status,
    message: message === '' ? `denied by adapter "${adapter}"` : `denied by adapter "${adapter}": ${message}`,
  }
}

function failure({ adapter, failure: cause }: Trouble & { kind: 'failed' }): TroubleAnswer {
  return { status: statusFor(cause), message: `adapter "${adapter}" failed: ${reasonOf(cause)}` }
}

function statusFor(cause: Exclude<HookFailure, { kind: 'aborted' }>): number {
  switch (cause.kind) {
    case 'deadline':
      return 504
    case 'broken':
      return cause.status
    case 'undecided':
      return 500
    default:
      return 502
  }
}
