/**
 * A request that the proxy itself turns down, before any adapter or the engine has seen it.
 *
 * `rule` is a permanent id from `docs/security.md` (`PS-FRAME-006`, `PS-PATH-001`, …); an id never changes its meaning.
 */
export interface Refusal {
  readonly rule: string
  /** HTTP status of the answer, 400 to 599. */
  readonly status: number
  /** One sentence for the person at the client: what was found and what is accepted. Without the rule id. */
  readonly message: string
}

export function refusal(rule: string, status: number, message: string): Refusal {
  return { rule, status, message }
}
