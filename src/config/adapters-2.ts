/** `adapters:` as version 2 writes it. */
import { isLoopback } from '../model/address.ts'
import type { AdapterAddress } from './adapter-url.ts'
import {
  type AdapterGround,
  type CallSettings,
  INITIAL_CALL_SETTINGS,
  judgeName,
  protocol1,
  readAdapterUrl,
  readBuiltIn,
} from './adapters.ts'
import type {
  AdapterAuth,
  AdapterConfig,
  AdapterDefinition,
  CircuitBreaker,
  SecurityOptions,
  UseSettings,
} from './config.ts'
import { readPath, socketFrom } from './paths.ts'
import { type Problems, placeIn } from './problem.ts'
import { readSetting, type SettingKey, USE_KEYS } from './settings.ts'
import { readClientTls } from './tls.ts'
import { type Entry, type MapNode, nameNode, quote } from './tree.ts'
import { placeOf, readDuration, readKeys, readMap, readNumber, readText, refuseUnknownKey } from './values.ts'
import { readProtocol } from './version.ts'

export interface Version2Ground extends AdapterGround {
  readonly security: SecurityOptions
  /** What holds for an adapter that sets nothing. */
  readonly defaults: UseSettings
}

/** What an adapter is. */
export const SOURCE_KEYS = ['url', 'unix', 'use', 'module'] as const

/** Only for an adapter that is called over HTTP. */
export const CALL_KEYS = [
  'path',
  'auth',
  'tls',
  'concurrency',
  'maxQueue',
  'startupTimeout',
  'circuitBreaker',
] as const

export const ADAPTER_KEYS = [...SOURCE_KEYS, 'protocol', ...CALL_KEYS, ...USE_KEYS] as const

/** Nothing comes of these in protocol 1. */
const PROTOCOL_2_KEYS: readonly string[] = ['with', 'headers', 'originalRequest', 'startupTimeout']

export function readAdapter2(
  entry: Entry,
  ground: Version2Ground,
  problems: Problems,
): AdapterConfig | undefined {
  judgeName(entry, problems)
  const { value } = entry
  switch (value.kind) {
    case 'text': {
      const address = readAdapterUrl(entry, value.text, problems)
      if (address === undefined) return undefined
      judgePlainHttp(address, value.text, entry, ground.security, problems)
      const defined = protocol1(entry, ground.defaults)
      return { kind: 'url', ...defined, ...INITIAL_CALL_SETTINGS, url: value.text, address }
    }
    case 'map':
      return readLongForm(entry, value, ground, problems)
    case 'broken':
      return undefined
    default: {
      const message = `adapter ${quote(entry.key)} is a URL, or a map with ${alternatives()}, not ${nameNode(value)}`
      problems.error('adapter-not-url', placeOf(entry), message)
      return undefined
    }
  }
}

type Found = Readonly<Record<string, Entry>>

function readLongForm(
  adapter: Entry,
  { entries }: MapNode,
  ground: Version2Ground,
  problems: Problems,
): AdapterConfig | undefined {
  for (const entry of entries)
    if (!ADAPTER_KEYS.some((key) => key === entry.key)) refuseUnknownKey(entry, ADAPTER_KEYS, problems)
  const found: Found = Object.fromEntries(entries.map((entry) => [entry.key, entry]))
  const settings = readUseSettings(entries, ground.defaults, ground, problems)

  const sources = SOURCE_KEYS.flatMap((key) => found[key] ?? [])
  const [source, second] = sources
  if (source === undefined) {
    problems.error(
      'key-missing',
      adapter.keyAt,
      `adapter ${quote(adapter.key)} has none of ${alternatives()}`,
    )
    return undefined
  }
  if (second !== undefined) {
    const message = `adapter ${quote(adapter.key)} has both ${quote(source.key)} and ${quote(second.key)}: it is one of them`
    problems.error('key-conflict', second.keyAt, message)
    return undefined
  }
  return source.key === 'url' || source.key === 'unix'
    ? readCalled(adapter, source, found, settings, ground, problems)
    : readInProcess(adapter, source, found, settings, ground, problems)
}

/** The settings of an adapter or of one use of it, on top of what holds otherwise. */
export function readUseSettings(
  entries: readonly Entry[],
  base: UseSettings,
  { limits }: Pick<AdapterGround, 'limits'>,
  problems: Problems,
): UseSettings {
  let settings = base
  for (const entry of entries) {
    const key = USE_KEYS.find((each): each is SettingKey => each === entry.key)
    if (key !== undefined) settings = { ...settings, ...readSetting(key, entry, limits, problems) }
  }
  return settings
}

function readCalled(
  adapter: Entry,
  source: Entry,
  found: Found,
  settings: UseSettings,
  ground: Version2Ground,
  problems: Problems,
): AdapterConfig | undefined {
  const protocol = found.protocol ? readProtocol(found.protocol, problems) : 'auto'
  const call = readCallSettings(found, protocol, problems)
  const text = readText(source, source.key === 'url' ? 'a URL' : 'the path of a socket', problems)
  if (text === undefined) return undefined
  const url =
    source.key === 'url' ? text : unixUrl(socketFrom(source.value.at.file, text), found.path, problems)
  if (source.key === 'url' && found.path)
    problems.error('key-conflict', found.path.keyAt, '"path" goes with "unix"; a URL has its path in it')
  const address = readAdapterUrl(source, url, problems)
  if (address === undefined) return undefined
  judgePlainHttp(address, url, source, ground.security, problems)
  if (found.tls && address.via !== 'https')
    problems.error('key-conflict', found.tls.keyAt, '"tls" goes with an https:// URL')
  if (protocol === 1)
    for (const key of PROTOCOL_2_KEYS)
      if (found[key])
        problems.error(
          'needs-protocol-2',
          found[key].keyAt,
          `${quote(key)} needs protocol 2: protocol 1 has no place for it`,
        )
  const defined: AdapterDefinition =
    protocol === 1
      ? protocol1(adapter, settings)
      : { name: adapter.key, ...placeIn(adapter.keyAt), protocol, settings }
  return { kind: 'url', ...defined, ...call, url, address }
}

