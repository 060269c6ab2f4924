import type {
  Adapter,
  Answered,
  Denial,
  HookFailure,
  HookRequest,
  HookResponse,
  PostOutcome,
  PreOutcome,
} from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { attempt, type Soon } from '../model/soon.ts'
import { badReply } from '../wire/bad-reply.ts'
import { isDenialStatus, settlePost, settlePre, unchanged } from '../wire/settle.ts'
import { reasonText, thrownText } from '../wire/text.ts'
import { withinDeadline } from './deadline.ts'
import { type HookOfProtocol1, type HookSettings, placeOf } from './settings.ts'

/**
 * An adapter that runs within this process. It may do what a remote one may, no more, and what it answers is judged by
 * the same rules; only the JSON in between is saved. Code that never yields cannot be stopped, by a deadline or at all.
 */
export function inProcessHook(
  settings: HookSettings,
  adapter: Pick<Adapter, 'pre' | 'post'>,
): HookOfProtocol1 {
  const { timeoutMs } = settings
  return {
    ...placeOf(settings),
    pre(request, signal) {
      return withinDeadline(timeoutMs, signal, (stop) =>
        judged(
          () => adapter.pre(frozen(request), stop),
          (outcome) => judgePre(outcome, request),
        ),
      )
    },
    post(request, response, signal) {
      return withinDeadline(timeoutMs, signal, (stop) =>
        judged(
          () => adapter.post(frozen(request), frozen(response), stop),
          (outcome) => judgePost(outcome, response),
        ),
      )
    },
  }
}

/** Frozen, so that what an adapter wants changed is in its outcome or nowhere. */
function frozen<T extends HookRequest | HookResponse>(shown: T): T {
  return Object.isFrozen(shown) ? shown : Object.freeze<T>({ ...shown })
}

function judged<O>(
  run: () => unknown,
  judge: (outcome: OutcomeFields) => Result<Answered<O>, HookFailure>,
): Soon<Result<Answered<O>, HookFailure>> {
  // Outcomes may come from plain JavaScript, so their types are a claim.
  const judgeAny = (outcome: unknown) =>
    typeof outcome === 'object' && outcome !== null ? judge(outcome) : badReply('it gave no outcome')
  return attempt(run, judgeAny, broken)
}

function broken(error: unknown): Result<never, HookFailure> {
  return failed({ kind: 'broken', status: 500, message: thrownText(error) })
}

interface OutcomeFields {
  readonly kind?: unknown
  readonly target?: unknown
  readonly status?: unknown
  readonly contentType?: unknown
  readonly body?: unknown
  readonly message?: unknown
}

function judgePre(outcome: OutcomeFields, sent: HookRequest): Result<Answered<PreOutcome>, HookFailure> {
  return outcome.kind === 'replace' ? settlePre(outcome, sent) : judgeRest(outcome)
}

function judgePost(outcome: OutcomeFields, sent: HookResponse): Result<Answered<PostOutcome>, HookFailure> {
  return outcome.kind === 'replace' ? settlePost(outcome, sent) : judgeRest(outcome)
}

function judgeRest(
  outcome: OutcomeFields,
): Result<Answered<{ readonly kind: 'pass' } | Denial>, HookFailure> {
  const { kind, status, message } = outcome
  if (kind === 'pass') return unchanged([])
  if (kind !== 'deny') return badReply('its outcome is of no known kind')
  if (typeof status !== 'number' || !isDenialStatus(status))
    return badReply('it refused with a status that is not from 400 to 499, or is 404 or 405')
  if (typeof message !== 'string') return badReply('it refused with a message that is not a string')
  return ok({ outcome: { kind, status, message: reasonText(message) }, warnings: [] })
}
