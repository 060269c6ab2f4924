/** From a configuration to the hooks that it asks for: each adapter once, with its connections, in all its places. */
import { readFileSync } from 'node:fs'
import { Observers } from './chain/observe.ts'
import { compileCondition } from './condition/condition.ts'
import type {
  AdapterConfig,
  AdapterUse,
  Config,
  InProcessAdapter,
  ModuleAdapter,
  Phase,
  Rule,
  UrlAdapter,
  UseSettings,
} from './config/config.ts'
import type { HookRules } from './connection.ts'
import { INSTANCE } from './instance.ts'
import type { Adapter, Hook, HookTerms } from './model/hook.ts'
import { failed, impossible, ok, type Result } from './model/result.ts'
import { answersTo } from './sdk/askers.ts'
import { beginBackground } from './sdk/background.ts'
import type { Credentials } from './transport/destination.ts'
import { hookOfUse } from './transport/hook-of-use.ts'
import { inProcessHook } from './transport/in-process-hook.ts'
import { inProcessUse } from './transport/in-process-use.ts'
import { RemoteAdapter } from './transport/remote-adapter.ts'
import { hookOver, linesTo } from './transport/remote-hook.ts'
import type { HookOfProtocol1, HookSettings } from './transport/settings.ts'
import type { HookUse } from './transport/use.ts'

export interface ComposedRules extends HookRules {
  /** The hooks of each listener of the configuration, by its name. */
  readonly listeners: ReadonlyMap<string, HookRules>
  /** How the adapters that are called over a protocol of their own choice are now; the others need no asking. */
  states(): readonly AdapterState[]
  /** Lets adapters that run in process begin what they do besides answering calls. */
  begin(): void
  /**
   * Ends what was begun, and closes the adapters' idle connections. Exchanges that began with these hooks may still call
   * them.
   */
  close(): Promise<void>
}

export interface AdapterState {
  readonly adapter: string
  /** Nothing while it has not said. */
  readonly protocol: 1 | 2 | undefined
  /** Why it cannot be called yet; nothing where it can. */
  readonly problem: string | undefined
  /** Whether its circuit breaker holds calls off. */
  readonly isHeldOff: boolean
}

/** Makes an adapter that runs in process. The failure is what is wrong with it, or with what `with` tells it. */
export type MakeAdapter = (adapter: InProcessAdapter | ModuleAdapter) => Promise<Result<Adapter, string>>

/** An adapter that cannot be made of its settings, and where the configuration names it. */
export interface UnusableAdapter {
  readonly adapter: string
  readonly line: number
  readonly message: string
}

/** What an adapter is in whatever place it is used: made once. */
type Made =
  /** Told no more than protocol 1 tells, each place with its own settings. */
  | { readonly kind: 'old'; readonly at: (settings: HookSettings) => HookOfProtocol1 }
  | { readonly kind: 'remote'; readonly adapter: RemoteAdapter }
  | { readonly kind: 'in-process'; readonly adapter: Adapter }

/** How long a start waits for adapters to say which protocol they speak, in milliseconds. One that starts later is asked again. */
const FIRST_QUESTION_MS = 1_000

/** How long observers get for what they have not been told yet when hooks are replaced, in milliseconds. */
const LAST_WORDS_MS = 5_000