function unixUrl(socketPath: string, path: Entry | undefined, problems: Problems): string {
  const text = path && readText(path, 'the path of the request', problems)
  return `unix://${socketPath}${text === undefined ? '' : `:${text}`}`
}

function readCallSettings(found: Found, protocol: 1 | 2 | 'auto', problems: Problems): CallSettings {
  const { auth, tls, concurrency, maxQueue, startupTimeout, circuitBreaker } = found
  const initial = INITIAL_CALL_SETTINGS
  const many = { from: 1, to: 65_535, whole: true } as const
  return {
    fresh: protocol === 1,
    auth: auth && readAuth(auth, problems),
    tls: tls && readClientTls(tls, problems),
    concurrency: concurrency && readNumber(concurrency, many, problems),
    maxQueue: (maxQueue && readNumber(maxQueue, { ...many, from: 0 }, problems)) ?? initial.maxQueue,
    startupTimeoutMs: startupTimeout
      ? readDuration(startupTimeout, initial.startupTimeoutMs, problems)
      : initial.startupTimeoutMs,
    circuitBreaker: circuitBreaker && readBreaker(circuitBreaker, problems),
  }
}

export const AUTH_KINDS = ['bearer', 'hmac'] as const

function readAuth(entry: Entry, problems: Problems): AdapterAuth | undefined {
  const map = readMap(entry, problems)
  const found: AdapterAuth[] = []
  const reader = (kind: AdapterAuth['kind']) => (each: Entry) => {
    const below = readMap(each, problems)
    if (below === undefined) return
    let file: string | undefined
    readKeys(
      below,
      {
        file: (name) => {
          file = readPath(name, problems)
        },
      },
      problems,
    )
    if (file !== undefined) found.push({ kind, file })
    else if (below.entries.every(({ key }) => key !== 'file'))
      problems.error('key-missing', each.keyAt, `${quote(kind)} has a "file" that holds the secret`)
  }
  readKeys(map, { bearer: reader('bearer'), hmac: reader('hmac') }, problems)
  if (map !== undefined && map.entries.length === 0)
    problems.error('key-missing', entry.keyAt, '"auth" has neither "bearer" nor "hmac"')
  if (found.length > 1)
    problems.error('key-conflict', entry.keyAt, '"auth" has both "bearer" and "hmac": it is one of them')
  return found[0]
}

/** Five failures in a row are no accident; after half a minute a crashed adapter has been restarted by whoever does that. */
const INITIAL_BREAKER: CircuitBreaker = { failures: 5, pauseMs: 30_000 }

function readBreaker(entry: Entry, problems: Problems): CircuitBreaker | undefined {
  const map = readMap(entry, problems)
  if (map === undefined) return undefined
  let breaker = INITIAL_BREAKER
  readKeys(
    map,
    {
      failures: (each) => {
        const failures = readNumber(each, { from: 1, to: 1_000, whole: true }, problems)
        breaker = { ...breaker, failures: failures ?? breaker.failures }
      },
      pause: (each) => {
        breaker = { ...breaker, pauseMs: readDuration(each, breaker.pauseMs, problems) }
      },
    },
    problems,
  )
  return breaker
}

function readInProcess(
  adapter: Entry,
  source: Entry,
  found: Found,
  settings: UseSettings,
  ground: Version2Ground,
  problems: Problems,
): AdapterConfig | undefined {
  for (const key of [...CALL_KEYS, 'protocol'])
    if (found[key])
      problems.error(
        'key-conflict',
        found[key].keyAt,
        `${quote(key)} is about calls over a network; this adapter runs in process`,
      )
  const defined: AdapterDefinition = {
    name: adapter.key,
    ...placeIn(adapter.keyAt),
    protocol: 2,
    settings,
  }
  if (source.key === 'module') {
    const module = readPath(source, problems)
    return module === undefined ? undefined : { kind: 'module', ...defined, module }
  }
  const use = readBuiltIn(source, ground.builtIns, problems)
  return use === undefined ? undefined : { kind: 'in-process', ...defined, use }
}

/** Whoever is on the way can read what hooks are shown, and answer in the adapter's place. */
function judgePlainHttp(
  address: AdapterAddress,
  url: string,
  { value }: Entry,
  { strict }: SecurityOptions,
  problems: Problems,
): void {
  if (address.via !== 'http') return
  const { hostname } = new URL(url)
  if (isLoopback(hostname.replace(/^\[|\]$/g, ''))) return
  const message = `calls to ${quote(hostname)} go over the network in the clear, and whoever is on the way may answer them`
  if (strict)
    problems.error(
      'plain-http',
      value.at,
      `${message}; with "security.strict" that is refused: use https, a unix socket or loopback`,
    )
  else problems.warn('plain-http', value.at, message)
}

function alternatives(): string {
  return SOURCE_KEYS.map(quote)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1')
}
