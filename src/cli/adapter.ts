/** `powerstrip adapter`: serves one adapter, a built-in one or a user's own, until it is told to stop. */
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BUILT_IN_NAMES, loadBuiltIn } from '../built-ins.ts'
import { nearest, suggest } from '../config/spelling.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { AdapterDefinition } from '../sdk/define-adapter.ts'
import { guardOf, type ServeAuth } from '../sdk/guard.ts'
import { parseListenUrl } from '../sdk/listen-url.ts'
import type { AdapterLog } from '../sdk/log.ts'
import { type Served, serve } from '../sdk/serve.ts'
import { loadModule } from './load-module.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface AdapterOptions {
  /** The name of a built-in adapter, or a module file. */
  readonly adapter: string
  readonly listen: string | undefined
  /** The path of a socket, instead of `listen`. */
  readonly unix: string | undefined
  /** JSON text: what a configuration says under `with`. */
  readonly with: string | undefined
  /** Files with the secrets that callers have to know. */
  readonly bearer: string | undefined
  readonly hmac: string | undefined
  /** Fixtures to show it, instead of serving it. */
  readonly receive: string | undefined
}

export async function runAdapter(options: AdapterOptions, around: Surroundings): Promise<ExitCode> {
  const usage = (problem: string): ExitCode => {
    around.err(`powerstrip adapter: ${problem}\n`)
    return 2
  }
  const configured = readWith(options.with)
  if (!configured.ok) return usage(configured.failure)
  if (options.receive !== undefined) return showRecorded(options, options.receive, configured.value, around)
  const listen = listenUrl(options)
  if (!listen.ok) return usage(listen.failure)
  const auth = readAuth(options)
  if (!auth.ok) return usage(auth.failure)
  const found = await findAdapter(options.adapter)
  if (!found.ok) return usage(found.failure)
  const definition = found.value
  try {
    parseListenUrl(listen.value)
    guardOf(auth.value)
    definition.create(configured.value)
  } catch (problem) {
    return usage(reason(problem))
  }

  let served: Served
  try {
    served = await serve(definition, {
      listen: listen.value,
      with: configured.value,
      ...(auth.value === undefined ? {} : { auth: auth.value }),
      log: logTo(around),
    })
  } catch (problem) {
    around.err(`powerstrip adapter: cannot listen on ${listen.value}: ${reason(problem)}\n`)
    return 1
  }
  around.out(banner(definition, served.address))
  if (!around.stop.aborted) await once(around.stop, 'abort')
  await served.close()
  return 0
}

async function showRecorded(
  { adapter }: AdapterOptions,
  file: string,
  configured: unknown,
  around: Surroundings,
): Promise<ExitCode> {
  const found = await findAdapter(adapter)
  let problem = found.ok ? '' : found.failure
  try {
    if (found.ok) {
      const { receive } = await import('./receive.ts')
      const shown = await receive(found.value, file, { configured, log: logTo(around), out: around.out })
      if (shown.ok) return shown.value ? 0 : 1
      problem = shown.failure
    }
  } catch (refusal) {
    problem = reason(refusal)
  }
  around.err(`powerstrip adapter: ${problem}\n`)
  return 2
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

/** What a configuration file needs to say to use it, under version 2 and under version 1. */
function banner({ name, version }: AdapterDefinition, address: string): string {
  const place = address.startsWith('unix://')
    ? `unix: ${address.slice('unix://'.length)}`
    : `url: "${address}"`
  return [
    `adapter "${name}"${version === undefined ? '' : ` ${version}`} listening on ${address}`,
    '  adapters:',
    `    ${name}: { ${place} }   # with "version: 2"`,
    `    ${name}: ${address}   # with "version: 1"`,
    '',
  ].join('\n')
}

function listenUrl({ listen, unix }: AdapterOptions): Result<string, string> {
  if (unix !== undefined && listen !== undefined)
    return failed('--listen and --unix both say where to listen: give one of them')
  if (unix !== undefined) return ok(`unix://${resolve(unix)}`)
  if (listen !== undefined) return ok(listen)
  return failed('where is it to listen? --listen http://127.0.0.1:4000 or --unix /run/adapter.sock')
}

function readAuth({ bearer, hmac }: AdapterOptions): Result<ServeAuth | undefined, string> {
  if (bearer !== undefined && hmac !== undefined)
    return failed('--bearer and --hmac both say whose calls to answer: give one of them')
  if (bearer !== undefined) return ok({ bearer: { file: bearer } })
  return ok(hmac === undefined ? undefined : { hmac: { file: hmac } })
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
