/** `powerstrip serve`: runs the proxy until it is told to stop. */

import { type Address, describeAddress } from '../model/address.ts'
import { parseAddress } from '../model/parse-address.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { type EngineIdentity, probeEngine } from '../plane/probe.ts'
import { startProxy } from '../proxy.ts'
import { type LogLevel, logTo } from '../telemetry/log.ts'
import { VERSION } from '../version.ts'
import { describeSize, followConfig, loadConfig, type UsableConfig } from './load-config.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface ServeOptions {
  readonly config: string | undefined
  /** Empty: the default socket. */
  readonly listen: readonly string[]
  readonly upstream: string | undefined
  readonly socketMode: number
  readonly socketGroup: string | undefined
  readonly graceMs: number
  readonly logLevel: LogLevel
}

const USUAL_ENGINE = 'unix:///var/run/docker.sock'

export async function runServe(options: ServeOptions, around: Surroundings): Promise<ExitCode> {
  const engine = engineAddress(options.upstream, around.env)
  const listen = listenAddresses(options.listen, around.env)
  if (!engine.ok || !listen.ok) {
    for (const part of [engine, listen]) if (!part.ok) around.err(`powerstrip: ${part.failure}\n`)
    return 2
  }
  const config = options.config === undefined ? undefined : await loadConfig(options.config, around)
  if (options.config !== undefined && config === undefined) return 2

  const tell = logTo(options.logLevel)
  const proxy = await startProxy({
    listen: listen.value,
    engine: engine.value,
    socket: { mode: options.socketMode, group: options.socketGroup },
    ...(config === undefined ? {} : { hooks: config.hooks }),
    tell,
  })
  if (!proxy.ok) {
    around.err(`powerstrip: ${proxy.failure.message}\n`)
    await config?.hooks.close()
    return proxy.failure.kind === 'usage' ? 2 : 1
  }
  const watch =
    config === undefined
      ? undefined
      : followConfig(config, around.env, (hooks) => proxy.value.useHooks(hooks), tell)

  const where = describeAddress(engine.value)
  const found = await probeEngine(engine.value, around.stop)
  if (found.ok) tell({ kind: 'engine-found', address: where, ...found.value })
  else tell({ kind: 'engine-missing', address: where, message: found.failure.message })
  around.out(banner(proxy.value.addresses, where, found.ok ? found.value : undefined, config))

  await asked(around.stop)
  await watch?.stop()
  await proxy.value.drain(options.graceMs)
  await watch?.close()
  return 0
}

function engineAddress(upstream: string | undefined, env: Surroundings['env']): Result<Address, string> {
  if (upstream !== undefined) return named('--upstream', parseAddress(upstream))
  if (env.DOCKER_HOST) return named('DOCKER_HOST', parseAddress(env.DOCKER_HOST))
  return parseAddress(USUAL_ENGINE)
}

function listenAddresses(
  urls: readonly string[],
  env: Surroundings['env'],
): Result<readonly Address[], string> {
  const wanted = urls.length > 0 ? urls : [`unix://${env.XDG_RUNTIME_DIR || '/run'}/powerstrip.sock`]
  const addresses: Address[] = []
  for (const url of wanted) {
    const address = named('--listen', parseAddress(url))
    if (!address.ok) return address
    addresses.push(address.value)
  }
  return ok(addresses)
}

function named<T>(source: string, parsed: Result<T, string>): Result<T, string> {
  return parsed.ok ? parsed : failed(`${source}: ${parsed.failure}`)
}

function banner(
  addresses: readonly Address[],
  engine: string,
  found: EngineIdentity | undefined,
  config: UsableConfig | undefined,
): string {
  const state =
    found === undefined ? 'not answering yet' : `Docker Engine ${found.version}, API ${found.apiVersion}`
  return [
    `powerstrip ${VERSION} in front of ${engine} (${state})`,
    config === undefined
      ? 'no configuration: every request is relayed unchanged'
      : `${config.loaded.file}: ${describeSize(config.loaded.config)}`,
    ...addresses.map((address) => `listening on ${describeAddress(address)}`),
    `  export DOCKER_HOST=${describeAddress(addresses[0]!)}`,
    '',
  ].join('\n')
}

function asked(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve()
  return new Promise((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }))
}
