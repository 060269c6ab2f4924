/** The configuration as commands use it: read, checked, its adapters made, and every problem told to the user. */
import { BUILT_IN_NAMES, loadBuiltIn } from '../built-ins.ts'
import type { Config, InProcessAdapter, ModuleAdapter } from '../config/config.ts'
import { type LoadedConfig, readConfigFile } from '../config/read-file.ts'
import { watchConfig } from '../config/watch.ts'
import { type ComposedRules, composeRules } from '../hook-rules.ts'
import type { EventSink } from '../model/event.ts'
import type { Adapter } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { AdapterDefinition } from '../sdk/define-adapter.ts'
import type { AdapterLog } from '../sdk/log.ts'
import { loadModule } from './load-module.ts'
import { revisionOf } from './revision.ts'
import type { Surroundings } from './surroundings.ts'

/** A configuration whose hooks can be called. */
export interface UsableConfig {
  readonly loaded: LoadedConfig
  readonly hooks: ComposedRules
  /** Names it in logs: the same for the same files, wherever they are. */
  readonly revision: string
}

/** What a command does with a configuration besides what is written there. */
export type AlsoDo = (config: Config) => Config

const justThat: AlsoDo = (config) => config

/** `undefined`: it cannot be used, and the user has been told why. Warnings are told too. */
export async function loadConfig(
  file: string,
  around: Surroundings,
  tell: EventSink = wordsTo(around),
  also: AlsoDo = justThat,
): Promise<UsableConfig | undefined> {
  const read = await readConfigFile(file, { builtIns: BUILT_IN_NAMES, env: around.env })
  if (!read.ok) {
    around.err(read.failure.described)
    return undefined
  }
  const usable = await compose(read.value, tell, also)
  if (!usable.ok) {
    around.err(usable.failure)
    return undefined
  }
  around.err(read.value.described)
  return usable.value
}

export interface FollowedConfig {
  /** Takes up no more changes. */
  stop(): Promise<void>
  /** Closes the connections to the adapters in force. */
  close(): Promise<void>
}

/** Puts each good change of the file in force, and tells of each broken one. `use` fails where this machine will not have it. */
export function followConfig(
  first: UsableConfig,
  env: Surroundings['env'],
  use: (next: UsableConfig) => Promise<Result<void, string>>,
  tell: EventSink,
  also: AlsoDo = justThat,
): FollowedConfig {
  const { file, text, others } = first.loaded
  let inForce = first.hooks
  inForce.begin()
  // Adapters are made one change after another, so that the last change is also the last to come into force.
  let turn = Promise.resolve()
  const change = async (loaded: LoadedConfig) => {
    const usable = await compose(loaded, tell, also)
    if (!usable.ok) return tell({ kind: 'config-broken', file, problems: usable.failure })
    const used = await use(usable.value)
    if (!used.ok) {
      await usable.value.hooks.close()
      return tell({ kind: 'config-broken', file, problems: `${file}: ${used.failure}\n` })
    }
    const before = inForce
    inForce = usable.value.hooks
    tell({ kind: 'config-changed', file, warnings: loaded.described })
    // One after the other: both would do the same for the same adapters.
    await before.close()
    inForce.begin()
  }
  const watching = watchConfig(file, {
    builtIns: BUILT_IN_NAMES,
    env,
    from: text,
    others,
    onGood: (loaded) => {
      turn = turn.then(() => change(loaded))
    },
    onBad: ({ described }) => {
      turn = turn.then(() => tell({ kind: 'config-broken', file, problems: described }))
    },
  })
  return {
    async stop() {
      await watching[Symbol.asyncDispose]()
      await turn
    },
    close: () => inForce.close(),
  }
}

async function compose(
  read: LoadedConfig,
  tell: EventSink,
  also: AlsoDo,
): Promise<Result<UsableConfig, string>> {
  const loaded = { ...read, config: also(read.config) }
  const revision = revisionOf(loaded)
  const hooks = await composeRules(loaded.config, (adapter) => makeAdapter(adapter, tell), revision)
  if (hooks.ok) return ok({ loaded, hooks: hooks.value, revision })
  const { adapter, line, message } = hooks.failure
  return failed(`${loaded.file}:${line}: adapter "${adapter}" cannot be used: ${message}\n`)
}

/** Commands that serve nothing have no log: what an adapter says while it is made is for whoever ran the command. */
function wordsTo({ err }: Surroundings): EventSink {
  return (event) => {
    if (event.kind === 'adapter-said') err(`adapter "${event.adapter}": ${String(event.said)}\n`)
  }
}

async function makeAdapter(
  adapter: InProcessAdapter | ModuleAdapter,
  tell: EventSink,
): Promise<Result<Adapter, string>> {
  const definition = await definitionOf(adapter)
  if (!definition.ok) return definition
  try {
    return ok(definition.value.create(adapter.settings.with, { log: logOf(adapter.name, tell) }))
  } catch (problem) {
    return failed(problem instanceof Error ? problem.message : String(problem))
  }
}

/** An adapter's words, in its name, where those of the proxy go. */
function logOf(adapter: string, tell: EventSink): AdapterLog {
  const say = (level: 'info' | 'warn' | 'error') => (said: unknown) =>
    tell({ kind: 'adapter-said', adapter, level, said })
  return { info: say('info'), warn: say('warn'), error: say('error') }
}

async function definitionOf(
  adapter: InProcessAdapter | ModuleAdapter,
): Promise<Result<AdapterDefinition, string>> {
  if (adapter.kind === 'module') return loadModule(adapter.module, adapter.module)
  const builtIn = await loadBuiltIn(adapter.use)
  if (builtIn === undefined)
    throw new Error(`the configuration was accepted with a built-in "${adapter.use}" that there is not`)
  return ok(builtIn)
}

/** For one line of output: `2 endpoints, 1 adapter`. */
export function describeSize(config: Config): string {
  const streams = config.rules.flatMap(({ stream }) => stream).length
  const more = streams === 0 ? '' : `, ${count(streams, 'stream hook')}`
  return `${count(config.rules.length, 'endpoint')}, ${count(config.adapters.size, 'adapter')}${more}`
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
