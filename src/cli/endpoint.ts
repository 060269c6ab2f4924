/** What commands need that call an adapter which is running somewhere. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseAdapterUrl } from '../config/adapter-url.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { Target } from '../testkit/caller.ts'

/** Where an adapter is, and what proves that the call may be made. */
export interface EndpointOptions {
  readonly url: string | undefined
  readonly endpoint?: string
  readonly bearer?: string
  readonly hmac?: string
  readonly ca?: string
}

export function targetOf(options: EndpointOptions): Result<Target, string> {
  const { url, endpoint, bearer, hmac, ca } = options
  if (url !== undefined && endpoint !== undefined)
    return failed('give the address once, as URL or as --endpoint')
  const given = url ?? endpoint
  if (given === undefined)
    return failed('which adapter? Give its URL: http://127.0.0.1:4000, unix:///run/adapter.sock')
  if (bearer !== undefined && hmac !== undefined) return failed('--bearer and --hmac exclude each other')
  const path = /^unix:(?!\/\/)(.+)$/.exec(given)?.[1]
  const written = path === undefined ? given : `unix://${resolve(path)}`
  const address = parseAdapterUrl(written)
  if (!address.ok) return failed(address.failure.message)
  const secret = bearer ?? hmac
  try {
    const pem = ca === undefined ? undefined : readFileSync(ca, 'utf8')
    if (secret !== undefined) readFileSync(secret)
    return ok({
      url: written,
      address: address.value,
      ...(secret === undefined
        ? {}
        : { auth: { kind: bearer === undefined ? 'hmac' : 'bearer', file: resolve(secret) } }),
      ...(pem === undefined ? {} : { credentials: () => ({ ca: pem }) }),
    })
  } catch (problem) {
    return failed((problem as Error).message)
  }
}

export function jsonOf(option: string, text: string | undefined): Result<unknown, string> {
  try {
    return ok(text === undefined ? undefined : (JSON.parse(text) as unknown))
  } catch (problem) {
    return failed(`${option} is not JSON: ${(problem as Error).message}`)
  }
}

export function protocolOf(option: 'auto' | '1' | '2'): 'auto' | 1 | 2 {
  return option === 'auto' ? option : option === '1' ? 1 : 2
}

/** `pre,post`: the hooks that an adapter of protocol 1 is asked as. */
export function hooksOf(
  option: string | undefined,
): Result<readonly ('pre-hook' | 'post-hook')[] | undefined, string> {
  if (option === undefined) return ok(undefined)
  const hooks: ('pre-hook' | 'post-hook')[] = []
  for (const word of option.split(',')) {
    const name = word.trim().replace(/-hook$/, '')
    if (name !== 'pre' && name !== 'post') return failed('--hooks is pre, post, or pre,post')
    hooks.push(`${name}-hook`)
  }
  return ok(hooks)
}
