/** `powerstrip conformance`: asks an adapter what it may be asked, and says what it got wrong. */
import { writeFile } from 'node:fs/promises'
import { parseDuration } from '../config/duration.ts'
import { failed, ok, type Result } from '../model/result.ts'
import {
  type ConformanceReport,
  type ConformanceTerms,
  exitCodeOf,
  runConformance,
} from '../testkit/conformance.ts'
import { htmlReport } from '../testkit/report/html.ts'
import { jsonReport } from '../testkit/report/json.ts'
import { junitReport } from '../testkit/report/junit.ts'
import { sumLine, tableLine } from '../testkit/report/table.ts'
import { type EndpointOptions, hooksOf, jsonOf, protocolOf, targetOf } from './endpoint.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface ConformanceOptions extends EndpointOptions {
  readonly protocol: 'auto' | '1' | '2'
  readonly operations?: string
  readonly hooks?: string
  readonly focus?: string
  readonly skip?: string
  readonly timeout: string
  readonly with?: string
  /** Files to write. */
  readonly report?: string
  readonly html?: string
  readonly json?: string
}

export async function runConformanceCommand(
  options: ConformanceOptions,
  around: Surroundings,
): Promise<ExitCode> {
  const usage = (problem: string): ExitCode => {
    around.err(`powerstrip conformance: ${problem}\n`)
    return 2
  }
  const target = targetOf(options)
  if (!target.ok) return usage(target.failure)
  const terms = termsOf(options)
  if (!terms.ok) return usage(terms.failure)
  const report = await runConformance(target.value, {
    ...terms.value,
    tell: (result) => around.out(tableLine(result)),
  })
  if (!report.ok) return usage(report.failure)
  around.out(`\n${sumLine(report.value)}`)
  const written = await writeReports(options, report.value)
  return written.ok ? exitCodeOf(report.value) : usage(written.failure)
}

function termsOf(options: ConformanceOptions): Result<ConformanceTerms, string> {
  const timeout = parseDuration(options.timeout)
  if (!timeout.ok) return failed(`--timeout: ${timeout.failure.message}`)
  const focus = patternOf('--focus', options.focus)
  if (!focus.ok) return focus
  const skip = patternOf('--skip', options.skip)
  if (!skip.ok) return skip
  const configured = jsonOf('--with', options.with)
  if (!configured.ok) return configured
  const hooks = hooksOf(options.hooks)
  if (!hooks.ok) return hooks
  return ok({
    protocol: protocolOf(options.protocol),
    timeoutMs: timeout.value,
    ...(options.operations === undefined
      ? {}
      : { operations: options.operations.split(/[,| ]+/).filter(Boolean) }),
    ...(hooks.value === undefined ? {} : { hooks: hooks.value }),
    ...(focus.value === undefined ? {} : { focus: focus.value }),
    ...(skip.value === undefined ? {} : { skip: skip.value }),
    ...(configured.value === undefined ? {} : { with: configured.value }),
  })
}

function patternOf(option: string, text: string | undefined): Result<RegExp | undefined, string> {
  try {
    return ok(text === undefined ? undefined : new RegExp(text, 'i'))
  } catch (problem) {
    return failed(`${option}: ${(problem as Error).message}`)
  }
}

async function writeReports(
  options: ConformanceOptions,
  report: ConformanceReport,
): Promise<Result<undefined, string>> {
  const wanted = [
    [options.report, junitReport],
    [options.html, htmlReport],
    [options.json, jsonReport],
  ] as const
  try {
    for (const [file, write] of wanted) if (file !== undefined) await writeFile(file, write(report))
    return ok(undefined)
  } catch (problem) {
    return failed(`the report cannot be written: ${(problem as Error).message}`)
  }
}
