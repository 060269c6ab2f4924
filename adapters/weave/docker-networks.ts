/**
 * Addresses on Docker networks.
 *
 * Before a container is created its networks are found or made and its addresses looked for, so that a refusal comes first and
 * leaves nothing. After it is created it is put on the networks that its creation could not name. All before its process starts.
 */
import type { ContainerCreateBody, Decision, PostContext, PreContext } from 'powerstrip/sdk'
import { inspect, LABEL, wishesOf } from './containers.ts'
import { findHolder, objectIn } from './holders.ts'
import { connect, findNetwork, makeNetwork, type NetworkFailure, type WeaveNetwork } from './networks.ts'
import type { Settings } from './settings.ts'
import { readWishes, type Wish, wordFor } from './wishes.ts'

export async function placeOnNetworks(ctx: PreContext<'ContainerCreate', Settings>): Promise<Decision> {
  const { body, config, deny, log, query, signal, warn } = ctx
  const wishes = readWishes(body.Env, config)
  if (!wishes.ok) return deny(wishes.failure, { code: 400 })
  if (wishes.value.length === 0) return
  const mode = body.HostConfig?.NetworkMode ?? ''
  if (/^(?:host$|container:)/.test(mode)) {
    const words = `a container with the network mode ${mode} has no network of its own and is left alone`
    log.info(`weave: ${words}`)
    warn(words)
    return
  }
  const unfit = unfitWish(wishes.value)
  if (unfit !== undefined) return deny(unfit, { code: 400 })

  const found: (WeaveNetwork | undefined)[] = []
  for (const wish of wishes.value) {
    const network = await findNetwork(wish.subnet, config, signal)
    if (!network.ok) return refuseOrFail(network.failure, deny)
    found.push(network.value)
    const held = network.value && (await heldBy(wish, network.value, config, signal))
    if (held !== undefined) return deny(held, { code: 409 })
  }
  // Made only now: what is refused has made nothing.
  const networks: WeaveNetwork[] = []
  for (const [at, wish] of wishes.value.entries()) {
    const network = found[at] ?? (await made(await makeNetwork(wish.subnet, config)))
    if ('kind' in network) return refuseOrFail(network, deny)
    networks.push(network)
  }

  const at = placeInCreation(mode, networks, config)
  const [network, wish] = [networks[at], wishes.value[at]]
  if (network !== undefined && wish !== undefined)
    takeFirstNetwork(body, mode, network, endpointFor(wish, namesOf(body, query.get('name'), config)))
  body.Labels = { ...body.Labels, [LABEL]: wishes.value.map(wordFor).join(' ') }
  return
}

async function made(result: Awaited<ReturnType<typeof makeNetwork>>): Promise<WeaveNetwork | NetworkFailure> {
  return result.ok ? result.value : result.failure
}

type Deny = PreContext['deny']

function refuseOrFail(failure: NetworkFailure, deny: Deny): Decision {
  if (failure.kind === 'refused') return deny(failure.message, { code: 409 })
  throw new Error(failure.message)
}

/** A Docker network has room for fewer wishes than the variable has words. */
function unfitWish(wishes: readonly Wish[]): string | undefined {
  const small = wishes.find(({ prefix }) => prefix > 30 || prefix === 0)
  if (small !== undefined)
    return `WEAVE_CIDR names "${wordFor(small)}"; a Docker network's subnet is from /1 to /30`
  const subnets = wishes.map(({ subnet }) => subnet)
  const twice = subnets.find((subnet, at) => subnets.indexOf(subnet) !== at)
  return twice && `WEAVE_CIDR asks for two addresses in ${twice}; a container has one on each Docker network`
}

async function heldBy(
  wish: Wish,
  network: WeaveNetwork,
  settings: Settings,
  signal: AbortSignal,
  except?: string,
): Promise<string | undefined> {
  if (wish.kind !== 'claim') return undefined
  const holder = await findHolder(network, wish.address, settings, signal, except)
  if (!holder.ok) throw new Error(holder.failure.message)
  if (holder.value === undefined) return undefined
  return `the address ${wish.address} on the network ${network.name} is in use by ${holder.value}`
}

/** Which of the networks the creation itself names: engines before API 1.44 take only one there. -1: none. */
function placeInCreation(mode: string, networks: readonly WeaveNetwork[], settings: Settings): number {
  // Nothing can be added to `none` afterwards.
  if (mode === 'none') return 0
  if (['', 'default', 'bridge'].includes(mode)) return settings.insteadOfBridge ? 0 : -1
  return networks.findIndex(({ id, name }) => mode === name || mode === id)
}

interface Endpoint {
  readonly IPAMConfig?: { readonly IPv4Address: string }
  readonly Aliases?: readonly string[]
}

function endpointFor(wish: Wish, aliases: readonly string[]): Endpoint {
  return {
    ...(wish.kind === 'claim' ? { IPAMConfig: { IPv4Address: wish.address } } : {}),
    ...(aliases.length === 0 ? {} : { Aliases: aliases }),
  }
}

