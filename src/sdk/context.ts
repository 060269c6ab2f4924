/**
 * What handlers get to see, and the drafts that they may change.
 *
 * Everything that has to be worked out is worked out when it is asked for: most handlers look at one or two things. The
 * members can be taken apart (`({ body, deny }) => …`), except those that are assigned to.
 */
import type {
  HookCall,
  HookReply,
  ObserveCall,
  PostCall,
  PreCall,
  StreamCall,
  UnwindCall,
} from '../model/call.ts'
import type {
  BodyForm,
  Denial,
  HeaderMutation,
  HookHeaders,
  HookRequest,
  HookResponse,
  HookUser,
  Immediate,
  Outcome,
  Remarks,
  Replacement,
  UnwindCause,
} from '../model/hook.ts'
import { abortSignalOf, type StopSignal } from '../model/stop.ts'
import { OPERATIONS, type OperationId } from '../route/operations.ts'
import { FIELD_NAME, FIELD_VALUE, FIXED_FIELDS } from '../wire/v2/fields.ts'
import type { RequestBody, ResponseBody } from './bodies.ts'
import { BodyDraft, NO_CHANGE } from './body-draft.ts'
import type { PatchOperation } from './differences.ts'
import { type Json, type JsonObject, parseJson, printJson } from './json.ts'
import type { AdapterLog } from './log.ts'
import { checkedStatus, type DenyOptions, deny, type RespondOptions, respond } from './outcomes.ts'
import { type Query, QueryDraft } from './query-draft.ts'

/** What is the same for all calls of an adapter, and the call's own signal. */
export interface CallGround {
  readonly config: unknown
  readonly log: AdapterLog
  readonly stop: StopSignal
  /** What the caller speaks. */
  readonly protocol: 1 | 2
}

export interface CallContext<Config = unknown> {
  readonly method: string
  /** Path and query as received. */
  readonly target: string
  /** Docker's id for the call: `ContainerCreate`. */
  readonly operation: OperationId | 'unknown'
  /** The names in the path: `{ id: 'web' }`. */
  readonly params: Readonly<Record<string, string>>
  /** From the path: `1.45`. A client that writes none means the engine's newest. */
  readonly apiVersion: string | undefined
  /** Of the request, by their names in lower case, as far as the configuration lets the adapter see them. */
  readonly headers: HookHeaders
  readonly user: HookUser
  /** The listener that the request came in by. */
  readonly listener: string
  readonly config: Config
  /** Of this call and of its repetitions; in an unwind-handler that of the call to undo. Anew for each call in protocol 1. */
  readonly uid: string
  /** The same for all calls about one request; anew for each call in protocol 1. */
  readonly requestId: string
  /** 1, or more where the call had been tried before. */
  readonly attempt: number
  /** Nothing is meant: the engine will not be asked. */
  readonly dryRun: boolean
  /** What the caller speaks. One of protocol 1 is told neither warnings nor what to undo, and never calls to undo it. */
  readonly protocol: 1 | 2
  /** Aborted when nobody waits for this call any more: the time is up, or the client has left. */
  readonly signal: AbortSignal
  readonly log: AdapterLog
}

/** What handlers may say beside their outcome. */
interface Speaking<Metadata> {
  /** Makes the outcome that refuses; return it. */
  readonly deny: (message: string, options?: DenyOptions) => Denial
  /** Tells the people at the client. */
  readonly warn: (message: string) => void
  /** Tells whoever reads the decision log. */
  readonly annotate: (name: string, value: string) => void
  /** What this adapter said earlier in this request; what is changed goes to its later handlers. Up to 16 KiB. */
  readonly metadata: Partial<Metadata>
}

interface Changing {
  /** Changes the body by a JSON Patch of your own, instead of in place. */
  readonly patch: (operations: readonly PatchOperation[]) => void
  /** Changes the body by a JSON Merge Patch, instead of in place. */
  readonly mergePatch: (changes: JsonObject) => void
  /** Sets a header field that the configuration names under `headers.mutate`. */
  readonly setHeader: (name: string, value: string) => void
  readonly removeHeader: (name: string) => void
}

