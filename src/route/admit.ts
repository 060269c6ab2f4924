/**
 * From the text of a head to a request that may go on: the rules that bind every exchange, hooked or not.
 *
 * Pure. What comes out names everything that was decided about the request; what cannot be decided beyond doubt is
 * refused here, before the engine is contacted.
 */
import { type RequestTerms, requestTerms } from '../http1/framing.ts'
import { type Field, fieldLists, fieldValue, parseRequestHead, type RequestHead } from '../http1/head.ts'
import { type Refusal, refusal } from '../model/refusal.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { browserRefusal } from './browser.ts'
import { identify, type Route } from './identity.ts'

export interface AdmittedRequest {
  readonly head: RequestHead
  readonly terms: RequestTerms
  readonly route: Route
  /** How this request may turn its connection into a two-way stream, if it may at all. */
  readonly tunnel: Tunnel | undefined
  /** The client wants to know what would happen, and nothing to happen. */
  readonly dryRun: boolean
  /** An adapter of this very powerstrip is asking: hooks on it would lead to it again. */
  readonly isOwnQuestion: boolean
  /** The head's text as it may go on: the client's own bytes, less whole lines that stop here. */
  readonly onward: string
  /** The same as fields. */
  readonly fields: readonly Field[]
}

export interface Tunnel {
  /** A `200` without any framing is a switch too, not only a `101`. */
  readonly onRaw200: boolean
}

/** What holds for every request that comes in by one listener. */
export interface AdmissionTerms {
  /** Older API versions are refused (PS-PATH-007). */
  readonly minApiVersion: string
  /** What becomes of requests that are in no Docker API description (PS-PATH-008). */
  readonly unknownEndpoints?: 'relay' | 'refuse'
  /** Where a web page could reach the listener: by which names it may be addressed. */
  readonly hosts?: readonly string[] | undefined
  /** What adapters know this powerstrip by. */
  readonly instance?: string
}

export function admit(text: string, options: AdmissionTerms): Result<AdmittedRequest, Refusal> {
  const head = parseRequestHead(text)
  if (!head.ok) return head
  const terms = requestTerms(head.value)
  if (!terms.ok) return terms
  if (options.instance !== undefined && hasComeRound(head.value, options.instance)) return failed(COME_ROUND)
  const fromPage = options.hosts && browserRefusal(head.value, options.hosts)
  if (fromPage !== undefined) return failed(fromPage)
  const route = identify(head.value.method, head.value.target, options)
  if (!route.ok) return route
  if (route.value.operation === undefined && options.unknownEndpoints === 'refuse')
    return failed(unknownRefusal(head.value, route.value))
  const form = formRefusal(head.value, terms.value, route.value)
  if (form !== undefined) return failed(form)
  const tunnel = tunnelFor(terms.value, route.value)
  if (!tunnel.ok) return tunnel
  const dryRun = dryRunWish(head.value)
  if (!dryRun.ok) return dryRun
  return ok({
    head: head.value,
    terms: terms.value,
    route: route.value,
    tunnel: tunnel.value,
    dryRun: dryRun.value,
    isOwnQuestion:
      fieldValue(head.value, 'powerstrip-asker')
        ?.split(' ')
        .includes(options.instance ?? '') === true,
    ...withoutStoppedLines(head.value, tunnel.value !== undefined),
  })
}

/** An adapter that passes on the `Via` of its call sends it to the engine; here it would be asked about it again, and again. */
function hasComeRound({ fields }: RequestHead, instance: string): boolean {
  return fields.some(({ key, value }) => key === 'via' && value.includes(`powerstrip-${instance}`))
}

export const COME_ROUND = refusal(
  'PS-HEADER-001',
  508,
  'this request was made on behalf of one that this very powerstrip has in hand; its adapters call the engine itself',
)

