/** `powerstrip conformance`: asks an adapter what it may be asked, and says what it got wrong. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseAdapterUrl } from '../config/adapter-url.ts'
import { parseDuration } from '../config/duration.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { Target } from '../testkit/caller.ts'
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

/** Where an adapter is, and what proves that the call may be made. */
export interface EndpointOptions {
  readonly url: string | undefined
  readonly endpoint?: string
  readonly bearer?: string
  readonly hmac?: string
  readonly ca?: string
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

export function targetOf(options: EndpointOptions): Result<Target, string> {
  const { url, endpoint, bearer, hmac, ca } = options
  if (url !== undefined && endpoint !== undefined)
    return failed('give the address once, as URL or as --endpoint')
  const given = url ?? endpoint
  if (given === undefined)
    return failed('which adapter? Give its URL: http://127.0.0.1:4000, unix:///run/adapter.sock')
  if (bearer !== undefined && hmac !== undefined) return failed('--bearer and --hmac exclude each other')
  const path = /^unix:(?!\/\/)(.+)$/.exec(given)?.[1]
  const written = path === undefined ? given : `unix://${resolve(path)}`
  const address = parseAdapterUrl(written)
  if (!address.ok) return failed(address.failure.message)
  const secret = bearer ?? hmac
  try {
    const pem = ca === undefined ? undefined : readFileSync(ca, 'utf8')
    if (secret !== undefined) readFileSync(secret)
    return ok({
      url: written,
      address: address.value,
      ...(secret === undefined
        ? {}
        : { auth: { kind: bearer === undefined ? 'hmac' : 'bearer', file: resolve(secret) } }),
      ...(pem === undefined ? {} : { credentials: () => ({ ca: pem }) }),
    })
  } catch (problem) {
    return failed((problem as Error).message)
  }
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
  const hooks = options.hooks?.split(',').map((hook) => `${hook.trim().replace(/-hook$/, '')}-hook`)
  const wrong = hooks?.find((hook) => hook !== 'pre-hook' && hook !== 'post-hook')
  if (wrong !== undefined) return failed('--hooks is pre, post, or pre,post')
  return ok({
    protocol: options.protocol === 'auto' ? 'auto' : options.protocol === '1' ? 1 : 2,
    timeoutMs: timeout.value,
    ...(options.operations === undefined
      ? {}
      : { operations: options.operations.split(/[,| ]+/).filter(Boolean) }),
    ...(hooks === undefined ? {} : { hooks: hooks as ('pre-hook' | 'post-hook')[] }),
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

function jsonOf(option: string, text: string | undefined): Result<unknown, string> {
  try {
    return ok(text === undefined ? undefined : (JSON.parse(text) as unknown))
  } catch (problem) {
    return failed(`${option} is not JSON: ${(problem as Error).message}`)
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