/** `Id` is the key of the handler. */
export interface PreContext<Id extends OperationId | '*' = '*', Config = unknown, Metadata = JsonObject>
  extends CallContext<Config>,
    Speaking<Metadata>,
    Changing {
  /** A draft: changes are sent on. */
  readonly query: QueryDraft
  /** A draft: changes are sent on. An empty object where the operation takes one and the client sent nothing. */
  body: RequestBody<Id>
  /** The body as received. `null`: there is none, or it is no text for hooks to see. */
  readonly text: string | null
  /** How the body came. */
  readonly bodyEncoding: BodyForm
  /** A body that is no text, where the use says `body: buffered`; may be assigned. */
  get bytes(): Uint8Array | null
  set bytes(bytes: Uint8Array)
  /** What the client sent, where the use says `originalRequest: true`. */
  readonly original: RequestView<Id> | undefined
  /** Makes the outcome that answers in the engine's place; return it. */
  readonly respond: (code: number, body?: Json | Uint8Array, options?: RespondOptions) => Immediate
  /** Something was reserved: the unwind-handler is to be called if the request does not end well. */
  readonly compensate: () => void
}

/** The request as it would go to the engine. Changes to it go nowhere. */
export interface ValidateContext<Id extends OperationId | '*' = '*', Config = unknown, Metadata = JsonObject>
  extends CallContext<Config>,
    Speaking<Metadata> {
  readonly query: Query
  readonly body: RequestBody<Id>
  readonly text: string | null
  readonly bodyEncoding: BodyForm
  readonly bytes: Uint8Array | null
  readonly original: RequestView<Id> | undefined
}

export interface PostContext<Id extends OperationId | '*' = '*', Config = unknown, Metadata = JsonObject>
  extends CallContext<Config>,
    Speaking<Metadata>,
    Changing {
  readonly query: Query
  /** What the engine was sent; from callers of protocol 1 what the client sent. Changes to it go nowhere. */
  readonly request: RequestView<Id>
  readonly original: RequestView<Id> | undefined
  /** A draft: changes are sent on. */
  readonly response: ResponseDraft<Id>
  /** The body of the response; the same draft as `response.body`. */
  body: ResponseBody<Id>
  /** The body of the response as received. */
  readonly text: string
  readonly bodyEncoding: BodyForm
  get bytes(): Uint8Array | null
  set bytes(bytes: Uint8Array)
}

export interface UnwindContext<Id extends OperationId | '*' = '*', Config = unknown, Metadata = JsonObject>
  extends CallContext<Config> {
  readonly query: Query
  /** As the pre-handler was shown it. */
  readonly request: RequestView<Id>
  readonly body: RequestBody<Id>
  /** What the pre-handler said. Empty where its answer never arrived. */
  readonly metadata: Partial<Metadata>
  /** Why it is undone. */
  readonly cause: Omit<UnwindCause, 'response'>
  readonly response: ResponseView<Id>
}

export interface ObserveContext<Id extends OperationId | '*' = '*', Config = unknown, Metadata = JsonObject>
  extends CallContext<Config> {
  readonly query: Query
  /** What the engine was sent. */
  readonly request: RequestView<Id>
  readonly original: RequestView<Id> | undefined
  /** What the client got. */
  readonly response: ResponseView<Id>
  readonly body: ResponseBody<Id>
  readonly metadata: Partial<Metadata>
  /** How it ended, in one word. */
  readonly fate: string
  /** From and to the client, heads included. */
  readonly requestBytes: number
  readonly responseBytes: number
}

/** Of a stream, from its beginning to its end. */
export interface StreamContext<Id extends OperationId | '*' = '*', Config = unknown, Metadata = JsonObject>
  extends CallContext<Config> {
  readonly query: Query
  /** What the engine was sent. */
  readonly request: RequestView<Id>
  readonly original: RequestView<Id> | undefined
  /** The head of the answer that the stream is the body of. */
  readonly response: Omit<ResponseView<Id>, 'body' | 'text'>
  readonly metadata: Partial<Metadata>
}

export interface RequestView<Id extends OperationId | '*' = '*'> {
  readonly method: string
  readonly target: string
  readonly query: Query
  readonly headers: HookHeaders
  readonly body: RequestBody<Id>
  readonly text: string | null
}

export interface ResponseDraft<Id extends OperationId | '*' = '*'> {
  code: number
  /** `null`: the answer has none. One that is there can be replaced and not taken away. */
  contentType: string | null
  readonly headers: HookHeaders
  body: ResponseBody<Id>
}

export interface ResponseView<Id extends OperationId | '*' = '*'> {
  /** `null`: there was no answer. */
  readonly code: number | null
  readonly contentType: string | null
  readonly headers: HookHeaders
  readonly body: ResponseBody<Id>
  readonly text: string
}

