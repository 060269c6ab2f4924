/** Calls to adapters as the proxy makes them: settings, a request and an answer that tests need not write out. */
import type { HookRequest, HookResponse } from '../../../src/model/hook.ts'
import { type RemoteHook, type RemoteHookSettings, remoteHook } from '../../../src/transport/remote-hook.ts'
import type { AdapterPlace } from './start.ts'

export const REQUEST: HookRequest = {
  method: 'POST',
  target: '/v1.16/containers/create?name=a',
  body: '{"Image":"x","Number":1}',
}

export const RESPONSE: HookResponse = { status: 201, contentType: 'application/json', body: '{"Id":"abc"}' }

/** A time limit that no test reaches unless it sets its own. */
export const LONG_MS = 30_000

export function hookAt(place: AdapterPlace, settings: Partial<RemoteHookSettings> = {}): RemoteHook {
  return remoteHook({
    adapter: 'a',
    onError: 'fail',
    onUnsupported: 'pass',
    requestRewrite: 'query',
    maxBodyBytes: 4 * 1024 * 1024,
    timeoutMs: LONG_MS,
    fresh: true,
    ...place,
    ...settings,
  })
}

/** Of a client that stays. */
export function staying(): AbortSignal {
  return new AbortController().signal
}

/** How a hook reaches its adapter. */
export const WAYS = [
  { way: 'on a new TCP connection', via: 'http', fresh: true },
  { way: 'on a new connection to a unix socket', via: 'unix', fresh: true },
  { way: 'on kept TCP connections', via: 'http', fresh: false },
  { way: 'on kept connections to a unix socket', via: 'unix', fresh: false },
] as const
