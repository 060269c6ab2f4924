/** `powerstrip check`: says what is wrong with a configuration file, or that nothing is. */
import { loadConfig } from './load-config.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export async function runCheck(file: string, around: Surroundings): Promise<ExitCode> {
  const config = await loadConfig(file, around)
  if (config === undefined) return 2
  around.out(
    `${file}: good: ${count(config.rules.length, 'endpoint')}, ${count(config.adapters.size, 'adapter')}\n`,
  )
  return 0
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