export async function composeRules(
  config: Config,
  make: MakeAdapter,
  revision?: string,
): Promise<Result<ComposedRules, UnusableAdapter>> {
  const made = new Map<string, Made>()
  const closings: (() => Promise<void>)[] = []
  const adapters: Adapter[] = []
  const close = async () => {
    await Promise.all(closings.map((closing) => closing()))
  }
  for (const [name, adapter] of config.adapters) {
    if (adapter.kind === 'url') {
      made.set(name, connected(adapter, config, closings))
      continue
    }
    // One for each thing that it is told: a use may have its own `with`.
    for (const settings of settingsIn(config, adapter)) {
      const own = await make({ ...adapter, settings })
      if (!own.ok) {
        await close()
        return failed({ adapter: name, line: adapter.line, message: own.failure })
      }
      answersTo(INSTANCE)
      adapters.push(own.value)
      made.set(
        keyOf(name, settings),
        adapter.protocol !== 1
          ? { kind: 'in-process', adapter: own.value }
          : { kind: 'old', at: (place) => inProcessHook(place, own.value) },
      )
    }
  }
  const unusable = await unusableAdapter(config, made)
  if (unusable !== undefined) {
    await close()
    return failed(unusable)
  }

  const observers = new Observers()
  const { chain } = config.options
  const limits = {
    answerBytes: config.options.limits.responseBodyBytes,
    ...(chain.deadlineMs === undefined ? {} : { chainMs: chain.deadlineMs }),
    unwindMs: chain.unwindTimeoutMs,
    observers,
  }
  const hooksOf = (rules: readonly Rule[]): HookRules => ({
    rules: rules.map((rule) => ({
      pattern: rule.pattern,
      line: rule.line,
      pre: hooksIn(config, rule, 'pre', made),
      validate: hooksIn(config, rule, 'validate', made),
      post: hooksIn(config, rule, 'post', made),
      observe: hooksIn(config, rule, 'observe', made),
      stream: hooksIn(config, rule, 'stream', made),
    })),
    limits,
    ...(revision === undefined ? {} : { revision }),
  })
  return ok({
    ...hooksOf(config.rules),
    listeners: new Map(config.listeners.map(({ name, rules }) => [name, hooksOf(rules)])),
    states: () =>
      [...made].flatMap(([name, one]) => (one.kind === 'remote' ? [stateOf(name, one.adapter)] : [])),
    begin() {
      const background = beginBackground(adapters)
      closings.push(() => background.end())
    },
    async close() {
      await observers.drain(LAST_WORDS_MS)
      await close()
    },
  })
}

function allRules({ rules, listeners }: Pick<Config, 'rules' | 'listeners'>): ReadonlySet<Rule> {
  return new Set([...rules, ...listeners.flatMap((listener) => listener.rules)])
}

/** The settings of an adapter that runs in process and of its uses, each `with` once; the adapter's own first. */
function settingsIn(config: Config, adapter: AdapterConfig): readonly UseSettings[] {
  const uses = [...allRules(config)].flatMap((rule) => PHASES.flatMap((phase) => rule[phase]))
  const own = uses.filter((use) => use.adapter === adapter.name).map((use) => use.settings)
  const byKey = new Map(
    [adapter.settings, ...own].map((settings) => [keyOf(adapter.name, settings), settings]),
  )
  return [...byKey.values()]
}

function keyOf(adapter: string, settings: UseSettings): string {
  return `${adapter} ${JSON.stringify(settings.with)}`
}

function connected(adapter: UrlAdapter, { options }: Config, closings: (() => Promise<void>)[]): Made {
  const { url, address, fresh } = adapter
  const replyLimitBytes = options.limits.adapterReplyBytes
  if (adapter.protocol === 1) {
    const lines = linesTo({ url, address, fresh, replyLimitBytes })
    closings.push(() => lines.close())
    return { kind: 'old', at: (settings) => hookOver(lines, settings) }
  }
  const remote = new RemoteAdapter({
    url,
    address,
    protocol: adapter.protocol,
    startupTimeoutMs: adapter.startupTimeoutMs,
    auth: adapter.auth,
    credentials: credentialsOf(adapter),
    circuitBreaker: adapter.circuitBreaker,
    concurrency: adapter.concurrency,
    maxQueue: adapter.maxQueue,
    replyLimitBytes,
    instance: INSTANCE,
  })
  closings.push(() => remote.close())
  return { kind: 'remote', adapter: remote }
}

/** PEM files are read again for each connection, so that a renewed certificate is in force at once. */
function credentialsOf({ tls }: UrlAdapter): Credentials | undefined {
  if (tls === undefined) return undefined
  const text = (file: string) => readFileSync(file, 'utf8')
  return () => ({
    ...(tls.ca === undefined ? {} : { ca: text(tls.ca) }),
    ...(tls.own === undefined ? {} : { cert: text(tls.own.cert), key: text(tls.own.key) }),
  })
}

