/** Asking the engine one thing, over a connection of its own, and reading its answer whole. */
import { failed, ok, type Result } from '../model/result.ts'
import type { StopSignal } from '../model/stop.ts'
import type { Dial } from './dial.ts'
import type { Link } from './link.ts'
import { AnswerReader, type WholeAnswer } from './whole-answer.ts'

export interface Question {
  readonly method: string
  /** Head and body. */
  readonly bytes: Buffer
  /** Largest body of an answer that is read. */
  readonly limitBytes: number
}

/** Why there is no answer, with words for people. */
export type NoAnswer =
  | {
      readonly kind: 'unreachable' | 'late' | 'closed' | 'called-off' | 'garbled'
      readonly message: string
    }
  | {
      readonly kind: 'too-large'
      readonly message: string
      readonly status: number
      readonly limitBytes: number
    }

/** An engine that has accepted but does not finish its answer for this long, in milliseconds, is taken for one that does not answer. */
const ANSWER_TIMEOUT_MS = 5_000

/** Waits no longer once `stop` is aborted. */
export function askEngine(
  dial: Dial,
  question: Question,
  stop: StopSignal,
): Promise<Result<WholeAnswer, NoAnswer>> {
  return new Promise((resolve, reject) => {
    const calledOff = () => resolve(failed(CALLED_OFF))
    if (stop.aborted) return calledOff()
    stop.addEventListener('abort', calledOff)
    const ask = async () => {
      const dialled = await dial()
      stop.removeEventListener('abort', calledOff)
      if (!dialled.ok) return resolve(failed({ kind: 'unreachable', message: dialled.failure.message }))
      const engine = dialled.value
      if (!stop.aborted) resolve(await answerOf(engine, question, stop))
      engine.destroy()
    }
    ask().catch(reject)
  })
}

function answerOf(
  engine: Link,
  { method, bytes, limitBytes }: Question,
  stop: StopSignal,
): Promise<Result<WholeAnswer, NoAnswer>> {
  return new Promise((resolve, reject) => {
    engine.onBug = reject
    const reader = new AnswerReader(method, limitBytes)
    const settle = (outcome: Result<WholeAnswer, NoAnswer>) => {
      clearTimeout(timer)
      stop.removeEventListener('abort', calledOff)
      engine.readInto(undefined)
      resolve(outcome)
    }
    const timer = setTimeout(() => settle(failed(LATE)), ANSWER_TIMEOUT_MS)
    const calledOff = () => settle(failed(CALLED_OFF))
    const over = () => {
      const answer = reader.over()
      settle(answer === undefined ? failed(CLOSED) : ok(answer))
    }
    engine.readInto({
      bytes(chunk) {
        const progress = reader.feed(chunk)
        if (progress.kind === 'whole') settle(ok(progress.answer))
        else if (progress.kind === 'garbled') settle(failed(progress))
        else if (progress.kind === 'too-large')
          settle(failed({ ...progress, message: `its answer is larger than ${progress.limitBytes} bytes` }))
      },
      end: over,
      drained() {},
      // Cut off: an answer that ends with its connection ends with a FIN.
      closed: () => settle(failed(CLOSED)),
    })
    stop.addEventListener('abort', calledOff)
    engine.write(bytes)
  })
}

const LATE: NoAnswer = { kind: 'late', message: `no answer within ${ANSWER_TIMEOUT_MS / 1000} s` }
const CLOSED: NoAnswer = { kind: 'closed', message: 'it closed the connection before it had answered' }
const CALLED_OFF: NoAnswer = { kind: 'called-off', message: 'its answer was not waited for' }
