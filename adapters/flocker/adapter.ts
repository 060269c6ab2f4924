/** Gives a container the datasets that it asks for, on whichever host it starts. */
import {
  type ContainerCreateBody,
  type Decision,
  defineAdapter,
  type EngineClient,
  isJsonObject,
  type JsonObject,
  type PreContext,
} from 'powerstrip/sdk'
import { bring, type Here, seconds, type Wanted } from './bring.ts'
import { type Config, readConfig } from './config.ts'
import { LABEL, printLabel, readLabel, sourcesIn, type UseLabel } from './containers.ts'
import type { Leases } from './leases.ts'
import { asksForDriver, datasetsAskedFor, mountDatasets, volumesFrom } from './mounts.ts'
import type { Trouble } from './trouble.ts'

/** What later hooks of the same request need, in protocol 2. */
interface Metadata {
  /** Ids of the datasets that were leased for it. */
  leased: readonly string[]
}

export default defineAdapter<Config, Metadata>({
  name: 'flocker',
  version: '2.0.0',
  idempotent: true,
  config: readConfig,

  pre: {
    async ContainerCreate(ctx) {
      const { body, config, deny, uid, metadata, compensate, warn, protocol } = ctx
      const asked = datasetsAskedFor(body.HostConfig)
      if ('problem' in asked) return deny(asked.problem, { code: 400 })
      const taken = await takenOver(body, config.engine, ctx.signal)
      const wanted = [...asked.names.map((name) => ({ name })), ...taken.map((id) => ({ id }))]
      if (wanted.length === 0) {
        if (asksForDriver(body.HostConfig)) mountDatasets(body, () => '')
        return
      }
      const claim = uid
      const container = ctx.query.get('name') ?? undefined
      const brought = await bringAll(ctx, wanted, { id: claim, asked: nameOf(asked.names), container })
      if (!brought.ok) return decide(brought.failure, ctx)

      const paths = new Map(asked.names.map((name, index) => [name, brought.value[index]!.path]))
      mountDatasets(body, (name) => paths.get(name)!)
      const label = { claim, datasets: Object.fromEntries(brought.value.map(({ id, path }) => [id, path])) }
      body.Labels = { ...body.Labels, [LABEL]: printLabel(label) }
      if (protocol === 1) noteMoves(config.moved, nameOf(asked.names), brought.value)
      else for (const here of brought.value) if (here.moved !== undefined) warn(tellMove(here))
      metadata.leased = brought.value.map(({ id }) => id)
      compensate()
      return
    },
    ContainerStart: beforeStart,
    ContainerRestart: beforeStart,
  },

  post: {
    /** For callers of protocol 1, which know neither warnings nor undoing. */
    ContainerCreate({ request, response, config, protocol }) {
      if (protocol === 2) return
      const asked = datasetsAskedFor(request.body.HostConfig)
      if ('problem' in asked || asked.names.length === 0) return
      const name = nameOf(asked.names)
      const moved = config.moved.get(name) ?? []
      config.moved.delete(name)
      if (response.code === 201) {
        // The only way to the person at a docker CLI that has not failed.
        if (moved.length > 0)
          response.body.Warnings = [
            ...(response.body.Warnings ?? []),
            ...moved.map((here) => `flocker: ${tellMove(here)}`),
          ]
        return
      }
      const claim = config.leases.claimFor(name)
      if (claim === undefined) return
      config.leases.giveUp(claim.id, claim.datasets)
      config.watch?.look()
    },
    /** Whoever removes the container here, to run it elsewhere, may do so when `docker rm` has ended. */
    async ContainerDelete({ response, config, signal }) {
      if (response.code === 204) await config.watch?.settled(signal)
    },
  },

  unwind: {
    /**
     * The lease is given back before this ends, unless a container uses the dataset, or another request waits for it. The data
     * stays where it is. A request that nothing is known of any more has nothing left but the leases that it tells of.
     */
    async ContainerCreate({ config, uid, metadata, signal }) {
      config.leases.giveUp(uid, metadata.leased ?? [])
      await config.watch?.settled(signal)
    },
  },

  async background({ config, signal, log }) {
    await config.watch?.run(signal, log)
  },
})

