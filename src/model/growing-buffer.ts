/**
 * Bytes collected piece by piece. Capacity doubles, so a body that arrives byte by byte costs its size and not, as a list
 * of pieces would, a buffer object for each byte.
 */
export class GrowingBuffer {
  #bytes = Buffer.alloc(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  append(chunk: Buffer, start: number, end: number): void {
    const needed = this.#length + end - start
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2, 1024))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#length, start, end)
    this.#length = needed
  }

  /** What has been collected. Not to be appended to afterwards. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}
