/** The Docker networks that addresses are given on: found by their subnet, and made when they are first wanted. */
import { setTimeout as pause } from 'node:timers/promises'
import {
  type EngineClient,
  type EngineFailure,
  isJsonObject,
  type Json,
  type JsonObject,
  type Result,
} from 'powerstrip/sdk'
import { overlap, planSubnet } from './cidr.ts'
import type { Settings } from './settings.ts'

export interface WeaveNetwork {
  readonly id: string
  readonly name: string
  readonly subnet: string
  readonly gateway: string
  /** Whether other hosts are on it too. */
  readonly isShared: boolean
}

/** What a refusal says, or what kept the engine from being asked. */
export type NetworkFailure =
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'broken'; readonly message: string }

/** `undefined`: there is none yet, and one can be made. */
export async function findNetwork(
  subnet: string,
  settings: Settings,
  signal: AbortSignal,
): Promise<Result<WeaveNetwork | undefined, NetworkFailure>> {
  const places = [settings.manager, settings.engine].filter((place, at, all) => all.indexOf(place) === at)
  const named = nameFor(subnet, settings)
  const others: JsonObject[] = []
  for (const place of places) {
    const listed = await place.json('GET', '/networks', { signal })
    if (!listed.ok) return { ok: false, failure: { kind: 'broken', message: listed.failure.message } }
    const networks = asList(listed.value.body).filter(isJsonObject)
    const fit = networks.flatMap((network) => readNetwork(network, subnet, settings.driver))
    const best = fit.find(({ name }) => name === named) ?? fit[0]
    if (best !== undefined) return { ok: true, value: best }
    others.push(...networks)
  }
  const inTheWay = overlapWith(subnet, others, settings.driver === 'overlay' ? 'swarm' : 'local')
  if (inTheWay === undefined) return { ok: true, value: undefined }
  const message = `there cannot be a ${settings.driver} network for ${subnet} beside ${inTheWay}`
  return { ok: false, failure: { kind: 'refused', message } }
}

/**
 * Not left to the engine: asked for a subnet that overlaps with its own bridge's, 20.10 drops the bridge, and Swarm makes two
 * networks of one subnet without a word.
 */
function overlapWith(subnet: string, networks: readonly JsonObject[], scope: string): string | undefined {
  for (const { Name, Scope, Ingress, IPAM } of networks) {
    // What Swarm lets the world in by is on no container.
    if (Scope !== scope || Ingress === true || !isJsonObject(IPAM)) continue
    for (const config of asList(IPAM.Config)) {
      const other = isJsonObject(config) && typeof config.Subnet === 'string' ? config.Subnet : ''
      if (overlap(subnet, other)) return `the network ${Name}, which has ${other}`
    }
  }
  return undefined
}

/** Two containers that want a new network at the same time wait for one and the same. */
const underWay = new Map<string, Promise<Result<WeaveNetwork, NetworkFailure>>>()

export function makeNetwork(
  subnet: string,
  settings: Settings,
): Promise<Result<WeaveNetwork, NetworkFailure>> {
  const key = `${settings.manager.address} ${settings.driver} ${settings.network} ${subnet}`
  const running = underWay.get(key)
  if (running !== undefined) return running
  const made = make(subnet, settings).finally(() => underWay.delete(key))
  underWay.set(key, made)
  return made
}

async function make(subnet: string, settings: Settings): Promise<Result<WeaveNetwork, NetworkFailure>> {
  const { manager, driver, driverOptions } = settings
  const Name = nameFor(subnet, settings)
  const { gateway, range } = planSubnet(subnet)
  const config = { Subnet: subnet, Gateway: gateway, ...(range === undefined ? {} : { IPRange: range }) }
  const body = {
    Name,
    Driver: driver,
    CheckDuplicate: true,
    Attachable: driver === 'overlay',
    IPAM: { Driver: 'default', Config: [config] },
    Options: driverOptions,
    Labels: { 'powerstrip.weave': subnet },
  }
  const created = await manager.json('POST', '/networks/create', { body })
  // Somebody else may have been faster, through another proxy or on another host.
  const exists = created.ok || /already exists/.test(created.failure.message)
  const until = Date.now() + (exists ? ALLOCATION_LIMIT_MS : 0)
  for (;;) {
    const found = await findNetwork(subnet, settings, new AbortController().signal)
    if (!found.ok) return found
    if (found.value !== undefined) return { ok: true, value: found.value }
    if (!created.ok && Date.now() >= until)
      return { ok: false, failure: creationFailure(Name, subnet, created.failure, settings) }
    if (Date.now() >= until)
      return {
        ok: false,
        failure: { kind: 'broken', message: `the network ${Name} was made and cannot be found` },
      }
    await pause(LOOK_AGAIN_AFTER_MS)
  }
}

/** A Swarm gives a network its subnet a moment after it has answered; this long only where the Swarm is in trouble. */
const ALLOCATION_LIMIT_MS = 10_000
const LOOK_AGAIN_AFTER_MS = 50

function creationFailure(
  name: string,
  subnet: string,
  failure: EngineFailure,
  { driver, manager }: Settings,
): NetworkFailure {
  if (failure.kind !== 'refused') return { kind: 'broken', message: failure.message }
  const why = /not a swarm manager/i.test(failure.message)
    ? `only a manager of the Swarm can make it, and the engine at ${manager.address} is none. Name one in the option "manager"`
    : failure.message.trim()
  return { kind: 'refused', message: `the ${driver} network ${name} for ${subnet} cannot be made: ${why}` }
}

function nameFor(subnet: string, settings: Settings): string {
  return subnet === settings.subnet
    ? settings.network
    : `${settings.network}-${subnet.replaceAll(/[./]/g, '-')}`
}

function readNetwork(network: JsonObject, subnet: string, driver: string): WeaveNetwork[] {
  const { Id, Name, Scope, Driver, Attachable } = network
  if (Driver !== driver) return []
  const ipam = isJsonObject(network.IPAM) ? asList(network.IPAM.Config) : []
  const config = ipam.find((entry) => isJsonObject(entry) && entry.Subnet === subnet)
  if (!isJsonObject(config) || typeof Id !== 'string' || typeof Name !== 'string') return []
  // Only services can be put on one that is not attachable.
  if (Driver === 'overlay' && Attachable !== true) return []
  const gateway = typeof config.Gateway === 'string' ? config.Gateway : ''
  return [{ id: Id, name: Name, subnet, gateway, isShared: Scope === 'swarm' }]
}

export function asList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

/** Puts a container on a network before it starts. */
export function connect(
  engine: EngineClient,
  network: WeaveNetwork,
  container: string,
  endpoint: unknown,
): Promise<Result<unknown, EngineFailure>> {
  const body = { Container: container, EndpointConfig: endpoint }
  // By its name: a host that has no container on a Swarm's network does not know its id.
  return engine.json('POST', `/networks/${encodeURIComponent(network.name)}/connect`, { body })
}
