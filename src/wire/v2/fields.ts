/** HTTP fields of protocol 2: those of a hook call, and which of a client's own a hook is shown. */
import type { HookCall } from '../../model/call.ts'
import type { HookHeaders } from '../../model/hook.ts'

export const V2_TYPE = 'application/vnd.powerstrip.v2+json'

/**
 * `Content-Length` and whatever proves who calls are for the transport to add. `instance` names this proxy. The names that undici does
 * not know are in lower case: it would look for them in that spelling, and to make it takes a µs of each call.
 */
export function callFields(call: HookCall, instance: string): Record<string, string> {
  return {
    'Content-Type': V2_TYPE,
    Accept: V2_TYPE,
    'powerstrip-hook': call.type,
    'powerstrip-operation': call.operation ?? 'unknown',
    'powerstrip-timeout-ms': String(call.timeoutMs),
    'webhook-id': call.uid,
    'x-request-id': call.requestId,
    Via: `1.1 powerstrip-${instance}`,
  }
}

/**
 * As far as hooks may see them: nothing of the connection, and no credentials. Frozen, for all hooks are shown the same, and one
 * within this process could otherwise change what those behind it see.
 */
export function shownFields(
  fields: readonly { readonly key: string; readonly value: string }[],
): HookHeaders {
  const shown: Record<string, string[]> = {}
  for (const { key, value } of fields) {
    if (UNSHOWN.has(key) || key.startsWith('proxy-')) continue
    if (Object.hasOwn(shown, key)) shown[key]!.push(value)
    else addField(shown, key, [value])
  }
  for (const key of Object.keys(shown)) Object.freeze(shown[key])
  return Object.freeze(shown)
}

/** A field may have any name; an assignment to this one would change what the others mean. */
export function addField<T>(fields: Record<string, T>, name: string, values: T): void {
  if (name === '__proto__')
    Object.defineProperty(fields, name, {
      value: values,
      enumerable: true,
      writable: true,
      configurable: true,
    })
  else fields[name] = values
}

const UNSHOWN: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
  'authorization',
  'cookie',
  'set-cookie',
  'x-registry-auth',
  'x-registry-config',
])

/**
 * What no configuration can allow a hook to set: framing and routing belong to the proxy, and what a body is follows from the
 * body. A form's type on an archive would let it override the query (PS-FORM-001).
 */
export const FIXED_FIELDS: ReadonlySet<string> = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'connection',
  'upgrade',
  'host',
  'via',
  'keep-alive',
  'te',
  'trailer',
  'expect',
  'http2-settings',
])

export const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Text in ASCII with no control characters, and none around it: it can neither end its line nor change on the way. */
export const FIELD_VALUE = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/
