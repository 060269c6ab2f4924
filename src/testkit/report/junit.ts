/** The report for CI systems: JUnit's XML, a suite for each category. */
import type { CheckResult, ConformanceReport } from '../conformance.ts'
import { byCategory, countsOf } from './counts.ts'
import { markup } from './markup.ts'

export function junitReport(report: ConformanceReport): string {
  const suites = byCategory(report).map(([name, results]) => suite(name, { ...report, results }))
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="powerstrip conformance"${sums(report)}>\n${suites.join('')}</testsuites>\n`
}

function suite(name: string, report: ConformanceReport): string {
  return `  <testsuite name="${markup(name)}"${sums(report)}>\n${report.results.map(testCase).join('')}  </testsuite>\n`
}

function sums(report: ConformanceReport): string {
  const { failed, skipped } = countsOf(report)
  const tookMs = report.results.reduce((sum, { tookMs }) => sum + tookMs, 0)
  return ` tests="${report.results.length}" failures="${failed}" errors="0" skipped="${skipped}" time="${seconds(tookMs)}"`
}

function testCase({ id, category, title, verdict, tookMs }: CheckResult): string {
  const head = `    <testcase classname="${markup(category)}" name="${markup(`${id} ${title}`)}" time="${seconds(tookMs)}"`
  switch (verdict.kind) {
    case 'pass':
      return verdict.note === undefined
        ? `${head}/>\n`
        : `${head}><system-out>${markup(verdict.note)}</system-out></testcase>\n`
    case 'skip':
      return `${head}><skipped message="${markup(verdict.because)}"/></testcase>\n`
    case 'fail': {
      const { sent, came, expected, advice } = verdict.finding
      const text = `sent: ${sent}\n\ncame: ${came}\n\nexpected: ${expected}\n\n${advice}`
      return `${head}><failure type="${markup(id)}" message="${markup(`expected ${expected}`)}">${markup(text)}</failure></testcase>\n`
    }
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}
