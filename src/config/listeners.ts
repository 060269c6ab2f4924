/** `listeners:`: where clients connect, who may, and which rules hold for each. */
import { type Address, describeAddress, isLoopback, type ServerTls } from '../model/address.ts'
import {
  DEFAULT_LISTENER_LIMITS,
  DEFAULT_SOCKET_MODE,
  type ListenerLimits,
  type SocketRights,
} from '../model/listener.ts'
import { parseAddress } from '../model/parse-address.ts'
import type { ListenerConfig, Rule } from './config.ts'
import { type Problems, placeIn } from './problem.ts'
import { readServerTls } from './tls.ts'
import { type Entry, type MapNode, nameNode, quote } from './tree.ts'
import {
  placeOf,
  readBoolean,
  readDuration,
  readKeys,
  readMap,
  readNumber,
  readText,
  readTexts,
} from './values.ts'

/** What the listeners need of the rest of the file. */
export interface ListenerGround {
  /** Those of a listener that has none of its own. */
  readonly rules: readonly Rule[]
  readRules(endpoints: MapNode): readonly Rule[]
}

export function readListeners(
  entries: readonly Entry[],
  ground: ListenerGround,
  problems: Problems,
): readonly ListenerConfig[] {
  const listeners = entries.flatMap((entry) => readListener(entry, ground, problems) ?? [])
  refuseSameAddress(listeners, entries, problems)
  return listeners
}

function readListener(
  listener: Entry,
  ground: ListenerGround,
  problems: Problems,
): ListenerConfig | undefined {
  const { key: name, keyAt } = listener
  if (!/^[^\s\p{Cc}]+$/u.test(name))
    problems.error('adapter-name', keyAt, 'the name of a listener has at least one character and no spaces')
  const map = readMap(listener, problems)
  if (map === undefined) return undefined

  const found: { [key: string]: Entry } = {}
  const keep = (entry: Entry) => {
    found[entry.key] = entry
  }
  readKeys(map, Object.fromEntries(LISTENER_KEYS.map((key) => [key, keep])), problems)

  const address = readAddress(listener, found, problems)
  const tls = found.tls && readServerTls(found.tls, problems)
  const rules = readChain(found, ground, problems)
  const insecure = found.insecure !== undefined && readBoolean(found.insecure, false, problems)
  const hosts = found.hosts ? readTexts(found.hosts, 'host names', problems).map(({ text }) => text) : []
  const limits = found.limits ? readLimits(found.limits, problems) : DEFAULT_LISTENER_LIMITS
  const socket = readRights(found, CONTROLS_ALL, problems)
  refuseOfOtherKind(found, address, problems)
  if (address === undefined || (found.tls && tls === undefined)) return undefined
  judgeOpenness(found, keyAt, address, tls, insecure, problems)
  return {
    name,
    ...placeIn(keyAt),
    address,
    socket,
    tls,
    insecure,
    hosts: hosts.map((host) => host.toLowerCase()),
    limits,
    rules,
  }
}

export const LISTENER_KEYS = [
  'unix',
  'tcp',
  'tls',
  'mode',
  'owner',
  'group',
  'hooks',
  'endpoints',
  'insecure',
  'hosts',
  'limits',
] as const

type Found = Readonly<Record<string, Entry>>

function readAddress({ keyAt, key }: Entry, { unix, tcp }: Found, problems: Problems): Address | undefined {
  if (unix && tcp)
    problems.error(
      'key-conflict',
      tcp.keyAt,
      `listener ${quote(key)} has both "unix" and "tcp"; make it two listeners`,
    )
  const source = unix ?? tcp
  if (source === undefined) {
    problems.error('key-missing', keyAt, `listener ${quote(key)} has neither "unix" nor "tcp"`)
    return undefined
  }
  return readPlace(source, problems)
}

