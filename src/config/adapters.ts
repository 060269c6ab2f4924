import { defaultSettings, definition, readSettings } from './adapter-settings.ts'
import { type AdapterAddress, parseAdapterUrl } from './adapter-url.ts'
import type { AdapterConfig, AdapterDefinition, BodyLimits, UrlAdapter } from './config.ts'
import type { Problems } from './problem.ts'
import { nearest, suggest } from './spelling.ts'
import { asYaml, type Entry, type MapNode, nameNode, quote } from './tree.ts'
import { placeOf, readJsonObject, readMap, readText } from './values.ts'

/** What version 1 cannot say of an adapter that is called. */
const UNSET: Omit<UrlAdapter, 'kind' | 'url' | 'address' | keyof AdapterDefinition> = {
  fresh: true,
  auth: undefined,
  tls: undefined,
  concurrency: undefined,
  maxQueue: 256,
  startupTimeoutMs: 30_000,
  circuitBreaker: undefined,
}

/** What the definition of an adapter may refer to. */
export interface AdapterGround {
  /** The adapters that come with powerstrip, by the names that `use` takes. */
  readonly builtIns: readonly string[]
  readonly limits: BodyLimits
}

/** Reads one entry of `adapters:`: the short form, a URL, or the long one, a map. */
export function readAdapter(
  entry: Entry,
  ground: AdapterGround,
  problems: Problems,
): AdapterConfig | undefined {
  const { key: name, keyAt, value } = entry
  if (!/^[^\p{Cc}]+$/u.test(name)) {
    const message = 'the name of an adapter has at least one character and no control characters'
    problems.error('adapter-name', keyAt, message)
  }
  switch (value.kind) {
    case 'text': {
      const address = readUrl(entry, value.text, problems)
      const defined = definition(entry, defaultSettings(ground.limits))
      return address && { kind: 'url', ...defined, ...UNSET, url: value.text, address }
    }
    case 'map':
      return readLongForm(entry, value, ground, problems)
    case 'broken':
      return undefined
    default: {
      const message = `adapter ${quote(name)} is a URL, or a map with "url" or "use", not ${nameNode(value)}`
      problems.error('adapter-not-url', placeOf(entry), message)
      return undefined
    }
  }
}

function readLongForm(
  adapter: Entry,
  { entries }: MapNode,
  ground: AdapterGround,
  problems: Problems,
): AdapterConfig | undefined {
  const [url, use, told] = ['url', 'use', 'with'].map((key) => entries.find((entry) => entry.key === key))

  const urlText = url && readText(url, 'a URL', problems)
  const address = url && urlText !== undefined ? readUrl(url, urlText, problems) : undefined
  const builtIn = use && readBuiltIn(use, ground.builtIns, problems)
  const map = told && readMap(told, problems)
  const options = map ? readJsonObject(map, problems) : {}
  const settings = { ...readSettings(entries, ground.limits, problems), with: options }
  const defined = definition(adapter, settings)

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

  if (urlText !== undefined && address) return { kind: 'url', ...defined, ...UNSET, url: urlText, address }
  return builtIn === undefined ? undefined : { kind: 'in-process', ...defined, use: builtIn }
}

function readUrl({ value }: Entry, text: string, problems: Problems): AdapterAddress | undefined {
  const address = parseAdapterUrl(text)
  if (address.ok) return address.value
  const { code, message, fix } = address.failure
  problems.error(code, value.at, message, fix)
  return undefined
}

function readBuiltIn(use: Entry, builtIns: readonly string[], problems: Problems): string | undefined {
  const name = readText(use, 'the name of a built-in adapter', problems)
  if (name === undefined || builtIns.includes(name)) return name
  const meant = nearest(name, builtIns)
  const message = `there is no built-in adapter ${quote(name)}${suggest(meant, builtIns, 'built-in adapters')}`
  problems.error('built-in-unknown', use.value.at, message, meant && asYaml(meant))
  return undefined
}
