/// <reference lib="es2024.string" />
/**
 * What an adapter of protocol 2 answers: what it writes, and what the proxy makes of it.
 *
 * 204 and 200 are decisions; everything else is a failure. A field that a hook of its type may not use is a failure too:
 * passed over in silence, its author would take it for done.
 */

import { rawElements, rawMembers } from '../../gate/raw-json.ts'
import { ANY, AS_WRITTEN, structOf } from '../../gate/shape.ts'
import type { HookCall, HookReply, HookType, StreamOutcome } from '../../model/call.ts'
import type {
  Answered,
  Denial,
  HeaderMutation,
  HookFailure,
  HookRequest,
  HookResponse,
  Immediate,
  Outcome,
  Remarks,
  Replacement,
} from '../../model/hook.ts'
import { failed, ok, type Result } from '../../model/result.ts'
import { badReply } from '../bad-reply.ts'
import { type JsonFields, readJson, readObject } from '../json.ts'
import { methodKept, settleContentType, settleStatus, settleTarget } from '../settle.ts'
import { readStrictly } from '../strict.ts'
import { adapterText, reasonText } from '../text.ts'
import type { Reply } from '../v1.ts'
import { FIELD_NAME, FIELD_VALUE, FIXED_FIELDS } from './fields.ts'

/** Largest `Metadata`, in bytes: it travels with each later call to the adapter. */
export const METADATA_LIMIT_BYTES = 16 * 1024

/** Longest warning, in characters: it is a line on somebody's terminal. */
export const WARNING_LIMIT = 256

// The adapter's side.

/** Throws for a reply that is none, which only plain JavaScript can give. */
export function encodeReply({ outcome, remarks = {} }: HookReply, { uid, type }: HookCall): Reply {
  const fields: [name: string, text: string][] = []
  const put = (name: string, value: unknown) => fields.push([name, JSON.stringify(value)])
  switch (outcome.kind) {
    case 'pass':
      break
    case 'deny':
      put('Allowed', false)
      put('Status', { Code: outcome.status, Reason: outcome.reason, Message: outcome.message })
      break
    case 'replace':
      fields.push(...changeFields(outcome, type))
      break
    case 'respond': {
      const { status, contentType, skipPost } = outcome
      const immediate = JSON.stringify({ Code: status, ContentType: contentType, SkipPostHooks: skipPost })
      fields.push([
        'ImmediateResponse',
        `${immediate.slice(0, -1)},${bodyFields(outcome.body, outcome.form)}}`,
      ])
      break
    }
    case 'edit':
      fields.push(...editFields(outcome))
      break
    default:
      throw new TypeError('the outcome is of no known kind')
  }
  if (remarks.compensate === true) put('Compensate', true)
  if (remarks.metadata !== undefined) fields.push(['Metadata', jsonText(remarks.metadata)])
  if (remarks.warnings !== undefined && remarks.warnings.length > 0) put('Warnings', remarks.warnings)
  if (Object.keys(remarks.annotations ?? {}).length > 0) put('AuditAnnotations', remarks.annotations)
  if (fields.length === 0) return { status: 204, body: '' }
  const text = fields.map(([name, value]) => `,"${name}":${value}`).join('')
  return { status: 200, body: `{"PowerstripProtocolVersion":2,"Uid":${JSON.stringify(uid)}${text}}` }
}

function changeFields(outcome: Replacement, type: HookType): [string, string][] {
  const { target, body, form = 'utf8', patch, status, contentType, headers } = outcome
  const fields: [string, string][] = []
  if (patch !== undefined)
    fields.push(['PatchType', JSON.stringify(patch.type)], ['Patch', jsonText(patch.text)])
  const members = [
    ...(target === undefined ? [] : [`"Request":${JSON.stringify(target)}`]),
    ...(status === undefined ? [] : [`"Code":${JSON.stringify(status)}`]),
    ...(contentType === undefined ? [] : [`"ContentType":${JSON.stringify(contentType)}`]),
    ...(body === undefined ? [] : [bodyFields(body, form)]),
  ]
  const name = type === 'post-hook' ? 'ModifiedServerResponse' : 'ModifiedClientRequest'
  if (members.length > 0) fields.push([name, `{${members.join(',')}}`])
  if (headers !== undefined)
    fields.push([
      'HeaderMutation',
      JSON.stringify({ SetHeaders: headers.set, RemoveHeaders: headers.remove }),
    ])
  return fields
}

