/** `powerstrip check`: says what is wrong with a configuration file, or that nothing is. */
import { describeSize, loadConfig } from './load-config.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export async function runCheck(file: string, around: Surroundings): Promise<ExitCode> {
  const config = await loadConfig(file, around)
  if (config === undefined) return 2
  around.out(`${file}: good: ${describeSize(config.loaded.config)}\n`)
  await config.hooks.close()
  return 0
}
