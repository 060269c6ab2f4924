/** From a configuration to the hooks that it asks for: each adapter once, with its connections, in all its places. */
import type { AdapterConfig, Config, InProcessAdapter, ModuleAdapter, Rule } from './config/config.ts'
import type { HookRules } from './connection.ts'
import type { Adapter, Hook } from './model/hook.ts'
import { failed, ok, type Result } from './model/result.ts'
import { beginBackground } from './sdk/background.ts'
import { inProcessHook } from './transport/in-process-hook.ts'
import { remoteHook } from './transport/remote-hook.ts'

export interface ComposedRules extends HookRules {
  /** The hooks of each listener of the configuration, by its name. */
  readonly listeners: ReadonlyMap<string, HookRules>
  /** Lets adapters that run in process begin what they do besides answering calls. */
  begin(): void
  /**
   * Ends what was begun, and closes the adapters' idle connections. Exchanges that began with these hooks may still call
   * them.
   */
  close(): Promise<void>
}

/** Makes an adapter that runs in process. The failure is what is wrong with it, or with what `with` tells it. */
export type MakeAdapter = (adapter: InProcessAdapter | ModuleAdapter) => Promise<Result<Adapter, string>>

/** An adapter that cannot be made of its settings, and where the configuration names it. */
export interface UnusableAdapter {
  readonly adapter: string
  readonly line: number
  readonly message: string
}

export async function composeRules(
  config: Config,
  make: MakeAdapter,
): Promise<Result<ComposedRules, UnusableAdapter>> {
  const hooks = new Map<string, Hook>()
  const closings: (() => Promise<void>)[] = []
  const adapters: Adapter[] = []
  for (const [name, adapter] of config.adapters) {
    if (adapter.kind === 'url') {
      const hook = remoteHook({
        ...settingsOf(adapter),
        url: adapter.url,
        address: adapter.address,
        fresh: adapter.fresh,
        replyLimitBytes: config.options.limits.adapterReplyBytes,
      })
      hooks.set(name, hook)
      closings.push(() => hook.close())
      continue
    }
    const made = await make(adapter)
    if (!made.ok) {
      await Promise.all(closings.map((close) => close()))
      return failed({ adapter: name, line: adapter.line, message: made.failure })
    }
    adapters.push(made.value)
    hooks.set(name, inProcessHook(settingsOf(adapter), made.value))
  }

  const limits = { answerBytes: config.options.limits.responseBodyBytes }
  const hooksOf = (rules: readonly Rule[]): HookRules => ({
    rules: rules.map((rule) => ({
      pattern: rule.pattern,
      line: rule.line,
      pre: rule.pre.map((use) => hookNamed(hooks, use.adapter)),
      post: rule.post.map((use) => hookNamed(hooks, use.adapter)),
    })),
    limits,
  })
  return ok({
    ...hooksOf(config.rules),
    listeners: new Map(config.listeners.map(({ name, rules }) => [name, hooksOf(rules)])),
    begin() {
      const background = beginBackground(adapters)
      closings.push(() => background.end())
    },
    close: async () => {
      await Promise.all(closings.map((close) => close()))
    },
  })
}

function settingsOf({
  name,
  settings: { onError, onUnsupported, requestRewrite, maxBodyBytes, timeoutMs, secrets },
}: AdapterConfig) {
  return { adapter: name, onError, onUnsupported, requestRewrite, maxBodyBytes, timeoutMs, secrets }
}

function hookNamed(hooks: ReadonlyMap<string, Hook>, name: string): Hook {
  const hook = hooks.get(name)
  if (hook === undefined)
    throw new Error(`the configuration was accepted with an adapter "${name}" that it does not define`)
  return hook
}