function bodyFields(body: string, form: 'json' | 'utf8' | 'base64'): string {
  if (typeof body !== 'string') throw new TypeError('a body is given as text')
  return `"Body":${form === 'json' ? jsonText(body) : JSON.stringify(body)},"BodyEncoding":"${form}"`
}

function editFields({ edits, inserts, end }: StreamOutcome): [string, string][] {
  const events = edits.map(({ index, ...edit }) =>
    edit.action === 'drop'
      ? `{"Index":${index},"Action":"drop"}`
      : `{"Index":${index},"Action":"replace","Event":${jsonText(edit.event)}}`,
  )
  const inserted = inserts.map(({ before, event }) => `{"Before":${before},"Event":${jsonText(event)}}`)
  return [
    ['Events', `[${events.join(',')}]`],
    ['Insert', `[${inserted.join(',')}]`],
    ['End', String(end)],
  ]
}

function jsonText(text: string): string {
  if (typeof text !== 'string' || readJson(text) === undefined)
    throw new TypeError('what goes as JSON is given as JSON text')
  return text
}

// The proxy's side.

export interface ReplyTerms {
  /** Header fields that the configuration lets the adapter change, in lower case. */
  readonly mutableHeaders: readonly string[]
}

/** What a reply to a pre-, validate- or post-hook call means. */
export function decodeReply(
  { status, body }: Reply,
  call: HookCall,
  terms: ReplyTerms,
): Result<Answered<Outcome>, HookFailure> {
  const read = readReply({ status, body }, call)
  if (!read.ok) return read
  if (read.value === undefined) return PASSED
  const { fields } = read.value
  const judged = judge(read.value, call, terms)
  // A reply that is wrong otherwise may still ask for what it did to be undone.
  return judged.ok || fields.Compensate !== true ? judged : unclear(judged.failure)
}

/** What a reply to an unwind- or observe-hook call means: that it was taken note of, or a failure. */
export function decodeReceipt({ status, body }: Reply): Result<undefined, HookFailure> {
  return status === 200 || status === 204 ? ok(undefined) : strangeStatus(status, body)
}

/** What a reply to a stream-hook call means. */
export function decodeStreamReply(reply: Reply, call: HookCall): Result<StreamOutcome, HookFailure> {
  const read = readReply(reply, call)
  if (!read.ok) return read
  const { fields = {}, raw = NO_MEMBERS } = read.value ?? {}
  const forbidden = forbiddenField(fields, 'stream-hook')
  if (forbidden !== undefined) return forbidden
  const length = call.type === 'stream-hook' ? call.events.length : 0
  const { Events: given, Insert: inserted, End: end } = fields
  if (isThere(given) && !Array.isArray(given)) return badReply('its Events are not an array')
  if (isThere(inserted) && !Array.isArray(inserted)) return badReply('its Insert is not an array')
  if (isThere(end) && typeof end !== 'boolean') return badReply('its End is neither true nor false')
  const edits: StreamOutcome['edits'][number][] = []
  const named = new Set<number>()
  for (const text of isThere(given) ? rawElements(raw.get('Events')!) : []) {
    const { Index: index, Action: action, Event: event } = readObject(readJson(text)) ?? {}
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= length)
      return badReply('an item of its Events has no Index within the batch')
    if (named.has(index)) return badReply(`two items of its Events have the Index ${index}`)
    named.add(index)
    if (action === 'drop') edits.push({ index, action })
    else if (action === 'replace' && readObject(event) !== undefined)
      edits.push({ index, action, event: rawMembers(text).get('Event')! })
    else if (action === 'replace')
      return badReply('an item of its Events replaces by something else than an object')
    else if (action !== 'pass')
      return badReply('an item of its Events has no Action of pass, drop and replace')
  }
  const inserts: StreamOutcome['inserts'][number][] = []
  for (const text of isThere(inserted) ? rawElements(raw.get('Insert')!) : []) {
    const { Before: before = length, Event: event } = readObject(readJson(text)) ?? {}
    if (typeof before !== 'number' || !Number.isInteger(before) || before < 0 || before > length)
      return badReply('an item of its Insert has no Before within the batch')
    if (readObject(event) === undefined)
      return badReply('an item of its Insert has no Event that is an object')
    inserts.push({ before, event: rawMembers(text).get('Event')! })
  }
  return ok({ kind: 'edit', edits, inserts, end: end === true })
}

