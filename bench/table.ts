/** A report as people read it: one table a scenario, on a terminal or as Markdown, and a line for each target. */
import type { ContenderId } from './contenders/contender.ts'
import type { Figure, Unit } from './figure.ts'
import type { FigureReport, Report, ScenarioReport } from './report.ts'
import type { Verdict } from './targets.ts'

export type Style = 'plain' | 'markdown'

export function renderReport(report: Report, style: Style): string {
  const heading = (text: string) => (style === 'markdown' ? `### ${text}` : text)
  const parts = report.scenarios.flatMap((scenario) => [
    heading(scenario.title),
    style === 'markdown' ? markdownTable(rowsOf(scenario, report)) : plainTable(rowsOf(scenario, report)),
    ...failureLines(scenario, report),
  ])
  const verdicts = report.verdicts.map((verdict) => `- ${describeVerdict(verdict, report)}`)
  return [
    surroundings(report, style),
    ...parts,
    heading('Targets'),
    verdicts.length > 0 ? verdicts.join('\n') : 'None of the scenarios that ran has a target.',
    '',
  ].join('\n\n')
}

function surroundings({ machine, startedAt, pace, engine, contenders }: Report, style: Style): string {
  const versions = contenders.flatMap(({ title, version }) =>
    version === undefined ? [] : [`${title} ${version}`],
  )
  const lines = [
    `${startedAt.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ` +
      `Linux ${machine.kernel}, Node ${machine.node}. ` +
      `Load average ${machine.loadBefore.toFixed(1)} before, ${machine.loadAfter.toFixed(1)} after.`,
    `Docker Engine ${engine.version}, ${versions.join(', ')}.`,
  ]
  if (pace === 'quick')
    lines.push('A quick run: it shows that everything works, and no figure means anything.')
  return lines.join(style === 'markdown' ? '\n\n' : '\n')
}

/** First row: the header. */
function rowsOf(scenario: ScenarioReport, report: Report): string[][] {
  const header = ['', ...report.contenders.map(({ title }) => title)]
  const rows = scenario.figures.map((figure) => [
    `${figure.title}, ${figure.unit}${ratioNote(figure, report)}`,
    ...report.contenders.map(({ id }) => (id in scenario.failures ? 'fails' : cell(figure, id))),
  ])
  return [header, ...rows]
}

function ratioNote({ ratioTo }: Figure, report: Report): string {
  // Compared with the engine itself unless it says otherwise.
  if (ratioTo === undefined || ratioTo === 'direct') return ''
  return ` (÷ ${titleOf(ratioTo, report)})`
}

function cell(figure: FigureReport, id: ContenderId): string {
  const own = figure.values[id]?.value
  if (own === undefined) return '–'
  const theirs = figure.ratioTo === undefined ? undefined : figure.values[figure.ratioTo]?.value
  const shown = formatValue(own, figure.unit)
  // What noise has pushed below zero has no ratio.
  if (id === figure.ratioTo || theirs === undefined || theirs <= 0 || own < 0) return shown
  return `${shown} (${(own / theirs).toFixed(2)})`
}

function failureLines(scenario: ScenarioReport, report: Report): string[] {
  return Object.entries(scenario.failures).map(
    ([id, message]) => `${titleOf(id as ContenderId, report)} fails: ${message}`,
  )
}

function describeVerdict(verdict: Verdict, report: Report): string {
  const { what, bound, of, limit, value, met } = verdict
  const limitText =
    of === undefined ? round(limit) : `${of.times} × ${titleOf(of.contender, report)}'s ${round(of.value)}`
  const sum = of === undefined ? '' : ` = ${round(limit)}`
  return `${met ? 'met' : 'MISSED'}: ${what}: ${round(value)}, wanted ${bound.replace('-', ' ')} ${limitText}${sum}`
}

function titleOf(id: ContenderId, { contenders }: Report): string {
  return contenders.find((contender) => contender.id === id)?.title ?? id
}

const DECIMALS: Readonly<Record<Unit, number>> = {
  'req/s': 0,
  µs: 1,
  ms: 2,
  'GB/s': 2,
  'ms/GB': 0,
  MB: 1,
  KB: 1,
}

function formatValue(value: number, unit: Unit): string {
  return grouped(value, Math.abs(value) >= 1000 ? 0 : DECIMALS[unit])
}

function round(value: number): string {
  return grouped(value, Math.abs(value) >= 100 ? 0 : 2)
}

function grouped(value: number, decimals: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}

function markdownTable(rows: readonly string[][]): string {
  const [header = [], ...body] = padded(rows)
  const rule = header.map((text, column) =>
    column === 0 ? '-'.repeat(text.length) : `${'-'.repeat(text.length - 1)}:`,
  )
  return [header, rule, ...body].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function plainTable(rows: readonly string[][]): string {
  return padded(rows)
    .map((row) => `  ${row.join('   ')}`.trimEnd())
    .join('\n')
}

function padded(rows: readonly string[][]): string[][] {
  const width = (column: number) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0))
  return rows.map((row) =>
    row.map((text, column) => (column === 0 ? text.padEnd(width(column)) : text.padStart(width(column)))),
  )
}
