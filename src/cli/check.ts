/** `powerstrip check`: says what is wrong with a configuration file, or that nothing is. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config, Options } from '../config/config.ts'
import { describeAddress } from '../model/address.ts'
import { TlsFiles } from '../plane/tls-files.ts'
import { isOutput } from '../telemetry/decision-file.ts'
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
    ...describeWatching(config.loaded.config.options),
  ]
  around.out(`${lines.join('\n')}\n`)
  return 0
}

/** Where an operator can look on. */
function describeWatching({ decisions, admin }: Options): readonly string[] {
  const requests = decisions?.relayed ? 'every request' : 'requests with hooks and refused ones'
  const masked = decisions?.mask.length ? `; also masked: ${decisions.mask.join(', ')}` : ''
  return [
    ...(decisions === undefined ? [] : [`decision log ${decisions.file}: ${requests}${masked}`]),
    ...(admin === undefined ? [] : [`admin ${describeAddress(admin.address)}`]),
  ]
}

/** Certificates that `serve` could not start with on this machine, and places for files that are not there. */
async function unusableFiles({ listeners, upstream, options }: Config): Promise<readonly string[]> {
  const wanted = [
    ...listeners.flatMap(({ name, tls }) => (tls === undefined ? [] : [{ of: `listener "${name}"`, tls }])),
    ...(upstream?.tls === undefined ? [] : [{ of: '"upstream"', tls: upstream.tls }]),
  ]
  const problems: string[] = []
  for (const { of, tls } of wanted) {
    const read = await new TlsFiles({ ca: tls.ca, own: tls.own }).read()
    if (!read.ok) problems.push(`${of}: ${read.failure}`)
  }
  const { decisions } = options
  if (decisions !== undefined && !isOutput(decisions.file) && !existsSync(dirname(decisions.file)))
    problems.push(`"log.decisions": the directory ${dirname(decisions.file)} does not exist`)
  return problems
}
