/** The connections that are open by one listener, from the moment that they are accepted (PS-LISTEN-005). */
export class Crowd {
  readonly #most: number
  readonly #full: () => void
  #open = 0
  #turnedAway = false

  constructor(most: number | undefined, full: () => void) {
    this.#most = most ?? Number.POSITIVE_INFINITY
    this.#full = full
  }

  /** Whether there is room for one more, who is then in. */
  enter(): boolean {
    if (this.#open < this.#most) {
      this.#open++
      return true
    }
    // Told once for each time that it gets full, or whoever fills it would fill the log too.
    if (!this.#turnedAway) this.#full()
    this.#turnedAway = true
    return false
  }

  leave(): void {
    this.#open--
    this.#turnedAway = false
  }
}
