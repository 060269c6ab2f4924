import type { Hook } from '../model/hook.ts'
import { decodePostReply, decodePreReply, encodePostHook, encodePreHook } from '../wire/v1.ts'
import { withinDeadline } from './deadline.ts'
import { destinationOf, type RemoteAddress } from './destination.ts'
import { Lines } from './lines.ts'
import { type HookSettings, placeOf } from './settings.ts'

/** An adapter that is called over HTTP. */
export interface RemoteHookSettings extends HookSettings {
  /** Exactly as written in the configuration. */
  readonly url: string
  readonly address: RemoteAddress
  /** A new connection for every call, as protocol 1 promises its adapters. */
  readonly fresh: boolean
  readonly replyLimitBytes?: number
  /** The most connections to the adapter at once. */
  readonly connections?: number
}

export interface RemoteHook extends Hook, AsyncDisposable {
  /**
   * Closes idle connections, keeps none from here on, and waits for the calls in hand. The hook can still be called by
   * exchanges that began with it.
   */
  close(): Promise<void>
}

/** A post-hook echoes up to 8 MiB of an answer, and JSON within JSON may need four bytes for one. */
const REPLY_LIMIT_BYTES = 32 * 1024 * 1024

/** As many as simple servers bear: their backlog of connections is 128 where nobody set it. */
const CONNECTIONS = 128

/** Calls that wait for a connection hold their bodies in memory, so their number ends somewhere. */
const WAITING_FOR_EACH_CONNECTION = 8

export function remoteHook(settings: RemoteHookSettings): RemoteHook {
  const {
    url,
    address,
    fresh,
    timeoutMs,
    replyLimitBytes = REPLY_LIMIT_BYTES,
    connections = CONNECTIONS,
  } = settings
  const waiting = connections * WAITING_FOR_EACH_CONNECTION
  const lines = new Lines(destinationOf(url, address), { fresh, connections, waiting, replyLimitBytes })

  return {
    ...placeOf(settings),
    pre(request, signal) {
      return withinDeadline(timeoutMs, signal, async (stop) => {
        const reply = await lines.post(encodePreHook(request), stop)
        return reply.ok ? decodePreReply(reply.value, request) : reply
      })
    },
    post(request, response, signal) {
      return withinDeadline(timeoutMs, signal, async (stop) => {
        const reply = await lines.post(encodePostHook(request, response), stop)
        return reply.ok ? decodePostReply(reply.value, response) : reply
      })
    },
    close: () => lines.close(),
    [Symbol.asyncDispose]: () => lines.close(),
  }
}