const PASS = { kind: 'pass' } as const
const PASSED = ok({ outcome: PASS, warnings: [] })
const NO_MEMBERS: ReadonlyMap<string, string> = new Map()

interface ReadReply extends Members {
  /** For the adapter's author. */
  readonly warnings: readonly string[]
}

/** Of an object: as values, and as they are written. */
interface Members {
  readonly fields: JsonFields
  readonly raw: ReadonlyMap<string, string>
}

/** Nothing: 204. */
function readReply({ status, body }: Reply, call: HookCall): Result<ReadReply | undefined, HookFailure> {
  if (status === 204) return ok(undefined)
  if (status !== 200) return strangeStatus(status, body)
  if (body === undefined) return unreadable('its reply is not UTF-8')
  if (body === '') return unreadable('it answered 200 without a body; to change nothing, answer 204')
  const read = readStrictly(body, REPLY, 'its reply')
  if (!read.ok) return refusesAtLeast(body, call) ?? unreadable(read.failure)
  const { fields, text, warnings } = read.value
  if (fields.Uid !== undefined && fields.Uid !== call.uid)
    return unreadable('the Uid of its reply is that of another call')
  return ok({ fields, raw: rawMembers(text), warnings })
}

/**
 * A reply that says two things or is spoilt otherwise is a failure; but not if one of the things is no: then that is what
 * counts, for no failure policy may turn it into a pass.
 */
function refusesAtLeast(body: string, { type }: HookCall): Result<ReadReply, HookFailure> | undefined {
  const fields = readObject(readJson(body))
  if (fields?.Allowed !== false || !ALLOWED_FIELDS.Allowed!.includes(type)) return undefined
  return ok({ fields: { Allowed: false, Status: fields.Status }, raw: NO_MEMBERS, warnings: [] })
}

const HEAD_FIELDS = { Headers: AS_WRITTEN }
const BODY_FIELDS = { Body: AS_WRITTEN, BodyEncoding: AS_WRITTEN, BodyLength: AS_WRITTEN }

/** A patch is read when it is applied; its keys are the body's own. */
const REPLY = structOf({
  PowerstripProtocolVersion: AS_WRITTEN,
  Uid: AS_WRITTEN,
  Allowed: AS_WRITTEN,
  Status: structOf({ Code: AS_WRITTEN, Reason: AS_WRITTEN, Message: AS_WRITTEN }),
  PatchType: AS_WRITTEN,
  Patch: AS_WRITTEN,
  ModifiedClientRequest: structOf({
    Method: AS_WRITTEN,
    Request: AS_WRITTEN,
    ...HEAD_FIELDS,
    ...BODY_FIELDS,
  }),
  ModifiedServerResponse: structOf({
    Code: AS_WRITTEN,
    ContentType: AS_WRITTEN,
    ...HEAD_FIELDS,
    ...BODY_FIELDS,
  }),
  HeaderMutation: structOf({ SetHeaders: ANY, RemoveHeaders: ANY }),
  ImmediateResponse: structOf({
    Code: AS_WRITTEN,
    ContentType: AS_WRITTEN,
    SkipPostHooks: AS_WRITTEN,
    ...BODY_FIELDS,
  }),
  Compensate: AS_WRITTEN,
  Metadata: AS_WRITTEN,
  Warnings: AS_WRITTEN,
  AuditAnnotations: AS_WRITTEN,
  Events: { kind: 'list', items: structOf({ Index: AS_WRITTEN, Action: AS_WRITTEN, Event: AS_WRITTEN }) },
  Insert: { kind: 'list', items: structOf({ Before: AS_WRITTEN, Event: AS_WRITTEN }) },
  End: AS_WRITTEN,
})

