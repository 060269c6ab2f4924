/**
 * Where a message ends, decided from its head alone (RFC 9112, section 6.3), strictly: PS-FRAME-005 to -010 and -013.
 */
import { type Refusal, refusal } from '../model/refusal.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { Field, RequestHead } from './head.ts'
import { CONTENT_LENGTH, framingValue, trimmed } from './syntax.ts'

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  /** Answers only: the body goes on until the engine closes. */
  | { readonly kind: 'until-close' }

/** What the head of a request says about the connection and the body behind it. */
export interface RequestTerms {
  readonly framing: Framing
  /** Whether the connection may serve another request after this one, as far as the client is concerned. */
  readonly keepAlive: boolean
  /** The `Upgrade` token, in lower case. */
  readonly upgrade: string | undefined
  /** Whether the client waits for an interim `100` before it sends its body; HTTP/1.0 knows none. */
  readonly expectsContinue: boolean
}

const NONE: Framing = { kind: 'none' }
const CHUNKED: Framing = { kind: 'chunked' }

/** Fields that may stand once at most, even if repeated with the same value: readers differ in which one they believe. */
const SINGLETONS: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'content-encoding',
  'expect',
  'upgrade',
])

/** Credentials: none of the fields that start like this may stand twice either. */
const REGISTRY_PREFIX = 'x-registry-'

/** Whoever names another field in `Connection` asks the proxy to remove it; only hop-by-hop ones may be named. */
const CONNECTION_TOKENS: ReadonlySet<string> = new Set([
  'close',
  'keep-alive',
  'upgrade',
  'te',
  'http2-settings',
])

export function requestTerms(head: RequestHead): Result<RequestTerms, Refusal> {
  let length: string | undefined
  let coding: string | undefined
  let expect: string | undefined
  let upgrade: string | undefined
  let close = false
  let keepAliveToken = false
  let hosts = 0
  let seen: Set<string> | undefined

  for (const field of head.fields) {
    const { key, value } = field
    if (key === 'connection') {
      for (const part of value.split(',')) {
        const token = trimmed(part).toLowerCase()
        if (token === '') continue
        if (!CONNECTION_TOKENS.has(token))
          return failed(
            refusal(
              'PS-FRAME-013',
              400,
              `Connection names ${JSON.stringify(token.slice(0, 40))}; it may name ${[...CONNECTION_TOKENS].join(', ')}`,
            ),
          )
        if (token === 'close') close = true
        if (token === 'keep-alive') keepAliveToken = true
      }
      continue
    }
    if (!SINGLETONS.has(key) && !key.startsWith(REGISTRY_PREFIX)) continue
    seen ??= new Set()
    if (seen.has(key))
      return failed(refusal('PS-FRAME-005', 400, `the field ${field.name} stands more than once`))
    seen.add(key)
    if (key === 'host') hosts++
    else if (key === 'content-length') length = framingText(head, field)
    else if (key === 'transfer-encoding') coding = framingText(head, field)
    else if (key === 'expect') expect = value
    else if (key === 'upgrade') upgrade = value.toLowerCase()
  }

  if (head.minor === 1 && hosts === 0)
    return failed(refusal('PS-FRAME-005', 400, 'an HTTP/1.1 request needs a Host field'))
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    return failed(refusal('PS-FRAME-010', 417, 'the only expectation served is 100-continue'))
  const framing = requestFraming(head, length, coding)
  if (!framing.ok) return framing
  return ok({
    framing: framing.value,
    keepAlive: !close && (head.minor === 1 || keepAliveToken),
    upgrade,
    expectsContinue: expect !== undefined && head.minor === 1 && framing.value.kind !== 'none',
  })
}

function framingText(head: RequestHead, field: Field): string {
  return framingValue(head.text, field.start + field.name.length + 1, field.end - 2)
}

function requestFraming(
  head: RequestHead,
  length: string | undefined,
  coding: string | undefined,
): Result<Framing, Refusal> {
  if (coding !== undefined) {
    // Given both, the engine obeys Transfer-Encoding and ignores the length (RFC 9112, section 6.3). A reader that
    // believed the length would judge other bytes than the engine runs.
    if (length !== undefined)
      return failed(
        refusal('PS-FRAME-007', 400, 'Content-Length and Transfer-Encoding may not stand together'),
      )
    if (coding.toLowerCase() !== 'chunked')
      return failed(refusal('PS-FRAME-007', 501, 'the only transfer coding served is chunked'))
    if (head.minor === 0) return failed(refusal('PS-FRAME-007', 400, 'HTTP/1.0 has no Transfer-Encoding'))
    return bodyAllowed(head) ? ok(CHUNKED) : failed(bodyRefusal(head))
  }
  if (length === undefined) return ok(NONE)
  if (!CONTENT_LENGTH.test(length))
    return failed(
      refusal('PS-FRAME-006', 400, 'Content-Length is not a plain decimal number of at most 15 digits'),
    )
  const bytes = Number(length)
  if (bytes === 0) return ok(NONE)
  return bodyAllowed(head) ? ok({ kind: 'length', bytes }) : failed(bodyRefusal(head))
}

function bodyAllowed(head: RequestHead): boolean {
  return head.method === 'POST' || head.method === 'PUT'
}

function bodyRefusal(head: RequestHead): Refusal {
  return refusal('PS-FRAME-009', 400, `a ${head.method} request may not have a body`)
}
