/** A request that a hook has changed, on its way to the next hook or the engine. */
import { isJson, mediaType } from './gate/media.ts'
import { judgeBody } from './gate/request-body.ts'
import { fieldValue } from './http1/head.ts'
import type { HookRequest } from './model/hook.ts'
import { failed, ok, type Result } from './model/result.ts'
import type { AdmittedRequest } from './route/admit.ts'
import { bodyRead } from './route/body-read.ts'
import { identify, plainTarget, type Route } from './route/identity.ts'

/**
 * `before`: as the hook was shown it, which has passed the gate. What has changed since goes through it again (PS-ADAPTER-004): it
 * must still be the operation, on the object, that was judged, and what the next hook and the engine get of it is spelled as the
 * engine reads it.
 */
export function readmitted(
  { route, head }: AdmittedRequest,
  changed: HookRequest,
  before: HookRequest,
): Result<HookRequest, string> {
  const readdressed = changed.target === before.target ? ok(changed.target) : retargeted(changed, route, head)
  if (!readdressed.ok) return readdressed
  const target = readdressed.value
  if (changed.base64 !== undefined && !takesBytes(route, head))
    return failed('it gave bytes as the body of a request whose body is JSON or nothing')
  if (changed.body === null || changed.body === '') return ok(readmittedAs(changed, target, changed.body))
  if (head.method !== 'POST' && head.method !== 'PUT')
    return failed(`it gave a body to a ${head.method} request`)
  const body = judgeBody(changed.body, route.operation?.id, 'the body that it returned')
  if (!body.ok) return failed(`${body.failure.message} (${body.failure.rule})`)
  return ok(readmittedAs(changed, target, body.value))
}

function retargeted(
  { target }: HookRequest,
  route: Route,
  { method }: AdmittedRequest['head'],
): Result<string, string> {
  const now = identify(method, target)
  if (!now.ok)
    return failed(
      `the query that it returned is not acceptable: ${now.failure.message} (${now.failure.rule})`,
    )
  if (now.value.operation !== route.operation || now.value.rawPath !== route.rawPath)
    return failed('it changed the path')
  return ok(plainTarget(target, now.value))
}

function readmittedAs(changed: HookRequest, target: string, body: string | null): HookRequest {
  return target === changed.target && body === changed.body ? changed : { ...changed, target, body }
}

/** Bytes pass no gate, so they stand only where the engine reads no JSON, and where hooks were shown bytes. */
function takesBytes({ operation, query }: Route, head: AdmittedRequest['head']): boolean {
  return operation === undefined
    ? !isJson(mediaType(fieldValue(head, 'content-type')))
    : bodyRead(operation, query) === 'tar'
}
