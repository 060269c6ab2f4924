/** A whole proxy under a configuration of version 2: adapters on sockets of their own, an engine behind, and what is told. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../../../src/config/parse.ts'
import { type ComposedRules, composeRules, type MakeAdapter } from '../../../src/hook-rules.ts'
import type { Address } from '../../../src/model/address.ts'
import type { ChainNote, EventSink, ExchangeReport, ProxyEvent } from '../../../src/model/event.ts'
import { plainListener } from '../../../src/model/listener.ts'
import { type Proxy as RunningProxy, startProxy } from '../../../src/proxy.ts'
import { type CaseEngine, type EngineScript, sendJson, startEngine } from '../cases/engine.ts'
import { Milestones } from '../cases/milestones.ts'
import { request } from '../raw/box.ts'
import type { Answer } from '../raw/message.ts'
import { RawPeer } from '../raw/peer.ts'
import { type Behaviour, type SeenCall, startTwo, type TwoAdapter } from './adapter.ts'

type Settings = Readonly<Record<string, unknown>>

/** An adapter that the stage starts, with what the configuration says of it, or settings of one that is elsewhere. */
export type Cast =
  | Behaviour
  /** A bare URL. */
  | string
  | ({
      readonly does: Behaviour
      readonly abilities?: Settings
      readonly replyHeaders?: ReplyHeaders
    } & Settings)
  | ({ readonly does?: undefined } & Settings)

type ReplyHeaders = (uid: string, body: string) => Readonly<Record<string, string>>

export interface TwoScene {
  readonly adapters?: Readonly<Record<string, Cast>>
  /** As in a configuration file. */
  readonly endpoints?: Readonly<Record<string, Settings>>
  /** More sections. */
  readonly more?: Settings
  readonly engine?: EngineScript | Address
  /** Makes adapters that run in process. */
  readonly make?: MakeAdapter
  /** Told of everything as well. */
  readonly tell?: EventSink
}

export interface TwoStage extends AsyncDisposable {
  readonly proxy: RunningProxy
  readonly socket: string
  readonly engine: CaseEngine
  /** Calls of all adapters, in order of arrival. */
  readonly timeline: readonly SeenCall[]
  readonly events: readonly ProxyEvent[]
  adapter(name: string): TwoAdapter
  connect(): Promise<RawPeer>
  ask(method: string, target: string, body?: unknown, fields?: readonly string[]): Promise<Answer>
  /** Asks to create a container. */
  create(body?: unknown, fields?: readonly string[]): Promise<Answer>
  ended(number?: number): Promise<ExchangeReport>
  note(kind: ChainNote['kind'], number?: number): Promise<ChainNote>
  notes(kind: ChainNote['kind']): readonly ChainNote[]
}

/** Says what dockerd says to a create. */
export const created: EngineScript = (_request, response) =>
  sendJson(response, 201, { Id: 'abc', Warnings: [] })

export const CREATE = '/v1.45/containers/create?name=web'

export async function setTwo(scene: TwoScene): Promise<TwoStage> {
  const folder = await mkdtemp(join(tmpdir(), 'two-stage-'))
  const socket = join(folder, 'ps.sock')
  const given = scene.engine
  const engine = typeof given === 'object' ? undefined : await startEngine(given ?? created)
  const timeline: SeenCall[] = []
  const adapters = new Map<string, TwoAdapter>()
  const events = new Milestones<ProxyEvent>()
  const strike = async () => {
    await Promise.all([...adapters.values()].map((adapter) => adapter[Symbol.asyncDispose]()))
    await engine?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
  const rules = await compose(scene, adapters, timeline).catch(async (problem: unknown) => {
    await strike()
    throw problem
  })
  const started = await startProxy({
    listeners: [plainListener({ kind: 'unix', path: socket })],
    engine: { address: typeof given === 'object' ? given : engine!.address, tls: undefined },
    hooks: rules,
    tell(event) {
      scene.tell?.(event)
      events.add(event)
    },
  })
  if (!started.ok) throw new Error(started.failure.message)
  const proxy = started.value
  const connect = () => RawPeer.connect(proxy.addresses[0]!)
  const ask: TwoStage['ask'] = async (method, target, body, fields) => {
    await using client = await connect()
    client.write(request(method, target, body, fields))
    return await client.answer(method)
  }
  const isNote = (kind: ChainNote['kind']) => (event: ProxyEvent) =>
    event.kind === 'chain' && event.note.kind === kind
  const noteIn = (event: ProxyEvent) => (event as ProxyEvent & { kind: 'chain' }).note

  return {
    proxy,
    socket,
    timeline,
    events: events.all,
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
    ask,
    create: (body = { Image: 'busybox' }, fields = []) => ask('POST', CREATE, body, fields),
    async ended(number = 1) {
      const event = await events.reached(number, ({ kind }) => kind === 'exchange-ended')
      return (event as ProxyEvent & { kind: 'exchange-ended' }).report
    },
    async note(kind, number = 1) {
      return noteIn(await events.reached(number, isNote(kind)))
    },
    notes: (kind) => events.all.filter(isNote(kind)).map(noteIn),
    async [Symbol.asyncDispose]() {
      await proxy.drain(0)
      await rules.close()
      await strike()
      expect(events.all.filter(({ kind }) => kind === 'connection-crashed')).toEqual([])
    },
  }
}

async function compose(
  { adapters: cast = {}, endpoints = {}, more = {}, make }: TwoScene,
  adapters: Map<string, TwoAdapter>,
  timeline: SeenCall[],
): Promise<ComposedRules> {
  const entries = Object.entries(cast).map(async ([name, one]) => {
    if (typeof one === 'string') return [name, one] as const
    const { does, abilities, replyHeaders, ...settings } =
      typeof one === 'function'
        ? { does: one }
        : (one as Settings & { does?: Behaviour; abilities?: Settings; replyHeaders?: ReplyHeaders })
    if (does === undefined) return [name, settings] as const
    const adapter = await startTwo(name, {
      does,
      timeline,
      ...(abilities === undefined ? {} : { abilities }),
      ...(replyHeaders === undefined ? {} : { replyHeaders }),
    })
    adapters.set(name, adapter)
    return [name, { unix: adapter.socket, protocol: 2, ...settings }] as const
  })
  const text = JSON.stringify({
    version: 2,
    endpoints,
    adapters: Object.fromEntries(await Promise.all(entries)),
    ...more,
  })
  const parsed = parseConfig(text, 'adapters.yml', { builtIns: [] })
  if (!parsed.ok) throw new Error(parsed.failure.map(({ message }) => message).join('\n'))
  const rules = await composeRules(
    parsed.value.config,
    make ?? (async ({ name }) => Promise.reject(new Error(`nobody makes the adapter "${name}" here`))),
  )
  if (!rules.ok) throw new Error(rules.failure.message)
  return rules.value
}

export function jsonOf(answer: Answer): unknown {
  return JSON.parse(answer.body.toString())
}

export function messageOf(answer: Answer): string {
  return (jsonOf(answer) as { readonly message: string }).message
}
