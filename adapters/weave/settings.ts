import { duration, type EngineClient, engine, engineAt, flag, options, text } from 'powerstrip/sdk'
import { parseCidr } from './cidr.ts'
import { Attachments } from './router/attachments.ts'
import { type Router, routerAt } from './router/router.ts'
import type { WishTerms } from './wishes.ts'

export interface Settings extends WishTerms {
  readonly engine: EngineClient
  /** A manager of the Swarm, where networks of all hosts are made and asked about. */
  readonly manager: EngineClient
  /** `bridge`, `overlay`, `macvlan`, `weavemesh`, or another one that the engine has. */
  readonly driver: string
  readonly driverOptions: Readonly<Record<string, string>>
  /** Name of the default network, and the beginning of the others' names. */
  readonly network: string
  /** Containers leave Docker's bridge and are on the weave network alone. */
  readonly insteadOfBridge: boolean
  /** Names within it are known too: `web.weave.local`. Empty: none are. */
  readonly domain: string
  /** How long an address that another host holds may take to be given back: a container has just been stopped there. */
  readonly patienceMs: number
  /** `undefined`: Docker networks are used. */
  readonly router: RouterSettings | undefined
}

/** A Weave router on this host, and how containers are put on its network. */
export interface RouterSettings {
  readonly router: Router
  /** The bridge that containers are plugged into; made where it is missing. */
  readonly bridge: string
  /** On the engine's host: what holds containers back lies there. */
  readonly waitFolder: string
  /** Containers keep the names and the DNS that they have. */
  readonly withoutDns: boolean
  /** The label whose value becomes the host name. Empty: the container's name does. */
  readonly hostnameFromLabel: string
  /** `docker inspect` shows the weave address as the container's. */
  readonly rewriteInspect: boolean
  readonly attachments: Attachments
}

interface Given
  extends Omit<Settings, 'manager' | 'patienceMs' | 'router'>,
    Omit<RouterSettings, 'router' | 'attachments'> {
  readonly manager: EngineClient | undefined
  readonly patience: number
  readonly router: Router | undefined
}

/** Throws what is wrong with them. */
export function readSettings(value: unknown): Settings {
  const given = read(value)
  const {
    patience: patienceMs,
    bridge,
    waitFolder,
    withoutDns,
    hostnameFromLabel,
    rewriteInspect,
    ...rest
  } = given
  const onRouter = {
    bridge,
    waitFolder,
    withoutDns,
    hostnameFromLabel,
    rewriteInspect,
    attachments: new Attachments(),
  }
  return {
    ...rest,
    patienceMs,
    manager: given.manager ?? given.engine,
    router: given.router && { ...onRouter, router: given.router },
  }
}

const read = options<Given>({
  engine: engine(),
  manager: (value) => (value === undefined ? undefined : engineAt(text()(value))),
  driver: text('bridge'),
  driverOptions: textMap,
  network: networkName,
  subnet,
  insteadOfBridge: flag(),
  allocateByDefault: flag(),
  domain: domainName,
  patience: duration('3s'),
  router: (value) => (value === undefined ? undefined : routerAt(text()(value))),
  bridge: interfaceName,
  waitFolder,
  withoutDns: flag(),
  hostnameFromLabel: text(''),
  rewriteInspect: flag(),
})

/** As Weave's own default. */
function subnet(value: unknown = '10.32.0.0/12'): string {
  const cidr = typeof value === 'string' ? parseCidr(value) : undefined
  if (cidr === undefined || cidr.subnet !== value || cidr.prefix > 30)
    throw new TypeError('is a subnet that ends in /30 or less, as in 10.32.0.0/12')
  return value
}

function networkName(value: unknown = 'weave'): string {
  if (typeof value === 'string' && /^[a-zA-Z0-9]+(?:[-_]+[a-zA-Z0-9]+)*$/.test(value)) return value
  throw new TypeError('is letters and digits, with "-" and "_" between them')
}

/** Of Linux; no path and no option of a command. */
function interfaceName(value: unknown = 'weave'): string {
  if (typeof value === 'string' && /^[a-z0-9][a-z0-9_.-]{0,14}$/i.test(value)) return value
  throw new TypeError('is the name of an interface, of at most 15 characters')
}

function waitFolder(value: unknown = '/var/lib/powerstrip/weave'): string {
  if (typeof value === 'string' && /^\/[^:\p{Cc}]+$/u.test(value)) return value
  throw new TypeError('is an absolute path without a colon')
}

function domainName(value: unknown = 'weave.local'): string {
  if (value === '' || (typeof value === 'string' && /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(value)))
    return value
  throw new TypeError('is a domain, without a dot at its end')
}

function textMap(value: unknown = {}): Readonly<Record<string, string>> {
  if (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((entry) => typeof entry === 'string')
  )
    return value as Readonly<Record<string, string>>
  throw new TypeError('is a map of texts')
}
