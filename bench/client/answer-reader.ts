/** Follows one HTTP/1.1 answer as its bytes come, keeping nothing but what is asked for. */
export class AnswerReader {
  /** 0 until the head is complete. */
  status = 0
  /** Start line and fields, once complete. */
  head = ''
  /** Bytes of the body so far, chunk frames not counted. */
  bodyBytes = 0
  begun = false
  complete = false
  readonly #onBody: ((part: Buffer) => void) | undefined
  #partOfHead: Buffer | undefined
  #body: 'chunked' | 'sized' | 'until-close' = 'sized'
  /** Bytes missing of the sized body, or of the chunk in hand. */
  #missing = 0
  #inChunk: 'size' | 'bytes' | 'end' | 'trailer' = 'size'
  #line = ''

  /** `onBody` sees the body's bytes in the connection's own buffer: they are gone when it returns. */
  constructor(onBody?: (part: Buffer) => void) {
    this.#onBody = onBody
  }

  push(bytes: Buffer): void {
    this.begun = true
    if (this.status > 0) return this.#pushBody(bytes)
    const seen = this.#partOfHead === undefined ? bytes : Buffer.concat([this.#partOfHead, bytes])
    const end = seen.indexOf('\r\n\r\n')
    if (end === -1) {
      // Copied: the next read overwrites the buffer.
      this.#partOfHead = Buffer.from(seen)
      return
    }
    this.#readHead(seen.toString('latin1', 0, end + 2))
    this.#pushBody(seen.subarray(end + 4))
  }

  /** For the reader of a failure. */
  get progress(): string {
    if (!this.begun) return 'no answer'
    return this.status === 0 ? 'a part of a head' : `status ${this.status}, ${this.bodyBytes} bytes`
  }

  /** The connection has ended. True if that completes the answer. */
  end(): boolean {
    if (this.status > 0 && this.#body === 'until-close') this.complete = true
    return this.complete
  }

  #readHead(head: string): void {
    const status = /^HTTP\/1\.[01] ([0-9]{3}) /.exec(head)
    if (status === null) throw new Error(`this is no answer: ${JSON.stringify(head.slice(0, 80))}`)
    this.status = Number(status[1])
    this.head = head
    const length = /^content-length: *([0-9]+)\r$/im.exec(head)
    if (/^transfer-encoding: *chunked\r$/im.test(head)) this.#body = 'chunked'
    else if (length !== null) this.#missing = Number(length[1])
    else this.#body = 'until-close'
    if (this.#body === 'sized' && this.#missing === 0) this.complete = true
  }

  #pushBody(bytes: Buffer): void {
    if (this.#body === 'chunked') return this.#pushChunked(bytes)
    this.#countBody(bytes)
    if (this.#body === 'until-close') return
    this.#missing -= bytes.length
    if (this.#missing < 0) throw new Error('the answer goes on after its end')
    this.complete = this.#missing === 0
  }

  #pushChunked(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      if (this.complete) throw new Error('the answer goes on after its last chunk')
      if (this.#inChunk === 'bytes') {
        const part = bytes.subarray(at, at + this.#missing)
        this.#countBody(part)
        at += part.length
        this.#missing -= part.length
        if (this.#missing === 0) this.#inChunk = 'end'
        continue
      }
      const newline = bytes.indexOf(10, at)
      this.#line += bytes.toString('latin1', at, newline === -1 ? bytes.length : newline)
      if (newline === -1) return
      at = newline + 1
      this.#endLine(this.#line.replace(/\r$/, ''))
      this.#line = ''
    }
  }

  #endLine(line: string): void {
    if (this.#inChunk === 'end') {
      if (line !== '') throw new Error(`a chunk ends with ${JSON.stringify(line)}`)
      this.#inChunk = 'size'
    } else if (this.#inChunk === 'size') {
      if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`no chunk has the size ${JSON.stringify(line)}`)
      this.#missing = Number.parseInt(line, 16)
      this.#inChunk = this.#missing === 0 ? 'trailer' : 'bytes'
    } else if (line === '') {
      this.complete = true
    }
  }

  #countBody(part: Buffer): void {
    this.bodyBytes += part.length
    if (part.length > 0) this.#onBody?.(part)
  }
}