/** What stands under `unix` or `tcp`, as an address. No port is guessed: that of the engine is no place to listen at by mistake. */
export function readPlace(source: Entry, problems: Problems): Address | undefined {
  const isUnix = source.key === 'unix'
  const text = readText(source, isUnix ? 'the path of a socket' : 'host:port', problems)
  if (text === undefined) return undefined
  if (!isUnix && !/^(?:\[[^\]]+\]|[^:/[\]]+):[0-9]+$/.test(text)) {
    const message = `"tcp" is of the form "host:port", as in "127.0.0.1:2375" or "0.0.0.0:2376", not ${nameNode(source.value)}`
    problems.error('address', source.value.at, message)
    return undefined
  }
  const address = parseAddress(isUnix ? `unix://${text}` : `tcp://${text}`)
  if (address.ok) return address.value
  problems.error('address', source.value.at, address.failure)
  return undefined
}

/** The rules that hold here: its own `endpoints`, none, or those of the file. */
function readChain({ hooks, endpoints }: Found, ground: ListenerGround, problems: Problems): readonly Rule[] {
  const hooked = hooks === undefined || readBoolean(hooks, true, problems)
  const map = endpoints && readMap(endpoints, problems)
  const own = map && ground.readRules(map)
  if (endpoints && !hooked)
    problems.error('key-conflict', endpoints.keyAt, '"hooks: false" and "endpoints" exclude each other')
  if (!hooked) return []
  return endpoints ? (own ?? []) : ground.rules
}

const CONTROLS_ALL = 'controls the engine'

/** `power`: what whoever connects to the socket has. */
export function readRights({ mode, owner, group }: Found, power: string, problems: Problems): SocketRights {
  return {
    mode: mode ? readMode(mode, power, problems) : DEFAULT_SOCKET_MODE,
    owner: owner && readName(owner, problems),
    group: group && readName(group, problems),
  }
}

/** YAML reads 0660 as six hundred and sixty; what is written counts. */
function readMode(entry: Entry, power: string, problems: Problems): number {
  const { value } = entry
  const written = value.kind === 'number' ? value.source : value.kind === 'text' ? value.text : ''
  const digits = /^(?:0o?)?([0-7]{3})$/.exec(written)?.[1]
  if (digits === undefined) {
    if (value.kind !== 'broken')
      problems.error(
        'value-not-allowed',
        placeOf(entry),
        `"mode" is three octal digits, as in "0660", not ${nameNode(value)}`,
      )
    return DEFAULT_SOCKET_MODE
  }
  const mode = Number.parseInt(digits, 8)
  if ((mode & 0o006) !== 0)
    problems.warn(
      'listener-open',
      value.at,
      `with mode ${written} every user of this machine may connect, and whoever connects ${power}`,
    )
  return mode
}

/** The kernel has 32 bits for a user or group, of which all ones mean nobody (chown(2)). */
export const LARGEST_ACCOUNT = 2 ** 32 - 2

function readName(entry: Entry, problems: Problems): string | undefined {
  const { key, value } = entry
  if (value.kind === 'text' && value.text !== '') return value.text
  if (value.kind === 'number' && /^[0-9]{1,10}$/.test(value.source) && value.value <= LARGEST_ACCOUNT)
    return value.source
  if (value.kind !== 'broken') {
    const message = `${quote(key)} is a name, or a whole number up to ${LARGEST_ACCOUNT}, not ${nameNode(value)}`
    problems.error('value-not-allowed', placeOf(entry), message)
  }
  return undefined
}

export const LISTENER_LIMIT_KEYS = ['connections', 'backlog', 'headTimeout'] as const

/** More descriptors than a process has on any machine that we know. */
const MOST_CONNECTIONS = 1_000_000

function readLimits(section: Entry, problems: Problems): ListenerLimits {
  let limits = DEFAULT_LISTENER_LIMITS
  readKeys(
    readMap(section, problems),
    {
      connections: (entry) => {
        limits = {
          ...limits,
          connections: readNumber(entry, { from: 1, to: MOST_CONNECTIONS, whole: true }, problems),
        }
      },
      backlog: (entry) => {
        const backlog = readNumber(entry, { from: 1, to: 65_535, whole: true }, problems)
        limits = { ...limits, backlog: backlog ?? limits.backlog }
      },
      headTimeout: (entry) => {
        limits = { ...limits, headTimeoutMs: readDuration(entry, limits.headTimeoutMs, problems) }
      },
    },
    problems,
  )
  return limits
}

