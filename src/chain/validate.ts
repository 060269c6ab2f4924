/** The validate-hooks of one exchange: all at once, on the request as it would go to the engine. */
import type { Answered, Hook, HookFailure, HookRequest, Outcome } from '../model/hook.ts'
import { failed, type Result } from '../model/result.ts'
import { type Soon, whenThere } from '../model/soon.ts'
import { askHook, type Turn } from './ask.ts'
import type { ChainRun } from './run.ts'
import type { Trouble } from './trouble.ts'

export type ValidateEnd =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'stopped'; readonly trouble: Trouble }
  /** The client left. */
  | { readonly kind: 'aborted' }

/** All are awaited. A denial beats a failure, and of several denials the earliest listed one is the client's. */
export async function runValidate(
  hooks: readonly Hook[],
  request: HookRequest,
  run: ChainRun,
): Promise<ValidateEnd> {
  const ends = await Promise.all(hooks.map((hook) => validate(hook, request, run)))
  if (ends.some(({ kind }) => kind === 'aborted')) return { kind: 'aborted' }
  const troubles = ends.flatMap((end) => (end.kind === 'stopped' ? [end.trouble] : []))
  const trouble = troubles.find(({ kind }) => kind === 'denied') ?? troubles[0]
  return trouble === undefined ? { kind: 'allowed' } : { kind: 'stopped', trouble }
}

function validate(hook: Hook, request: HookRequest, run: ChainRun): Soon<Turn> {
  const asked = askHook(run, hook, 'validate', request, 0, (facts) =>
    hook.validate === undefined ? NO_SUCH_HOOK : hook.validate(request, run.terms.signal, facts),
  )
  return whenThere(asked, (end): Turn => {
    if (end.kind !== 'answered') return end
    end.turn.close()
    const { outcome } = end
    return outcome.kind === 'deny'
      ? { kind: 'stopped', trouble: { kind: 'denied', adapter: hook.adapter, denial: outcome } }
      : { kind: 'go-on' }
  })
}

const NO_SUCH_HOOK: Result<Answered<Outcome>, HookFailure> = failed({
  kind: 'bad-reply',
  problem: 'it speaks protocol 1, which has no validate-hooks',
})
