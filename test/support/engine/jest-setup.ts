import { borrowedSocket } from './borrowed.ts'
import { importBusybox } from './busybox.ts'
import type { Engine, EngineKind } from './engine.ts'
import { tell } from './progress.ts'
import { runLabel } from './run-label.ts'
import { shareEngines, wantedKinds } from './shared.ts'
import { startEngine } from './start.ts'

/** Set-up and tear-down meet on the global object, and nowhere else. */
export interface RunningEngines {
  powerstripEngines?: readonly Engine[]
}

/** Starts the engines of a run, all at once, each with busybox. One that cannot start fails the run. */
export default async function startEngines(): Promise<void> {
  runLabel()
  const since = Date.now()
  const settled = await Promise.allSettled(kindsToStart().map(startWithBusybox))
  const engines = settled.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const globals = globalThis as RunningEngines
  globals.powerstripEngines = engines

  const failed = settled.find((start) => start.status === 'rejected')
  if (failed !== undefined) {
    await Promise.all(engines.map((engine) => engine.dispose()))
    throw failed.reason
  }
  shareEngines(engines)
  const versions = engines.map((engine) => `${engine.kind} ${engine.version}`).join(', ')
  tell(`ready after ${Date.now() - since} ms: ${versions}`)
}

async function startWithBusybox(kind: EngineKind): Promise<Engine> {
  const engine = await startEngine({ kind })
  await importBusybox(engine)
  return engine
}

/** A lent engine is one engine: run against it once, as whichever kind comes first. */
function kindsToStart(): readonly EngineKind[] {
  const kinds = wantedKinds()
  return borrowedSocket() === undefined ? kinds : kinds.slice(0, 1)
}
