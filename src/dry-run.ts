/** A dry run: hooks judge, the engine is not asked, and the answer says what it would have been asked. */
import type { ChainRun } from './chain/run.ts'
import type { HookLists } from './chain/select.ts'
import type { HookRequest, HookResponse } from './model/hook.ts'

/** Why a dry run with these hooks would not be one; nothing if it is. */
export function dryRunProblem(hooks: HookLists): string | undefined {
  for (const hook of [...hooks.pre, ...hooks.validate]) {
    if (hook.terms?.dryRun === 'skip') continue
    const effects = hook.abilities?.()?.sideEffects
    // An adapter of protocol 1 cannot be told that nothing is meant, and one that has not answered yet may have effects.
    if (effects === undefined)
      return `adapter "${hook.adapter}" does not speak protocol 2, so it cannot be told that this is a dry run; set "dryRun: skip" to leave it out`
    if (effects === 'Some')
      return `adapter "${hook.adapter}" says that it has side effects even in a dry run; set "dryRun: skip" to leave it out`
  }
  return undefined
}

export function dryRunAnswer(run: ChainRun, judged: HookRequest): HookResponse {
  const { original } = run.terms
  const small = JSON.stringify({
    DryRun: true,
    RequestId: run.exchange.requestId,
    Operation: run.exchange.operation,
    Decisions: run.records.map(({ adapter, phase, outcome, durationMs, detail, warnings, annotations }) => ({
      Adapter: adapter,
      Phase: phase,
      Outcome: outcome,
      DurationMs: Math.round(durationMs * 1000) / 1000,
      Detail: detail,
      Warnings: warnings,
      AuditAnnotations: annotations,
    })),
    Changed: judged !== original,
  })
  const request = (one: HookRequest) =>
    `{"Method":${JSON.stringify(one.method)},"Request":${JSON.stringify(one.target)},"Headers":${JSON.stringify(one.headers ?? {})},"Body":${one.body === null || one.body === '' ? 'null' : one.body}}`
  const body = `${small.slice(0, -1)},"Request":${request(judged)},"OriginalRequest":${request(original)}}\n`
  return { status: 200, contentType: 'application/json', body, form: 'json', headers: {} }
}