type Ground = Pick<PreContext<'*', Config>, 'config' | 'deny' | 'log' | 'signal'>

/** A container that was made and not started has no lasting lease. By now its data may be elsewhere. */
async function beforeStart(ctx: Ground & Pick<PreContext, 'params'>): Promise<Decision> {
  const { config, deny, params, signal } = ctx
  const found = await usedBy(params.id ?? '', config.engine, signal)
  if (found === undefined) return
  const { label } = found
  const ids = Object.keys(label.datasets).filter((id) => found.sources.includes(label.datasets[id]!))
  if (ids.length === 0) return
  const wanted = ids.map((id) => ({ id }))
  const brought = await bringAll(ctx, wanted, {
    id: label.claim,
    asked: label.claim,
    container: found.name,
  })
  if (!brought.ok) return decide(brought.failure, ctx)
  const elsewhere = brought.value.find(({ id, path }) => label.datasets[id] !== path)
  if (elsewhere === undefined) return
  return deny(
    `the dataset "${elsewhere.name}" is at ${elsewhere.path} by now, and this container mounts ${label.datasets[elsewhere.id]}; remove the container and create it again`,
    { code: 409 },
  )
}

async function bringAll(ctx: Ground, wanted: readonly Wanted[], what: Parameters<Leases['begin']>[0]) {
  const { config, signal, log } = ctx
  const blind = await config.watch?.sees(signal)
  if (blind !== undefined)
    throw new Error(
      `nobody would notice when the container is gone, for the engine's events cannot be followed: ${blind}`,
    )
  const node = await config.node(signal)
  if (!node.ok) return node
  const claim = config.leases.begin(what)
  const around = { ...config, node: node.value, signal, log }
  const brought = await bring(wanted, claim, around).catch((bug: unknown) => {
    config.leases.giveUp(claim.id)
    throw bug
  })
  if (!brought.ok) {
    config.leases.giveUp(claim.id)
    config.watch?.look()
  }
  return brought
}

function decide(trouble: Trouble, { deny }: Ground): Decision {
  if (trouble.kind === 'refused') return deny(trouble.message, { code: trouble.status })
  throw new Error(trouble.message)
}

/** The datasets of containers whose volumes a new one takes over: it uses them as long as it is there. */
async function takenOver(
  body: ContainerCreateBody,
  engine: EngineClient,
  signal: AbortSignal,
): Promise<string[]> {
  const ids = new Set<string>()
  for (const name of volumesFrom(body.HostConfig)) {
    const found = await usedBy(name, engine, signal)
    for (const id of Object.keys(found?.label.datasets ?? {})) ids.add(id)
  }
  return [...ids]
}

/** `undefined`: the engine has no such container, or none of ours. */
async function usedBy(
  container: string,
  engine: EngineClient,
  signal: AbortSignal,
): Promise<
  { readonly name: string; readonly label: UseLabel; readonly sources: readonly string[] } | undefined
> {
  const asked = await engine.json('GET', `/containers/${encodeURIComponent(container)}/json`, { signal })
  if (!asked.ok) {
    // What is wrong with it, the engine itself will say.
    if (asked.failure.kind === 'refused') return undefined
    throw new Error(asked.failure.message)
  }
  const { Name, Config, Mounts } = asked.value.body as JsonObject
  const label = readLabel(isJsonObject(Config) ? Config.Labels : undefined)
  return label && { name: String(Name).replace(/^\//, ''), label, sources: sourcesIn(Mounts) }
}

function nameOf(names: readonly string[]): string {
  return [...names].sort().join('/')
}

/** Where no post-hook asks for them they stay. */
const MOVES_KEPT = 100

function noteMoves(notes: Map<string, readonly Here[]>, name: string, brought: readonly Here[]): void {
  const moved = brought.filter((here) => here.moved !== undefined)
  if (moved.length === 0) return
  notes.set(name, moved)
  const [oldest] = notes.keys()
  if (notes.size > MOVES_KEPT && oldest !== undefined) notes.delete(oldest)
}

function tellMove({ name, moved }: Here): string {
  return `the dataset "${name}" was moved here from ${moved!.from} in ${seconds(moved!.tookMs)}`
}