/** What each adapter that can be asked says it can do, against what the configuration wants of it. */
async function unusableAdapter(
  { adapters, rules, listeners }: Config,
  made: ReadonlyMap<string, Made>,
): Promise<UnusableAdapter | undefined> {
  const asked = [...made].flatMap(([name, one]) =>
    one.kind === 'remote' ? [firstAnswer(name, one.adapter)] : [],
  )
  for (const { name, problem } of await Promise.all(asked))
    if (problem !== undefined) return { adapter: name, line: adapters.get(name)!.line, message: problem }
  for (const rule of allRules({ rules, listeners }))
    for (const phase of PHASES)
      for (const { adapter, line, settings } of rule[phase]) {
        const abilities = abilitiesOf(made.get(adapter) ?? made.get(keyOf(adapter, settings)))
        if (abilities !== undefined && !abilities.implements.includes(`${phase}-hook`))
          return { adapter, line, message: `it implements no ${phase}-hook, as it says of itself` }
      }
  return undefined
}

async function firstAnswer(
  name: string,
  adapter: RemoteAdapter,
): Promise<{ readonly name: string; readonly problem: string | undefined }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), FIRST_QUESTION_MS)
  })
  const asked = await Promise.race([adapter.asked(), late])
  clearTimeout(timer)
  return { name, problem: asked?.ok === false ? asked.failure : undefined }
}

function stateOf(name: string, { abilities, isOld, problem, isHeldOff }: RemoteAdapter): AdapterState {
  return { adapter: name, protocol: isOld ? 1 : abilities && 2, problem, isHeldOff }
}

function abilitiesOf(made: Made | undefined) {
  return made === undefined || made.kind === 'old' ? undefined : made.adapter.abilities
}

const PHASES = ['pre', 'validate', 'post', 'observe', 'stream'] as const satisfies readonly Phase[]

function hooksIn(
  { version, adapters, options }: Config,
  rule: Rule,
  phase: Phase,
  made: ReadonlyMap<string, Made>,
): readonly Hook[] {
  const uses = rule[phase]
  return uses.map((use, index) => {
    const adapter = made.get(use.adapter) ?? made.get(keyOf(use.adapter, use.settings))
    const definition = adapters.get(use.adapter)
    if (adapter === undefined || definition === undefined)
      throw new Error(
        `the configuration was accepted with an adapter "${use.adapter}" that it does not define`,
      )
    // Under version 1 an adapter is the same in all its places.
    if (adapter.kind === 'old' && version === 1) return adapter.at(settingsOf(definition))
    const place = useOf(use, { endpoint: rule.pattern.text, index, length: uses.length })
    switch (adapter.kind) {
      case 'old':
        return { ...adapter.at(place), terms: place.terms, speaksOld: () => true }
      case 'remote':
        return hookOfUse(adapter.adapter, place)
      case 'in-process':
        return inProcessUse(adapter.adapter, place, options.limits.adapterReplyBytes)
      default:
        return impossible(adapter)
    }
  })
}

function useOf(
  { adapter, settings }: AdapterUse,
  place: Pick<HookTerms, 'endpoint' | 'index' | 'length'>,
): HookUse {
  const { onError, onUnsupported, requestRewrite, maxBodyBytes, secrets, timeoutMs, timeoutV1Ms, retries } =
    settings
  return {
    adapter,
    onError,
    onUnsupported,
    requestRewrite,
    maxBodyBytes,
    secrets,
    timeoutMs,
    timeoutV1Ms,
    retries,
    config: JSON.stringify(settings.with),
    forwardedHeaders: settings.headers.forward,
    terms: {
      ...place,
      body: settings.body,
      onOversize: settings.onOversize,
      original: settings.originalRequest,
      mutableHeaders: settings.headers.mutate,
      sample: settings.sample,
      dryRun: settings.dryRun,
      ...conditionOf(settings.when),
    },
  }
}

/** The configuration has compiled it before. */
function conditionOf(text: string | undefined): Pick<HookTerms, 'when'> {
  if (text === undefined) return {}
  const compiled = compileCondition(text)
  if (!compiled.ok)
    throw new Error(`the configuration was accepted with a condition that is none: ${compiled.failure}`)
  return { when: compiled.value }
}

function settingsOf({
  name,
  settings: { onError, onUnsupported, requestRewrite, maxBodyBytes, timeoutMs, secrets },
}: AdapterConfig) {
  return { adapter: name, onError, onUnsupported, requestRewrite, maxBodyBytes, timeoutMs, secrets }
}
