/** Reports of exchanges as the proxy makes them, for tests of what is written about them. */
import type { ChainReport, ExchangeReport, HookChange, HookRecord } from '../../../src/model/event.ts'
import type { HookRequest, HookResponse } from '../../../src/model/hook.ts'

export function report(more: Partial<ExchangeReport> = {}): ExchangeReport {
  return {
    method: 'POST',
    target: '/v1.45/containers/create?name=web',
    operation: 'ContainerCreate',
    apiVersion: '1.45',
    client: { listener: 'default', transport: 'unix', peerAddress: undefined, certificate: undefined },
    revision: 'abc',
    status: 201,
    requestBytes: 100,
    responseBytes: 200,
    durationMs: 12.3456,
    fate: 'changed',
    detail: undefined,
    chain: undefined,
    ...more,
  }
}

export function chain(more: Partial<ChainReport> = {}): ChainReport {
  return {
    requestId: '01REQUEST',
    user: { name: null, authenticationMethod: null, peerAddress: null },
    listener: 'default',
    hooks: [],
    unwound: [],
    undoing: undefined,
    original: request('{}'),
    response: null,
    engineStatus: 201,
    ...more,
  }
}

export function hook(more: Partial<HookRecord> = {}): HookRecord {
  return {
    adapter: 'labels',
    phase: 'pre',
    uid: '01CALL',
    outcome: 'pass',
    durationMs: 1,
    detail: undefined,
    failOpen: false,
    warnings: [],
    annotations: {},
    change: undefined,
    ...more,
  }
}

export function request(body: string | null, more: Partial<HookRequest> = {}): HookRequest {
  return { method: 'POST', target: '/v1.45/containers/create?name=web', body, ...more }
}

export function response(body: string, more: Partial<HookResponse> = {}): HookResponse {
  return { status: 200, contentType: 'application/json', body, ...more }
}

export function changed(before: string, after: string): HookChange {
  return { of: 'request', before: request(before), after: request(after) }
}

export function answerChanged(before: string, after: string): HookChange {
  return { of: 'response', before: response(before), after: response(after) }
}
