/** What people read in a terminal. */
import type { CheckResult, ConformanceReport } from '../conformance.ts'
import { countsOf } from './counts.ts'

/** A line for each check; what failed has everything that is needed to mend it below it. */
export function tableLine({ id, title, verdict }: CheckResult): string {
  const line = `${verdict.kind.toUpperCase()}  ${id.padEnd(11)}  ${title}`
  switch (verdict.kind) {
    case 'pass':
      return verdict.note === undefined ? `${line}\n` : `${line}\n${indented('note', verdict.note)}`
    case 'skip':
      return `${line}: ${verdict.because}\n`
    case 'fail': {
      const { sent, came, expected, advice } = verdict.finding
      return [
        `${line}\n`,
        indented('sent', sent),
        indented('came', came),
        indented('expected', expected),
        indented('do', advice),
      ].join('')
    }
  }
}

function indented(label: string, text: string): string {
  return `${label.padStart(14)}: ${text.replaceAll('\n', `\n${' '.repeat(16)}`)}\n`
}

export function headLine({
  url,
  adapter,
  protocols,
}: Pick<ConformanceReport, 'url' | 'adapter' | 'protocols'>): string {
  const who =
    adapter === undefined ? 'an adapter' : `"${adapter.name}"${adapter.version ? ` ${adapter.version}` : ''}`
  return `${who} at ${url}, protocol ${protocols.join(' and ')}`
}

export function sumLine(report: ConformanceReport): string {
  const { passed, failed, skipped } = countsOf(report)
  return `${passed} passed, ${failed} failed, ${skipped} skipped: ${headLine(report)}\n`
}
