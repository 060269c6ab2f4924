/**
 * The JSON Schema of configuration version 2, for editors. Made of the same lists of words that the readers go by; what lies
 * between two keys, names that must be defined and lints are `parseConfig`'s alone.
 *
 * `scripts/config-schema.ts` writes it to `schemas/config.v2.json`; a test compares the two.
 */
import { SECRET_KINDS } from '../model/secret.ts'
import { OPERATION_IDS } from '../route/operation-pattern.ts'
import { type CALL_KEYS, SOURCE_KEYS } from './adapters-2.ts'
import { PHASES } from './config.ts'
import { LARGEST_ACCOUNT } from './listeners.ts'
import { HTTP2, UNKNOWN_ENDPOINTS } from './options-2.ts'
import {
  BODY_MODES,
  DEFAULTS_KEYS,
  DRY_RUN,
  MOST_RETRIES,
  ON_ERROR,
  ON_OVERSIZE,
  ON_UNSUPPORTED,
  REQUEST_REWRITE,
  type SettingKey,
  USE_KEYS,
} from './settings.ts'
import { CLIENT_AUTH } from './tls.ts'

type Schema = Readonly<Record<string, unknown>>

/** A value that a variable stands for may be anything. */
const VARIABLE: Schema = { type: 'string', pattern: '\\$\\{' }

const orVariable = (schema: Schema): Schema => ({ anyOf: [schema, VARIABLE] })
const text: Schema = { type: 'string' }
const matching = (pattern: string, more: Schema = {}): Schema =>
  orVariable({ type: 'string', pattern, ...more })
/** Of a file. A name with a zero byte in it is none. */
const path: Schema = { type: 'string', pattern: '^[^\\u0000]+$' }
const socketPath = matching('^/[^\\u0000]+$', { description: 'the absolute path of a unix socket' })
const hostAndPort = matching('^(?:\\[[^\\]]+\\]|[^:/[\\]]+):[0-9]+$', { description: 'host:port' })
const adapterUrl = (description: string): Schema =>
  matching('^(?:[Hh][Tt][Tt][Pp][Ss]?|[Uu][Nn][Ii][Xx])://', { description })
const boolean = orVariable({ type: 'boolean' })
const choice = (words: readonly unknown[]): Schema => orVariable({ enum: words })
/** A number may be written in quotes. */
const inQuotes = (pattern: string): Schema => ({ type: 'string', pattern })
const whole = (minimum: number, maximum: number): Schema => ({
  anyOf: [{ type: 'integer', minimum, maximum }, inQuotes('^[0-9]{1,12}$'), VARIABLE],
})
const duration = matching('^0*[1-9][0-9]*(?:ms|s|m|h)$', {
  description: 'a whole number with ms, s, m or h',
})
const size = orVariable({
  anyOf: [inQuotes('^0*[1-9][0-9]*(?:B|KiB|MiB|GiB)?$'), { type: 'integer', minimum: 1 }],
  description: 'a whole number with B, KiB, MiB or GiB',
})
const listOf = (items: Schema): Schema => ({ type: 'array', items })
const map = (properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...more,
})
const named = (values: Schema): Schema => ({ type: 'object', additionalProperties: values })

const fieldName = matching("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", { description: 'the name of a header' })

const SETTINGS: Readonly<Record<SettingKey, Schema>> = {
  timeout: duration,
  onError: choice(ON_ERROR),
  onUnsupported: choice(ON_UNSUPPORTED),
  requestRewrite: choice(REQUEST_REWRITE),
  maxBodyBytes: size,
  secrets: listOf(choice(SECRET_KINDS)),
  onOversize: choice(ON_OVERSIZE),
  retries: whole(0, MOST_RETRIES),
  dryRun: choice(DRY_RUN),
  body: choice(BODY_MODES),
  headers: map({ forward: listOf(fieldName), mutate: listOf(fieldName) }),
  originalRequest: boolean,
  with: { type: 'object' },
  when: { type: 'string', description: 'a condition in CEL' },
  sample: {
    anyOf: [
      { type: 'number', exclusiveMinimum: 0, maximum: 1 },
      inQuotes('^[0-9]{1,12}(?:\\.[0-9]{1,12})?$'),
      VARIABLE,
    ],
  },
}

const settings = (keys: readonly SettingKey[]): Record<string, Schema> =>
  Object.fromEntries(keys.map((key) => [key, SETTINGS[key]]))

