/** The report as one page that needs nothing else. */
import type { CheckResult, ConformanceReport } from '../conformance.ts'
import { byCategory, countsOf } from './counts.ts'
import { markup } from './markup.ts'
import { headLine } from './table.ts'

export function htmlReport(report: ConformanceReport): string {
  const { passed, failed, skipped } = countsOf(report)
  const failures = report.results.filter(({ verdict }) => verdict.kind === 'fail')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_POLICY}">
<meta name="viewport" content="width=device-width">
<title>powerstrip conformance: ${markup(headLine(report))}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>powerstrip conformance</h1>
<p>${markup(headLine(report))}: ${passed} passed, ${failed} failed, ${skipped} skipped.</p>
${failures.length === 0 ? '' : `<p>Failed: ${failures.map(link).join(', ')}.</p>\n`}${byCategory(report)
  .map(([name, results]) => section(name, results))
  .join('')}</body>
</html>
`
}

/** What an adapter has said stands on this page as text. Were it anything else, a browser would still run and fetch nothing. */
const CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid #ccc; padding: .4rem .6rem; vertical-align: top; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: .6rem; margin: .2rem 0; }
tr:target { background: #fff3cd; }
.pass { color: #176f2c; } .fail { color: #b3261e; } .skip { color: #666; }
`

function link({ id }: CheckResult): string {
  return `<a href="#${markup(id)}">${markup(id)}</a>`
}

function section(name: string, results: readonly CheckResult[]): string {
  return `<h2>${markup(name)}</h2>\n<table>\n${results.map(row).join('')}</table>\n`
}

function row({ id, title, verdict }: CheckResult): string {
  return `<tr id="${markup(id)}"><td class="${verdict.kind}">${verdict.kind.toUpperCase()}</td><td>${markup(id)}</td><td>${markup(title)}${details(verdict)}</td></tr>\n`
}

function details(verdict: CheckResult['verdict']): string {
  switch (verdict.kind) {
    case 'pass':
      return verdict.note === undefined ? '' : `<br>${markup(verdict.note)}`
    case 'skip':
      return `<br>${markup(verdict.because)}`
    case 'fail': {
      const { sent, came, expected, advice } = verdict.finding
      const rows = [
        ['sent', sent],
        ['came', came],
        ['expected', expected],
        ['do', advice],
      ]
      return rows.map(([label, text]) => `<p>${label}</p><pre>${markup(text!)}</pre>`).join('')
    }
  }
}
