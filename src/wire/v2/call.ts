/// <reference lib="es2024.string" />
/** A hook call of protocol 2 as JSON: what the proxy writes and the adapter reads. */

import { rawElements, rawMembers } from '../../gate/raw-json.ts'
import type { CallEnvelope, HookCall, HookType, StreamCall } from '../../model/call.ts'
import { HOOK_TYPES } from '../../model/call.ts'
import type { BodyForm, HookHeaders, HookRequest, HookResponse, UnwindCause } from '../../model/hook.ts'
import { failed, impossible, ok, type Result } from '../../model/result.ts'
import { type JsonFields, readJson, readObject } from '../json.ts'

// The proxy's side. Texts of others are put in as they are.

/** Written piece by piece: as one object for `JSON.stringify` it takes twice as long, for each hook of each request. */
export function encodeCall(call: HookCall): string {
  const { user, chain } = call
  let text = `{"PowerstripProtocolVersion":2,"Type":"${call.type}","Uid":${word(call.uid)},"RequestId":${word(call.requestId)}`
  text += `,"Attempt":${call.attempt},"DryRun":${call.dryRun},"TimeoutMs":${json(call.timeoutMs)}`
  text += `,"Operation":${word(call.operation)},"ApiVersion":${word(call.apiVersion)}`
  text += `,"PathParams":${isEmpty(call.params) ? '{}' : json(call.params)},"Query":${isEmpty(call.query) ? '{}' : json(call.query)}`
  text += `,"User":{"Name":${word(user.name)},"AuthenticationMethod":${word(user.authenticationMethod)},"PeerAddress":${word(user.peerAddress)}}`
  text += `,"Listener":${word(call.listener)}`
  text += `,"Chain":{"Endpoint":${word(chain.endpoint)},"Index":${chain.index},"Length":${chain.length}}`
  text += ownText(call)
  text += `,"AdapterConfig":${call.config},"ClientRequest":${requestText(call.request)}`
  if (call.original !== undefined) text += `,"OriginalClientRequest":${requestText(call.original)}`
  if (call.metadata !== undefined) text += `,"Metadata":${call.metadata}`
  if ('response' in call)
    text += `,"ServerResponse":${call.response === null ? 'null' : responseText(call.response)}`
  if (call.type === 'stream-hook') text += `,"Events":[${call.events.join(',')}]`
  return `${text}}`
}

function isEmpty(fields: object): boolean {
  for (const _ in fields) return false
  return true
}

function json(value: string | number | object | null): string {
  return JSON.stringify(value)
}

/** The same for what mostly has nothing in it that JSON escapes, as names and ids have not. */
function word(value: string | null): string {
  if (value === null) return 'null'
  return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value)
}

