/** The requests of one connection, head by head. */
import { HeadReader } from '../http1/head-reader.ts'
import { type Refusal, refusal } from '../model/refusal.ts'
import type { Link, LinkReader } from './link.ts'

/** What waiting for a request can come to. */
export interface RequestTaker {
  /** What comes behind the head stays unread. */
  head(head: Buffer): void
  refused(why: Refusal): void
  /** The client closed, or ended its side, between two requests or in the middle of a head. */
  gone(): void
}

/** One object for the life of a connection: small exchanges are so short that making readers anew for each one shows. */
export class RequestSource implements LinkReader {
  readonly #client: Link
  readonly #taker: RequestTaker
  readonly #reader = new HeadReader()
  readonly #headTimeoutMs: number
  #slow: NodeJS.Timeout | undefined

  /** `headTimeoutMs`: how long a head may take from its first byte to its last (PS-FRAME-011). */
  constructor(client: Link, taker: RequestTaker, headTimeoutMs: number) {
    this.#client = client
    this.#taker = taker
    this.#headTimeoutMs = headTimeoutMs
  }

  /**
   * Waits for one head; tells the taker exactly once. A client that does not read its answers is not asked for more
   * requests: their answers would pile up here.
   */
  await(): void {
    if (this.#client.congested) this.#client.holdFor(this)
    else this.#client.readInto(this)
  }

  /** Waits no longer, and tells the taker nothing. */
  cancel(): void {
    this.#stop()
  }

  bytes(chunk: Buffer): void {
    const progress = this.#reader.feed(chunk)
    if (progress.kind === 'more') {
      this.#slow ??= setTimeout(() => this.#refuse(this.#tooSlow()), this.#headTimeoutMs)
      return
    }
    if (progress.kind === 'refused') return this.#refuse(progress.refusal)
    this.#stop()
    this.#client.unread(progress.rest)
    this.#taker.head(progress.head)
  }

  end(): void {
    this.#gone()
  }

  drained(): void {
    this.#client.readInto(this)
  }

  closed(): void {
    this.#gone()
  }

  #tooSlow(): Refusal {
    const message = `the head did not arrive within ${this.#headTimeoutMs / 1000} s`
    return refusal('PS-FRAME-011', 408, message)
  }

  #refuse(why: Refusal): void {
    this.#stop()
    this.#taker.refused(why)
  }

  #gone(): void {
    this.#stop()
    this.#taker.gone()
  }

  #stop(): void {
    if (this.#slow !== undefined) {
      clearTimeout(this.#slow)
      this.#slow = undefined
    }
    this.#client.readInto(undefined)
  }
}