function strangeStatus(
  status: number,
  body: string | undefined,
): { readonly ok: false; readonly failure: HookFailure } {
  if (status >= 300 && status <= 399)
    return badReply(`it answered ${status}, a redirect, and redirects are not followed; check its URL`)
  const reason = adapterText(body)
  return failed({
    kind: 'broken',
    status: 502,
    message: reason === '' ? `it answered ${status}` : `it answered ${status}: ${reason}`,
  })
}

/** Nobody can tell what the adapter has done. */
function unreadable(problem: string): { readonly ok: false; readonly failure: HookFailure } {
  return failed({ kind: 'bad-reply', problem, mayHaveActed: true })
}

function unclear(failure: HookFailure): { readonly ok: false; readonly failure: HookFailure } {
  return failed(failure.kind === 'bad-reply' ? { ...failure, mayHaveActed: true } : failure)
}

/** What a hook of each type may say. Names that stand nowhere here are unknown, and passed over. */
const ALLOWED_FIELDS: Readonly<Record<string, readonly HookType[]>> = {
  Allowed: ['pre-hook', 'validate-hook', 'post-hook'],
  Status: ['pre-hook', 'validate-hook', 'post-hook'],
  Patch: ['pre-hook', 'post-hook'],
  PatchType: ['pre-hook', 'post-hook'],
  ModifiedClientRequest: ['pre-hook'],
  ModifiedServerResponse: ['post-hook'],
  HeaderMutation: ['pre-hook', 'post-hook'],
  ImmediateResponse: ['pre-hook'],
  Compensate: ['pre-hook'],
  Metadata: ['pre-hook', 'validate-hook', 'post-hook'],
  Warnings: ['pre-hook', 'validate-hook', 'post-hook'],
  AuditAnnotations: ['pre-hook', 'validate-hook', 'post-hook'],
  Events: ['stream-hook'],
  Insert: ['stream-hook'],
  End: ['stream-hook'],
}

function forbiddenField(fields: JsonFields, type: HookType) {
  const name = Object.keys(ALLOWED_FIELDS).find(
    (known) => isThere(fields[known]) && !ALLOWED_FIELDS[known]!.includes(type),
  )
  return name === undefined ? undefined : badReply(`its reply has ${name}, which no ${type} may use`)
}

function judge(
  { fields, raw, warnings: respelled }: ReadReply,
  call: HookCall,
  terms: ReplyTerms,
): Result<Answered<Outcome>, HookFailure> {
  const { Allowed: allowed } = fields
  // A refusal comes first: whatever else is wrong with the reply, no failure policy may turn it into a pass.
  if (allowed === false && ALLOWED_FIELDS.Allowed!.includes(call.type)) return denial(fields, raw)
  if (isThere(allowed) && allowed !== true)
    return badReply('the Allowed of its reply is neither true nor false')
  const forbidden = forbiddenField(fields, call.type)
  if (forbidden !== undefined) return forbidden
  const remarks = readRemarks(fields, raw)
  if (!remarks.ok) return remarks
  const warnings = [...respelled]
  const outcome = readOutcome(fields, raw, call, terms, warnings)
  if (!outcome.ok) return outcome
  return ok({
    outcome: outcome.value,
    warnings,
    ...(remarks.value === undefined ? {} : { remarks: remarks.value }),
  })
}

