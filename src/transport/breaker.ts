/** Stops calling an adapter that fails every time, so that its clients hear so at once instead of waiting for it. */
export interface BreakerSettings {
  /** Calls in a row that failed. */
  readonly failures: number
  readonly pauseMs: number
}

export class Breaker {
  readonly #settings: BreakerSettings | undefined
  #failures = 0
  #opensAt = 0
  #trying = false

  /** Nothing: it never stops anything. */
  constructor(settings: BreakerSettings | undefined) {
    this.#settings = settings
  }

  /** Why no call is made now; nothing if one may be. After the pause one call is let through to see. */
  objection(): string | undefined {
    if (this.#settings === undefined || this.#failures < this.#settings.failures) return undefined
    const waitMs = this.#opensAt - performance.now()
    if (waitMs <= 0 && !this.#trying) {
      this.#trying = true
      return undefined
    }
    return `the last ${this.#failures} calls failed; the next one is tried in ${Math.max(0, waitMs / 1000).toFixed(1)} s`
  }

  /** Whether calls are being held off. */
  get isOpen(): boolean {
    return this.#settings !== undefined && this.#failures >= this.#settings.failures
  }

  tell(succeeded: boolean): void {
    this.#trying = false
    if (this.#settings === undefined) return
    this.#failures = succeeded ? 0 : this.#failures + 1
    if (!succeeded) this.#opensAt = performance.now() + this.#settings.pauseMs
  }

  /** The call came to no end that says anything about the adapter. */
  forget(): void {
    this.#trying = false
  }
}
