/** Every message of protocol 1 to the byte, as it goes out and as it is read. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HookRequest, HookResponse } from '../../src/model/hook.ts'
import {
  decodeHookCall,
  decodePostReply,
  decodePreReply,
  encodePostHook,
  encodePostReply,
  encodePreHook,
  encodePreReply,
} from '../../src/wire/v1.ts'

const CREATE: HookRequest = {
  method: 'POST',
  target: '/v1.16/containers/create?name=a%2Fb',
  body: '{"Image":"x","Cmd":["echo","é\\n"]}',
}
const LIST: HookRequest = { method: 'GET', target: '/containers/json?all=1', body: null }
const CREATED: HookResponse = {
  status: 201,
  contentType: 'application/json; charset=utf-8',
  body: '{"Id":"abc","Warnings":null}\n',
}
const NOTHING: HookResponse = { status: 204, contentType: null, body: '' }

const PASS = { kind: 'pass' } as const
const OTHER_REQUEST = {
  kind: 'replace',
  target: '/v1.16/containers/create?name=c',
  body: '{"Image":"y"}',
} as const
const OTHER_RESPONSE = { kind: 'replace', status: 410, contentType: 'text/plain', body: 'gone\n' } as const

test.each([
  ['pre-hook.json', CREATE],
  ['pre-hook-without-body.json', LIST],
])('%s', (file, request) => {
  expect(encodePreHook(request)).toBe(line(file))
  expect(decodeHookCall(line(file))).toEqual({ ok: true, value: { type: 'pre-hook', request } })
})

test.each([
  ['post-hook.json', CREATE, CREATED],
  ['post-hook-of-nothing.json', LIST, NOTHING],
])('%s', (file, request, response) => {
  expect(encodePostHook(request, response)).toBe(line(file))
  expect(decodeHookCall(line(file))).toEqual({ ok: true, value: { type: 'post-hook', request, response } })
})

test.each([
  ['pre-reply-unchanged.json', CREATE, PASS],
  ['pre-reply-without-body.json', LIST, PASS],
  ['pre-reply-changed.json', CREATE, OTHER_REQUEST],
] as const)('%s', (file, request, outcome) => {
  expect(encodePreReply(outcome, request)).toBe(line(file))
  expect(decodePreReply({ status: 200, body: text(file) }, request)).toEqual(answered(outcome))
})

test.each([
  ['post-reply-unchanged.json', CREATED, PASS],
  ['post-reply-of-nothing.json', NOTHING, PASS],
  ['post-reply-changed.json', CREATED, OTHER_RESPONSE],
] as const)('%s', (file, response, outcome) => {
  expect(encodePostReply(outcome, response)).toBe(line(file))
  expect(decodePostReply({ status: 200, body: text(file) }, response)).toEqual(answered(outcome))
})

test.each([
  ['trace.txt', ''],
  ['reason.txt', 'This host runs images of the team only.\nAsk in #containers for an exception.'],
  ['reason.json', 'volume "é" is attached elsewhere'],
])('%s, as what an adapter says of an error', (file, message) => {
  const denial = decodePreReply({ status: 403, body: text(file) }, CREATE)
  expect(denial).toEqual(answered({ kind: 'deny', status: 403, message }))
  const failure = decodePostReply({ status: 500, body: text(file) }, CREATED)
  expect(failure).toEqual({ ok: false, failure: { kind: 'broken', status: 500, message } })
})

function text(file: string): string {
  return readFileSync(join('test/wire/golden', file), 'utf8')
}

/** Without the line end, which belongs to the file and not to the message. */
function line(file: string): string {
  return text(file).replace(/\n$/, '')
}

function answered(outcome: unknown) {
  return { ok: true, value: { outcome, warnings: [] } }
}
