import type { Route } from './identity.ts'
import { type Pattern, type Subject, subjectOf } from './pattern.ts'

/** An endpoint of the configuration and the hooks it asks for. */
export interface Rule<H> {
  readonly pattern: Pattern
  readonly pre: readonly H[]
  readonly post: readonly H[]
  /** Where it stands in the file. */
  readonly line: number
}

/** The hooks of one exchange. Frozen: a reload changes the next exchange, never this one. */
export interface Plan<H> {
  /** The rules that the hooks come from, in file order. */
  readonly rules: readonly Rule<H>[]
  readonly pre: readonly H[]
  readonly post: readonly H[]
}

/** The plan of every request that nothing is hooked to. There is no other empty one: compare with `===`. */
export const EMPTY_PLAN: Plan<never> = Object.freeze({
  rules: Object.freeze([]),
  pre: Object.freeze([]),
  post: Object.freeze([]),
})

/** All rules that match apply, in file order in both phases; a hook that several of them name is called for each. */
export function planFor<H>(rules: readonly Rule<H>[], route: Route, method: string): Plan<H> {
  if (rules.length === 0) return EMPTY_PLAN
  const matching = matchingRules(rules, subjectOf(method, route))
  const pre = matching.flatMap((rule) => rule.pre)
  const post = matching.flatMap((rule) => rule.post)
  if (pre.length === 0 && post.length === 0) return EMPTY_PLAN
  return Object.freeze({
    rules: Object.freeze(matching),
    pre: Object.freeze(pre),
    post: Object.freeze(post),
  })
}

/** For `explain`: also those that match without asking for a hook. */
export function matchingRules<R extends { readonly pattern: Pattern }>(
  rules: readonly R[],
  subject: Subject,
): R[] {
  return rules.filter((rule) => rule.pattern.matches(subject))
}
