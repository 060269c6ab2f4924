/** `powerstrip check`: says what is wrong with a configuration file, or that nothing is. */
import type { Config } from '../config/config.ts'
import { describeAddress } from '../model/address.ts'
import { TlsFiles } from '../plane/tls-files.ts'
import { describeListeners } from './describe-listeners.ts'
import { describeSize, loadConfig } from './load-config.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export async function runCheck(file: string, around: Surroundings): Promise<ExitCode> {
  const config = await loadConfig(file, around)
  if (config === undefined) return 2
  await config.hooks.close()
  const { listeners, upstream } = config.loaded.config
  const unusable = await unusableFiles(config.loaded.config)
  if (unusable.length > 0) {
    around.err(unusable.map((problem) => `${file}: ${problem}\n`).join(''))
    return 1
  }
  const lines = [
    `${file}: good: ${describeSize(config.loaded.config)}`,
    ...(upstream === undefined
      ? []
      : [`engine ${describeAddress(upstream.address)}${upstream.tls ? ', by TLS' : ''}`]),
    ...(listeners.length === 0 ? [] : ['listeners']),
    ...describeListeners(config.loaded.config),
  ]
  around.out(`${lines.join('\n')}\n`)
  return 0
}

/** Certificates that `serve` could not start with on this machine. */
async function unusableFiles({ listeners, upstream }: Config): Promise<readonly string[]> {
  const wanted = [
    ...listeners.flatMap(({ name, tls }) => (tls === undefined ? [] : [{ of: `listener "${name}"`, tls }])),
    ...(upstream?.tls === undefined ? [] : [{ of: '"upstream"', tls: upstream.tls }]),
  ]
  const problems: string[] = []
  for (const { of, tls } of wanted) {
    const read = await new TlsFiles({ ca: tls.ca, own: tls.own }).read()
    if (!read.ok) problems.push(`${of}: ${read.failure}`)
  }
  return problems
}
