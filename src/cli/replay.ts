/** `powerstrip replay`: plays recorded exchanges at an adapter, and says what it would do with them. */
import { readFile, writeFile } from 'node:fs/promises'
import { parseDuration } from '../config/duration.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { printJson } from '../sdk/json.ts'
import { type Played, readRecorded, replay } from '../testkit/replay.ts'
import { type EndpointOptions, hooksOf, jsonOf, protocolOf, targetOf } from './endpoint.ts'
import { playedText, sumOf } from './played-text.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface ReplayOptions extends EndpointOptions {
  /** A file of fixtures, or a folder of them. */
  readonly path: string
  readonly protocol: 'auto' | '1' | '2'
  readonly hooks?: string
  readonly with?: string
  readonly timeout: string
  /** A file to write what it did to. */
  readonly write?: string
  /** Such a file: what it is to do. */
  readonly expect?: string
}

export async function runReplay(options: ReplayOptions, around: Surroundings): Promise<ExitCode> {
  const usage = (problem: string): ExitCode => {
    around.err(`powerstrip replay: ${problem}\n`)
    return 2
  }
  const target = targetOf(options)
  if (!target.ok) return usage(target.failure)
  const timeout = parseDuration(options.timeout)
  if (!timeout.ok) return usage(`--timeout: ${timeout.failure.message}`)
  const configured = jsonOf('--with', options.with)
  if (!configured.ok) return usage(configured.failure)
  const hooks = hooksOf(options.hooks)
  if (!hooks.ok) return usage(hooks.failure)
  const recorded = await readRecorded(options.path)
  if (!recorded.ok) return usage(recorded.failure)
  const expected = await expectedIn(options.expect)
  if (!expected.ok) return usage(expected.failure)

  const played = await replay(target.value, recorded.value, {
    protocol: protocolOf(options.protocol),
    timeoutMs: timeout.value,
    ...(hooks.value === undefined ? {} : { hooks: hooks.value }),
    ...(configured.value === undefined ? {} : { with: configured.value }),
    tell: (one) => around.out(playedText(one)),
  })
  if (!played.ok) return usage(played.failure)
  const lines = played.value.map(lineOf)
  if (options.write !== undefined) {
    try {
      await writeFile(options.write, `${lines.join('\n')}\n`)
    } catch (problem) {
      return usage((problem as Error).message)
    }
  }
  around.out(`\n${sumOf(played.value)}\n`)
  const hasFailed = played.value.some(({ did }) => did.kind === 'failed')
  if (expected.value === undefined) return hasFailed ? 1 : 0
  const differences = differencesOf(expected.value, lines)
  for (const difference of differences) around.err(difference)
  return hasFailed || differences.length > 0 ? 1 : 0
}

async function expectedIn(file: string | undefined): Promise<Result<readonly string[] | undefined, string>> {
  if (file === undefined) return ok(undefined)
  try {
    return ok((await readFile(file, 'utf8')).split('\n').filter((line) => line !== ''))
  } catch (problem) {
    return failed((problem as Error).message)
  }
}

/** One line of a file of expectations: where the fixture lies on this machine is left out. */
function lineOf({ place, hook, did }: Played): string {
  return printJson({ fixture: place.replace(/^.*\//, ''), hook, ...did })
}

function differencesOf(expected: readonly string[], came: readonly string[]): string[] {
  const count = Math.max(expected.length, came.length)
  return Array.from({ length: count }, (_, at) => at)
    .filter((at) => expected[at] !== came[at])
    .map(
      (at) =>
        `otherwise than expected:\n  expected: ${expected[at] ?? 'nothing'}\n  came:     ${came[at] ?? 'nothing'}\n`,
    )
}
