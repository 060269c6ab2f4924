/** Taking in a whole request body, for the few requests whose body must be there before the first byte goes on. */
import { type DataSink, trackBody } from '../http1/body-tracker.ts'
import type { Framing } from '../http1/framing.ts'
import { GrowingBuffer } from '../model/growing-buffer.ts'
import { type Refusal, refusal } from '../model/refusal.ts'
import type { Link } from './link.ts'

export type Collected =
  /** `raw`: as received, chunk framing included. `data`: the body itself. */
  | { readonly kind: 'body'; readonly raw: Buffer; readonly data: Buffer }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'gone' }

/** How long a body that is collected may pause between two pieces, in milliseconds (PS-FRAME-011). */
export const BODY_IDLE_TIMEOUT_MS = 30_000

const EMPTY = Buffer.alloc(0)
const NO_BODY: Collected = { kind: 'body', raw: EMPTY, data: EMPTY }

/**
 * What comes behind the body stays unread. `limitBytes` bounds the body's data, and `tooLarge` is the refusal where it is
 * exceeded. `taken` is told once.
 */
export function collectBody(
  client: Link,
  framing: Framing,
  limitBytes: number,
  tooLarge: Refusal,
  taken: (body: Collected) => void,
): void {
  if (framing.kind === 'none') return taken(NO_BODY)
  if (framing.kind === 'length' && framing.bytes > limitBytes)
    return taken({ kind: 'refused', refusal: tooLarge })
  const body = trackBody(framing)
  const raw = new GrowingBuffer()
  // Without chunk framing around it the data is all there is, and is kept once.
  const data = framing.kind === 'chunked' ? new GrowingBuffer() : raw
  const sink: DataSink | undefined =
    data === raw ? undefined : (piece, from, to) => data.append(piece, from, to)
  let idle: NodeJS.Timeout | undefined
  let settled = false
  const settle = (outcome: Collected) => {
    settled = true
    clearTimeout(idle)
    client.readInto(undefined)
    taken(outcome)
  }
  client.readInto({
    bytes(chunk) {
      idle?.refresh()
      const end = body.feed(chunk, 0, sink)
      raw.append(chunk, 0, end)
      if (data.length > limitBytes) return settle({ kind: 'refused', refusal: tooLarge })
      if (body.problem !== undefined)
        return settle({ kind: 'refused', refusal: refusal('PS-FRAME-008', 400, body.problem) })
      if (!body.done) return
      client.unread(chunk.subarray(end))
      settle({ kind: 'body', raw: raw.bytes(), data: data.bytes() })
    },
    end: () => settle({ kind: 'gone' }),
    drained() {},
    closed: () => settle({ kind: 'gone' }),
  })
  if (!settled) idle = setTimeout(() => settle({ kind: 'refused', refusal: TOO_SLOW }), BODY_IDLE_TIMEOUT_MS)
}

const TOO_SLOW = refusal(
  'PS-FRAME-011',
  408,
  `the body paused for more than ${BODY_IDLE_TIMEOUT_MS / 1000} s`,
)
