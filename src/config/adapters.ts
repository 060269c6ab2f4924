/** `adapters:` as version 1 writes it. */
import { type AdapterAddress, parseAdapterUrl } from './adapter-url.ts'
import type { AdapterConfig, AdapterDefinition, BodyLimits, UrlAdapter, UseSettings } from './config.ts'
import { type Problems, placeIn } from './problem.ts'
import { initialSettings, readSetting, V1_SETTING_KEYS } from './settings.ts'
import { nearest, suggest } from './spelling.ts'
import { asYaml, type Entry, type MapNode, nameNode, quote } from './tree.ts'
import { placeOf, readJsonObject, readMap, readText, refuseUnknownKey } from './values.ts'
import { readSupportedProtocol } from './version.ts'

/** What the definition of an adapter may refer to. */
export interface AdapterGround {
  /** The adapters that come with powerstrip, by the names that `use` takes. */
  readonly builtIns: readonly string[]
  readonly limits: BodyLimits
}

/** What is said of an adapter only where it is called over a network, and not by a URL. */
export type CallSettings = Omit<UrlAdapter, 'kind' | 'url' | 'address' | keyof AdapterDefinition>

export const INITIAL_CALL_SETTINGS: CallSettings = {
  fresh: true,
  auth: undefined,
  tls: undefined,
  concurrency: undefined,
  maxQueue: 256,
  startupTimeoutMs: 30_000,
  circuitBreaker: undefined,
}

const KEYS = ['url', 'use', 'with', 'protocol', ...V1_SETTING_KEYS] as const

/** Reads one entry of `adapters:`: the short form, a URL, or the long one, a map. */
export function readAdapter(
  entry: Entry,
  ground: AdapterGround,
  problems: Problems,
): AdapterConfig | undefined {
  const { value } = entry
  judgeName(entry, problems)
  switch (value.kind) {
    case 'text': {
      const address = readAdapterUrl(entry, value.text, problems)
      const defined = protocol1(entry, initialSettings(ground.limits))
      return address && { kind: 'url', ...defined, ...INITIAL_CALL_SETTINGS, url: value.text, address }
    }
    case 'map':
      return readLongForm(entry, value, ground, problems)
    case 'broken':
      return undefined
    default: {
      const message = `adapter ${quote(entry.key)} is a URL, or a map with "url" or "use", not ${nameNode(value)}`
      problems.error('adapter-not-url', placeOf(entry), message)
      return undefined
    }
  }
}

export function judgeName({ key, keyAt }: Entry, problems: Problems): void {
  if (/^[^\p{Cc}]+$/u.test(key)) return
  const message = 'the name of an adapter has at least one character and no control characters'
  problems.error('adapter-name', keyAt, message)
}

/** An adapter by its name, with these settings. */
export function protocol1({ key, keyAt }: Entry, settings: UseSettings): AdapterDefinition {
  return {
    name: key,
    ...placeIn(keyAt),
    protocol: 1,
    settings: { ...settings, timeoutMs: settings.timeoutV1Ms },
  }
}

function readLongForm(
  adapter: Entry,
  { entries }: MapNode,
  ground: AdapterGround,
  problems: Problems,
): AdapterConfig | undefined {
  let settings = initialSettings(ground.limits)
  for (const entry of entries)
    settings = { ...settings, ...readVersion1Setting(entry, ground.limits, problems) }
  const [url, use, told] = ['url', 'use', 'with'].map((key) => entries.find((entry) => entry.key === key))

  const urlText = url && readText(url, 'a URL', problems)
  const address = url && urlText !== undefined ? readAdapterUrl(url, urlText, problems) : undefined
  const builtIn = use && readBuiltIn(use, ground.builtIns, problems)
  const map = told && readMap(told, problems)
  const options = map ? readJsonObject(map, problems) : {}

  if (url && use) {
    const message = `adapter ${quote(adapter.key)} has both "url" and "use": it is called, or it is built in`
    problems.error('key-conflict', use.keyAt, message)
  } else if (!url && !use) {
    problems.error('key-missing', adapter.keyAt, `adapter ${quote(adapter.key)} has neither "url" nor "use"`)
  } else if (url && told) {
    problems.error(
      'key-conflict',
      told.keyAt,
      '"with" goes with "use": protocol 1 has no field to send it in',
    )
  }

  const defined = protocol1(adapter, { ...settings, with: options })
  if (urlText !== undefined && address) {
    // Whoever writes the protocol down means a server that was written for it, and some of those die of a second call.
    const fresh = entries.some(({ key }) => key === 'protocol')
    return { kind: 'url', ...defined, ...INITIAL_CALL_SETTINGS, fresh, url: urlText, address }
  }
  return builtIn === undefined ? undefined : { kind: 'in-process', ...defined, use: builtIn }
}

function readVersion1Setting(entry: Entry, limits: BodyLimits, problems: Problems): Partial<UseSettings> {
  const setting = V1_SETTING_KEYS.find((key) => key === entry.key)
  if (setting !== undefined) return readSetting(setting, entry, limits, problems)
  if (entry.key === 'protocol') readSupportedProtocol(entry, problems)
  else if (!KEYS.some((key) => key === entry.key)) refuseUnknownKey(entry, KEYS, problems)
  return {}
}

export function readAdapterUrl(
  { value }: Entry,
  text: string,
  problems: Problems,
): AdapterAddress | undefined {
  const address = parseAdapterUrl(text)
  if (address.ok) return address.value
  const { code, message, fix } = address.failure
  problems.error(code, value.at, message, fix)
  return undefined
}

export function readBuiltIn(use: Entry, builtIns: readonly string[], problems: Problems): string | undefined {
  const name = readText(use, 'the name of a built-in adapter', problems)
  if (name === undefined || builtIns.includes(name)) return name
  const meant = nearest(name, builtIns)
  const message = `there is no built-in adapter ${quote(name)}${suggest(meant, builtIns, 'built-in adapters')}`
  problems.error('built-in-unknown', use.value.at, message, meant && asYaml(meant))
  return undefined
}
