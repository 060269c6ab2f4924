/** How an adapter is treated: the same words under `adapters`, in one use of a hook list, and under `defaults`. */
import { compileCondition } from '../condition/condition.ts'
import { SECRET_KINDS, type SecretKind } from '../model/secret.ts'
import type { BodyLimits, HeaderRights, UseSettings } from './config.ts'
import { LARGEST_BODY_BYTES } from './limits.ts'
import type { Problems } from './problem.ts'
import { formatSize } from './size.ts'
import { type Entry, quote } from './tree.ts'
import {
  readBoolean,
  readChoice,
  readDuration,
  readJsonObject,
  readKeys,
  readMap,
  readNumber,
  readSize,
  readText,
  readTexts,
} from './values.ts'

/** Moving a volume to another host inside one hook call takes minutes. */
const V1_TIMEOUT_MS = 300_000

/** What a person at a client waits without wondering; adapters that need longer say so. */
const V2_TIMEOUT_MS = 10_000

export const V1_SETTING_KEYS = [
  'timeout',
  'onError',
  'onUnsupported',
  'requestRewrite',
  'maxBodyBytes',
  'secrets',
] as const

/** Those that may hold for all adapters. */
export const DEFAULTS_KEYS = [...V1_SETTING_KEYS, 'onOversize', 'retries', 'dryRun'] as const

export const USE_KEYS = [
  ...DEFAULTS_KEYS,
  'body',
  'headers',
  'originalRequest',
  'with',
  'when',
  'sample',
] as const

export type SettingKey = (typeof USE_KEYS)[number]

export const ON_ERROR = ['fail', 'ignore'] as const
export const ON_UNSUPPORTED = ['pass', 'fail'] as const
export const REQUEST_REWRITE = ['query', 'ignore'] as const
export const ON_OVERSIZE = ['reject', 'omit', 'skip'] as const
export const BODY_MODES = ['auto', 'buffered', 'none'] as const
export const DRY_RUN = ['refuse', 'skip'] as const

/** Protocol 2 allows no more: what a client waits for is the sum. */
export const MOST_RETRIES = 2

/** What holds where nothing is said. */
export function initialSettings(limits: BodyLimits): UseSettings {
  return {
    timeoutMs: V2_TIMEOUT_MS,
    timeoutV1Ms: V1_TIMEOUT_MS,
    onError: 'fail',
    onUnsupported: 'pass',
    requestRewrite: 'query',
    maxBodyBytes: limits.requestBodyBytes,
    secrets: [],
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

/** One setting, as what it changes. */
export function readSetting(
  key: SettingKey,
  entry: Entry,
  limits: BodyLimits,
  problems: Problems,
): Partial<UseSettings> {
  switch (key) {
    case 'timeout': {
      const timeoutMs = readDuration(entry, V2_TIMEOUT_MS, problems)
      return { timeoutMs, timeoutV1Ms: timeoutMs }
    }
    case 'onError':
      return { onError: readChoice(entry, ON_ERROR, problems) }
    case 'onUnsupported':
      return { onUnsupported: readChoice(entry, ON_UNSUPPORTED, problems) }
    case 'requestRewrite':
      return { requestRewrite: readChoice(entry, REQUEST_REWRITE, problems) }
    case 'maxBodyBytes':
      return { maxBodyBytes: readMaxBody(entry, limits, problems) }
    case 'secrets':
      return { secrets: readSecrets(entry, problems) }
    case 'onOversize':
      return { onOversize: readChoice(entry, ON_OVERSIZE, problems) }
    case 'retries':
      return { retries: readNumber(entry, { from: 0, to: MOST_RETRIES, whole: true }, problems) ?? 0 }
    case 'dryRun':
      return { dryRun: readChoice(entry, DRY_RUN, problems) }
    case 'body':
      return { body: readChoice(entry, BODY_MODES, problems) }
    case 'headers':
      return { headers: readHeaders(entry, problems) }
    case 'originalRequest':
      return { originalRequest: readBoolean(entry, false, problems) }
    case 'with': {
      const map = readMap(entry, problems)
      return { with: map ? readJsonObject(map, problems) : {} }
    }
    case 'when':
      return { when: readCondition(entry, problems) }
    case 'sample':
      return { sample: readSample(entry, problems) }
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

function readSecrets(entry: Entry, problems: Problems): readonly SecretKind[] {
  return readTexts(entry, 'kinds of secrets', problems).flatMap(({ text, at }) => {
    const kind = SECRET_KINDS.find((one) => one === text)
    if (kind !== undefined) return [kind]
    const known = SECRET_KINDS.map(quote).join(', ')
    problems.error('value-not-allowed', at, `${quote(text)} is no kind of secret; there are ${known}`)
    return []
  })
}

/** Compiled here to find what is wrong with it; the proxy compiles it for each place that it stands in. */
function readCondition(entry: Entry, problems: Problems): string | undefined {
  const text = readText(entry, 'a condition', problems)
  const compiled = text === undefined ? undefined : compileCondition(text)
  if (compiled?.ok === false)
    problems.error('condition', entry.value.at, `the condition cannot be used: ${compiled.failure}`)
  return text
}

function readSample(entry: Entry, problems: Problems): number {
  const sample = readNumber(entry, { from: 0, to: 1, whole: false }, problems)
  if (sample === 0)
    problems.error('number', entry.value.at, '"sample" is more than 0: leave the observer out instead')
  return sample ?? 1
}

/** Not to be had by asking: credentials, and what says where a message ends (`docs/security.md`, PS-HEADER-002, PS-SECRET-001). */
const NEVER_FORWARDED = ['authorization', 'cookie', 'x-registry-auth', 'x-registry-config']
const NEVER_MUTATED = [
  ...NEVER_FORWARDED,
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'connection',
  'upgrade',
  'host',
  'via',
]

function readHeaders(entry: Entry, problems: Problems): HeaderRights {
  let rights: HeaderRights = { forward: [], mutate: [] }
  readKeys(
    readMap(entry, problems),
    {
      forward: (each) => {
        rights = {
          ...rights,
          forward: readFieldNames(each, NEVER_FORWARDED, 'is shown to no adapter', problems),
        }
      },
      mutate: (each) => {
        rights = {
          ...rights,
          mutate: readFieldNames(each, NEVER_MUTATED, 'is not for adapters to change', problems),
        }
      },
    },
    problems,
  )
  return rights
}

function readFieldNames(
  entry: Entry,
  never: readonly string[],
  why: string,
  problems: Problems,
): readonly string[] {
  return readTexts(entry, 'header names', problems).flatMap(({ text, at }) => {
    const name = text.toLowerCase()
    if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
      problems.error('value-not-allowed', at, `${quote(text)} is not the name of a header`)
    else if (never.includes(name)) problems.error('value-not-allowed', at, `${quote(text)} ${why}`)
    else return [name]
    return []
  })
}
