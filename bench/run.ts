/** One run of the benchmark: an engine, everything in front of it, every scenario. */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { type EngineKind, providePackages, startEngine } from '../test/support/engine/index.ts'
import { startBox } from './box.ts'
import type { Contender } from './contenders/contender.ts'
import { ProcessTree } from './process-tree.ts'
import { freePort } from './program.ts'
import { runRace } from './race.ts'
import type { Report, ScenarioReport } from './report.ts'
import type { Pace, Scenario } from './scenarios/scenario.ts'
import { judge } from './targets.ts'

export interface RunOptions {
  readonly pace: Pace
  readonly engineKind: EngineKind
  readonly contenders: readonly Contender[]
  readonly scenarios: readonly Scenario[]
  /** Stops the run. Everything that was started is ended before it rejects with the reason. */
  readonly signal: AbortSignal
  readonly tell: (line: string) => void
}

export async function runBenchmark(options: RunOptions): Promise<Report> {
  const { pace, contenders, signal, tell } = options
  const startedAt = new Date().toISOString()
  const [loadBefore = 0] = loadavg()
  await providePackages(['wrk', ...contenders.flatMap((contender) => contender.packages)])
  const port = await freePort()
  // The engine's own TCP port is for the direct runs of wrk; contenders reach the engine through its socket.
  await using engine = await startEngine({
    kind: options.engineKind,
    extraHosts: [`tcp://127.0.0.1:${port}`],
  })
  await using folder = await scratchFolder()
  const box = await startBox(engine)
  const direct = {
    id: 'direct',
    title: 'direct',
    port,
    socket: engine.socket,
    processes: undefined,
    // It outlives every scenario.
    end: async () => {},
  } as const
  const stage = { engine, engineProcesses: new ProcessTree(engine.pid), box, pace }

  const scenarios: ScenarioReport[] = []
  for (const scenario of options.scenarios) {
    signal.throwIfAborted()
    scenarios.push(await runRace(scenario, { stage, direct, contenders, dir: folder.path, signal, tell }))
  }

  const versions = contenders.map(async (contender) => ({
    id: contender.id,
    title: contender.title,
    version: await contender.version(),
  }))
  const [loadAfter = 0] = loadavg()
  return {
    startedAt,
    pace,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGb: Math.round(totalmem() / 1e9),
      kernel: release(),
      node: process.version,
      loadBefore,
      loadAfter,
    },
    engine: { version: engine.version, apiVersion: engine.apiVersion },
    contenders: [{ id: direct.id, title: direct.title }, ...(await Promise.all(versions))],
    scenarios,
    verdicts: judge(scenarios),
  }
}

/** Not $TMPDIR, which may be long: a unix socket's path holds 107 bytes. */
async function scratchFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp('/tmp/powerstrip-bench-')
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
