/**
 * An adapter of protocol 2 as callers of protocol 1 see it.
 *
 * They know two types of hooks and three outcomes. So a pre-hook also asks the handlers that validate, about what the
 * pre-handler made of the request: whoever judges must not be got round by an older protocol. Warnings go to the log;
 * annotations, metadata and the wish to be undone have nowhere to go and are dropped. What would change a request or an
 * answer in a way that protocol 1 cannot say is a failure (`context.ts` has two of these).
 */
import { patched } from '../gate/patch.ts'
import type { HookCall, HookReply } from '../model/call.ts'
import type { Adapter, Denial, HookRequest, PreOutcome, Replacement } from '../model/hook.ts'
import { type Soon, whenThere } from '../model/soon.ts'
import type { StopSignal } from '../model/stop.ts'
import { ulid } from '../model/ulid.ts'
import { isDenialStatus } from '../wire/v1.ts'
import { callFor } from './call.ts'
import type { AdapterLog } from './log.ts'

export interface OldFaceTerms {
  readonly answer: (call: HookCall, stop: StopSignal) => Soon<HookReply>
  /** Whether there is anything that validates, other than what has just judged the same request. */
  readonly validates: (operation: string | null, changed: boolean) => boolean
  readonly log: AdapterLog
}

export function speakOld({ answer, validates, log }: OldFaceTerms): Pick<Adapter, 'pre' | 'post'> {
  return {
    pre(request, stop): Soon<PreOutcome> {
      const about = aboutCall()
      const call = callFor('pre-hook', request, about)
      return whenThere(answer(call, stop), (reply): Soon<PreOutcome> => {
        const outcome = outcomeOf(reply, request.body, log)
        if (outcome.kind === 'deny' || !validates(call.operation, outcome.kind === 'replace')) return outcome
        const changed: HookRequest = outcome.kind === 'pass' ? request : { ...request, ...outcome }
        const judged = answer(callFor('validate-hook', changed, about), stop)
        return whenThere(judged, (verdict) => {
          const end = outcomeOf(verdict, changed.body, log)
          return end.kind === 'deny' ? end : outcome
        })
      })
    },
    post(request, response, stop) {
      const call: HookCall = { ...callFor('post-hook', request, aboutCall()), response }
      return whenThere(answer(call, stop), (reply) => outcomeOf(reply, response.body, log))
    },
  }
}

/** Callers of protocol 1 name no call, and do not say how long they wait. */
function aboutCall() {
  const id = ulid()
  return { uid: id, requestId: id, timeoutMs: Number.POSITIVE_INFINITY }
}

type OldOutcome = { readonly kind: 'pass' } | OldReplacement | Denial
type OldReplacement = Pick<Replacement, 'kind' | 'target' | 'body' | 'status' | 'contentType'>

function outcomeOf({ outcome, remarks }: HookReply, shown: string | null, log: AdapterLog): OldOutcome {
  for (const warning of remarks?.warnings ?? [])
    log.warn(`a warning that protocol 1 has no place for: ${warning}`)
  switch (outcome.kind) {
    case 'pass':
      return outcome
    case 'deny': {
      // A status that says something else in protocol 1 must not turn a refusal into a failure.
      const { status, message } = outcome
      return { kind: 'deny', status: isDenialStatus(status) ? status : 403, message }
    }
    case 'replace':
      return replacementOf(outcome, shown)
    default:
      throw new Error(`protocol 1 has no place for an outcome of the kind "${outcome.kind}"`)
  }
}

function replacementOf(
  { target, body, form, patch, status, contentType }: Replacement,
  shown: string | null,
): OldReplacement {
  if (form === 'base64') throw new Error('protocol 1 has no place for a body that is no text')
  const text = patch === undefined ? body : appliedTo(shown ?? '', patch)
  return {
    kind: 'replace',
    ...(target === undefined ? {} : { target }),
    ...(text === undefined ? {} : { body: text }),
    ...(status === undefined ? {} : { status }),
    ...(contentType === undefined ? {} : { contentType }),
  }
}

function appliedTo(body: string, patch: NonNullable<Replacement['patch']>): string {
  const changed = patched(body, patch)
  if (!changed.ok) throw new Error(`its patch cannot be applied: ${changed.failure}`)
  return changed.value
}