const PLAIN = /^[ !#-[\]-~]*$/

/** What only calls of this type say, as far as it is ours to write. */
function ownText(call: HookCall): string {
  switch (call.type) {
    case 'pre-hook':
    case 'validate-hook':
    case 'post-hook':
      return ''
    case 'unwind-hook': {
      const { phase, adapter, selfTimeout, upstream, status } = call.cause
      const Cause = {
        Phase: phase,
        Adapter: adapter,
        SelfTimeout: selfTimeout,
        Upstream: upstream,
        Status: status && { Code: status.code, Message: status.message },
      }
      return `,"Cause":${json(Cause)}`
    }
    case 'observe-hook':
      return `,"Fate":${json(call.fate)},"RequestBytes":${call.requestBytes},"ResponseBytes":${call.responseBytes}`
    case 'stream-hook':
      return `,"Part":"${call.part}","Seq":${call.seq}`
    default:
      return impossible(call)
  }
}

/** Hooks that are shown the same request are sent the same text. One that may still change is written anew each time. */
function requestText(request: HookRequest): string {
  if (!Object.isFrozen(request)) return requestTextAnew(request)
  let text = requestTexts.get(request)
  if (text === undefined) {
    text = requestTextAnew(request)
    requestTexts.set(request, text)
  }
  return text
}

const requestTexts = new WeakMap<HookRequest, string>()

function requestTextAnew({ method, target, body, form, base64, headers = {} }: HookRequest): string {
  const shown = bodyText(form ?? (body === null ? 'none' : 'json'), body ?? '', base64)
  return `{"Method":${word(method)},"Request":${word(target)},${shown},"Headers":${json(headers)}}`
}

function responseText({ status, contentType, body, form, base64, headers = {} }: HookResponse): string {
  const shown = bodyText(form ?? (body === '' ? 'none' : 'utf8'), body, base64)
  return `{"ContentType":${json(contentType)},"Code":${status},${shown},"Headers":${json(headers)}}`
}

function bodyText(form: BodyForm, text: string, base64 = ''): string {
  switch (form) {
    case 'json':
      return `"Body":${text},"BodyEncoding":"json","BodyLength":${Buffer.byteLength(text)}`
    case 'utf8':
      return `"Body":${json(text)},"BodyEncoding":"utf8","BodyLength":${Buffer.byteLength(text)}`
    case 'base64':
      return `"Body":"${base64}","BodyEncoding":"base64","BodyLength":${Buffer.byteLength(base64, 'base64')}`
    case 'none':
      return '"Body":null,"BodyEncoding":"none","BodyLength":0'
    case 'omitted':
      return '"Body":null,"BodyEncoding":"omitted"'
    default:
      return impossible(form)
  }
}

// The adapter's side.

/** Reads a hook call, or says in one sentence what is wrong with it. Fields that nobody here knows are passed over. */
export function decodeCall(text: string): Result<HookCall, string> {
  const call = readObject(readJson(text))
  if (call === undefined) return failed('A hook call is a JSON object.')
  if (call.PowerstripProtocolVersion !== 2) return failed('PowerstripProtocolVersion is not 2.')
  const raw = rawMembers(text)
  const type = HOOK_TYPES.find((known) => known === call.Type)
  if (type === undefined) return failed(`Type is none of ${HOOK_TYPES.join(', ')}.`)
  const request = readRequest('ClientRequest', call, raw)
  if (!request.ok) return request
  const original =
    'OriginalClientRequest' in call ? readRequest('OriginalClientRequest', call, raw) : undefined
  if (original?.ok === false) return original
  const response = readResponse(call, raw)
  if (!response.ok) return response
  const { Uid: uid, RequestId: requestId } = call
  if (typeof uid !== 'string' || uid === '') return failed('Uid is not a string.')
  if (typeof requestId !== 'string') return failed('RequestId is not a string.')
  const metadata = readObject(call.Metadata) === undefined ? undefined : raw.get('Metadata')
  const chain = readObject(call.Chain) ?? {}
  const user = readObject(call.User) ?? {}
  const envelope: CallEnvelope = {
    uid,
    requestId,
    attempt: numberOr(call.Attempt, 1),
    dryRun: call.DryRun === true,
    timeoutMs: numberOr(call.TimeoutMs, 0),
    operation: textOrNull(call.Operation),
    apiVersion: textOrNull(call.ApiVersion),
    params: texts(readObject(call.PathParams)),
    query: textLists(readObject(call.Query)),
    user: {
      name: textOrNull(user.Name),
      authenticationMethod: textOrNull(user.AuthenticationMethod),
      peerAddress: textOrNull(user.PeerAddress),
    },
    listener: textOrNull(call.Listener) ?? '',
    chain: {
      endpoint: textOrNull(chain.Endpoint) ?? '',
      index: numberOr(chain.Index, 0),
      length: numberOr(chain.Length, 0),
    },
    config: raw.get('AdapterConfig') ?? '{}',
    request: request.value,
    ...(original === undefined ? {} : { original: original.value }),
    ...(metadata === undefined ? {} : { metadata }),
  }
  return withOwnFields(type, envelope, response.value, call, raw)
}

function withOwnFields(
  type: HookType,
  envelope: CallEnvelope,
  response: HookResponse | null,
  call: JsonFields,
  raw: ReadonlyMap<string, string>,
): Result<HookCall, string> {
  switch (type) {
    case 'pre-hook':
    case 'validate-hook':
      return ok({ type, ...envelope })
    case 'post-hook':
      return response === null
        ? failed('ServerResponse is not an object.')
        : ok({ type, ...envelope, response })
    case 'unwind-hook': {
      const cause = readCause(readObject(call.Cause))
      return cause.ok ? ok({ type, ...envelope, response, cause: cause.value }) : cause
    }
    case 'observe-hook':
      return ok({
        type,
        ...envelope,
        response,
        fate: textOrNull(call.Fate) ?? '',
        requestBytes: numberOr(call.RequestBytes, 0),
        responseBytes: numberOr(call.ResponseBytes, 0),
      })
    case 'stream-hook': {
      const part = PARTS.find((known) => known === call.Part)
      if (part === undefined) return failed(`Part is none of ${PARTS.join(', ')}.`)
      if (response === null) return failed('ServerResponse is not an object.')
      if (!Array.isArray(call.Events)) return failed('Events is not an array.')
      const events = rawElements(raw.get('Events') ?? '[]')
      return ok({ type, ...envelope, part, seq: numberOr(call.Seq, 0), events, response })
    }
    default:
      return impossible(type)
  }
}

const PARTS: readonly StreamCall['part'][] = ['open', 'data', 'close']
const PHASES: readonly UnwindCause['phase'][] = ['pre', 'validate', 'engine', 'post', 'client']
const UPSTREAM: readonly UnwindCause['upstream'][] = ['not-called', 'failed', 'completed', 'unknown']

function readCause(fields: JsonFields | undefined): Result<Omit<UnwindCause, 'response'>, string> {
  if (fields === undefined) return failed('Cause is not an object.')
  const phase = PHASES.find((known) => known === fields.Phase)
  if (phase === undefined) return failed(`Cause.Phase is none of ${PHASES.join(', ')}.`)
  const upstream = UPSTREAM.find((known) => known === fields.Upstream)
  if (upstream === undefined) return failed(`Cause.Upstream is none of ${UPSTREAM.join(', ')}.`)
  const status = readObject(fields.Status)
  return ok({
    phase,
    adapter: textOrNull(fields.Adapter),
    selfTimeout: fields.SelfTimeout === true,
    upstream,
    status:
      status === undefined
        ? null
        : { code: numberOr(status.Code, 0), message: textOrNull(status.Message) ?? '' },
  })
}

function readRequest(
  name: string,
  call: JsonFields,
  raw: ReadonlyMap<string, string>,
): Result<HookRequest, string> {
  const fields = readObject(call[name])
  if (fields === undefined) return failed(`${name} is not an object.`)
  const { Method: method, Request: target } = fields
  if (typeof method !== 'string') return failed(`${name}.Method is not a string.`)
  if (typeof target !== 'string') return failed(`${name}.Request is not a string.`)
  const body = readBody(name, fields, raw.get(name)!)
  if (!body.ok) return body
  const { text, ...form } = body.value
  return ok({ method, target, body: text, ...form, headers: textLists(readObject(fields.Headers)) })
}

function readResponse(
  call: JsonFields,
  raw: ReadonlyMap<string, string>,
): Result<HookResponse | null, string> {
  const fields = readObject(call.ServerResponse)
  if (fields === undefined) return ok(null)
  const { Code: status, ContentType: contentType = null } = fields
  if (typeof status !== 'number' || !Number.isInteger(status))
    return failed('ServerResponse.Code is not an integer.')
  if (typeof contentType !== 'string' && contentType !== null)
    return failed('ServerResponse.ContentType is neither a string nor null.')
  const body = readBody('ServerResponse', fields, raw.get('ServerResponse')!)
  if (!body.ok) return body
  const { text, ...form } = body.value
  return ok({
    status,
    contentType,
    body: text ?? '',
    ...form,
    headers: textLists(readObject(fields.Headers)),
  })
}

interface ReadBody {
  readonly text: string | null
  readonly form: BodyForm
  readonly base64?: string
}

function readBody(
  where: string,
  { Body: body, BodyEncoding: form }: JsonFields,
  raw: string,
): Result<ReadBody, string> {
  switch (form) {
    case 'json':
      return body === undefined
        ? failed(`${where}.Body is not there.`)
        : ok({ text: rawMembers(raw).get('Body')!, form })
    case 'utf8':
      return typeof body === 'string' ? ok({ text: body, form }) : failed(`${where}.Body is not a string.`)
    case 'base64':
      return typeof body === 'string'
        ? ok({ text: null, form, base64: body })
        : failed(`${where}.Body is not a string.`)
    case 'none':
    case 'omitted':
      return ok({ text: null, form })
    default:
      return failed(`${where}.BodyEncoding is none of json, utf8, base64, none, omitted.`)
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

function texts(fields: JsonFields = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

function textLists(fields: JsonFields = {}): HookHeaders {
  return Object.fromEntries(
    Object.entries(fields).map(([name, values]) => [
      name,
      Array.isArray(values) ? values.filter((value) => typeof value === 'string') : [],
    ]),
  )
}