class CallView<Called extends HookCall> implements CallContext {
  protected readonly call: Called
  protected readonly ground: CallGround
  #signal: AbortSignal | undefined

  constructor(call: Called, ground: CallGround) {
    this.call = call
    this.ground = ground
  }

  get method(): string {
    return this.call.request.method
  }
  get target(): string {
    return this.call.request.target
  }
  get operation(): OperationId | 'unknown' {
    return (this.call.operation ?? 'unknown') as OperationId | 'unknown'
  }
  get params(): Readonly<Record<string, string>> {
    return this.call.params
  }
  get apiVersion(): string | undefined {
    return this.call.apiVersion ?? undefined
  }
  get headers(): HookHeaders {
    return this.call.request.headers ?? NO_HEADERS
  }
  get user(): HookUser {
    return this.call.user
  }
  get listener(): string {
    return this.call.listener
  }
  get config(): unknown {
    return this.ground.config
  }
  get uid(): string {
    return this.call.uid
  }
  get requestId(): string {
    return this.call.requestId
  }
  get attempt(): number {
    return this.call.attempt
  }
  get dryRun(): boolean {
    return this.call.dryRun
  }
  get protocol(): 1 | 2 {
    return this.ground.protocol
  }
  get signal(): AbortSignal {
    this.#signal ??= abortSignalOf(this.ground.stop)
    return this.#signal
  }
  get log(): AdapterLog {
    return this.ground.log
  }
  get original(): RequestView | undefined {
    const { original } = this.call
    return original === undefined ? undefined : new ShownRequest(original, this.call)
  }
}

const NO_HEADERS: HookHeaders = Object.freeze({})

/** What a handler says beside its outcome. */
class SpeakingView<Called extends HookCall> extends CallView<Called> implements Speaking<JsonObject> {
  readonly deny = deny
  readonly #warnings: string[] = []
  #annotations: Record<string, string> | undefined
  #metadata: MetadataDraft | undefined
  protected compensates = false

  get warn(): (message: string) => void {
    return (message) => {
      this.#warnings.push(String(message))
    }
  }
  get annotate(): (name: string, value: string) => void {
    return (name, value) => {
      this.#annotations ??= {}
      this.#annotations[name] = String(value)
    }
  }
  get metadata(): JsonObject {
    this.#metadata ??= new MetadataDraft(this.call.metadata)
    return this.#metadata.value
  }

  protected replyWith(outcome: Outcome): HookReply {
    const metadata = this.#metadata?.changedText()
    if (
      this.#warnings.length === 0 &&
      this.#annotations === undefined &&
      metadata === undefined &&
      !this.compensates
    )
      return outcome.kind === 'pass' ? PASSED : { outcome }
    const remarks: Remarks = {
      warnings: this.#warnings,
      annotations: this.#annotations ?? NO_NOTES,
      compensate: this.compensates,
      ...(metadata === undefined ? {} : { metadata }),
    }
    return { outcome, remarks }
  }
}

const PASSED: HookReply = Object.freeze({ outcome: Object.freeze({ kind: 'pass' }) })
const NO_NOTES = Object.freeze({})

/** A message in the hands of a handler that may change it. */
class ChangingView<Called extends PreCall | PostCall> extends SpeakingView<Called> implements Changing {
  protected readonly draft: BodyDraft
  #headers: HeaderChanges | undefined

  constructor(call: Called, ground: CallGround, draft: BodyDraft) {
    super(call, ground)
    this.draft = draft
  }

  get body(): Json {
    return this.draft.value
  }
  set body(value: Json) {
    this.draft.value = value
  }
  get bodyEncoding(): BodyForm {
    return this.draft.form
  }
  get bytes(): Uint8Array | null {
    return this.draft.bytes
  }
  set bytes(bytes: Uint8Array) {
    this.draft.bytes = bytes
  }
  get patch(): (operations: readonly PatchOperation[]) => void {
    return (operations) => this.draft.patchBy(operations)
  }
  get mergePatch(): (changes: JsonObject) => void {
    return (changes) => this.draft.mergeWith(changes)
  }
  get setHeader(): (name: string, value: string) => void {
    return (name, value) => this.#changedHeaders.set(name, value)
  }
  get removeHeader(): (name: string) => void {
    return (name) => this.#changedHeaders.remove(name)
  }

