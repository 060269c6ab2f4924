/**
 * What containers wrote: frames of eight bytes and their data, or, of a container with a terminal, bytes without any framing.
 *
 * An event says `Body` and `BodyEncoding` as bodies do: text where the bytes are UTF-8, else base64. Of a frame it also says
 * the `Stream`. Bytes without framing are shown in the pieces that the engine sent them in.
 */
import { utf8Text } from '../gate/media.ts'
import { GrowingBuffer } from '../model/growing-buffer.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { type Codec, type CodecProblem, type MessageSink, tooLarge, unreadable } from './codec.ts'

/** By the first byte of a frame. */
const STREAMS = ['stdin', 'stdout', 'stderr', 'systemerr'] as const

/** The stream, three zeros, and the length of the data as four bytes, the highest first. */
const HEADER_BYTES = 8

export class FrameCodec implements Codec {
  readonly hasLines = false
  problem: CodecProblem | undefined
  readonly #limitBytes: number
  #begun = new GrowingBuffer()

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  feed(bytes: Buffer, sink: MessageSink): void {
    let from = 0
    while (from < bytes.length && this.problem === undefined) {
      const begun = this.#begun.length
      const missing = this.#missing(bytes, from)
      if (missing === undefined) return
      const end = Math.min(bytes.length, from + missing)
      const isWhole = end === from + missing
      if (begun === 0 && isWhole) this.#take(bytes.subarray(from, end), sink)
      else this.#begun.append(bytes, from, end)
      if (begun > 0 && isWhole) {
        this.#take(this.#begun.bytes(), sink)
        this.#begun = new GrowingBuffer()
      }
      from = end
    }
  }

  end(): void {
    if (this.problem === undefined && this.#begun.length > 0)
      this.problem = unreadable('the stream ends within a frame')
  }

  write(event: string, before?: string): Result<Buffer, string> {
    const said = readEvent(event)
    if (!said.ok) return said
    const { fields, data } = said.value
    const name = fields.Stream ?? (before === undefined ? 'stdout' : readFields(before).Stream)
    const stream = STREAMS.indexOf(name as (typeof STREAMS)[number])
    if (stream === -1) return failed(`the Stream of its Event is none of ${STREAMS.join(', ')}`)
    const header = Buffer.alloc(HEADER_BYTES)
    header[0] = stream
    header.writeUInt32BE(data.length, 4)
    return ok(Buffer.concat([header, data]))
  }

  /**
   * Bytes that the frame in hand still lacks: all of them once its header is in sight, until then those of the header. Nothing:
   * there is a problem.
   */
  #missing(bytes: Buffer, from: number): number | undefined {
    const begun = this.#begun.bytes()
    const at = (index: number) => (index < begun.length ? begun[index] : bytes[from + index - begun.length])
    for (let index = 0; index < 4; index++) {
      const byte = at(index)
      if (byte !== undefined && byte > (index === 0 ? STREAMS.length - 1 : 0)) {
        this.problem = unreadable('the stream has something else than frames in it')
        return undefined
      }
    }
    const last = at(HEADER_BYTES - 1)
    if (last === undefined) return HEADER_BYTES - begun.length
    const length = ((at(4)! * 256 + at(5)!) * 256 + at(6)!) * 256 + last
    if (HEADER_BYTES + length > this.#limitBytes) {
      this.problem = tooLarge(this.#limitBytes)
      return undefined
    }
    return HEADER_BYTES + length - begun.length
  }

  #take(frame: Buffer, sink: MessageSink): void {
    const stream = STREAMS[frame[0]!]
    sink.message(frame, `{"Stream":"${stream}",${bodyFields(frame.subarray(HEADER_BYTES))}}`)
  }
}

export class RawCodec implements Codec {
  readonly hasLines = false
  readonly problem = undefined
  readonly #limitBytes: number

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  feed(bytes: Buffer, sink: MessageSink): void {
    for (let from = 0; from < bytes.length; from += this.#limitBytes) {
      const piece = bytes.subarray(from, from + this.#limitBytes)
      sink.message(piece, `{${bodyFields(piece)}}`)
    }
  }

  end(): void {}

  write(event: string): Result<Buffer, string> {
    const said = readEvent(event)
    return said.ok ? ok(said.value.data) : said
  }
}

/** An engine that does not label its logs, or labels all of them alike: their first bytes tell. */
export class UnlabelledCodec implements Codec {
  readonly hasLines = false
  readonly #limitBytes: number
  #begun: Buffer = Buffer.alloc(0)
  #codec: Codec | undefined

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get problem(): CodecProblem | undefined {
    return this.#codec?.problem
  }

  feed(bytes: Buffer, sink: MessageSink): void {
    if (this.#codec !== undefined) return this.#codec.feed(bytes, sink)
    this.#begun = Buffer.concat([this.#begun, bytes])
    const start = this.#begun.subarray(0, 4)
    const mayBeFrame = start.every((byte, index) => byte <= (index === 0 ? STREAMS.length - 1 : 0))
    if (mayBeFrame && start.length < 4) return
    this.#decide(mayBeFrame ? new FrameCodec(this.#limitBytes) : new RawCodec(this.#limitBytes), sink)
  }

  end(sink: MessageSink): void {
    if (this.#codec === undefined) this.#decide(new RawCodec(this.#limitBytes), sink)
    this.#codec?.end(sink)
  }

  write(event: string, before?: string): Result<Buffer, string> {
    return this.#codec === undefined
      ? failed('it inserts an Event before anything has come of a stream that is not labelled')
      : this.#codec.write(event, before)
  }

  #decide(codec: Codec, sink: MessageSink): void {
    this.#codec = codec
    codec.feed(this.#begun, sink)
    this.#begun = Buffer.alloc(0)
  }
}

function bodyFields(data: Buffer): string {
  const text = utf8Text(data)
  return text === undefined
    ? `"Body":"${data.toString('base64')}","BodyEncoding":"base64"`
    : `"Body":${JSON.stringify(text)},"BodyEncoding":"utf8"`
}

interface EventFields {
  readonly Stream?: unknown
  readonly Body?: unknown
  readonly BodyEncoding?: unknown
}

function readFields(event: string): EventFields {
  return JSON.parse(event) as EventFields
}

function readEvent(event: string): Result<{ readonly fields: EventFields; readonly data: Buffer }, string> {
  const fields = readFields(event)
  const { Body: body, BodyEncoding: encoding = 'utf8' } = fields
  if (typeof body !== 'string') return failed('the Body of its Event is not a string')
  if (encoding !== 'utf8' && encoding !== 'base64')
    return failed('the BodyEncoding of its Event is none of utf8, base64')
  if (encoding === 'base64' && !BASE64.test(body)) return failed('the Body of its Event is not base64')
  return ok({ fields, data: Buffer.from(body, encoding) })
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
