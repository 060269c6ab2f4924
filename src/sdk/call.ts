import type { HookRequest } from '../model/hook.ts'
import type { StopSignal } from '../model/stop.ts'
import { identify, type Route } from '../route/identity.ts'
import type { OperationId } from '../route/operations.ts'
import type { AdapterLog } from './log.ts'
import { rememberLast } from './memo.ts'

/** One call of an adapter, before any handler has looked at it. */
export interface Call {
  readonly operation: OperationId | 'unknown'
  readonly route: Route
  readonly config: unknown
  readonly stop: StopSignal
  readonly log: AdapterLog
}

export type CallGround = Pick<Call, 'config' | 'log'>

/**
 * Throws for a target that means nothing, or two things at once: powerstrip shows none, and which handler should judge one
 * that another caller shows cannot be told.
 */
export function readCall(request: HookRequest, stop: StopSignal, ground: CallGround): Call {
  const route = readRoute(`${request.method} ${request.target}`)
  if (!route.ok) throw new Error(`the request cannot be judged: ${route.failure.message}`)
  const operation = (route.value.operation?.id ?? 'unknown') as OperationId | 'unknown'
  return { operation, route: route.value, config: ground.config, stop, log: ground.log }
}

const readRoute = rememberLast((line) => {
  const space = line.indexOf(' ')
  return identify(line.slice(0, space), line.slice(space + 1), ANY_VERSION)
})

/** Which versions are served is for the proxy to say. */
const ANY_VERSION = { minApiVersion: '0.0' }
