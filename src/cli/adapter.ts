/** `powerstrip adapter`: serves one adapter, a built-in one or a user's own, until it is told to stop. */
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BUILT_IN_NAMES, loadBuiltIn } from '../built-ins.ts'
import { nearest, suggest } from '../config/spelling.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { AdapterDefinition } from '../sdk/define-adapter.ts'
import { parseListenUrl } from '../sdk/listen-url.ts'
import type { AdapterLog } from '../sdk/log.ts'
import { type Served, serve } from '../sdk/serve.ts'
import { loadModule } from './load-module.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface AdapterOptions {
  /** The name of a built-in adapter, or a module file. */
  readonly adapter: string
  readonly listen: string
  /** JSON text: what a configuration says under `with`. */
  readonly with: string | undefined
}

export async function runAdapter(options: AdapterOptions, around: Surroundings): Promise<ExitCode> {
  const usage = (problem: string): ExitCode => {
    around.err(`powerstrip adapter: ${problem}\n`)
    return 2
  }
  const configured = readWith(options.with)
  if (!configured.ok) return usage(configured.failure)
  const found = await findAdapter(options.adapter)
  if (!found.ok) return usage(found.failure)
  const definition = found.value
  try {
    parseListenUrl(options.listen)
    definition.create(configured.value)
  } catch (problem) {
    return usage(reason(problem))
  }

  let served: Served
  try {
    served = await serve(definition, {
      listen: options.listen,
      with: configured.value,
      log: logTo(around),
    })
  } catch (problem) {
    around.err(`powerstrip adapter: cannot listen on ${options.listen}: ${reason(problem)}\n`)
    return 1
  }
  around.out(banner(definition, served.address))
  if (!around.stop.aborted) await once(around.stop, 'abort')
  await served.close()
  return 0
}

function logTo({ out, err }: Surroundings): AdapterLog {
  const line = (write: (text: string) => void) => (message: string) => {
    write(`${message}\n`)
  }
  return {
    info: line(out),
    warn: line(err),
    error: (problem) =>
      line(err)(problem instanceof Error ? (problem.stack ?? problem.message) : String(problem)),
  }
}

/** What a configuration file needs to say to use it. */
function banner({ name, version }: AdapterDefinition, address: string): string {
  return [
    `adapter "${name}"${version === undefined ? '' : ` ${version}`} listening on ${address}`,
    '  adapters:',
    `    ${name}: ${address}`,
    '',
  ].join('\n')
}

function readWith(text: string | undefined): Result<unknown, string> {
  if (text === undefined) return ok(undefined)
  try {
    return ok(JSON.parse(text) as unknown)
  } catch (problem) {
    return failed(`--with is not JSON: ${reason(problem)}`)
  }
}

async function findAdapter(adapter: string): Promise<Result<AdapterDefinition, string>> {
  const builtIn = await loadBuiltIn(adapter)
  if (builtIn !== undefined) return ok(builtIn)
  const file = resolve(adapter)
  if ((await stat(file).catch(() => undefined))?.isFile()) return loadModule(file, adapter)
  const meant = nearest(adapter, BUILT_IN_NAMES)
  const what = /[/.]/.test(adapter) ? `there is no file "${adapter}"` : `there is no adapter "${adapter}"`
  return failed(`${what}${suggest(meant, BUILT_IN_NAMES, 'built-in adapters')}`)
}

function reason(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem)
}
