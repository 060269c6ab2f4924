/** Whether what became of a request at the engine means that the hooks before it reserved something for nothing. */
import type { Unreachable } from './exchange-end.ts'
import type { UnwindCause } from './model/hook.ts'
import type { RelayEnd } from './plane/relay.ts'

export interface EngineLoss {
  readonly cause: Omit<UnwindCause, 'selfTimeout'>
  /** Whether the client knows already. */
  readonly told: boolean
}

/** Nothing: it ended well, or so that the client believes it did. */
export function engineLoss(end: Exclude<RelayEnd, { kind: 'held' }> | Unreachable): EngineLoss | undefined {
  switch (end.kind) {
    case 'complete':
      return end.status >= 400 ? engine('failed', true, end.status) : undefined
    case 'switched':
      return undefined
    case 'unreachable':
      return engine('failed', false, 502)
    case 'answer-refused':
    case 'answer-too-large':
      return engine(end.status < 400 ? 'completed' : 'failed', false, 502)
    case 'request-garbled':
    case 'answer-garbled':
      return end.answered ? undefined : engine('unknown', false, 502)
    case 'engine-gone':
      if (end.answered) return (end.status ?? 200) >= 400 ? engine('failed', true, end.status) : undefined
      return engine('unknown', false, 502)
    case 'client-gone':
      if (end.status !== undefined && end.status < 400) return undefined
      return {
        cause: { phase: 'client', adapter: null, upstream: 'unknown', status: null, response: null },
        told: true,
      }
  }
}

function engine(upstream: UnwindCause['upstream'], told: boolean, code = 502): EngineLoss {
  return {
    cause: { phase: 'engine', adapter: null, upstream, status: { code, message: '' }, response: null },
    told,
  }
}
