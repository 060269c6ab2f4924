/** Keeps secrets from the hooks of an exchange that have not been granted them (PS-SECRET-001). */
import { hideInBody, hideInTarget, withheldFrom } from '../gate/secrets.ts'
import type { Answered, Hook, HookFailure, HookRequest, PostOutcome, PreOutcome } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { Plan } from '../route/plan.ts'

/** The same plan where the operation has no secrets, as most. `operation`: Docker's id. */
export function withholding(plan: Plan<Hook>, operation: string | undefined): Plan<Hook> {
  if (withheldFrom(operation, []) === undefined) return plan
  const each = (hook: Hook) => shielded(hook, operation)
  return { ...plan, pre: plan.pre.map(each), post: plan.post.map(each) }
}

function shielded(hook: Hook, operation: string | undefined): Hook {
  const withheld = withheldFrom(operation, hook.secrets ?? [])
  if (withheld === undefined) return hook
  const hidden = (request: HookRequest) => {
    const body = hideInBody(request.body, withheld.request, null)
    const target = hideInTarget(request.target, withheld.request)
    return { body, target, shown: { ...request, body: body.shown, target: target.shown } }
  }
  return {
    ...hook,
    async pre(request, signal) {
      const { body, target, shown } = hidden(request)
      const reply = await hook.pre(shown, signal)
      if (!reply.ok || reply.value.outcome.kind !== 'replace') return reply
      const { outcome } = reply.value
      const changedTarget = outcome.target === undefined ? ok(undefined) : target.restore(outcome.target)
      const changedBody = outcome.body === undefined ? ok(undefined) : body.restore(outcome.body)
      if (!changedTarget.ok) return refused<PreOutcome>(changedTarget.failure)
      if (!changedBody.ok) return refused<PreOutcome>(changedBody.failure)
      return ok({
        ...reply.value,
        outcome: {
          kind: 'replace',
          ...(changedTarget.value === undefined ? {} : { target: changedTarget.value }),
          ...(typeof changedBody.value === 'string' ? { body: changedBody.value } : {}),
        },
      })
    },
    async post(request, response, signal) {
      const body = hideInBody(response.body, response.status < 300 ? withheld.answer : [], '')
      const reply = await hook.post(hidden(request).shown, { ...response, body: body.shown }, signal)
      if (!reply.ok || reply.value.outcome.kind !== 'replace') return reply
      const { outcome } = reply.value
      if (outcome.body === undefined) return reply
      const changed = body.restore(outcome.body)
      if (!changed.ok) return refused<PostOutcome>(changed.failure)
      return ok({ ...reply.value, outcome: { ...outcome, body: changed.value } })
    },
  }
}

function refused<O>(problem: string): Result<Answered<O>, HookFailure> {
  return failed({ kind: 'bad-reply', problem })
}
