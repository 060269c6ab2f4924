/** `powerstrip serve`: runs the proxy until it is told to stop. */
import type { Config } from '../config/config.ts'
import { Lookout } from '../lookout.ts'
import { type Address, describeAddress, type EngineTarget } from '../model/address.ts'
import type { ListenerSpec } from '../model/listener.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { dialler } from '../plane/dial.ts'
import { type EngineIdentity, probeEngine } from '../plane/probe.ts'
import { type ProxyTerms, type Proxy as RunningProxy, startProxy } from '../proxy.ts'
import { type LogLevel, logTo } from '../telemetry/log.ts'
import { VERSION } from '../version.ts'
import { type EngineOptions, engineTarget } from './engine-target.ts'
import { explained } from './explain.ts'
import { type ListenOptions, listenersOf } from './listeners.ts'
import { type AlsoDo, describeSize, followConfig, loadConfig, type UsableConfig } from './load-config.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface ServeOptions extends EngineOptions, ListenOptions {
  readonly config: string | undefined
  readonly graceMs: number
  readonly logLevel: LogLevel
}

export async function runServe(
  options: ServeOptions,
  around: Surroundings,
  also?: AlsoDo,
): Promise<ExitCode> {
  let proxy: RunningProxy | undefined
  let engine: EngineTarget | undefined
  let inForce: UsableConfig | undefined
  const lookout = new Lookout({
    log: logTo(options.logLevel),
    inForce: () => ({
      config: inForce?.loaded.config,
      revision: inForce?.revision,
      adapters: inForce?.hooks.states() ?? [],
      engine,
      census: proxy?.census() ?? [],
      isStopping: around.stop.aborted,
    }),
    explain: (method, path) => explained(method, path, inForce?.loaded.config),
    ...(around.onHangup === undefined ? {} : { onHangup: around.onHangup }),
  })
  const { tell } = lookout
  // Code of adapters in process may throw long after its call, from a timer or a promise that nobody waits for. It must not
  // take everybody's connections with it; what it was asked about has been decided by then, one way or the other.
  around.onStray?.((error) => tell({ kind: 'stray-error', error }))
  const config =
    options.config === undefined ? undefined : await loadConfig(options.config, around, tell, also)
  if (options.config !== undefined && config === undefined) return 2
  const terms = termsOf(options, config, around.env)
  if (!terms.ok) {
    around.err(`powerstrip: ${terms.failure}\n`)
    await config?.hooks.close()
    return 2
  }

  inForce = config
  const watching = await lookout.prepare(config?.loaded.config.options)
  if (!watching.ok) {
    around.err(`powerstrip: ${watching.failure}\n`)
    await config?.hooks.close()
    return 1
  }
  await watching.value.use()
  const started = await startProxy({ ...terms.value, tell })
  if (!started.ok) {
    around.err(`powerstrip: ${started.failure.message}\n`)
    await config?.hooks.close()
    await lookout.close()
    return started.failure.kind === 'usage' ? 2 : 1
  }
  proxy = started.value
  engine = terms.value.engine
  const watch =
    config &&
    followConfig(
      config,
      around.env,
      async (next) => {
        const changed = termsOf(options, next, around.env)
        if (!changed.ok) return changed
        const watching = await lookout.prepare(next.loaded.config.options)
        if (!watching.ok) return watching
        const used = await started.value.useTerms(changed.value)
        if (!used.ok) {
          await watching.value.abandon()
          return failed(used.failure.message)
        }
        inForce = next
        engine = changed.value.engine
        await watching.value.use()
        return used
      },
      tell,
      also,
    )

  const where = describeAddress(terms.value.engine.address)
  const found = await probeEngine(dialler(terms.value.engine), around.stop)
  if (found.ok) tell({ kind: 'engine-found', address: where, ...found.value })
  else tell({ kind: 'engine-missing', address: where, message: found.failure.message })
  // An output that has the decision log has nothing else.
  const isTaken = config?.loaded.config.options.decisions?.file === 'stdout'
  const say = isTaken ? around.err : around.out
  say(
    banner(started.value.addresses, lookout.address, terms.value, found.ok ? found.value : undefined, config),
  )

  await asked(around.stop)
  await watch?.stop()
  await started.value.drain(options.graceMs)
  await watch?.close()
  await lookout.close()
  return 0
}

/** What the command line, the configuration and the environment come to. */
function termsOf(
  options: ServeOptions,
  usable: UsableConfig | undefined,
  env: Surroundings['env'],
): Result<ProxyTerms, string> {
  const config: Config | undefined = usable?.loaded.config
  const engine = engineTarget(options, config?.upstream, env)
  const listeners = listenersOf(options, config?.listeners ?? [], env)
  const problems = [engine, listeners].flatMap((part) => (part.ok ? [] : [part.failure]))
  if (!engine.ok || !listeners.ok) return failed(problems.join('\npowerstrip: '))
  if (usable === undefined) return ok({ listeners: listeners.value, engine: engine.value })
  const { rules, limits, revision = '', listeners: ofListeners } = usable.hooks
  return ok({
    listeners: listeners.value,
    engine: engine.value,
    // An address of the command line has the rules of the file, whatever name a listener of the file may have.
    hooks: { rules, limits, revision, ...(options.listen.length > 0 ? {} : { listeners: ofListeners }) },
    security: usable.loaded.config.options.security,
  })
}

function banner(
  addresses: readonly Address[],
  admin: string | undefined,
  { engine, listeners }: { readonly engine: EngineTarget; readonly listeners: readonly ListenerSpec[] },
  found: EngineIdentity | undefined,
  config: UsableConfig | undefined,
): string {
  const state =
    found === undefined ? 'not answering yet' : `Docker Engine ${found.version}, API ${found.apiVersion}`
  const first = listeners[0]
  return [
    `powerstrip ${VERSION} in front of ${describeAddress(engine.address)} (${state})`,
    config === undefined
      ? 'no configuration: every request is relayed unchanged'
      : `${config.loaded.file}: ${describeSize(config.loaded.config)}`,
    ...addresses.map((address) => `listening on ${describeAddress(address)}`),
    ...(admin === undefined ? [] : [`health, metrics and taps on ${admin}`]),
    `  export DOCKER_HOST=${describeAddress(addresses[0]!)}${first?.tls ? ' DOCKER_TLS_VERIFY=1' : ''}`,
    '',
  ].join('\n')
}

function asked(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve()
  return new Promise((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }))
}
