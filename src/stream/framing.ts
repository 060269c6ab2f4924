/** Which answers are streams of messages, and how their messages are found. */
import { mediaType } from '../gate/media.ts'
import { impossible } from '../model/result.ts'
import type { Codec } from './codec.ts'
import { JsonCodec } from './json-codec.ts'
import { FrameCodec, RawCodec, UnlabelledCodec } from './log-codec.ts'

/** `unlabelled`: frames or bytes without framing; the head does not tell which. */
export type StreamFraming = 'json' | 'json-seq' | 'frames' | 'raw' | 'unlabelled'

export interface StreamFacts {
  /** What Docker's API says of the operation's answers. Nothing for a request that is no known operation. */
  readonly gives: string | undefined
  /** From the request's path. Nothing: the newest that the engine knows. */
  readonly apiVersion: string | undefined
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
}

/** Nothing: stream-hooks cannot be shown this answer. */
export function framingOf({
  gives,
  apiVersion,
  contentType,
  contentEncoding,
}: StreamFacts): StreamFraming | undefined {
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') return undefined
  const type = mediaType(contentType)
  const labelled = LABELS.get(type)
  switch (gives) {
    case 'json-stream':
      return type === 'application/json' ? 'json' : labelled === 'frames' ? undefined : labelled
    case 'raw-stream':
      if (labelled === 'frames') return 'frames'
      // Engines call all logs by this name before API 1.42, and 20.10 by none at all.
      if (type === 'application/vnd.docker.raw-stream') return isFrom142(apiVersion) ? 'raw' : 'unlabelled'
      return type === '' || type === 'application/octet-stream' ? 'unlabelled' : undefined
    case undefined:
      return labelled
    default:
      return undefined
  }
}

/** Types that say what an answer is, whatever was asked. */
const LABELS: ReadonlyMap<string, StreamFraming> = new Map([
  ['application/x-ndjson', 'json'],
  ['application/ndjson', 'json'],
  ['application/jsonl', 'json'],
  ['application/json-seq', 'json-seq'],
  ['application/vnd.docker.multiplexed-stream', 'frames'],
])

function isFrom142(version: string | undefined): boolean {
  if (version === undefined) return true
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 1 || (major === 1 && minor >= 42)
}

/** `limitBytes`: the largest message that hooks are shown. */
export function codecFor(framing: StreamFraming, limitBytes: number): Codec {
  switch (framing) {
    case 'json':
    case 'json-seq':
      return new JsonCodec(framing, limitBytes)
    case 'frames':
      return new FrameCodec(limitBytes)
    case 'raw':
      return new RawCodec(limitBytes)
    case 'unlabelled':
      return new UnlabelledCodec(limitBytes)
    default:
      return impossible(framing)
  }
}
