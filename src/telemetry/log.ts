/** The log: one NDJSON line an event, on standard error. */
import { type DestinationStream, destination, type Logger, pino } from 'pino'
import type { ChainNote, EventSink, ProxyEvent } from '../model/event.ts'
import { impossible } from '../model/result.ts'
import { printJson } from '../sdk/json.ts'
import { thrownText } from '../wire/text.ts'
import { ExchangeMask, Mask } from './mask.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const STDERR = 2

/** Lines are written at once: what was logged before a crash has been written when it happens. */
export function logTo(
  level: LogLevel,
  stream: DestinationStream = destination({ dest: STDERR, sync: true }),
): EventSink {
  const mask = new Mask()
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
  return (event: ProxyEvent) => {
    switch (event.kind) {
      case 'exchange-ended': {
        if (!log.isLevelEnabled('debug')) return
        const { durationMs, chain, client, apiVersion: _told, target, ...report } = event.report
        const ids = chain === undefined || chain.requestId === '' ? {} : { requestId: chain.requestId }
        return log.debug(
          {
            ...report,
            target: mask.target(target),
            listener: client.listener,
            ...ids,
            durationMs: Math.round(durationMs * 1000) / 1000,
          },
          'exchange',
        )
      }
      case 'listening':
        return log.info({ listener: event.listener, address: event.address }, 'listening')
      case 'listening-no-more':
        return log.info({ listener: event.listener, address: event.address }, 'listening no more')
      case 'listening-openly':
        return log.warn(
          { listener: event.listener, address: event.address },
          'whoever reaches this address controls the engine, and with it this machine (insecure: true)',
        )
      case 'listener-full':
        return log.warn(
          { listener: event.listener, connections: event.connections },
          'connections are turned away: there are as many as this listener may have',
        )
      case 'client-refused':
        return log.warn(
          { listener: event.listener, peerAddress: event.peerAddress, reason: event.reason },
          'a client was not let in',
        )
      case 'certificates-changed':
        return log.info({ listener: event.listener }, 'the certificates have changed and are in force')
      case 'certificates-broken':
        return log.error(
          { listener: event.listener, reason: event.message },
          'the certificates have changed and cannot be used; the last good ones stay in force',
        )
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
      case 'chain':
        return tellNote(log, event.operation, event.note, mask)
      case 'config-changed':
        return log.info(
          { file: event.file, ...(event.warnings === '' ? {} : { warnings: event.warnings }) },
          'the configuration has changed and is in force',
        )
      case 'config-broken':
        return log.error(
          { file: event.file, problems: event.problems },
          'the configuration has changed and is broken; the last good one stays in force',
        )
      case 'adapter-said':
        return tellWords(log, event.adapter, event.level, event.said)
      case 'admin-listening':
        return log.info({ address: event.address }, 'health, metrics and taps are served')
      case 'admin-closed':
        return log.info({ address: event.address }, 'health, metrics and taps are served there no more')
      case 'decisions-reopened':
        return log.info({ file: event.file }, 'the decision log goes on in a new file')
      case 'decisions-broken':
        return log.error({ file: event.file, reason: event.message }, 'the decision log cannot be written')
      case 'decisions-dropped':
        return log.error(
          { file: event.file, lines: event.lines },
          'the decision log was written too slowly, and misses lines',
        )
      case 'draining':
        return log.info({ connections: event.connections, graceMs: event.graceMs }, 'draining')
      case 'connection-crashed':
        return log.error({ err: event.error }, 'a connection was dropped by a bug in powerstrip')
      case 'stray-error':
        return log.error(
          event.error instanceof Error ? { err: event.error } : {},
          `something was thrown where nobody catches it, and powerstrip goes on: ${thrownText(event.error)}`,
        )
      default:
        return impossible(event)
    }
  }
}

/** An adapter in process: its words, in its name. */
function tellWords(log: Logger, adapter: string, level: 'info' | 'warn' | 'error', said: unknown): void {
  if (typeof said === 'string') return log[level]({ adapter }, said)
  if (said instanceof Error) return log[level]({ adapter, err: said }, said.message)
  log[level]({ adapter, said }, 'an adapter says something that is no text')
}

function tellNote(log: Logger, operation: string, note: ChainNote, mask: Mask): void {
  switch (note.kind) {
    case 'warning':
      return log.warn({ operation, ...note }, 'an adapter answered oddly')
    case 'failure-ignored':
      return log.warn(
        { operation, ...note },
        'an adapter failed and was passed over, as onError: ignore says',
      )
    case 'post-hooks-skipped':
      return log.debug({ operation, ...note }, 'post-hooks cannot be shown this answer')
    case 'stream-hooks-skipped':
      return log.debug({ operation, ...note }, 'stream-hooks cannot be shown this answer')
    case 'oversize-skipped':
      return log.warn({ operation, ...note }, 'a body was too large for an adapter, which was passed over')
    case 'unwound':
      return log.info({ operation, ...note }, 'an adapter has undone what it did')
    case 'unwind-failed':
      return log.error(
        { operation, ...note, ...shownForRepair(note, operation, mask) },
        'what an adapter did could not be undone; what is needed to do it by hand stands here',
      )
    case 'unstarted-removed':
      return log.info(
        { operation, ...note },
        'a container that was to be removed when it ends was removed, because its start was refused',
      )
    case 'unstarted-left': {
      const { refused, ...told } = note
      const shown = { operation, ...told, reason: new ExchangeMask(mask, operation).text(note.reason) }
      if (refused)
        return log.debug(shown, 'the start of a container was refused, and its client may not remove it')
      return log.warn(
        {
          ...shown,
          ...(PLAIN_NAME.test(note.container) ? { byHand: `docker rm --volumes ${note.container}` } : {}),
        },
        'the start of a container was refused; if it was to be removed when it ends, it is still there, and a client may wait for its removal: remove it by hand',
      )
    }
    case 'observed':
      return log.trace({ operation, ...note }, 'an adapter that looks on was told')
    case 'observer-failed':
      return log.warn({ operation, ...note }, 'an adapter that looks on failed')
    case 'observation-dropped':
      return log.warn(
        { operation, ...note },
        'an adapter that looks on is too slow and was not told of an exchange',
      )
    default:
      return impossible(note)
  }
}

/** What a container may be called. A client may write what it likes in its place, and people copy commands from a log. */
const PLAIN_NAME = /^[a-zA-Z0-9][\w.-]*$/

/** What an adapter had handed to its later hooks may hold secrets; what it reserved has another name. */
function shownForRepair(
  { target, metadata, cause }: ChainNote & { kind: 'unwind-failed' },
  operation: string,
  mask: Mask,
) {
  const own = new ExchangeMask(mask, operation)
  return {
    target: own.target(target),
    ...(metadata === undefined ? {} : { metadata: printJson(own.json(metadata)) }),
    cause: { ...cause, status: cause.status && { ...cause.status, message: own.text(cause.status.message) } },
  }
}