const fileOnly = map({ file: path }, { required: ['file'] })

const CALL: Readonly<Record<(typeof CALL_KEYS)[number], Schema>> = {
  path: text,
  auth: map({ bearer: fileOnly, hmac: fileOnly }, { minProperties: 1, maxProperties: 1 }),
  tls: map({ ca: path, cert: path, key: path }, { dependencies: { cert: ['key'], key: ['cert'] } }),
  concurrency: whole(1, 65_535),
  maxQueue: whole(0, 65_535),
  startupTimeout: duration,
  circuitBreaker: map({ failures: whole(1, 1_000), pause: duration }),
}

const adapter: Schema = {
  anyOf: [
    adapterUrl('the URL of an adapter of protocol 1'),
    map(
      {
        ...Object.fromEntries(SOURCE_KEYS.map((key) => [key, path])),
        url: adapterUrl('http://, https:// or unix://'),
        protocol: choice([1, 2, '1', '2', 'auto']),
        ...CALL,
        ...settings(USE_KEYS),
      },
      { oneOf: SOURCE_KEYS.map((key) => ({ required: [key] })) },
    ),
  ],
}

const hookListShape = listOf({
  anyOf: [
    { type: 'string', description: 'an adapter or a group' },
    map({ use: text, ...settings(USE_KEYS) }, { required: ['use'] }),
  ],
})

const hookList: Schema = { $ref: '#/definitions/hooks' }

const endpointsShape: Schema = {
  type: 'object',
  propertyNames: {
    anyOf: [
      { enum: ['*', ...OPERATION_IDS] },
      { pattern: '\\|', description: 'several operations' },
      { pattern: '[\\s/]', description: 'a method and a path' },
    ],
  },
  additionalProperties: map(Object.fromEntries(PHASES.map((phase) => [phase, hookList])), {
    minProperties: 1,
  }),
}

const endpoints: Schema = { $ref: '#/definitions/endpoints' }

const account = {
  anyOf: [
    { type: 'string', minLength: 1 },
    { type: 'integer', minimum: 0, maximum: LARGEST_ACCOUNT },
  ],
}

const socketRights = {
  mode: orVariable({
    type: ['string', 'integer'],
    pattern: '^(?:0o?)?[0-7]{3}$',
    description: 'three octal digits, as in "0660"',
  }),
  owner: account,
  group: account,
}

const listener = map(
  {
    unix: socketPath,
    tcp: hostAndPort,
    tls: map(
      { cert: path, key: path, ca: path, clientAuth: choice(CLIENT_AUTH) },
      { required: ['cert', 'key'] },
    ),
    ...socketRights,
    hooks: boolean,
    endpoints,
    insecure: boolean,
    hosts: listOf(text),
    limits: map({ connections: whole(1, 1_000_000), backlog: whole(1, 65_535), headTimeout: duration }),
  },
  { oneOf: [{ required: ['unix'] }, { required: ['tcp'] }] },
)

/** Exactly one of two keys. */
const oneOf = (...keys: readonly string[]): Schema => ({ oneOf: keys.map((key) => ({ required: [key] })) })

export function configSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'config.v2.json',
    title: 'powerstrip configuration, version 2',
    ...map(
      {
        version: { enum: [2, '2'] },
        include: listOf(path),
        listeners: named(listener),
        upstream: map({ unix: socketPath, url: text, tls: CALL.tls }, oneOf('unix', 'url')),
        defaults: map(settings(DEFAULTS_KEYS)),
        adapters: named(adapter),
        groups: named(hookList),
        endpoints,
        chain: map({ deadline: duration, unwindTimeout: duration }),
        limits: map({ requestBody: size, responseBody: size, adapterReply: size }),
        security: map({
          strict: boolean,
          unknownEndpoints: choice(UNKNOWN_ENDPOINTS),
          http2: choice(HTTP2),
          minApiVersion: orVariable({
            type: ['string', 'number'],
            pattern: '^(?:0|[1-9][0-9]*)\\.(?:0|[1-9][0-9]*)$',
          }),
        }),
        log: map({
          decisions: map({ file: path, mask: listOf(text), relayed: boolean }, { required: ['file'] }),
        }),
        admin: map(
          { unix: socketPath, tcp: hostAndPort, ...socketRights, insecure: boolean },
          oneOf('unix', 'tcp'),
        ),
      },
      { required: ['version'] },
    ),
    definitions: { hooks: hookListShape, endpoints: endpointsShape },
  }
}
