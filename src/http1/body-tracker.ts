/**
 * Follows a body through the stream and says where it ends, without keeping or copying any of it.
 *
 * Chunks are read strictly (PS-FRAME-008): 1 to 8 hex digits, CRLF, the data, CRLF; the last chunk is followed by CRLF
 * alone. dockerd also takes extensions and trailers, no known Docker client sends them, and each is a place where two
 * readers can disagree about where the next request starts.
 */
import type { Framing } from './framing.ts'

/** Told about each run of body data, as offsets into the chunk that is being fed. */
export type DataSink = (chunk: Buffer, start: number, end: number) => void

export interface BodyTracker {
  /**
   * Reads on from `from` and returns the offset behind the last byte that belongs to the body: the chunk's length while
   * the body goes on. Not to be called again once `done` or `problem`.
   */
  feed(chunk: Buffer, from: number, sink?: DataSink): number
  readonly done: boolean
  /** What was wrong with the framing, if anything. */
  readonly problem: string | undefined
}

export function trackBody(framing: Framing): BodyTracker {
  switch (framing.kind) {
    case 'none':
      return NOTHING
    case 'length':
      return new LengthTracker(framing.bytes)
    case 'chunked':
      return new ChunkTracker()
    case 'until-close':
      return ENDLESS
  }
}

const NOTHING: BodyTracker = { feed: (_chunk, from) => from, done: true, problem: undefined }

const ENDLESS: BodyTracker = {
  feed(chunk, from, sink) {
    sink?.(chunk, from, chunk.length)
    return chunk.length
  },
  done: false,
  problem: undefined,
}

class LengthTracker implements BodyTracker {
  readonly problem = undefined
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  get done(): boolean {
    return this.#left === 0
  }

  feed(chunk: Buffer, from: number, sink?: DataSink): number {
    const end = Math.min(chunk.length, from + this.#left)
    this.#left -= end - from
    sink?.(chunk, from, end)
    return end
  }
}

const CR = 13
const LF = 10
/** Eight hex digits hold 4 GiB; Go's writer cuts at 32 KiB, Node's at 64 KiB. */
const MOST_SIZE_DIGITS = 8

type ChunkState = 'size' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'last-cr' | 'last-lf' | 'done'

class ChunkTracker implements BodyTracker {
  problem: string | undefined = undefined
  #state: ChunkState = 'size'
  #digits = 0
  #size = 0

  get done(): boolean {
    return this.#state === 'done'
  }

  feed(chunk: Buffer, from: number, sink?: DataSink): number {
    let at = from
    while (at < chunk.length) {
      if (this.#state === 'data') {
        const end = Math.min(chunk.length, at + this.#size)
        sink?.(chunk, at, end)
        this.#size -= end - at
        at = end
        if (this.#size === 0) this.#state = 'data-cr'
        continue
      }
      const trouble = this.#step(chunk[at]!)
      if (trouble !== undefined) {
        this.problem = trouble
        return at
      }
      at++
      if (this.#state === 'done') return at
    }
    return at
  }

  #step(byte: number): string | undefined {
    switch (this.#state) {
      case 'size': {
        if (byte === CR && this.#digits > 0) {
          this.#state = 'size-lf'
          return undefined
        }
        const digit = hexDigit(byte)
        if (digit < 0) return 'a chunk size is not 1 to 8 hex digits and CRLF'
        if (++this.#digits > MOST_SIZE_DIGITS) return 'a chunk size has more than 8 hex digits'
        this.#size = this.#size * 16 + digit
        return undefined
      }
      case 'size-lf':
        if (byte !== LF) return 'a chunk size does not end in CRLF'
        this.#state = this.#size === 0 ? 'last-cr' : 'data'
        this.#digits = 0
        return undefined
      case 'data-cr':
        if (byte !== CR) return 'a chunk is longer than its size says'
        this.#state = 'data-lf'
        return undefined
      case 'data-lf':
        if (byte !== LF) return 'a chunk is not followed by CRLF'
        this.#state = 'size'
        return undefined
      case 'last-cr':
        if (byte !== CR) return 'trailer fields are not accepted'
        this.#state = 'last-lf'
        return undefined
      case 'last-lf':
        if (byte !== LF) return 'the last chunk is not followed by CRLF'
        this.#state = 'done'
        return undefined
      case 'data':
      case 'done':
        throw new Error('the chunk tracker was fed where no framing byte can be')
    }
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
