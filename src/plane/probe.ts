/** Asking the engine who it is, over a connection of its own. */

import { readAnswerTerms } from '../http1/answer-terms.ts'
import { trackBody } from '../http1/body-tracker.ts'
import { HeadReader } from '../http1/head-reader.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { Dial, Unreachable } from './dial.ts'

export interface EngineIdentity {
  readonly version: string
  readonly apiVersion: string
}

/** An engine that has accepted but says nothing for this long, in milliseconds, is reported as not answering. */
const PROBE_TIMEOUT_MS = 5_000

const QUESTION = Buffer.from('GET /version HTTP/1.1\r\nHost: powerstrip\r\nConnection: close\r\n\r\n')

/** Waits no longer once `stop` is aborted. */
export async function probeEngine(
  dial: Dial,
  stop: AbortSignal,
): Promise<Result<EngineIdentity, Unreachable>> {
  const dialled = await dial()
  if (!dialled.ok) return dialled
  const engine = dialled.value
  const answer = await new Promise<Result<Buffer, Unreachable>>((resolve) => {
    const reader = new HeadReader()
    const pieces: Buffer[] = []
    let body: ReturnType<typeof trackBody> | undefined
    const timer = setTimeout(
      () => settle(failed({ message: `no answer to GET /version within ${PROBE_TIMEOUT_MS / 1000} s` })),
      PROBE_TIMEOUT_MS,
    )
    const stopped = () => settle(failed({ message: 'powerstrip was told to stop before it had answered' }))
    const settle = (outcome: Result<Buffer, Unreachable>) => {
      clearTimeout(timer)
      stop.removeEventListener('abort', stopped)
      engine.readInto(undefined)
      resolve(outcome)
    }
    const takeBody = (chunk: Buffer) => {
      body?.feed(chunk, 0, (piece, from, to) => pieces.push(Buffer.from(piece.subarray(from, to))))
      if (body?.done === true) settle(ok(Buffer.concat(pieces)))
    }
    engine.readInto({
      bytes(chunk) {
        if (body !== undefined) return takeBody(chunk)
        const progress = reader.feed(chunk)
        if (progress.kind === 'more') return
        if (progress.kind === 'refused') return settle(failed({ message: progress.refusal.message }))
        const answer = readAnswerTerms(progress.head.toString('latin1'), 'GET')
        if (!answer.ok) return settle(failed(answer.failure))
        if (answer.value.status !== 200)
          return settle(failed({ message: `it answers GET /version with ${answer.value.status}` }))
        body = trackBody(answer.value.framing)
        takeBody(progress.rest)
      },
      end: () => settle(failed({ message: 'it closed the connection before it had answered GET /version' })),
      drained() {},
      closed: () =>
        settle(failed({ message: 'it closed the connection before it had answered GET /version' })),
    })
    engine.write(QUESTION)
    stop.addEventListener('abort', stopped)
    if (stop.aborted) stopped()
  })
  engine.destroy()
  return answer.ok ? readIdentity(answer.value) : answer
}

function readIdentity(body: Buffer): Result<EngineIdentity, Unreachable> {
  try {
    const { Version, ApiVersion } = JSON.parse(body.toString('utf8')) as {
      Version?: unknown
      ApiVersion?: unknown
    }
    return ok({ version: String(Version ?? 'unknown'), apiVersion: String(ApiVersion ?? 'unknown') })
  } catch {
    return failed({
      message: 'it answers GET /version with something that is not JSON; is it a Docker Engine?',
    })
  }
}