  get #changedHeaders(): HeaderChanges {
    this.#headers ??= new HeaderChanges(this.ground)
    return this.#headers
  }

  /** What is different now, besides what only one of the two messages has. */
  protected changes(own: Omit<Replacement, 'kind'>): Outcome {
    const headers = this.#headers?.mutation()
    const body = this.draft.change()
    if (own === NOTHING && body === NO_CHANGE && headers === undefined) return PASS
    const change = { ...own, ...body, ...(headers === undefined ? NOTHING : { headers }) }
    for (const _ in change) return { kind: 'replace', ...change }
    return PASS
  }
}

/** One request in the hands of a pre-handler. */
export class PreDraft extends ChangingView<PreCall> implements PreContext {
  #query: QueryDraft | undefined

  constructor(call: PreCall, ground: CallGround) {
    super(call, ground, requestBody(call.request, call))
  }

  get query(): QueryDraft {
    this.#query ??= new QueryDraft(queryIn(this.target))
    return this.#query
  }
  get text(): string | null {
    return this.draft.text
  }
  get respond(): PreContext['respond'] {
    if (this.protocol === 2) return respond
    throw new Error('a caller of protocol 1 has no way to answer in the place of the engine')
  }
  get compensate(): () => void {
    return () => {
      this.compensates = true
    }
  }

  reply(decided: Denial | Immediate | undefined): HookReply {
    return this.replyWith(decided ?? this.#changes())
  }

  #changes(): Outcome {
    const target = changedTarget(this.target, this.#query)
    return this.changes(target === undefined ? NOTHING : { target })
  }
}

/** A request that nobody changes any more. */
export class ValidateView
  extends SpeakingView<HookCall & { readonly type: 'validate-hook' }>
  implements ValidateContext
{
  #body: BodyDraft | undefined

  get query(): Query {
    return new QueryDraft(queryIn(this.target))
  }
  get body(): Json {
    return this.#draft.value
  }
  get text(): string | null {
    return this.#draft.text
  }
  get bodyEncoding(): BodyForm {
    return this.#draft.form
  }
  get bytes(): Uint8Array | null {
    return this.#draft.bytes
  }

  reply(decided: Denial | undefined): HookReply {
    return this.replyWith(decided ?? PASS)
  }

  get #draft(): BodyDraft {
    this.#body ??= requestBody(this.call.request, this.call)
    return this.#body
  }
}

/** One answer of the engine in the hands of a post-handler. */
export class PostDraft extends ChangingView<PostCall> implements PostContext {
  readonly response: ResponseDraft
  #request: ShownRequest | undefined

  constructor(call: PostCall, ground: CallGround) {
    const body = new BodyDraft(call.response, null)
    super(call, ground, body)
    const { status, contentType, headers = NO_HEADERS } = call.response
    this.response = {
      code: status,
      contentType,
      headers,
      get body() {
        return body.value
      },
      set body(value) {
        body.value = value
      },
    }
  }

  get request(): RequestView {
    this.#request ??= new ShownRequest(this.call.request, this.call)
    return this.#request
  }
  get query(): Query {
    return this.request.query
  }
  get text(): string {
    return this.draft.text ?? ''
  }

  reply(decided: Denial | undefined): HookReply {
    return this.replyWith(decided ?? this.#changes())
  }

  #changes(): Outcome {
    const { code, contentType } = this.response
    const received = this.call.response
    return this.changes({
      ...(code === received.status ? NOTHING : { status: checkedStatus(code) }),
      ...(contentType === received.contentType || contentType === null ? NOTHING : { contentType }),
    })
  }
}

/** A call that nothing is answered to. */
class ToldView<Called extends UnwindCall | ObserveCall | StreamCall> extends CallView<Called> {
  #metadata: JsonObject | undefined
  #request: ShownRequest | undefined
  #response: ResponseView | undefined

  get request(): RequestView {
    this.#request ??= new ShownRequest(this.call.request, this.call)
    return this.#request
  }
  get query(): Query {
    return this.request.query
  }
  get response(): ResponseView {
    this.#response ??= new ShownResponse(this.call.response)
    return this.#response
  }
  get metadata(): JsonObject {
    this.#metadata ??= new MetadataDraft(this.call.metadata).value
    return this.#metadata
  }
}

export class UnwindView extends ToldView<UnwindCall> implements UnwindContext {
  get body(): Json {
    return this.request.body
  }
  get cause(): UnwindContext['cause'] {
    return this.call.cause
  }
}

