/** The pre-hooks of one exchange. */
import type { ChainNote } from '../model/event.ts'
import type { Hook, HookRequest, PreOutcome } from '../model/hook.ts'
import { impossible, type Result } from '../model/result.ts'
import type { Trouble } from './trouble.ts'

export type PreEnd =
  | { readonly kind: 'forward'; readonly request: HookRequest }
  | { readonly kind: 'stopped'; readonly trouble: Trouble }
  /** The client left. */
  | { readonly kind: 'aborted' }

export interface PreTerms {
  /** Aborts the call in hand: the client left. */
  readonly signal: AbortSignal
  /** False where the body is not for hooks and follows by itself. */
  readonly bodyWritable: boolean
  /**
   * A request that a hook has changed passes what the client's own has passed, and comes out as the engine will read it;
   * or what is wrong with it.
   */
  readonly readmitted: (changed: HookRequest) => Result<HookRequest, string>
  readonly note: (note: ChainNote) => void
}

/** Shows the request to each hook in order. Each hook sees what the one before it made of the request. */
export async function runPre(hooks: readonly Hook[], request: HookRequest, terms: PreTerms): Promise<PreEnd> {
  let current = request
  for (const hook of hooks) {
    const { adapter } = hook
    const reply = await hook.pre(current, terms.signal)
    if (!reply.ok) {
      const { failure } = reply
      if (failure.kind === 'aborted') return { kind: 'aborted' }
      if (hook.onError === 'fail') return { kind: 'stopped', trouble: { kind: 'failed', adapter, failure } }
      terms.note({ kind: 'failure-ignored', phase: 'pre', adapter, failure })
      continue
    }
    const { outcome, warnings } = reply.value
    for (const warning of warnings) terms.note({ kind: 'warning', phase: 'pre', adapter, warning })
    switch (outcome.kind) {
      case 'pass':
        break
      case 'replace': {
        const changed = changedBy(hook, outcome, current, terms)
        if (changed === current) break
        const admitted = terms.readmitted(changed)
        if (admitted.ok) {
          current = admitted.value
          break
        }
        const problem = admitted.failure
        if (hook.onError === 'ignore')
          terms.note({
            kind: 'failure-ignored',
            phase: 'pre',
            adapter,
            failure: { kind: 'bad-reply', problem },
          })
        else
          return {
            kind: 'stopped',
            trouble: { kind: 'failed', adapter, failure: { kind: 'bad-reply', problem } },
          }
        break
      }
      case 'deny':
        return { kind: 'stopped', trouble: { kind: 'denied', adapter, denial: outcome } }
      default:
        return impossible(outcome)
    }
  }
  return { kind: 'forward', request: current }
}

function changedBy(
  { adapter, requestRewrite }: Hook,
  { target, body }: PreOutcome & { kind: 'replace' },
  current: HookRequest,
  { bodyWritable, note }: PreTerms,
): HookRequest {
  if (body !== undefined && !bodyWritable)
    note({
      kind: 'warning',
      phase: 'pre',
      adapter,
      warning: 'it returned a body for a request whose body it was not shown; ignored',
    })
  const changed = {
    method: current.method,
    target: target === undefined || requestRewrite === 'ignore' ? current.target : target,
    body: body === undefined || !bodyWritable ? current.body : body,
  }
  return changed.target === current.target && changed.body === current.body ? current : changed
}
