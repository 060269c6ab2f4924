import type { Route } from './identity.ts'
import { type Pattern, type Subject, subjectOf } from './pattern.ts'

/** Hooks by the phase that they are called in. */
export interface HooksByPhase<H> {
  readonly pre: readonly H[]
  readonly validate: readonly H[]
  readonly post: readonly H[]
  readonly observe: readonly H[]
  readonly stream: readonly H[]
}

/** An endpoint of the configuration and the hooks it asks for. */
export interface Rule<H> extends HooksByPhase<H> {
  readonly pattern: Pattern
  /** Where it stands in the file. */
  readonly line: number
}

/** The hooks of one exchange. Frozen: a reload changes the next exchange, never this one. */
export interface Plan<H> extends HooksByPhase<H> {
  /** The rules that the hooks come from, in file order. */
  readonly rules: readonly Rule<H>[]
}

const NONE: readonly never[] = Object.freeze([])

/** The plan of every request that nothing is hooked to. There is no other empty one: compare with `===`. */
export const EMPTY_PLAN: Plan<never> = Object.freeze({
  rules: NONE,
  pre: NONE,
  validate: NONE,
  post: NONE,
  observe: NONE,
  stream: NONE,
})

/** All rules that match apply, in file order in every phase; a hook that several of them name is called for each. */
export function planFor<H>(rules: readonly Rule<H>[], route: Route, method: string): Plan<H> {
  if (rules.length === 0) return EMPTY_PLAN
  const matching = matchingRules(rules, subjectOf(method, route))
  if (matching.length === 0) return EMPTY_PLAN
  const plan = {
    rules: Object.freeze(matching),
    pre: joined(matching, 'pre'),
    validate: joined(matching, 'validate'),
    post: joined(matching, 'post'),
    observe: joined(matching, 'observe'),
    stream: joined(matching, 'stream'),
  }
  const isEmpty =
    plan.pre.length + plan.validate.length + plan.post.length + plan.observe.length + plan.stream.length === 0
  return isEmpty ? EMPTY_PLAN : Object.freeze(plan)
}

function joined<H>(rules: readonly Rule<H>[], phase: keyof HooksByPhase<H>): readonly H[] {
  return Object.freeze(rules.flatMap((rule) => rule[phase]))
}

/** For `explain`: also those that match without asking for a hook. */
export function matchingRules<R extends { readonly pattern: Pattern }>(
  rules: readonly R[],
  subject: Subject,
): R[] {
  return rules.filter((rule) => rule.pattern.matches(subject))
}
