import { decodePostReply, decodePreReply, encodePostHook, encodePreHook } from '../wire/v1.ts'
import { withinDeadline } from './deadline.ts'
import { destinationOf, type RemoteAddress } from './destination.ts'
import { Lines } from './lines.ts'
import { type HookOfProtocol1, type HookSettings, placeOf } from './settings.ts'

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

export interface RemoteHook extends HookOfProtocol1, AsyncDisposable {
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
  const lines = linesTo(settings)
  return {
    ...hookOver(lines, settings),
    close: () => lines.close(),
    [Symbol.asyncDispose]: () => lines.close(),
  }
}

export type LinesSettings = Pick<
  RemoteHookSettings,
  'url' | 'address' | 'fresh' | 'replyLimitBytes' | 'connections'
>

/** The connections to an adapter, for all its places. */
export function linesTo(settings: LinesSettings): Lines {
  const { url, address, fresh, replyLimitBytes = REPLY_LIMIT_BYTES, connections = CONNECTIONS } = settings
  const waiting = connections * WAITING_FOR_EACH_CONNECTION
  return new Lines(destinationOf(url, address), { fresh, connections, waiting, replyLimitBytes })
}

export function hookOver(lines: Lines, settings: HookSettings): HookOfProtocol1 {
  const { timeoutMs } = settings
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
  }
}
