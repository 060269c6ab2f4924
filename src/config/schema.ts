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
const path: Schema = { type: 'string', minLength: 1 }
const boolean = orVariable({ type: 'boolean' })
const choice = (words: readonly unknown[]): Schema => orVariable({ enum: words })
const whole = (minimum: number, maximum: number): Schema => orVariable({ type: 'integer', minimum, maximum })
const duration = orVariable({
  type: 'string',
  pattern: '^[0-9]+(?:ms|s|m|h)$',
  description: 'a whole number with ms, s, m or h',
})
const size = orVariable({
  anyOf: [
    { type: 'string', pattern: '^[0-9]+(?:B|KiB|MiB|GiB)?$' },
    { type: 'integer', minimum: 1 },
  ],
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
  headers: map({ forward: listOf(text), mutate: listOf(text) }),
  originalRequest: boolean,
  with: { type: 'object' },
  when: { type: 'string', description: 'a condition in CEL' },
  sample: orVariable({ type: 'number', exclusiveMinimum: 0, maximum: 1 }),
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
    { type: 'string', description: 'the URL of an adapter of protocol 1' },
    map(
      {
        ...Object.fromEntries(SOURCE_KEYS.map((key) => [key, path])),
        protocol: { enum: [1, 2, '1', '2', 'auto'] },
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

const account = orVariable({ type: ['string', 'integer'] })

const socketRights = {
  mode: { type: ['string', 'integer'], description: 'three octal digits, as in "0660"' },
  owner: account,
  group: account,
}

const listener = map(
  {
    unix: path,
    tcp: { type: 'string', description: 'host:port' },
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
        upstream: map({ unix: path, url: text, tls: CALL.tls }, oneOf('unix', 'url')),
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
          minApiVersion: { type: ['string', 'number'] },
        }),
        log: map({
          decisions: map({ file: path, mask: listOf(text), relayed: boolean }, { required: ['file'] }),
        }),
        admin: map({ unix: path, tcp: text, ...socketRights, insecure: boolean }, oneOf('unix', 'tcp')),
      },
      { required: ['version'] },
    ),
    definitions: { hooks: hookListShape, endpoints: endpointsShape },
  }
}
