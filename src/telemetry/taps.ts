/** Those who watch exchanges as they end. While there are none, nothing is paid for them. */
import type { Decision } from './decision.ts'

/** What a tap wants to see; empty lists mean everything. */
export interface TapFilter {
  readonly operations: readonly string[]
  readonly adapters: readonly string[]
}

export class Taps {
  readonly #taps = new Map<(line: string) => void, TapFilter>()

  get size(): number {
    return this.#taps.size
  }

  /** What comes back closes it again. */
  open(filter: TapFilter, show: (line: string) => void): () => void {
    this.#taps.set(show, filter)
    return () => {
      this.#taps.delete(show)
    }
  }

  /** `line` is the decision as JSON text. */
  tell(decision: Decision, line: string): void {
    for (const [show, filter] of this.#taps) if (concerns(decision, filter)) show(line)
  }
}

function concerns({ request, hooks, unwound }: Decision, { operations, adapters }: TapFilter): boolean {
  const isAsked = operations.length === 0 || operations.includes(request.operation)
  const has = ({ adapter }: { readonly adapter: string }) => adapters.includes(adapter)
  return isAsked && (adapters.length === 0 || hooks.some(has) || unwound.some(has))
}
