/**
 * Containers on the network of a Weave router, which are plugged in after they have started.
 *
 * A container's program is held back by one of ours, which comes before it and then becomes it. When the engine has started the
 * container, the router gives it its addresses, an interface with them is put into it, and only then is the client answered.
 */
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Decision, EngineClient, JsonObject, PostContext, PreContext } from 'powerstrip/sdk'
import { inspect, LABEL, wishesOf } from '../containers.ts'
import { objectIn } from '../holders.ts'
import type { RouterSettings, Settings } from '../settings.ts'
import { readWishes, type Wish, wordFor } from '../wishes.ts'
import {
  bindWaitProgram,
  type Dns,
  holdBackRun,
  isTaken,
  registeredName,
  runOf,
  useDns,
  WAIT_PROGRAM,
} from './creation.ts'
import { nameInHosts } from './hosts-file.ts'
import { lookAt, plugIn } from './plug.ts'
import type { RouterFailure } from './router.ts'
import { WAIT_PROGRAMS } from './wait-program.ts'

export async function holdBack(
  ctx: PreContext<'ContainerCreate', Settings>,
  onRouter: RouterSettings,
): Promise<Decision> {
  const { body, config, deny, query, signal } = ctx
  const wishes = readWishes(body.Env, config)
  if (!wishes.ok) return deny(wishes.failure, { code: 400 })
  if (wishes.value.length === 0 || !isTaken(body.HostConfig?.NetworkMode)) return

  let run = runOf(body)
  if (run.kind === 'ask-image') {
    const image = await imageConfig(config.engine, body.Image, signal)
    // The engine will say itself that there is no such image, with the status that makes clients fetch it.
    if (image === undefined) return
    run = runOf(body, image)
  }
  // And that there is no command.
  if (run.kind !== 'run') return
  await placeWaitProgram(onRouter.waitFolder)
  holdBackRun(body, run)
  bindWaitProgram(body, onRouter.waitFolder)
  body.Labels = { ...body.Labels, [LABEL]: wishes.value.map(wordFor).join(' ') }
  if (onRouter.withoutDns) return
  const label = onRouter.hostnameFromLabel && body.Labels[onRouter.hostnameFromLabel]
  useDns(body, label || (query.get('name') ?? '').replace(/^\//, ''), await dnsOf(onRouter, signal))
  return
}

async function imageConfig(
  engine: EngineClient,
  image: unknown,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  // A reference has slashes, which its path in the API has too; anything else in it is a name and no path.
  const path = String(image).split('/').map(encodeURIComponent).join('/')
  const asked = await engine.json('GET', `/images/${path}/json`, { signal })
  if (asked.ok) return objectIn(objectIn(asked.value.body).Config)
  if (asked.failure.kind === 'refused' && asked.failure.status < 500) return undefined
  throw new Error(asked.failure.message)
}

async function dnsOf({ router }: RouterSettings, signal: AbortSignal): Promise<Dns> {
  const [domain, address] = await Promise.all([router.domain(signal), router.dnsAddress(signal)])
  if (!domain.ok) throw new Error(domain.failure.message)
  if (!address.ok) throw new Error(address.failure.message)
  return { domain: domain.value, address: address.value }
}

async function placeWaitProgram(folder: string): Promise<void> {
  const program = WAIT_PROGRAMS[process.arch]
  if (program === undefined)
    throw new Error(
      `there is no wait program for ${process.arch}; there is one for ${Object.keys(WAIT_PROGRAMS)}`,
    )
  const bytes = Buffer.from(program, 'base64')
  const place = join(folder, 'w')
  if ((await readFile(place).catch(() => undefined))?.equals(bytes)) return
  await mkdir(folder, { recursive: true })
  const fresh = join(folder, `.w.${randomUUID()}`)
  await writeFile(fresh, bytes)
  await chmod(fresh, 0o755)
  // At once, under the eyes of containers that are starting.
  await rename(fresh, place)
}

/** What is run in a container that is still held back waits as well. */
export async function holdBackExec(ctx: PreContext<'ContainerExec', Settings>): Promise<Decision> {
  const container = await inspect(ctx.config.engine, ctx.params.id ?? '', ctx.signal)
  const cmd = ctx.body.Cmd
  if (!isHeldBack(container) || !Array.isArray(cmd) || cmd[0] === WAIT_PROGRAM) return
  ctx.body.Cmd = [WAIT_PROGRAM, ...cmd]
}

function isHeldBack(container: JsonObject | undefined): boolean {
  const { Labels, Entrypoint } = objectIn(container?.Config)
  return objectIn(Labels)[LABEL] !== undefined && Array.isArray(Entrypoint) && Entrypoint[0] === WAIT_PROGRAM
}

/** The client is answered when the container is on the network. Of one that was running already nothing has to be done. */
export async function attachAfterStart(
  ctx: PostContext<'ContainerStart', Settings> | PostContext<'ContainerRestart', Settings>,
  onRouter: RouterSettings,
): Promise<Decision> {
  const { config, deny, params, response, signal } = ctx
  if (response.code < 200 || response.code > 299) return
  const container = await inspect(config.engine, params.id ?? '', signal)
  if (container === undefined || !isHeldBack(container)) return
  const id = String(container.Id)
  const trouble = await attach(id, config, onRouter, signal)
  if (trouble === undefined) return
  await config.engine.json('POST', `/containers/${id}/kill`)
  await giveBack(id, onRouter, new AbortController().signal)
  if (trouble.kind === 'refused') return deny(trouble.message, { code: 409 })
  throw new Error(trouble.message)
}

/** What went wrong, if anything did. A container that is none of ours, or does not run any more, is left alone. */
export function attach(
  id: string,
  settings: Settings,
  onRouter: RouterSettings,
  signal: AbortSignal,
): Promise<RouterFailure | undefined> {
  return onRouter.attachments.run(id, async () => {
    const container = await inspect(settings.engine, id, signal)
    const wishes = wishesOf(container, settings)
    const pid = pidOf(container)
    if (container === undefined || wishes.length === 0 || pid === 0) return undefined
    const addresses: string[] = []
    for (const wish of wishes) {
      const obtained = await onRouter.router.obtain(id, wish, signal)
      if (!obtained.ok) return withWish(wish, obtained.failure)
      addresses.push(obtained.value)
    }
    try {
      await nameContainer(container, id, addresses, onRouter, signal)
      await plugIn({ bridge: onRouter.bridge, pid, id, addresses })
      return undefined
    } catch (problem) {
      // One that ended meanwhile needs nothing any more.
      if (pidOf(await inspect(settings.engine, id, signal)) !== pid) return undefined
      return { kind: 'unreachable', message: (problem as Error).message }
    }
  })
}

/** 0: it does not run. */
function pidOf(container: JsonObject | undefined): number {
  return Number(objectIn(container?.State).Pid ?? 0)
}

function withWish(wish: Wish, failure: RouterFailure): RouterFailure {
  return { ...failure, message: `${wordFor(wish)}: ${failure.message}` }
}

async function nameContainer(
  container: JsonObject,
  id: string,
  addresses: readonly string[],
  { router, withoutDns }: RouterSettings,
  signal: AbortSignal,
): Promise<void> {
  if (withoutDns) return
  const domain = await router.domain(signal)
  if (!domain.ok) throw new Error(domain.failure.message)
  const name = registeredName(container, domain.value)
  if (name === undefined) return
  const bare = addresses.map((cidr) => cidr.split('/')[0] ?? '')
  for (const address of bare) {
    const registered = await router.register(id, address, `${name.fqdn}.`, signal)
    if (!registered.ok) throw new Error(registered.failure.message)
  }
  const { HostsPath } = container
  if (typeof HostsPath !== 'string' || HostsPath === '' || bare[0] === undefined) return
  // Programs look there first. It is a convenience, and no reason to refuse a container.
  await nameInHosts(HostsPath, bare[0], [name.fqdn, name.host]).catch(() => {})
}

/** What a container had: all of it, so whoever is attaching it comes to an end before. */
export function giveBack(
  id: string,
  { router, attachments }: RouterSettings,
  signal: AbortSignal,
): Promise<void> {
  return attachments.run(id, async () => {
    await router.deregister(id, signal)
    await router.release(id, signal)
  })
}

/** `docker inspect` shows the address that counts. */
export async function showAddress(ctx: PostContext<'ContainerInspect', Settings>): Promise<Decision> {
  if (ctx.response.code !== 200) return
  const container = objectIn(ctx.response.body as JsonObject)
  const pid = pidOf(container)
  if (!isHeldBack(container) || pid === 0) return
  const plugged = await lookAt(pid)
  if (plugged === undefined) return
  container.NetworkSettings = {
    ...objectIn(container.NetworkSettings),
    MacAddress: plugged.mac,
    IPAddress: plugged.address,
    IPPrefixLen: plugged.prefix,
  }
}
