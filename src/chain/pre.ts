/** The pre-hooks of one exchange. */
import type {
  BodyPatch,
  HeaderMutation,
  Hook,
  HookFailure,
  HookRequest,
  Immediate,
  Replacement,
} from '../model/hook.ts'
import { failed, impossible, ok, type Result } from '../model/result.ts'
import { isLater } from '../model/soon.ts'
import { askHook } from './ask.ts'
import { mutated, mutatedHeaders } from './mutation.ts'
import type { ChainRun } from './run.ts'
import type { Trouble } from './trouble.ts'

export type PreEnd =
  | { readonly kind: 'forward'; readonly request: HookRequest }
  /** A hook answered in the engine's place. */
  | {
      readonly kind: 'answered'
      readonly adapter: string
      readonly request: HookRequest
      readonly response: Immediate
      /** How many of the run's reservations were made before that hook was called. */
      readonly reservedBefore: number
    }
  | { readonly kind: 'stopped'; readonly trouble: Trouble }
  /** The client left. */
  | { readonly kind: 'aborted' }

export interface PreTerms {
  /** False where the body is not for hooks and follows by itself. */
  readonly bodyWritable: boolean
  /**
   * A request that a hook has changed passes what the client's own has passed, and comes out as the engine will read it;
   * or what is wrong with it.
   */
  readonly readmitted: (changed: HookRequest, before: HookRequest) => Result<HookRequest, string>
  /** A body with a patch applied, or why it cannot be. */
  readonly patched: (body: string, patch: BodyPatch) => Result<string, string>
}

/** Shows the request to each hook in order. Each hook sees what the one before it made of the request. */
export async function runPre(
  hooks: readonly Hook[],
  request: HookRequest,
  run: ChainRun,
  terms: PreTerms,
): Promise<PreEnd> {
  const since = performance.now()
  let current = request
  for (const hook of hooks) {
    const shown = current
    const reservedBefore = run.reservations.length
    const asked = askHook(run, hook, 'pre', shown, performance.now() - since, (facts) =>
      hook.pre(shown, run.terms.signal, facts),
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
        const changed = changedBy(hook, outcome, current, run, terms)
        if (!changed.ok) {
          const end = turn.turn.fail(changed.failure)
          if (end.kind === 'stopped') return end
          break
        }
        const before = current
        current = changed.value
        turn.turn.close(before === current ? undefined : { of: 'request', before, after: current })
        break
      }
      case 'deny':
        turn.turn.close()
        return { kind: 'stopped', trouble: { kind: 'denied', adapter: hook.adapter, denial: outcome } }
      case 'respond':
        turn.turn.close()
        return {
          kind: 'answered',
          adapter: hook.adapter,
          request: current,
          response: outcome,
          reservedBefore,
        }
      default:
        return impossible(outcome)
    }
  }
  return { kind: 'forward', request: current }
}

type Changed = Result<HookRequest, Exclude<HookFailure, { kind: 'aborted' }>>

function changedBy(
  hook: Hook,
  { target: wantedTarget, body: wantedBody, form, patch, headers }: Replacement,
  current: HookRequest,
  run: ChainRun,
  terms: PreTerms,
): Changed {
  const target =
    wantedTarget === undefined || hook.requestRewrite === 'ignore' ? current.target : wantedTarget
  const body = changedBody(hook, { body: wantedBody, form, patch }, current, run, terms)
  if (!body.ok) return body
  const mutation: HeaderMutation | undefined = headers && mutated(current.mutation, headers)
  const given = body.value ?? current
  const isSame = target === current.target && given.body === current.body && given.base64 === current.base64
  if (isSame && mutation === undefined) return ok(current)
  // Text or bytes, never both: the engine gets what the next hook is shown.
  const changed: HookRequest = {
    method: current.method,
    target,
    headers: mutation === undefined ? current.headers : mutatedHeaders(current.headers ?? {}, headers!),
    body: given.body,
    form: given.form,
    base64: given.base64,
    mutation: mutation ?? current.mutation,
  }
  if (isSame) return ok(changed)
  const admitted = terms.readmitted(changed, current)
  return admitted.ok ? admitted : failed({ kind: 'bad-reply', problem: admitted.failure })
}

/** Nothing: it stays. */
function changedBody(
  hook: Hook,
  wanted: {
    readonly body: string | undefined
    readonly form: Replacement['form'] | undefined
    readonly patch: BodyPatch | undefined
  },
  current: HookRequest,
  run: ChainRun,
  { bodyWritable, patched }: PreTerms,
): Result<
  Pick<HookRequest, 'body' | 'form' | 'base64'> | undefined,
  Exclude<HookFailure, { kind: 'aborted' }>
> {
  const { patch } = wanted
  let { body, form } = wanted
  if (patch === undefined && body === undefined) return ok(undefined)
  if (!bodyWritable) {
    if (hook.terms !== undefined)
      return failed({ kind: 'bad-reply', problem: 'it changed a body that it was not shown' })
    run.terms.note({
      kind: 'warning',
      phase: 'pre',
      adapter: hook.adapter,
      warning: 'it returned a body for a request whose body it was not shown; ignored',
    })
    return ok(undefined)
  }
  if (patch !== undefined) {
    const applied = patched(current.body ?? '', patch)
    if (!applied.ok)
      return failed({ kind: 'bad-reply', problem: `its patch cannot be applied: ${applied.failure}` })
    body = applied.value
    form = 'json'
  }
  if (form === 'base64') return ok({ body: null, form, base64: body! })
  if (current.form === undefined) return ok({ body: body! })
  return ok({ body: body!, form: body === '' ? 'none' : 'json' })
}