function denial(fields: JsonFields, raw: ReadonlyMap<string, string>): Result<Answered<Denial>, HookFailure> {
  const { Code: code, Message: message, Reason: reason } = readObject(fields.Status) ?? {}
  const warnings: string[] = []
  const isCode = typeof code === 'number' && Number.isInteger(code) && code >= 400 && code <= 599
  if (isThere(code) && !isCode)
    warnings.push('It refused with a code that is not from 400 to 599; 403 was used.')
  const said = typeof message === 'string' && message !== '' ? message : reason
  const remarks = readRemarks({ ...fields, Compensate: undefined }, raw)
  return ok({
    outcome: {
      kind: 'deny',
      status: isCode ? code : 403,
      message: typeof said === 'string' ? reasonText(said) : '',
    },
    warnings,
    ...(remarks.ok && remarks.value !== undefined ? { remarks: remarks.value } : {}),
  })
}

function readOutcome(
  fields: JsonFields,
  raw: ReadonlyMap<string, string>,
  call: HookCall,
  terms: ReplyTerms,
  warnings: string[],
): Result<Outcome, HookFailure> {
  const immediate = readObject(fields.ImmediateResponse)
  if (isThere(fields.ImmediateResponse)) {
    if (immediate === undefined) return badReply('its ImmediateResponse is not an object')
    const clash = ['Patch', 'ModifiedClientRequest', 'HeaderMutation'].find((name) => isThere(fields[name]))
    if (clash !== undefined) return badReply(`its reply has both ImmediateResponse and ${clash}`)
    return readImmediate(immediate, raw.get('ImmediateResponse')!)
  }
  const headers = readMutation(fields.HeaderMutation, terms)
  if (!headers.ok) return headers
  const patch = readPatch(fields, raw)
  if (!patch.ok) return patch
  const changes =
    call.type === 'post-hook'
      ? responseChanges(fields, raw, call.response)
      : requestChanges(fields, raw, call.request, warnings)
  if (!changes.ok) return changes
  // Even where one of them changes nothing: its author meant something by it.
  if (isThere(fields.Patch) && changes.value.givesBody)
    return badReply('its reply changes the body in two ways, by Patch and by Body')
  const shown = call.type === 'post-hook' ? call.response : call.request
  if (patch.value.patch !== undefined && (shown.form ?? 'json') !== 'json')
    return badReply('it patches a body that it was not shown as JSON')
  const replaced = { ...changes.value.changes, ...patch.value, ...headers.value }
  return ok(Object.keys(replaced).length === 0 ? PASS : { kind: 'replace', ...replaced })
}

interface Modified {
  readonly changes: Omit<Replacement, 'kind'>
  /** Whether there is a body in it, be it the one that was sent. */
  readonly givesBody: boolean
}

const UNMODIFIED = ok<Modified>({ changes: {}, givesBody: false })

function requestChanges(
  fields: JsonFields,
  raw: ReadonlyMap<string, string>,
  sent: HookRequest,
  warnings: string[],
): Result<Modified, HookFailure> {
  const modified = readModified('ModifiedClientRequest', fields, raw)
  if (!modified.ok || modified.value === undefined) return modified.ok ? UNMODIFIED : modified
  const { Method: method, Request: wanted } = modified.value.fields
  if (isThere(method) && method !== sent.method) warnings.push(methodKept(sent.method))
  const target = settleTarget(wanted, sent.target, warnings)
  if (!target.ok) return target
  const body = changedBody(modified.value, sent)
  return body.ok
    ? ok({ changes: { ...target.value, ...body.value.changes }, givesBody: body.value.isGiven })
    : body
}

