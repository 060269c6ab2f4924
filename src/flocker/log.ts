/** What the two commands have to tell: one NDJSON line each, on standard error, as `powerstrip serve` does. */
import { destination, pino } from 'pino'

export interface FlockerLog {
  info(message: string, more?: Readonly<Record<string, unknown>>): void
  warn(message: string, more?: Readonly<Record<string, unknown>>): void
}

const STDERR = 2

export function flockerLog(level: string): FlockerLog {
  const log = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ dest: STDERR, sync: true }),
  )
  return {
    info: (message, more) => log.info(more ?? {}, message),
    warn: (message, more) => log.warn(more ?? {}, message),
  }
}
