import type { RunningEngines } from './jest-setup.ts'

/** Stops what the set-up started. A run that never gets here is cleaned up after by the engines' keepers. */
export default async function stopEngines(): Promise<void> {
  const { powerstripEngines = [] } = globalThis as RunningEngines
  await Promise.all(powerstripEngines.map((engine) => engine.dispose()))
}
