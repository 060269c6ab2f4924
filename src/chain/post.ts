/** The post-hooks of one exchange. */
import type {
  BodyForm,
  BodyPatch,
  Hook,
  HookFailure,
  HookRequest,
  HookResponse,
  Replacement,
} from '../model/hook.ts'
import { failed, impossible, ok, type Result } from '../model/result.ts'
import { isLater } from '../model/soon.ts'
import { askHook, isOld } from './ask.ts'
import { mutated, mutatedHeaders } from './mutation.ts'
import type { ChainRun } from './run.ts'
import type { Trouble } from './trouble.ts'

export type PostEnd =
  | { readonly kind: 'answer'; readonly response: HookResponse }
  | { readonly kind: 'stopped'; readonly trouble: Trouble }
  /** The client left. */
  | { readonly kind: 'aborted' }

export interface PostTerms {
  /** A body with a patch applied, or why it cannot be. */
  readonly patched: (body: string, patch: BodyPatch) => Result<string, string>
}

/**
 * Shows the engine's answer, errors included, to each hook in order. Each sees what the one before it made of it.
 * `sent` is what the engine was sent; hooks of protocol 1 are shown what the client sent instead.
 */
export async function runPost(
  hooks: readonly Hook[],
  sent: HookRequest,
  response: HookResponse,
  run: ChainRun,
  terms: PostTerms,
): Promise<PostEnd> {
  const since = performance.now()
  let current = response
  for (const hook of hooks) {
    const shown = current
    const request = isOld(hook) ? run.terms.original : sent
    const asked = askHook(run, hook, 'post', request, performance.now() - since, (facts) =>
      hook.post(request, shown, run.terms.signal, facts),
    )
    const turn = isLater(asked) ? await asked : asked
    if (turn.kind === 'go-on') continue
    if (turn.kind !== 'answered') return turn
    const { outcome } = turn
    switch (outcome.kind) {
      case 'pass':
        turn.turn.close()
        break
      case 'replace': {
        const changed = changedBy(outcome, current, terms)
        if (!changed.ok) {
          const end = turn.turn.fail(changed.failure)
          if (end.kind === 'stopped') return end
          break
        }
        const before = current
        current = changed.value
        turn.turn.close(before === current ? undefined : { of: 'response', before, after: current })
        break
      }
      case 'deny':
        turn.turn.close()
        return { kind: 'stopped', trouble: { kind: 'denied', adapter: hook.adapter, denial: outcome } }
      case 'respond':
        throw new Error('a post-hook cannot answer in place of the engine; wire/ lets no such reply through')
      default:
        return impossible(outcome)
    }
  }
  return { kind: 'answer', response: current }
}

function changedBy(
  outcome: Replacement,
  current: HookResponse,
  { patched }: PostTerms,
): Result<HookResponse, Exclude<HookFailure, { kind: 'aborted' }>> {
  const { status = current.status, contentType = current.contentType, patch, headers } = outcome
  let { body = current.body, form } = outcome
  if (patch !== undefined) {
    const applied = patched(current.body, patch)
    if (!applied.ok)
      return failed({ kind: 'bad-reply', problem: `its patch cannot be applied: ${applied.failure}` })
    body = applied.value
    form = 'json'
  }
  const isBytes = form === 'base64' && outcome.body !== undefined
  const same =
    status === current.status &&
    contentType === current.contentType &&
    (isBytes ? body === current.base64 : body === current.body)
  if (same && headers === undefined) return ok(current)
  // Text or bytes, never both: the client gets what the next hook is shown.
  const { base64, ...rest } = current
  const changed: HookResponse = {
    ...(outcome.body === undefined && patch === undefined ? current : rest),
    status,
    contentType,
    ...(isBytes ? { body: '', form: 'base64' as const, base64: body } : { body }),
    ...(!isBytes && body !== current.body && current.form !== undefined ? { form: formOf(body, form) } : {}),
  }
  if (headers === undefined) return ok(changed)
  return ok({
    ...changed,
    mutation: mutated(current.mutation, headers),
    headers: mutatedHeaders(current.headers ?? {}, headers),
  })
}

/** A text that came as text may still be JSON; whoever needs to know looks at its type. */
function formOf(body: string, form: Replacement['form']): BodyForm {
  return body === '' ? 'none' : (form ?? 'utf8')
}