function responseChanges(
  fields: JsonFields,
  raw: ReadonlyMap<string, string>,
  sent: HookResponse,
): Result<Modified, HookFailure> {
  const modified = readModified('ModifiedServerResponse', fields, raw)
  if (!modified.ok || modified.value === undefined) return modified.ok ? UNMODIFIED : modified
  const { Code: code, ContentType: type } = modified.value.fields
  const status = settleStatus(code ?? undefined, sent.status)
  if (!status.ok) return status
  const contentType = settleContentType(type, sent.contentType)
  if (!contentType.ok) return contentType
  const body = changedBody(modified.value, sent)
  return body.ok
    ? ok({
        changes: { ...status.value, ...contentType.value, ...body.value.changes },
        givesBody: body.value.isGiven,
      })
    : body
}

function readModified(
  name: string,
  fields: JsonFields,
  raw: ReadonlyMap<string, string>,
): Result<Members | undefined, HookFailure> {
  if (!isThere(fields[name])) return ok(undefined)
  const modified = readObject(fields[name])
  return modified === undefined
    ? badReply(`its ${name} is not an object`)
    : ok({ fields: modified, raw: rawMembers(raw.get(name)!) })
}

/** No change where it says what was sent. */
function changedBody(
  { fields, raw }: Members,
  sent: HookRequest | HookResponse,
): Result<{ readonly changes: Pick<Replacement, 'body' | 'form'>; readonly isGiven: boolean }, HookFailure> {
  const body = readBody(fields, raw)
  if (!body.ok) return body
  if (body.value === undefined) return ok({ changes: {}, isGiven: false })
  const { text, form } = body.value
  const same = form === 'base64' ? text === sent.base64 : text === sent.body
  return ok({ changes: same ? {} : { body: text, form }, isGiven: true })
}

interface GivenBody {
  readonly text: string
  readonly form: 'json' | 'utf8' | 'base64'
}

