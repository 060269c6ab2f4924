/** When a call may be repeated, and after how long. */
import type { HookFailure } from '../model/hook.ts'
import type { Result } from '../model/result.ts'
import type { LineReply } from './line.ts'

/** The pause before the first repetition, in milliseconds; twice as long before the next. Half of it is up to chance. */
const FIRST_PAUSE_MS = 100

/** Repetitions of a call that has reached nobody: an adapter that is just being started anew is there a moment later. */
const UNSENT_RETRIES = 2

export interface RepeatTerms {
  /** Repetitions of a call that the adapter may have seen. `never`: not even one that has reached nobody is repeated. */
  readonly retries: number | 'never'
  readonly idempotent: boolean
}

/**
 * Nothing: the call is not repeated. A refused connection has carried nothing, so that is always safe. What the adapter may
 * have seen is repeated only where the adapter says of itself that it takes the same call twice for one.
 */
export function retryPauseMs(
  reply: Result<LineReply, HookFailure>,
  attempt: number,
  { retries, idempotent }: RepeatTerms,
): number | undefined {
  if (retries === 'never' || (reply.ok && reply.value.status !== 429 && reply.value.status !== 503))
    return undefined
  const pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
  if (!reply.ok) {
    const { failure } = reply
    if (failure.kind !== 'unreachable') return undefined
    // Nothing came back on a connection that had been idle: it was closed as the call was on its way.
    if (failure.stale === true) return attempt <= UNSENT_RETRIES ? 0 : undefined
    if (failure.sent !== true) return attempt <= UNSENT_RETRIES ? pauseMs : undefined
    return idempotent && attempt <= retries ? pauseMs : undefined
  }
  if (!idempotent || attempt > retries) return undefined
  const wanted = reply.value.fields['retry-after']
  const wantedMs = typeof wanted === 'string' && /^[0-9]{1,4}$/.test(wanted) ? Number(wanted) * 1000 : 0
  return Math.max(pauseMs, wantedMs)
}
