/** Keeps secrets from the hooks of an exchange that have not been granted them (PS-SECRET-001). */
import { patched } from '../gate/patch.ts'
import { type Hidden, hideInBody, hideInTarget, type Withheld, withheldFrom } from '../gate/secrets.ts'
import type {
  Answered,
  CallFacts,
  Hook,
  HookFailure,
  HookRequest,
  HookResponse,
  Outcome,
  Replacement,
} from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { Plan } from '../route/plan.ts'

/** The same plan where the operation has no secrets, as most. `operation`: Docker's id. */
export function withholding(plan: Plan<Hook>, operation: string | undefined): Plan<Hook> {
  if (withheldFrom(operation, []) === undefined) return plan
  const each = (hook: Hook) => shielded(hook, operation)
  return {
    ...plan,
    pre: plan.pre.map(each),
    validate: plan.validate.map(each),
    post: plan.post.map(each),
    observe: plan.observe.map(each),
    stream: plan.stream.map(each),
  }
}

type Reply = Result<Answered<Outcome>, HookFailure>

/** Whatever is called on it, and whatever it is told of the exchange, has been gone through. */
function shielded(hook: Hook, operation: string | undefined): Hook {
  const withheld = withheldFrom(operation, hook.secrets ?? [])
  if (withheld === undefined) return hook
  const request = (one: HookRequest) => hiddenRequest(one, withheld).shown
  const response = (one: HookResponse) => hiddenResponse(one, withheld).shown
  const facts = (one: CallFacts): CallFacts => ({ ...one, original: request(one.original) })
  const { validate, unwind, observe, stream } = hook
  return {
    ...hook,
    async pre(given, signal, told): Promise<Reply> {
      const { body, target, shown } = hiddenRequest(given, withheld)
      return restored(await hook.pre(shown, signal, facts(told)), shown.body ?? '', body, target)
    },
    async post(given, answer, signal, told): Promise<Reply> {
      const { body, shown } = hiddenResponse(answer, withheld)
      return restored(await hook.post(request(given), shown, signal, facts(told)), shown.body, body)
    },
    ...(validate && { validate: (given, signal, told) => validate(request(given), signal, facts(told)) }),
    ...(unwind && {
      unwind: (given, cause, budgetMs, told) =>
        unwind(
          request(given),
          { ...cause, response: cause.response && response(cause.response) },
          budgetMs,
          facts(told),
        ),
    }),
    ...(observe && {
      observe: (given, end, signal, told) =>
        observe(
          request(given),
          { ...end, response: end.response && response(end.response) },
          signal,
          facts(told),
        ),
    }),
    // No stream of the engine's has secrets in it: what a hook of one has not been granted is in the request.
    ...(stream && {
      stream: (given, part, signal, told) => stream(request(given), part, signal, facts(told)),
    }),
  }
}

function hiddenRequest(request: HookRequest, withheld: Withheld) {
  const body = hideInBody(request.body, withheld.request, null)
  const target = hideInTarget(request.target, withheld.request)
  const isGone = body.shown === null && request.body !== null && request.form !== undefined
  const shown: HookRequest = {
    ...request,
    body: body.shown,
    target: target.shown,
    ...(isGone ? { form: 'omitted' as const } : {}),
  }
  return { body, target, shown }
}

function hiddenResponse(response: HookResponse, withheld: Withheld) {
  const body = hideInBody(response.body, response.status < 300 ? withheld.answer : [], '')
  const isGone = body.shown === '' && response.body !== '' && response.form !== undefined
  const shown: HookResponse = {
    ...response,
    body: body.shown,
    ...(isGone ? { form: 'omitted' as const } : {}),
  }
  return { body, shown }
}

/** What a hook made of what it was shown, with the secrets in their places again. */
function restored(
  reply: Reply,
  shownBody: string,
  body: Hidden<string | null> | Hidden<string>,
  target?: Hidden<string>,
): Reply {
  if (!reply.ok || reply.value.outcome.kind !== 'replace') return reply
  const { patch, ...outcome } = reply.value.outcome
  let changes: Replacement = outcome
  if (patch !== undefined) {
    const applied = patched(shownBody, patch)
    if (!applied.ok) return refused(`its patch cannot be applied: ${applied.failure}`)
    changes = { ...changes, body: applied.value, form: 'json' }
  }
  if (changes.target !== undefined && target !== undefined) {
    const back = target.restore(changes.target)
    if (!back.ok) return refused(back.failure)
    changes = { ...changes, target: back.value }
  }
  if (changes.body !== undefined) {
    const back = body.restore(changes.body)
    if (!back.ok) return refused(back.failure)
    changes = { ...changes, ...(back.value === null ? {} : { body: back.value }) }
  }
  return ok({ ...reply.value, outcome: changes })
}

function refused(problem: string): Reply {
  return failed({ kind: 'bad-reply', problem })
}
