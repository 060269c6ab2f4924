/** The log: one NDJSON line an event, on standard error. */
import { type DestinationStream, destination, pino } from 'pino'
import type { EventSink, ProxyEvent } from '../model/event.ts'
import { impossible } from '../model/result.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const STDERR = 2

/** Lines are written at once: what was logged before a crash has been written when it happens. */
export function logTo(
  level: LogLevel,
  stream: DestinationStream = destination({ dest: STDERR, sync: true }),
): EventSink {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
  return (event: ProxyEvent) => {
    switch (event.kind) {
      case 'exchange-ended': {
        if (!log.isLevelEnabled('debug')) return
        const { durationMs, ...report } = event.report
        return log.debug({ ...report, durationMs: Math.round(durationMs * 1000) / 1000 }, 'exchange')
      }
      case 'listening':
        return log.info({ address: event.address }, 'listening')
      case 'engine-found':
        return log.info(
          { address: event.address, version: event.version, apiVersion: event.apiVersion },
          'engine found',
        )
      case 'engine-missing':
        return log.warn(
          { address: event.address, reason: event.message },
          'the engine does not answer; clients get 502 until it does',
        )
      case 'draining':
        return log.info({ connections: event.connections, graceMs: event.graceMs }, 'draining')
      case 'connection-crashed':
        return log.error({ err: event.error }, 'a connection was dropped by a bug in powerstrip')
      default:
        return impossible(event)
    }
  }
}
