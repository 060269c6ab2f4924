/** `npm run bench`: argv, signals, exit code; nothing else touches the process. */
import { readFile, writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { ENGINE_KINDS, type EngineKind } from '../test/support/engine/index.ts'
import { CONTENDERS } from './contenders/all.ts'
import type { Report } from './report.ts'
import { runBenchmark } from './run.ts'
import { SCENARIOS } from './scenarios/all.ts'
import { renderReport } from './table.ts'

interface Flags {
  readonly quick?: true
  readonly json?: string
  readonly markdown?: true
  readonly from?: string
  readonly only?: readonly string[]
  readonly engine: EngineKind
}

const ids = SCENARIOS.map(({ id }) => id)

const { quick, json, markdown, from, only, engine } = new Command('npm run bench --')
  .description('Measures powerstrip side by side with other proxies. docs/benchmarks.md says how to read it.')
  .option('--quick', 'only show that everything works; no figure means anything')
  .option('--json <file>', 'write everything that was measured, every round of it')
  .option('--markdown', 'print Markdown')
  .option('--from <file>', 'measure nothing: print what an earlier run wrote with --json')
  .addOption(new Option('--only <scenarios...>', 'run these alone').choices(ids))
  .addOption(new Option('--engine <kind>', 'old: 20.10, new: 26.1').choices(ENGINE_KINDS).default('new'))
  .parse()
  .opts<Flags>()

const report = from === undefined ? await measured() : (JSON.parse(await readFile(from, 'utf8')) as Report)
if (json !== undefined) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`)
process.stdout.write(renderReport(report, markdown ? 'markdown' : 'plain'))
// A missed target is a finding, which the table shows; a contender that does not work spoils the comparison.
if (report.scenarios.some(({ failures }) => Object.keys(failures).length > 0)) process.exitCode = 1

async function measured(): Promise<Report> {
  const stop = new AbortController()
  // Asked once or ten times: what was started is ended in order, and then this process ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      process.exitCode = signal === 'SIGINT' ? 130 : 143
      stop.abort(new Error(`stopped by ${signal}`))
    })
  }
  const tell = (line: string) => process.stderr.write(`[bench] ${line}\n`)
  try {
    return await runBenchmark({
      pace: quick ? 'quick' : 'full',
      engineKind: engine,
      contenders: CONTENDERS,
      scenarios: SCENARIOS.filter(({ id }) => only?.includes(id) ?? true),
      signal: stop.signal,
      tell,
    })
  } catch (error) {
    if (!stop.signal.aborted) throw error
    tell(`${(error as Error).message}; everything it started has ended`)
    process.exit()
  }
}
