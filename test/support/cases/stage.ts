/** A whole proxy within the test: adapters beside it, an engine behind it, and what it logs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILT_IN_NAMES, loadBuiltIn } from '../../../src/built-ins.ts'
import { parseConfig } from '../../../src/config/parse.ts'
import { type ComposedRules, composeRules } from '../../../src/hook-rules.ts'
import type { Address } from '../../../src/model/address.ts'
import { plainListener } from '../../../src/model/listener.ts'
import { ok } from '../../../src/model/result.ts'
import { type Proxy as RunningProxy, startProxy } from '../../../src/proxy.ts'
import { logTo } from '../../../src/telemetry/log.ts'
import { request } from '../raw/box.ts'
import type { Answer } from '../raw/message.ts'
import { RawPeer } from '../raw/peer.ts'
import { type Behaviour, type CaseAdapter, startAdapter } from './adapters.ts'
import { type CaseEngine, type EngineScript, startEngine, towel } from './engine.ts'
import { Milestones } from './milestones.ts'

export type LogLine = Readonly<Record<string, unknown>>

export interface Endpoint {
  readonly pre?: readonly string[]
  /** Under version 2. */
  readonly validate?: readonly string[]
  readonly post?: readonly string[]
}

/** An adapter that the stage starts, or one that is there already (or is not: dead ones have a URL too). */
export type Cast =
  | Behaviour
  | ({ readonly does: Behaviour } & Settings)
  | ({ readonly url: string } & Settings)
  /** One that comes with powerstrip. */
  | ({ readonly use: string } & Settings)

/** As in a configuration file. */
export type Settings = Readonly<Record<string, unknown>>

export interface Scene {
  /** Of the configuration that the scene stands for; 1 unless told. */
  readonly version?: 1 | 2
  readonly adapters?: Readonly<Record<string, Cast>>
  readonly endpoints?: Readonly<Record<string, Endpoint>>
  readonly limits?: Settings
}

export interface StageTerms extends Scene {
  /** The engine's answers, or the address of an engine of the test's own. */
  readonly engine?: EngineScript | Address
  readonly engineAt?: 'unix' | 'tcp'
}

export interface Stage extends AsyncDisposable {
  readonly proxy: RunningProxy
  /** Path of the proxy's socket. */
  readonly socket: string
  readonly engine: CaseEngine
  /** Everything that was logged, parsed. */
  readonly lines: readonly LogLine[]
  adapter(name: string): CaseAdapter
  /** On the unix socket unless told. */
  connect(via?: 'unix' | 'tcp'): Promise<RawPeer>
  /** One request on a connection of its own, its answer, and the end of the connection. */
  ask(method: string, target: string, body?: unknown, fields?: readonly string[]): Promise<Answer>
  /** The log line of the exchange of this number, counted from 1, once it is over. */
  exchange(number?: number): Promise<LogLine>
  /** The notes about hooks that were logged so far. */
  notes(): readonly LogLine[]
  /** Puts other endpoints and adapters in force. */
  change(scene: Scene): Promise<void>
}

export async function setStage(terms: StageTerms): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'stage-'))
  const socket = join(folder, 'ps.sock')
  const lines = new Milestones<LogLine>()
  const engine =
    typeof terms.engine === 'object' ? undefined : await startEngine(terms.engine ?? towel, terms.engineAt)
  const adapters = new Map<string, CaseAdapter>()
  /** Those too in whose place a change has put others. */
  const everyone = new Set<CaseAdapter>()
  const composed: ComposedRules[] = []
  const compose = async (scene: Scene) => {
    const rules = await rulesOf(scene, adapters)
    for (const adapter of adapters.values()) everyone.add(adapter)
    composed.push(rules)
    return rules
  }
  const started = await startProxy({
    listeners: [
      plainListener({ kind: 'unix', path: socket }),
      plainListener({ kind: 'tcp', host: '127.0.0.1', port: 0 }),
    ],
    engine: { address: typeof terms.engine === 'object' ? terms.engine : engine!.address, tls: undefined },
    hooks: await compose(terms),
    tell: logTo('debug', { write: (line: string) => lines.add(JSON.parse(line) as LogLine) }),
  })
  if (!started.ok) throw new Error(started.failure.message)
  const proxy = started.value
  const connect = (via: 'unix' | 'tcp' = 'unix') => {
    const at = proxy.addresses.find(({ kind }) => kind === via)!
    return RawPeer.connect(at)
  }

  return {
    proxy,
    socket,
    lines: lines.all,
    get engine() {
      if (engine === undefined) throw new Error('the test has an engine of its own')
      return engine
    },
    adapter(name) {
      const adapter = adapters.get(name)
      if (adapter === undefined) throw new Error(`there is no adapter "${name}" on this stage`)
      return adapter
    },
    connect,
    async ask(method, target, body, fields) {
      await using client = await connect()
      client.write(request(method, target, body, fields))
      return await client.answer(method)
    },
    exchange: (number = 1) => lines.reached(number, (line) => line.msg === 'exchange'),
    notes: () => lines.all.filter((line) => 'phase' in line || line.kind === 'post-hooks-skipped'),
    async change(scene) {
      proxy.useHooks(await compose(scene))
    },
    async [Symbol.asyncDispose]() {
      await proxy.drain(0)
      await Promise.all([...everyone].map((adapter) => adapter[Symbol.asyncDispose]()))
      await Promise.all(composed.map((rules) => rules.close()))
      await engine?.[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
      const crashes = lines.all.filter((line) => 'err' in line)
      expect(crashes).toEqual([])
    },
  }
}

/** Starts the adapters of a scene and reads it as the configuration file that it stands for. */
async function rulesOf(scene: Scene, adapters: Map<string, CaseAdapter>): Promise<ComposedRules> {
  const entries = Object.entries(scene.adapters ?? {}).map(async ([name, cast]) => {
    if (typeof cast === 'object' && ('url' in cast || 'use' in cast)) return [name, cast] as const
    const { does, ...settings } = typeof cast === 'function' ? { does: cast } : cast
    const adapter = await startAdapter(does as Behaviour)
    adapters.set(name, adapter)
    return [
      name,
      Object.keys(settings).length === 0 ? adapter.url : { ...settings, url: adapter.url },
    ] as const
  })
  const text = JSON.stringify({
    ...(scene.version === undefined ? {} : { version: scene.version }),
    ...(scene.limits === undefined ? {} : { limits: scene.limits }),
    endpoints: scene.endpoints ?? {},
    adapters: Object.fromEntries(await Promise.all(entries)),
  })
  const parsed = parseConfig(text, 'adapters.yml', { builtIns: BUILT_IN_NAMES })
  if (!parsed.ok) throw new Error(parsed.failure.map(({ message }) => message).join('\n'))
  const rules = await composeRules(parsed.value.config, async (adapter) => {
    if (adapter.kind === 'module') throw new Error('no test of this kind uses a module')
    const definition = await loadBuiltIn(adapter.use)
    return ok(definition!.create(adapter.settings.with, { log: SILENT }))
  })
  if (!rules.ok) throw new Error(rules.failure.message)
  return rules.value
}

const SILENT = { info() {}, warn() {}, error() {} }

/** The body of an answer as JSON. */
export function jsonOf(answer: Answer): unknown {
  return JSON.parse(answer.body.toString())
}

/** The message of an error that the proxy or the engine gave. */
export function messageOf(answer: Answer): string {
  return (jsonOf(answer) as { readonly message: string }).message
}
