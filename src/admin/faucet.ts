import type { Writable } from 'node:stream'

/** What waits for one tap, in bytes. Who reads more slowly than that misses lines, and is told how many. */
export const TAP_WAITING_LIMIT_BYTES = 1024 * 1024

/** Lines for one reader, as far as it keeps up. */
export class Faucet {
  readonly #to: Writable
  #missed = 0

  constructor(to: Writable) {
    this.#to = to
    to.on('drain', () => this.#tellMissed())
    // Its `close` follows.
    to.on('error', () => {})
  }

  show(line: string): void {
    if (this.#to.writableLength > TAP_WAITING_LIMIT_BYTES) {
      this.#missed++
      return
    }
    this.#tellMissed()
    this.#to.write(`${line}\n`)
  }

  #tellMissed(): void {
    if (this.#missed === 0) return
    this.#to.write(`${JSON.stringify({ missed: this.#missed })}\n`)
    this.#missed = 0
  }
}
