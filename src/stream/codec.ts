/**
 * The messages that a stream of the engine's is made of: found in its bytes, shown as JSON, and written again.
 *
 * A codec is fed as bytes arrive, one at a time or by the megabyte, and finds the same messages. What passes goes on in
 * the engine's own bytes, so nothing but what a hook replaced is ever written anew.
 */
import type { Result } from '../model/result.ts'

/** Told what was found, in the order of the stream. */
export interface MessageSink {
  /** A whole message, and the JSON text of an object that says what is in it. */
  message(bytes: Buffer, event: string): void
  /** What stands between messages and means nothing. It belongs to the message before it. */
  gap(bytes: Buffer): void
}

/** One for each stream. */
export interface Codec {
  /** What it is fed is its own to keep. Once there is a `problem` it is not to be fed any more. */
  feed(bytes: Buffer, sink: MessageSink): void
  /** The stream is over. */
  end(sink: MessageSink): void
  /** Why the stream cannot be read any further. What was found before stands. */
  readonly problem: CodecProblem | undefined
  /** Whether messages are separated by line ends. */
  readonly hasLines: boolean
  /**
   * The bytes of a message that says `event`, JSON text of an object; or what is wrong with it. `before`: the event in whose
   * place it stands, from which it has what it does not say.
   */
  write(event: string, before?: string): Result<Buffer, string>
}

/** `too-large`: a message is larger than hooks are shown. */
export interface CodecProblem {
  readonly kind: 'unreadable' | 'too-large'
  readonly message: string
}

export function unreadable(message: string): CodecProblem {
  return { kind: 'unreadable', message }
}

export function tooLarge(limitBytes: number): CodecProblem {
  return { kind: 'too-large', message: `a message of the stream is larger than ${limitBytes} bytes` }
}
