/** Messages of protocol 2 that tests share, and the published schemas to hold them against. */
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import type { CallEnvelope, HookCall, PostCall, PreCall, StreamCall } from '../../../src/model/call.ts'

const SCHEMAS = ['definitions', 'hook-call', 'hook-reply', 'abilities'] as const

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: false })
for (const name of SCHEMAS)
  ajv.addSchema(JSON.parse(readFileSync(`schemas/${name}.v2.json`, 'utf8')) as object)

/** What the published schema finds wrong with a message; empty if nothing. */
export function faults(schema: (typeof SCHEMAS)[number], message: string): string[] {
  ajv.validate(`${schema}.v2.json`, JSON.parse(message))
  return (ajv.errors ?? []).map((error) => `${error.instancePath} ${error.message}`)
}

const ENVELOPE: CallEnvelope = {
  uid: '01JDA0000000000000000000AA',
  requestId: '01JD90000000000000000000BB',
  attempt: 1,
  dryRun: false,
  timeoutMs: 4870,
  operation: 'ContainerCreate',
  apiVersion: '1.46',
  params: {},
  query: { name: ['web'] },
  user: { name: 'alice', authenticationMethod: 'TLS', peerAddress: '10.0.0.7' },
  listener: 'default',
  chain: { endpoint: 'ContainerCreate', index: 1, length: 3 },
  config: '{"owner": "platform"}',
  request: {
    method: 'POST',
    target: '/v1.46/containers/create?name=web',
    body: '{ "Image": "nginx", "Memory": 9007199254740993 }',
    form: 'json',
    headers: { 'content-type': ['application/json'] },
  },
}

export const PRE: PreCall = { type: 'pre-hook', ...ENVELOPE }
export const POST: PostCall = {
  type: 'post-hook',
  ...ENVELOPE,
  metadata: '{"volume":"v-17"}',
  response: {
    status: 201,
    contentType: 'application/json',
    body: '{"Id":"abc","Warnings":null}',
    form: 'json',
    headers: { 'api-version': ['1.46'] },
  },
}

export const STREAM: StreamCall = {
  type: 'stream-hook',
  ...ENVELOPE,
  part: 'data',
  seq: 7,
  events: ['{"status":"create","n":12345678901234567890}', '{ "a": [1, 2] }'],
  response: { status: 200, contentType: 'application/json', body: '', form: 'omitted', headers: {} },
}

/** One of every type, with every form of body among them. */
export const CALLS: Readonly<Record<string, HookCall>> = {
  pre: PRE,
  'pre-retried-dry': { ...PRE, attempt: 2, dryRun: true, original: PRE.request },
  'pre-of-unknown': {
    ...PRE,
    operation: null,
    apiVersion: null,
    params: { id: 'a/b' },
    user: { name: null, authenticationMethod: null, peerAddress: null },
    request: { method: 'GET', target: '/x', body: null, form: 'none', headers: {} },
  },
  'pre-of-archive': {
    ...PRE,
    request: { method: 'POST', target: '/build', body: null, form: 'base64', base64: 'AAEC', headers: {} },
  },
  'pre-unshown': {
    ...PRE,
    request: { method: 'POST', target: '/build', body: null, form: 'omitted', headers: {} },
  },
  validate: { ...PRE, type: 'validate-hook' },
  post: POST,
  'post-of-text': {
    ...POST,
    response: { status: 200, contentType: null, body: 'OK é\n', form: 'utf8', headers: {} },
  },
  unwind: {
    type: 'unwind-hook',
    ...ENVELOPE,
    metadata: '{"volume":"v-17"}',
    cause: {
      phase: 'validate',
      adapter: 'policy',
      selfTimeout: false,
      upstream: 'not-called',
      status: { code: 403, message: 'image not signed' },
    },
    response: null,
  },
  'unwind-of-timeout': {
    type: 'unwind-hook',
    ...ENVELOPE,
    cause: { phase: 'client', adapter: null, selfTimeout: true, upstream: 'completed', status: null },
    response: POST.response,
  },
  observe: {
    type: 'observe-hook',
    ...ENVELOPE,
    response: POST.response,
    fate: 'changed',
    requestBytes: 190,
    responseBytes: 240,
  },
  'stream-open': { ...STREAM, part: 'open', seq: 0, events: [] },
  stream: STREAM,
  'stream-of-frames': {
    ...STREAM,
    operation: 'ContainerLogs',
    events: [
      '{"Stream":"stdout","Body":"é\\n","BodyEncoding":"utf8"}',
      '{"Stream":"stderr","Body":"//4=","BodyEncoding":"base64"}',
    ],
    response: { ...STREAM.response, contentType: 'application/vnd.docker.multiplexed-stream' },
  },
  'stream-close': { ...STREAM, part: 'close', seq: 8, events: [] },
}