const ONLY_UNIX = ['mode', 'owner', 'group'] as const
const ONLY_TCP = ['tls', 'insecure', 'hosts'] as const

/** Keys that mean nothing for such an address. */
export function refuseOfOtherKind(found: Found, address: Address | undefined, problems: Problems): void {
  if (address === undefined) return
  const misplaced = address.kind === 'unix' ? ONLY_TCP : ONLY_UNIX
  for (const key of misplaced) {
    const entry = found[key]
    if (entry)
      problems.error(
        'key-conflict',
        entry.keyAt,
        `${quote(key)} means nothing for a listener on ${address.kind === 'unix' ? 'a unix socket' : 'TCP'}`,
      )
  }
}

/** Whoever reaches a listener without having to show who they are controls the engine, and with it the host. */
function judgeOpenness(
  found: Found,
  keyAt: Entry['keyAt'],
  address: Address,
  tls: ServerTls | undefined,
  insecure: boolean,
  problems: Problems,
): void {
  if (
    found.hooks &&
    found.hooks.value.kind === 'boolean' &&
    !found.hooks.value.value &&
    address.kind === 'tcp'
  )
    problems.warn(
      'hooks-bypassed',
      found.hooks.keyAt,
      'whoever connects here gets round every hook; a unix socket can be kept to those who should',
    )
  if (address.kind === 'unix') return
  const where = describeAddress(address)
  if (tls !== undefined) {
    if (tls.clientAuth === 'none' && !isLoopback(address.host))
      problems.warn(
        'listener-open',
        found.tls!.keyAt,
        `whoever reaches ${where} controls the engine: TLS without client certificates hides what is said and lets everybody in`,
      )
    if (insecure)
      problems.error(
        'key-conflict',
        found.insecure!.keyAt,
        '"insecure" is about TCP without TLS, and this listener has "tls"',
      )
    return
  }
  if (isLoopback(address.host)) return
  if (insecure)
    problems.warn(
      'listener-open',
      found.insecure!.keyAt,
      `whoever reaches ${where} controls the engine, and with it this machine`,
    )
  else
    problems.error(
      'listener-open',
      found.tcp?.value.at ?? keyAt,
      `plain TCP is served on loopback only: whoever reaches ${where} would control the engine; add "tls", or "insecure: true" if the network keeps everybody else out (PS-LISTEN-002)`,
    )
}

/** Health and metrics are not served where Docker clients connect (PS-LISTEN-005). */
export function refuseAdminAmong(
  listeners: readonly ListenerConfig[],
  admin: Address,
  at: Entry['keyAt'],
  problems: Problems,
): void {
  if (admin.kind === 'tcp' && admin.port === 0) return
  const where = describeAddress(admin)
  const same = listeners.find(({ address }) => describeAddress(address) === where)
  if (same !== undefined)
    problems.error(
      'key-conflict',
      at,
      `"admin" and listener ${quote(same.name)} both listen on ${where}; the admin listener has an address of its own (PS-LISTEN-005)`,
    )
}

function refuseSameAddress(
  listeners: readonly ListenerConfig[],
  entries: readonly Entry[],
  problems: Problems,
): void {
  const seen = new Map<string, ListenerConfig>()
  for (const listener of listeners) {
    const { address, name } = listener
    if (address.kind === 'tcp' && address.port === 0) continue
    const where = describeAddress(address)
    const first = seen.get(where)
    if (first === undefined) {
      seen.set(where, listener)
      continue
    }
    const at = entries.find((entry) => entry.key === name)!.keyAt
    problems.error(
      'key-conflict',
      at,
      `listeners ${quote(first.name)} and ${quote(name)} both listen on ${where}`,
    )
  }
}