/** A string without `BodyEncoding` is the body itself; an object or an array is JSON. */
function readBody(
  { Body: body, BodyEncoding: encoding }: JsonFields,
  raw: ReadonlyMap<string, string>,
): Result<GivenBody | undefined, HookFailure> {
  if (encoding === 'json')
    return raw.has('Body') ? ok({ text: raw.get('Body')!, form: 'json' }) : ok(undefined)
  if (!isThere(body)) return ok(undefined)
  if (!isThere(encoding) && typeof body === 'object') return ok({ text: raw.get('Body')!, form: 'json' })
  if (typeof body !== 'string')
    return badReply('the Body it gave is neither a string nor JSON with the BodyEncoding "json"')
  if (encoding === 'base64')
    return BASE64.test(body) && body.length % 4 === 0
      ? ok({ text: body, form: 'base64' })
      : badReply('the Body it gave is not base64')
  if (isThere(encoding) && encoding !== 'utf8')
    return badReply('the BodyEncoding it gave is none of json, utf8, base64')
  // Only as an escape within JSON could it come here, and no bytes of UTF-8 stand for it.
  return body.isWellFormed()
    ? ok({ text: body, form: 'utf8' })
    : badReply('the body it gave holds half of a surrogate pair, which is no text')
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

function readImmediate(fields: JsonFields, raw: string): Result<Immediate, HookFailure> {
  const { Code: code = 200, ContentType: type, SkipPostHooks: skip = false } = fields
  if (typeof code !== 'number' || !Number.isInteger(code) || code < 200 || code > 599)
    return badReply('the Code of its ImmediateResponse is not an integer from 200 to 599')
  if (isThere(type) && (typeof type !== 'string' || type === '' || !FIELD_VALUE.test(type)))
    return badReply('the ContentType of its ImmediateResponse cannot stand in a header')
  if (typeof skip !== 'boolean') return badReply('its SkipPostHooks is neither true nor false')
  const body = readBody(fields, rawMembers(raw))
  if (!body.ok) return body
  const { text, form }: GivenBody = body.value ?? { text: '', form: 'utf8' }
  const contentType = typeof type === 'string' ? type : form === 'json' ? 'application/json' : null
  return ok({ kind: 'respond', status: code, contentType, body: text, form, skipPost: skip })
}

function readPatch(
  { Patch: patch, PatchType: type }: JsonFields,
  raw: ReadonlyMap<string, string>,
): Result<Pick<Replacement, 'patch'>, HookFailure> {
  if (!isThere(patch)) return ok({})
  const text = raw.get('Patch')!
  if (Array.isArray(patch) && (!isThere(type) || type === 'JSONPatch'))
    return ok(patch.length === 0 ? {} : { patch: { type: 'JSONPatch', text } })
  if (type === 'JSONMergePatch' && readObject(patch) !== undefined)
    return ok(Object.keys(patch as object).length === 0 ? {} : { patch: { type, text } })
  return badReply(
    'its Patch is neither an array of the PatchType JSONPatch nor an object of the PatchType JSONMergePatch',
  )
}

function readMutation(
  value: unknown,
  { mutableHeaders }: ReplyTerms,
): Result<{ readonly headers?: HeaderMutation }, HookFailure> {
  if (!isThere(value)) return ok({})
  const mutation = readObject(value)
  if (mutation === undefined) return badReply('its HeaderMutation is not an object')
  const { SetHeaders: setting, RemoveHeaders: removing } = mutation
  const set = readObject(setting ?? {})
  const remove = removing ?? []
  if (set === undefined || !Array.isArray(remove))
    return badReply('its HeaderMutation holds something else than SetHeaders and RemoveHeaders')
  for (const name of [...Object.keys(set), ...remove]) {
    if (typeof name !== 'string' || !FIELD_NAME.test(name))
      return badReply('a header it names is no header name')
    const key = name.toLowerCase()
    if (FIXED_FIELDS.has(key) || key.startsWith('powerstrip-'))
      return badReply(`it changes the header ${key}, which no hook may`)
    if (!mutableHeaders.includes(key))
      return badReply(`it changes the header ${key}, which its headers.mutate does not name`)
  }
  const values = Object.entries(set)
  if (!values.every(([, field]) => typeof field === 'string' && FIELD_VALUE.test(field)))
    return badReply('a value that it gives to a header cannot stand in one')
  if (values.length + remove.length === 0) return ok({})
  return ok({
    headers: {
      set: Object.fromEntries(values.map(([name, field]) => [name.toLowerCase(), field as string])),
      remove: remove.map((name: string) => name.toLowerCase()),
    },
  })
}

function readRemarks(
  fields: JsonFields,
  raw: ReadonlyMap<string, string>,
): Result<Remarks | undefined, HookFailure> {
  const { Warnings: warnings, AuditAnnotations: notes, Metadata: metadata, Compensate: compensate } = fields
  if (!isThere(warnings) && !isThere(notes) && !isThere(metadata) && !isThere(compensate))
    return ok(undefined)
  if (isThere(compensate) && typeof compensate !== 'boolean')
    return badReply('its Compensate is neither true nor false')
  if (isThere(warnings) && !(Array.isArray(warnings) && warnings.every((text) => typeof text === 'string')))
    return badReply('its Warnings are not an array of strings')
  const annotations = readObject(notes ?? {})
  if (annotations === undefined || !Object.values(annotations).every((text) => typeof text === 'string'))
    return badReply('its AuditAnnotations are not an object of strings')
  if (isThere(metadata) && readObject(metadata) === undefined)
    return badReply('its Metadata is not an object')
  const kept = isThere(metadata) ? raw.get('Metadata')! : undefined
  if (kept !== undefined && Buffer.byteLength(kept) > METADATA_LIMIT_BYTES)
    return badReply(`its Metadata is larger than ${METADATA_LIMIT_BYTES} bytes`)
  return ok({
    warnings: ((warnings ?? []) as string[]).map((text) =>
      Array.from(reasonText(text)).slice(0, WARNING_LIMIT).join(''),
    ),
    annotations: annotations as Record<string, string>,
    ...(kept === undefined ? {} : { metadata: kept }),
    compensate: compensate === true,
  })
}

/** `null` says as little as a field that is not there. */
function isThere(value: unknown): boolean {
  return value !== undefined && value !== null
}
