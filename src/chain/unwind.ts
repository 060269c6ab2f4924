/** Undoing what pre-hooks did, when an exchange does not end well. */
import type { HookFailure, UnwindCause } from '../model/hook.ts'
import type { Result } from '../model/result.ts'
import type { ChainRun, Reservation } from './run.ts'

/**
 * How long a client waits for its error while things are undone, in milliseconds; the rest happens behind its back. It is
 * enough for what a retry of the client's would need to find undone, and short enough for a person at a terminal.
 */
export const UNWIND_WAIT_MS = 2_000

/**
 * Asks each hook that reserved something to undo it, the latest first. All are asked, whatever comes of it; none of it
 * changes what the client is told. A hook may take its share of what is left of `budgetMs`, so that one that hangs leaves
 * time for those behind it.
 */
export async function unwind(
  run: ChainRun,
  cause: Omit<UnwindCause, 'selfTimeout'>,
  budgetMs: number,
): Promise<void> {
  const due = run.reservations.splice(0).reverse()
  const end = performance.now() + budgetMs
  for (const [index, reservation] of due.entries()) {
    const leftMs = Math.max(0, end - performance.now())
    await undo(
      run,
      reservation,
      { ...cause, selfTimeout: reservation.selfTimeout },
      leftMs / (due.length - index),
    )
  }
}

/** The same, as far as a client can be kept waiting. `rest` is told of what goes on behind its back. */
export async function unwindBefore(
  undoing: Promise<void>,
  rest: (undoing: Promise<void>) => void,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), UNWIND_WAIT_MS)
  })
  if ((await Promise.race([undoing, late])) === 'late') rest(undoing)
  clearTimeout(timer)
}

async function undo(
  run: ChainRun,
  { hook, facts, request }: Reservation,
  cause: UnwindCause,
  budgetMs: number,
): Promise<void> {
  const { adapter } = hook
  const { uid } = facts
  const { requestId } = run.exchange
  const since = performance.now()
  const undone: Result<undefined, HookFailure> = await hook.unwind!(request, cause, budgetMs, facts)
  const durationMs = performance.now() - since
  run.unwound.push({ adapter, uid, result: undone.ok ? 'done' : 'failed', durationMs })
  if (undone.ok) return run.terms.note({ kind: 'unwound', adapter, uid, requestId, durationMs })
  const { response: _shown, ...told } = cause
  run.terms.note({
    kind: 'unwind-failed',
    adapter,
    uid,
    requestId,
    method: request.method,
    target: request.target,
    metadata: facts.metadata,
    cause: told,
    failure: undone.failure,
    durationMs,
  })
}
