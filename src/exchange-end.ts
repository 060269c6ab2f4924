/** How an exchange can end, and what the client is told where the engine's answer is not what it gets. */
import type { ChainReport, Fate } from './model/event.ts'
import { refusal } from './model/refusal.ts'
import { impossible } from './model/result.ts'
import type { RelayEnd } from './plane/relay.ts'

/** How one exchange ended, as its connection sees it. */
export interface ExchangeEnd {
  readonly fate: Fate
  /** Status that the client was sent, if any. */
  readonly status: number | undefined
  /** What becomes of the connection: `softly` lets an answer on its way arrive. */
  readonly next: 'serve-another' | 'close-softly' | 'close-now'
  /** Why, where the fate alone does not say it. */
  readonly detail?: string | undefined
  /** What the hooks did, where any were asked for. */
  readonly chain?: ChainReport | undefined
}

/** The client left. */
export const ABORTED: ExchangeEnd = { fate: 'aborted', status: undefined, next: 'close-now' }

/** The engine could not be reached; `message` is for the person at the client. */
export interface Unreachable {
  readonly kind: 'unreachable'
  readonly message: string
}

export function unreachableEngine(name: string, why: string): Unreachable {
  return {
    kind: 'unreachable',
    message: `the Docker Engine at ${name} cannot be reached (${why}); is it running?`,
  }
}

/** Ends that leave the exchange over, with nothing more to do than to tell. */
export type SettledEnd = Exclude<RelayEnd, { kind: 'complete' | 'held' | 'switched' }> | Unreachable

/** An ending that is told to the client has an `error`: 400 to 599 and the message in the engine's own format. */
export interface Ending {
  readonly fate: Fate
  readonly status: number | undefined
  readonly next: ExchangeEnd['next']
  readonly detail?: string | undefined
  readonly error?: { readonly status: number; readonly message: string }
}

/** `kept`: the engine connection had served another exchange before. */
export function endingOf(end: SettledEnd, kept: boolean): Ending {
  switch (end.kind) {
    case 'client-gone':
      return { ...ABORTED, status: end.status }
    case 'unreachable':
      return failure('unreachable', end.message)
    case 'request-garbled': {
      if (end.answered) return silent('ambiguous', undefined, 'close-now', end.message)
      const { rule, status, message } = refusal('PS-FRAME-008', 400, end.message)
      return failure('ambiguous', `${message} (${rule})`, status)
    }
    case 'answer-garbled':
      if (end.answered) return silent('cut-off', undefined, 'close-softly', end.message)
      return failure('cut-off', `the engine's answer cannot be read: ${end.message}`)
    case 'answer-refused':
      return failure('post-failed', unshowable(end.status))
    case 'answer-too-large': {
      const message = `the engine's answer is larger than ${end.limitBytes} bytes, the most that post-hooks are shown (PS-SIZE-002); the engine had already answered ${end.status}`
      return end.headSent
        ? silent('post-failed', end.status, 'close-now', message)
        : failure('post-failed', message)
    }
    case 'engine-gone':
      if (end.answered)
        return silent('cut-off', end.status, 'close-softly', 'the engine left in the middle of its answer')
      // On a kept connection the engine may just have closed it for being idle. Clients know that case when they see it, a
      // close without an answer, and send the request again; an answer of ours would take the retry from them.
      if (kept)
        return silent('unreachable', undefined, 'close-softly', 'the engine closed the kept connection')
      return failure('unreachable', 'the Docker Engine closed the connection without an answer')
    default:
      return impossible(end)
  }
}

/** For the person at the client: the answer exists, and a hook that insists on judging it cannot be shown it. */
export function unshowable(engineStatus: number): string {
  return `the answer cannot be shown to a hook that insists on seeing it ("onUnsupported: fail"); the engine had already answered ${engineStatus}`
}

function silent(fate: Fate, status: number | undefined, next: ExchangeEnd['next'], detail: string): Ending {
  return { fate, status, next, detail }
}

function failure(fate: Fate, message: string, status = 502): Ending {
  return { fate, status, next: 'close-softly', detail: message, error: { status, message } }
}
