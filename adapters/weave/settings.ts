import { duration, type EngineClient, engine, engineAt, flag, options, text } from 'powerstrip/sdk'
import { parseCidr } from './cidr.ts'
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
}

interface Given extends Omit<Settings, 'manager' | 'patienceMs'> {
  readonly manager: EngineClient | undefined
  readonly patience: number
}

/** Throws what is wrong with them. */
export function readSettings(value: unknown): Settings {
  const given = read(value)
  const { patience: patienceMs, ...rest } = given
  return { ...rest, patienceMs, manager: given.manager ?? given.engine }
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