export class ObserveView extends ToldView<ObserveCall> implements ObserveContext {
  get body(): Json {
    return this.response.body
  }
  get fate(): string {
    return this.call.fate
  }
  get requestBytes(): number {
    return this.call.requestBytes
  }
  get responseBytes(): number {
    return this.call.responseBytes
  }
}

export class StreamView extends ToldView<StreamCall> implements StreamContext {}

class ShownRequest implements RequestView {
  readonly #shown: HookRequest
  readonly #body: BodyDraft

  constructor(shown: HookRequest, call: HookCall) {
    this.#shown = shown
    this.#body = requestBody(shown, call)
  }

  get method(): string {
    return this.#shown.method
  }
  get target(): string {
    return this.#shown.target
  }
  get query(): Query {
    return new QueryDraft(queryIn(this.#shown.target))
  }
  get headers(): HookHeaders {
    return this.#shown.headers ?? NO_HEADERS
  }
  get body(): Json {
    return this.#body.value
  }
  get text(): string | null {
    return this.#body.text
  }
}

class ShownResponse implements ResponseView {
  readonly #shown: HookResponse | null
  readonly #body: BodyDraft

  constructor(shown: HookResponse | null) {
    this.#shown = shown
    this.#body = new BodyDraft(shown ?? { body: null, form: 'none' }, null)
  }

  get code(): number | null {
    return this.#shown?.status ?? null
  }
  get contentType(): string | null {
    return this.#shown?.contentType ?? null
  }
  get headers(): HookHeaders {
    return this.#shown?.headers ?? NO_HEADERS
  }
  get body(): Json {
    return this.#body.value
  }
  get text(): string {
    return this.#body.text ?? ''
  }
}

/** What an adapter remembers within one request. */
class MetadataDraft {
  readonly value: JsonObject
  readonly #received: string

  constructor(text = '{}') {
    this.value = parseJson(text) as JsonObject
    this.#received = printJson(this.value)
  }

  changedText(): string | undefined {
    const text = printJson(this.value)
    return text === this.#received ? undefined : text
  }
}

/** Changes of header fields, each checked when it is made: the proxy would refuse the whole reply. */
class HeaderChanges {
  readonly #ground: CallGround
  #set: Record<string, string> | undefined
  #remove: Set<string> | undefined

  constructor(ground: CallGround) {
    this.#ground = ground
  }

  set(name: string, value: string): void {
    const key = this.#checked(name)
    if (!FIELD_VALUE.test(value))
      throw new TypeError(`the value of the header ${key} holds what cannot stand in one`)
    this.#remove?.delete(key)
    this.#set ??= {}
    this.#set[key] = value
  }

  remove(name: string): void {
    const key = this.#checked(name)
    if (this.#set !== undefined) delete this.#set[key]
    this.#remove ??= new Set()
    this.#remove.add(key)
  }

  mutation(): HeaderMutation | undefined {
    if (this.#set === undefined && this.#remove === undefined) return undefined
    return { set: this.#set ?? {}, remove: [...(this.#remove ?? [])] }
  }

  #checked(name: string): string {
    if (this.#ground.protocol === 1)
      throw new Error('a caller of protocol 1 has no place for changes of header fields')
    const key = name.toLowerCase()
    if (!FIELD_NAME.test(key)) throw new TypeError(`${JSON.stringify(name)} is no header name`)
    if (FIXED_FIELDS.has(key) || key.startsWith('powerstrip-'))
      throw new TypeError(`the header ${key} is not for hooks to change`)
    return key
  }
}

const NOTHING = Object.freeze({})
const PASS = Object.freeze({ kind: 'pass' } as const)

function requestBody(request: HookRequest, { operation }: HookCall): BodyDraft {
  return new BodyDraft(request, operation !== null && TAKES_JSON.has(operation) ? {} : null)
}

/** Credentials are shown to nobody, so there is nothing in a login that a handler could overlook. */
const TAKES_JSON: ReadonlySet<string> = new Set(
  OPERATIONS.flatMap(({ id, takes }) => (takes === 'json' && id !== 'SystemAuth' ? [id] : [])),
)

function queryIn(target: string): string {
  const mark = target.indexOf('?')
  return mark === -1 ? '' : target.slice(mark + 1)
}

function changedTarget(target: string, query: QueryDraft | undefined): string | undefined {
  if (query === undefined) return undefined
  const text = query.toString()
  if (text === queryIn(target)) return undefined
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  return text === '' ? path : `${path}?${text}`
}
