/** The post-hooks of one exchange. */
import type { ChainNote } from '../model/event.ts'
import type { Hook, HookRequest, HookResponse, PostOutcome } from '../model/hook.ts'
import { impossible } from '../model/result.ts'
import type { Trouble } from './trouble.ts'

export type PostEnd =
  | { readonly kind: 'answer'; readonly response: HookResponse }
  | { readonly kind: 'stopped'; readonly trouble: Trouble }
  /** The client left. */
  | { readonly kind: 'aborted' }

export interface PostTerms {
  /** Aborts the call in hand: the client left. */
  readonly signal: AbortSignal
  readonly note: (note: ChainNote) => void
}

/**
 * Shows the engine's answer, errors included, to each hook in order. Each sees what the one before it made of it.
 * `request` is what the client sent, before any pre-hook.
 */
export async function runPost(
  hooks: readonly Hook[],
  request: HookRequest,
  response: HookResponse,
  terms: PostTerms,
): Promise<PostEnd> {
  let current = response
  for (const hook of hooks) {
    const { adapter } = hook
    const reply = await hook.post(request, current, terms.signal)
    if (!reply.ok) {
      const { failure } = reply
      if (failure.kind === 'aborted') return { kind: 'aborted' }
      if (hook.onError === 'fail') return { kind: 'stopped', trouble: { kind: 'failed', adapter, failure } }
      terms.note({ kind: 'failure-ignored', phase: 'post', adapter, failure })
      continue
    }
    const { outcome, warnings } = reply.value
    for (const warning of warnings) terms.note({ kind: 'warning', phase: 'post', adapter, warning })
    switch (outcome.kind) {
      case 'pass':
        break
      case 'replace':
        current = changedBy(outcome, current)
        break
      case 'deny':
        return { kind: 'stopped', trouble: { kind: 'denied', adapter, denial: outcome } }
      default:
        return impossible(outcome)
    }
  }
  return { kind: 'answer', response: current }
}

function changedBy(outcome: PostOutcome & { kind: 'replace' }, current: HookResponse): HookResponse {
  const { status = current.status, contentType = current.contentType, body = current.body } = outcome
  const same = status === current.status && contentType === current.contentType && body === current.body
  return same ? current : { status, contentType, body }
}
