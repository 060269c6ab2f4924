/** What becomes of the body of a new container that is held back. Pure. */
import type { ContainerCreateBody, JsonObject } from 'powerstrip/sdk'
import { objectIn } from '../holders.ts'

/** Where the wait program is in a container. */
export const WAIT_FOLDER = '/w'
export const WAIT_PROGRAM = '/w/w'

/** Whether it has a network that weave may add to. */
export function isTaken(networkMode: string | undefined): boolean {
  return ['', 'none', 'default', 'bridge'].includes(networkMode ?? '')
}

export type Run =
  | { readonly kind: 'run'; readonly entrypoint: readonly string[]; readonly cmd: readonly string[] }
  /** Whether what the image says has to be known first. */
  | { readonly kind: 'ask-image' }
  | { readonly kind: 'nothing' }

/** What the container would run. `image` is the configuration of its image. */
export function runOf(body: ContainerCreateBody, image?: JsonObject): Run {
  const given = body.Entrypoint === undefined || body.Entrypoint === null ? null : asList(body.Entrypoint)
  // `--entrypoint ""` takes the image's away, and its command with it.
  const cleared = given?.length === 1 && given[0] === ''
  let entrypoint = cleared ? [] : (given ?? [])
  let cmd = asList(body.Cmd)
  if (entrypoint.length === 0 && !cleared) {
    if (image === undefined) return { kind: 'ask-image' }
    if (cmd.length === 0) cmd = asList(image.Cmd)
    if (given === null) entrypoint = asList(image.Entrypoint)
  }
  return entrypoint.length + cmd.length === 0 ? { kind: 'nothing' } : { kind: 'run', entrypoint, cmd }
}

/** The program goes first, once, and what was to run follows. */
export function holdBackRun(body: ContainerCreateBody, run: Extract<Run, { kind: 'run' }>): void {
  const { entrypoint, cmd } = run
  body.Entrypoint = entrypoint[0] === WAIT_PROGRAM ? [...entrypoint] : [WAIT_PROGRAM, ...entrypoint]
  if (cmd.length > 0 || body.Cmd !== undefined) body.Cmd = [...cmd]
}

export function bindWaitProgram(body: ContainerCreateBody, hostFolder: string): void {
  const host = body.HostConfig ?? {}
  const binds = (host.Binds ?? []).filter((bind) => targetOf(bind) !== WAIT_FOLDER)
  body.HostConfig = { ...host, Binds: [...binds, `${hostFolder}:${WAIT_FOLDER}:ro`] }
  if (host.Mounts?.some(({ Target }) => clean(Target) === WAIT_FOLDER))
    body.HostConfig.Mounts = host.Mounts.filter(({ Target }) => clean(Target) !== WAIT_FOLDER)
}

/** Of `SOURCE:TARGET:MODE`; a bind of one part is a volume without a name. */
function targetOf(bind: string): string | undefined {
  const parts = bind.split(':')
  return clean(parts.length === 1 ? parts[0] : parts[1])
}

function clean(path: string | undefined): string | undefined {
  return path?.replace(/\/+$/, '')
}

export interface Dns {
  readonly domain: string
  readonly address: string
}

/** A fully qualified name is what the kernel takes, and no more. */
const LONGEST_NAME = 64

export function useDns(body: ContainerCreateBody, name: string, { domain, address }: Dns): void {
  const hostname = body.Hostname || name
  if (hostname !== '' && `${hostname}.${domain}`.length <= LONGEST_NAME) {
    body.Hostname = hostname
    body.Domainname ||= domain
  }
  const host = body.HostConfig ?? {}
  const search = host.DnsSearch?.length ? host.DnsSearch : [hostname === '' ? domain : '.']
  body.HostConfig = { ...host, Dns: [...(host.Dns ?? []), address], DnsSearch: search }
}

/** The name that a started container is registered by. `undefined`: none. */
export function registeredName(
  container: JsonObject,
  domain: string,
): { host: string; fqdn: string } | undefined {
  const { Hostname, Domainname } = objectIn(container.Config)
  if (typeof Hostname !== 'string' || Hostname === '' || String(container.Id).startsWith(Hostname))
    return undefined
  return Domainname === domain ? { host: Hostname, fqdn: `${Hostname}.${domain}` } : undefined
}

function asList(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value]
  return Array.isArray(value) ? value.map(String) : []
}