function unknownRefusal({ method }: RequestHead, { path }: Route): Refusal {
  return refusal(
    'PS-PATH-008',
    403,
    `${method} ${path} is in no Docker API description, and such requests are refused here ("unknownEndpoints: refuse")`,
  )
}

/**
 * The engine lets the values of a form body override the query (PS-FORM-001), so a form says two things at once. Judged
 * by the media type alone, whatever parameters follow. An empty body overrides nothing: `curl -d ''` sends one.
 */
function formRefusal(head: RequestHead, terms: RequestTerms, route: Route): Refusal | undefined {
  if (terms.framing.kind === 'none') return undefined
  const type = fieldValue(head, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded')
    return refusal(
      'PS-FORM-001',
      415,
      'a form body is not accepted: the engine would let it override the query',
    )
  if (type === 'multipart/form-data' && route.operation?.id !== 'PluginCreate')
    return refusal(
      'PS-FORM-001',
      415,
      'a multipart body is not accepted here: the engine would let it override the query',
    )
  return undefined
}

/**
 * Which requests may turn two-way (PS-UPGRADE-001): those whose operation hijacks, with its own token. dockerd looks
 * only for the presence of `Upgrade` there, `Connection` does not matter. Everywhere else the wish is deleted.
 */
function tunnelFor(terms: RequestTerms, route: Route): Result<Tunnel | undefined, Refusal> {
  const hijack = route.operation?.hijack
  if (hijack === undefined) return ok(undefined)
  if (terms.upgrade === undefined) return ok(hijack === 'tcp' ? RAW_TUNNEL : undefined)
  if (terms.upgrade !== hijack)
    return failed(
      refusal('PS-UPGRADE-001', 400, `${route.operation?.id} upgrades to "${hijack}" and to nothing else`),
    )
  return ok(hijack === 'tcp' ? RAW_TUNNEL : UPGRADE_TUNNEL)
}

const RAW_TUNNEL: Tunnel = { onRaw200: true }
const UPGRADE_TUNNEL: Tunnel = { onRaw200: false }

/**
 * Whether the client wants to know what would happen and nothing to happen (PS-HEADER-003). What is not understood is
 * refused: whoever asks for a dry run must never get the real thing.
 */
function dryRunWish(head: RequestHead): Result<boolean, Refusal> {
  const wish = fieldValue(head, 'powerstrip-dry-run')
  if (wish === undefined) return ok(false)
  return wish.toLowerCase() === 'all'
    ? ok(true)
    : failed(refusal('PS-HEADER-003', 400, 'the only value of Powerstrip-Dry-Run is "All"'))
}

/** Whole lines stop here, and nothing else of a head is ever changed. */
function withoutStoppedLines(
  head: RequestHead,
  mayUpgrade: boolean,
): Pick<AdmittedRequest, 'onward' | 'fields'> {
  if (!head.fields.some((field) => stops(field, mayUpgrade)))
    return { onward: head.text, fields: head.fields }
  const fields = head.fields.filter((field) => !stops(field, mayUpgrade))
  const requestLine = head.text.slice(0, head.text.indexOf('\r\n') + 2)
  const lines = fields.map((field) => head.text.slice(field.start, field.end))
  return { onward: `${requestLine}${lines.join('')}\r\n`, fields }
}

function stops(field: Field, mayUpgrade: boolean): boolean {
  // Identity, request ids and dry-run marks are the proxy's to give (PS-HEADER-001).
  if (field.key.startsWith('powerstrip-')) return true
  // Its body is taken in before the engine is asked, so the expectation has been met by then.
  if (mayUpgrade) return field.key === 'expect'
  if (field.key === 'upgrade' || field.key === 'http2-settings') return true
  return field.key === 'connection' && namesUpgrade(field)
}

function namesUpgrade(field: Field): boolean {
  const line = { fields: [field] }
  return fieldLists(line, 'connection', 'upgrade') || fieldLists(line, 'connection', 'http2-settings')
}
