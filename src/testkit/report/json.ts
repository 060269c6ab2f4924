/** The report for programs. */
import type { ConformanceReport } from '../conformance.ts'
import { countsOf } from './counts.ts'

export function jsonReport(report: ConformanceReport): string {
  const { url, adapter, protocols, results } = report
  return `${JSON.stringify(
    {
      url,
      adapter: adapter ?? null,
      protocols,
      ...countsOf(report),
      results: results.map(({ id, category, title, verdict, tookMs }) => ({
        id,
        category,
        title,
        result: verdict.kind.toUpperCase(),
        tookMs: Math.round(tookMs),
        ...(verdict.kind === 'skip' ? { reason: verdict.because } : {}),
        ...(verdict.kind === 'pass' && verdict.note !== undefined ? { note: verdict.note } : {}),
        ...(verdict.kind === 'fail' ? verdict.finding : {}),
      })),
    },
    undefined,
    2,
  )}\n`
}
