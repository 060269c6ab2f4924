/** One call of one hook, whatever its phase: asked, timed, written down, and its failure judged by the hook's own policy. */
import type { HookPhase, HookRecord } from '../model/event.ts'
import type { Answered, CallFacts, Hook, HookFailure, HookRequest, Outcome, Remarks } from '../model/hook.ts'
import type { Result } from '../model/result.ts'
import { type Soon, whenThere } from '../model/soon.ts'
import type { ChainRun } from './run.ts'
import { reasonOf, type Trouble } from './trouble.ts'

export type Turn =
  /** The hook was not called, or its failure was passed over. */
  | { readonly kind: 'go-on' }
  | { readonly kind: 'answered'; readonly outcome: Outcome; readonly turn: OpenTurn }
  | { readonly kind: 'stopped'; readonly trouble: Trouble }
  /** The client left. */
  | { readonly kind: 'aborted' }

/** A turn whose outcome is known and still has to be put into effect, which may fail too. */
export interface OpenTurn {
  /** Writes down how it ended. */
  close(change?: HookRecord['change']): void
  /** The outcome could not be put into effect: a failure of the hook like any other. */
  fail(failure: Exclude<HookFailure, { kind: 'aborted' }>): Turn
}

export type Ask = (facts: CallFacts) => Soon<Result<Answered<Outcome>, HookFailure>>

/**
 * `shown`: the request as the hook is shown it. `spentMs`: how much of the chain's time was used in this phase already. What the
 * hook answers at once is its turn at once.
 */
export function askHook(
  run: ChainRun,
  hook: Hook,
  phase: HookPhase,
  shown: HookRequest,
  spentMs: number,
  ask: Ask,
): Soon<Turn> {
  const { adapter } = hook
  const speaksTwo = !isOld(hook)
  if (speaksTwo && !concerns(hook, run)) return GO_ON
  const facts = speaksTwo ? run.factsFor(hook, spentMs) : NO_FACTS
  const since = performance.now()
  const record = (
    outcome: HookRecord['outcome'],
    detail: string | undefined,
    failOpen = false,
    change?: HookRecord['change'],
    said?: Remarks,
  ) => {
    run.records.push({
      adapter,
      phase,
      uid: speaksTwo ? facts.uid : undefined,
      outcome,
      durationMs,
      detail,
      failOpen,
      warnings: said?.warnings ?? NONE,
      annotations: said?.annotations ?? NO_NOTES,
      metadata: said?.metadata,
      change,
    })
  }
  const fail = (failure: HookFailure): Turn => {
    if (failure.kind === 'aborted') {
      record('failed', 'the client left')
      return ABORTED
    }
    const ignored = hook.onError === 'ignore'
    record('failed', reasonOf(failure), ignored)
    if (!ignored) return { kind: 'stopped', trouble: { kind: 'failed', adapter, failure } }
    run.terms.note({ kind: 'failure-ignored', phase, adapter, failure })
    if (speaksTwo) run.warnings.push({ adapter, text: `it failed and was passed over: ${reasonOf(failure)}` })
    return GO_ON
  }

  let durationMs = 0
  return whenThere(ask(facts), (reply): Turn => {
    durationMs = performance.now() - since
    if (!reply.ok) {
      if (phase === 'pre' && mayHaveActed(reply.failure) && canUndo(hook))
        reserve(run, hook, facts, shown, true)
      return fail(reply.failure)
    }
    const { outcome, warnings, remarks } = reply.value
    for (const warning of warnings) run.terms.note({ kind: 'warning', phase, adapter, warning })
    if (remarks !== undefined) {
      for (const text of remarks.warnings) run.warnings.push({ adapter, text })
      if (remarks.metadata !== undefined) run.remember(hook, remarks.metadata)
      if (phase === 'pre' && remarks.compensate)
        reserve(run, hook, { ...facts, metadata: remarks.metadata ?? facts.metadata }, shown, false)
    }
    const detail = outcome.kind === 'deny' ? outcome.message : undefined
    const turn: OpenTurn = {
      close: (change) => record(outcome.kind, detail, false, change, remarks),
      fail,
    }
    return { kind: 'answered', outcome, turn }
  })
}

/** Whether the hook is told no more than protocol 1 tells. */
export function isOld({ terms, speaksOld }: Hook): boolean {
  return terms === undefined || speaksOld?.() === true
}

/** What the adapter has said of itself can narrow what the configuration asks of it. */
export function concerns(hook: Hook, { terms: { exchange } }: ChainRun): boolean {
  const abilities = hook.abilities?.()
  if (abilities === undefined) return !exchange.dryRun
  const { operations, sideEffects } = abilities
  if (exchange.dryRun && sideEffects === 'Some') return false
  return operations === undefined || (exchange.operation !== null && operations.includes(exchange.operation))
}

/** Whether a call that failed may have done something that is still to be undone. */
function mayHaveActed(failure: HookFailure): boolean {
  switch (failure.kind) {
    case 'deadline':
    case 'aborted':
      return failure.begun !== false
    case 'unreachable':
      return failure.sent === true
    case 'bad-reply':
      return failure.mayHaveActed === true
    default:
      return false
  }
}

/** An adapter that has no such hook undoes nothing, and has nothing to be undone unless it asks for it all the same. */
function canUndo(hook: Hook): boolean {
  return !isOld(hook) && hook.abilities?.()?.implements.includes('unwind-hook') !== false
}

function reserve(
  run: ChainRun,
  hook: Hook,
  facts: CallFacts,
  request: HookRequest,
  selfTimeout: boolean,
): void {
  if (hook.unwind !== undefined) run.reservations.push({ hook, facts, request, selfTimeout })
}

const GO_ON = { kind: 'go-on' } as const
const ABORTED = { kind: 'aborted' } as const
const NONE: readonly string[] = []
const NO_NOTES = Object.freeze({})

/** Hooks of protocol 1 are told nothing of the kind. */
const NO_FACTS: CallFacts = {
  uid: '',
  exchange: {
    requestId: '',
    operation: null,
    apiVersion: null,
    params: {},
    user: { name: null, authenticationMethod: null, peerAddress: null },
    listener: '',
    dryRun: false,
  },
  metadata: undefined,
  original: { method: '', target: '', body: null },
  budgetMs: Number.POSITIVE_INFINITY,
}