/** The engine itself makes a container known by its name. */
function namesOf(body: ContainerCreateBody, name: string | null, { domain }: Settings): string[] {
  const names = [...new Set([name?.replace(/^\//, '') ?? '', body.Hostname ?? ''])].filter(
    (known) => known !== '',
  )
  return names.flatMap((known) => [known, ...(domain === '' ? [] : [`${known}.${domain}`])])
}

function takeFirstNetwork(
  body: ContainerCreateBody,
  mode: string,
  network: WeaveNetwork,
  endpoint: Endpoint,
): void {
  const { EndpointsConfig, ...networking } = body.NetworkingConfig ?? {}
  const { [mode]: endpointGiven, ...others } = EndpointsConfig ?? {}
  const given = endpointGiven ?? {}
  const named = [network.name, network.id].includes(mode)
  const Aliases = [...new Set([...(named ? (given.Aliases ?? []) : []), ...(endpoint.Aliases ?? [])])]
  const { Aliases: _joined, ...own } = endpoint
  const whole = { ...(named ? given : {}), ...own, ...(Aliases.length === 0 ? {} : { Aliases }) }
  body.HostConfig = { ...body.HostConfig, NetworkMode: named ? mode : network.name }
  body.NetworkingConfig = {
    ...networking,
    EndpointsConfig: { ...others, [named ? mode : network.name]: whole },
  }
}

/** A container that was created and has not started. */
export async function connectToRest(ctx: PostContext<'ContainerCreate', Settings>): Promise<Decision> {
  const { config, deny, query, response, signal } = ctx
  const id = response.body?.Id
  if (response.code !== 201 || id === undefined) return
  const container = await inspect(config.engine, id, signal)
  const wishes = wishesOf(container, config)
  if (wishes.length === 0) return
  const { Hostname } = objectIn(container?.Config)
  const generated = typeof Hostname === 'string' && id.startsWith(Hostname)
  const body = generated || typeof Hostname !== 'string' ? {} : { Hostname }
  const aliases = namesOf(body, query.get('name'), config)
  const present = Object.keys(objectIn(objectIn(container?.NetworkSettings).Networks))
  const trouble = await connectTo(wishes, present, id, aliases, ctx)
  if (trouble === undefined) return
  // Nobody asked for a container without its addresses.
  await config.engine.json('DELETE', `/containers/${id}`, { query: { force: true, v: true } })
  return deny(trouble, { code: 409 })
}

/** What went wrong, if anything did. */
async function connectTo(
  wishes: readonly Wish[],
  present: readonly string[],
  container: string,
  aliases: readonly string[],
  {
    config: settings,
    log,
    signal,
  }: Pick<PostContext<'ContainerCreate', Settings>, 'config' | 'log' | 'signal'>,
): Promise<string | undefined> {
  for (const wish of wishes) {
    const network = await findNetwork(wish.subnet, settings, signal)
    if (!network.ok) return network.failure.message
    if (network.value === undefined) return `the network for ${wish.subnet} is gone`
    if (present.includes(network.value.name)) continue
    const done = await connect(settings.engine, network.value, container, endpointFor(wish, aliases))
    const what = `${wordFor(wish)} on the network ${network.value.name}`
    if (!done.ok) return `${what}: ${done.failure.message}`
    log.info(`container ${container.slice(0, 12)}: ${what}`)
  }
  return undefined
}

/** An address may have been taken since the container was created or last ran. */
export async function checkAddresses(ctx: PreContext<'ContainerStart', Settings>): Promise<Decision> {
  const { config, deny, params, signal } = ctx
  const held = await heldFrom(params.id ?? '', config, signal)
  return held === undefined ? undefined : deny(held, { code: 409 })
}

/** Of two hosts that start at the same moment one is refused by the Swarm, which has few words for it. */
export async function explainRefusal(ctx: PostContext<'ContainerStart', Settings>): Promise<Decision> {
  const { config, params, response, signal } = ctx
  const body = response.body
  if (response.code < 400 || !isRefusalOfSwarm(body)) return
  const held = await heldFrom(params.id ?? '', config, signal)
  if (held !== undefined) response.body = { message: `${held} (${body.message})` }
  return
}

function isRefusalOfSwarm(body: unknown): body is { readonly message: string } {
  const { message } = (body ?? {}) as { message?: unknown }
  return typeof message === 'string' && message.includes('attaching to network failed')
}

async function heldFrom(id: string, settings: Settings, signal: AbortSignal): Promise<string | undefined> {
  const container = await inspect(settings.engine, id, signal)
  if (container === undefined || objectIn(container.State).Running === true) return undefined
  for (const wish of wishesOf(container, settings)) {
    const network = await findNetwork(wish.subnet, settings, signal)
    if (!network.ok) throw new Error(network.failure.message)
    const held = network.value && (await heldBy(wish, network.value, settings, signal, String(container.Id)))
    if (held !== undefined) return held
  }
  return undefined
}
