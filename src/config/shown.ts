/** A configuration in force, for the admin listener: everything that was decided, and nothing that is secret. */
import { describeAddress } from '../model/address.ts'
import type {
  AdapterConfig,
  AdapterUse,
  Config,
  JsonValue,
  ListenerConfig,
  Rule,
  UseSettings,
} from './config.ts'
import { PHASES } from './config.ts'

/** What `JSON.stringify` takes. Texts under `with`, and queries of adapters' URLs, may hold secrets and are `***`. */
export function shownConfig(config: Config, revision: string): unknown {
  const { version, file, rules, listeners, upstream, adapters, options } = config
  return {
    revision,
    version,
    file,
    listeners: listeners.map((listener) => shownListener(listener, rules)),
    upstream: upstream && { address: describeAddress(upstream.address), tls: upstream.tls },
    adapters: Object.fromEntries(
      [...adapters.values()].map((adapter) => [adapter.name, shownAdapter(adapter)]),
    ),
    endpoints: rules.map(shownRule),
    ...options,
    admin: options.admin && shownAddress(options.admin),
  }
}

function shownListener({ rules, ...listener }: ListenerConfig, shared: readonly Rule[]) {
  return {
    ...shownAddress(listener),
    endpoints: rules === shared ? 'those of the file' : rules.map(shownRule),
  }
}

function shownAddress<L extends Pick<ListenerConfig, 'address' | 'socket'>>(listener: L) {
  const { address, socket } = listener
  const rights = address.kind === 'unix' ? { ...socket, mode: `0${socket.mode.toString(8)}` } : undefined
  return { ...listener, address: describeAddress(address), socket: rights }
}

function shownAdapter(adapter: AdapterConfig) {
  const { settings, name: _key, ...rest } = adapter
  const url = adapter.kind === 'url' ? { url: adapter.url.replace(/\?.*/s, '?***'), address: undefined } : {}
  return { ...rest, ...url, ...shownSettings(settings) }
}

function shownRule(rule: Rule) {
  const lists = PHASES.filter((phase) => rule[phase].length > 0).map((phase) => [
    phase,
    rule[phase].map(shownUse),
  ])
  return { endpoint: rule.pattern.text, file: rule.file, line: rule.line, ...Object.fromEntries(lists) }
}

function shownUse({ adapter, line, settings }: AdapterUse) {
  return { adapter, line, ...shownSettings(settings) }
}

function shownSettings({ with: told, ...settings }: UseSettings) {
  return { ...settings, with: masked(told) }
}

function masked(value: JsonValue): JsonValue {
  if (typeof value === 'string') return '***'
  if (typeof value !== 'object' || value === null) return value
  if (isList(value)) return value.map(masked)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, masked(member)]))
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}
