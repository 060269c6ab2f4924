import type { CheckResult, ConformanceReport } from '../conformance.ts'

export function countsOf({ results }: ConformanceReport) {
  const count = (kind: 'pass' | 'fail' | 'skip') =>
    results.filter(({ verdict }) => verdict.kind === kind).length
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') }
}

/** In the order in which they were run. */
export function byCategory({
  results,
}: ConformanceReport): readonly [name: string, results: readonly CheckResult[]][] {
  const categories = new Map<string, CheckResult[]>()
  for (const result of results) {
    const known = categories.get(result.category)
    if (known === undefined) categories.set(result.category, [result])
    else known.push(result)
  }
  return [...categories]
}
