import type { AdapterDefinition, BodyLimits, UseSettings } from './config.ts'
import { LARGEST_BODY_BYTES } from './limits.ts'
import { type Problems, placeIn } from './problem.ts'
import { formatSize } from './size.ts'
import type { Entry } from './tree.ts'
import { readChoice, readDuration, readSize, refuseUnknownKey } from './values.ts'
import { readSupportedVersion } from './version.ts'

/** Moving a volume to another host inside one hook call takes minutes. */
export const DEFAULT_V1_TIMEOUT_MS = 300_000

/** Which adapter it is, and what it is told: `adapters.ts` reads these. */
const ADAPTER_KEYS = ['url', 'use', 'with'] as const

const SETTING_KEYS = [
  'protocol',
  'timeout',
  'onError',
  'onUnsupported',
  'requestRewrite',
  'maxBodyBytes',
] as const

/** What holds for an adapter that sets nothing, as in the short form. */
export function defaultSettings(limits: BodyLimits): UseSettings {
  return {
    timeoutMs: DEFAULT_V1_TIMEOUT_MS,
    timeoutV1Ms: DEFAULT_V1_TIMEOUT_MS,
    onError: 'fail',
    onUnsupported: 'pass',
    requestRewrite: 'query',
    maxBodyBytes: limits.requestBodyBytes,
    onOversize: 'reject',
    body: 'auto',
    headers: { forward: [], mutate: [] },
    originalRequest: false,
    with: {},
    when: undefined,
    sample: 1,
    retries: 0,
    dryRun: 'refuse',
  }
}

/** An adapter by its name, with these settings. */
export function definition({ key, keyAt }: Entry, settings: UseSettings): AdapterDefinition {
  return { name: key, ...placeIn(keyAt), protocol: 1, settings }
}

/** Reads how an adapter is treated, from the entries of its long form. */
export function readSettings(entries: readonly Entry[], limits: BodyLimits, problems: Problems): UseSettings {
  let settings = defaultSettings(limits)
  for (const entry of entries) settings = { ...settings, ...readSetting(entry, limits, problems) }
  return settings
}

function readSetting(entry: Entry, limits: BodyLimits, problems: Problems): Partial<UseSettings> {
  switch (entry.key) {
    case 'url':
    case 'use':
    case 'with':
      return {}
    case 'protocol':
      readSupportedVersion(entry, problems)
      return {}
    case 'timeout': {
      const timeoutMs = readDuration(entry, DEFAULT_V1_TIMEOUT_MS, problems)
      return { timeoutMs, timeoutV1Ms: timeoutMs }
    }
    case 'onError':
      return { onError: readChoice(entry, ['fail', 'ignore'], problems) }
    case 'onUnsupported':
      return { onUnsupported: readChoice(entry, ['pass', 'fail'], problems) }
    case 'requestRewrite':
      return { requestRewrite: readChoice(entry, ['query', 'ignore'], problems) }
    case 'maxBodyBytes':
      return { maxBodyBytes: readMaxBody(entry, limits, problems) }
    default:
      refuseUnknownKey(entry, [...ADAPTER_KEYS, ...SETTING_KEYS], problems)
      return {}
  }
}

function readMaxBody(entry: Entry, { requestBodyBytes }: BodyLimits, problems: Problems): number {
  const maxBodyBytes = readSize(entry, requestBodyBytes, LARGEST_BODY_BYTES, problems)
  if (maxBodyBytes > requestBodyBytes) {
    const limit = formatSize(requestBodyBytes)
    const message = `no body this large gets here: the limit for all requests, "limits.requestBody", is ${limit}`
    problems.warn('limit-out-of-reach', entry.value.at, message)
  }
  return maxBodyBytes
}
