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

/**
 * How long a head may take from its first byte to its last, in milliseconds (PS-FRAME-011). An idle connection may wait
 * for its first byte for ever, as at dockerd.
 */
export const HEAD_TIMEOUT_MS = 10_000

const TOO_SLOW = refusal('PS-FRAME-011', 408, `the head did not arrive within ${HEAD_TIMEOUT_MS / 1000} s`)

/** One object for the life of a connection: small exchanges are so short that making readers anew for each one shows. */
export class RequestSource implements LinkReader {
  readonly #client: Link
  readonly #taker: RequestTaker
  readonly #reader = new HeadReader()
  #slow: NodeJS.Timeout | undefined

  constructor(client: Link, taker: RequestTaker) {
    this.#client = client
    this.#taker = taker
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
      this.#slow ??= setTimeout(() => this.#refuse(TOO_SLOW), HEAD_TIMEOUT_MS)
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
