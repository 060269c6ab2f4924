/** Which hooks of a plan an exchange will call: their conditions are decided before the first of them is called. */

import type { HookPhase } from '../model/event.ts'
import type { Hook, HookRequest } from '../model/hook.ts'
import type { ChainRun } from './run.ts'
import { reasonOf, type Trouble } from './trouble.ts'

/** The hooks of each phase. */
export interface HookLists {
  readonly pre: readonly Hook[]
  readonly validate: readonly Hook[]
  readonly post: readonly Hook[]
  readonly observe: readonly Hook[]
  readonly stream: readonly Hook[]
}

export type Selected =
  | { readonly kind: 'hooks'; readonly lists: HookLists }
  | { readonly kind: 'stopped'; readonly trouble: Trouble }

const PHASES = ['pre', 'validate', 'post', 'observe', 'stream'] as const

/** `oversized`: those that the body is too large for, and whose settings say that they are passed over then. */
export function selectHooks(
  plan: HookLists,
  request: HookRequest,
  oversized: readonly Hook[],
  run: ChainRun,
): Selected {
  if (oversized.length === 0 && isUnconditional(plan)) return { kind: 'hooks', lists: plan }
  const lists: Record<(typeof PHASES)[number], Hook[]> = {
    pre: [],
    validate: [],
    post: [],
    observe: [],
    stream: [],
  }
  for (const phase of PHASES)
    for (const hook of plan[phase]) {
      if (oversized.includes(hook)) {
        passOver(hook, phase, 'the body is too large for it', true, run)
        run.terms.note({ kind: 'oversize-skipped', phase, adapter: hook.adapter })
        continue
      }
      const chosen = isChosen(hook, phase, request, run)
      if (typeof chosen !== 'boolean') return { kind: 'stopped', trouble: chosen }
      if (chosen) lists[phase].push(hook)
    }
  return { kind: 'hooks', lists }
}

function isUnconditional(plan: HookLists): boolean {
  for (const phase of PHASES) for (const { terms } of plan[phase]) if (terms?.when !== undefined) return false
  return true
}

function isChosen(hook: Hook, phase: HookPhase, request: HookRequest, run: ChainRun): boolean | Trouble {
  const when = hook.terms?.when
  if (when === undefined) return true
  const { adapter } = hook
  const holds = when.holds(request, run.exchange)
  if (holds.ok && holds.value) return true
  const failure = { kind: 'undecided', problem: holds.ok ? '' : holds.failure } as const
  const isIgnored = !holds.ok && (hook.onError === 'ignore' || phase === 'observe')
  const detail = holds.ok ? 'its condition does not hold' : reasonOf(failure)
  passOver(hook, phase, detail, isIgnored, run)
  if (holds.ok) return false
  if (!isIgnored) return { kind: 'failed', adapter, failure }
  run.terms.note({ kind: 'failure-ignored', phase, adapter, failure })
  return false
}

/** Writes down that a hook was not called. */
export function passOver(
  { adapter }: Hook,
  phase: HookPhase,
  detail: string,
  failOpen: boolean,
  { records }: Pick<ChainRun, 'records'>,
): void {
  records.push({
    adapter,
    phase,
    uid: undefined,
    outcome: 'skipped',
    durationMs: 0,
    detail,
    failOpen,
    warnings: [],
    annotations: {},
    change: undefined,
  })
}
