/**
 * What a handler gets to see, and the drafts it may change.
 *
 * Everything that has to be worked out is worked out when it is asked for: most handlers look at one or two things. The
 * members can be taken apart (`({ body, deny }) => …`), except those that are assigned to.
 */
import type { Denial, HookRequest, HookResponse, PostOutcome, PreOutcome } from '../model/hook.ts'
import { abortSignalOf } from '../model/stop.ts'
import type { OperationId } from '../route/operations.ts'
import type { RequestBody, ResponseBody } from './bodies.ts'
import { BodyDraft } from './body-draft.ts'
import type { Call } from './call.ts'
import { type DenyOptions, deny } from './deny.ts'
import type { Json } from './json.ts'
import type { AdapterLog } from './log.ts'
import { type Query, QueryDraft } from './query-draft.ts'

interface Context<Config> {
  readonly method: string
  /** Path and query as received. */
  readonly target: string
  /** Docker's id for the call: `ContainerCreate`. */
  readonly operation: OperationId | 'unknown'
  /** The names in the path: `{ id: 'web' }`. */
  readonly params: Readonly<Record<string, string>>
  /** From the path: `1.45`. A client that writes none means the engine's newest. */
  readonly apiVersion: string | undefined
  readonly config: Config
  /** Aborted when nobody waits for this call any more. */
  readonly signal: AbortSignal
  readonly log: AdapterLog
  /** Makes the outcome that refuses; return it. */
  readonly deny: (message: string, options?: DenyOptions) => Denial
}

/** `Id` is the key of the handler. */
export interface PreContext<Id extends OperationId | '*' = '*', Config = unknown> extends Context<Config> {
  /** A draft: changes are sent on. */
  readonly query: QueryDraft
  /** A draft: changes are sent on. An empty object where the operation takes one and the client sent nothing. */
  body: RequestBody<Id>
  /** The body as received. `null`: there is none, or it is no text for hooks to see. */
  readonly text: string | null
}

export interface PostContext<Id extends OperationId | '*' = '*', Config = unknown> extends Context<Config> {
  readonly query: Query
  /** What the client sent, before any adapter changed it. Changes to it go nowhere. */
  readonly request: RequestView<Id>
  /** A draft: changes are sent on. */
  readonly response: ResponseDraft<Id>
  /** The body of the response; the same draft as `response.body`. */
  body: ResponseBody<Id>
  /** The body of the response as received. */
  readonly text: string
}

export interface RequestView<Id extends OperationId | '*' = '*'> {
  readonly method: string
  readonly target: string
  readonly query: Query
  readonly body: RequestBody<Id>
  readonly text: string | null
}

export interface ResponseDraft<Id extends OperationId | '*' = '*'> {
  code: number
  /** `null`: the answer has none. One that is there can be replaced and not taken away. */
  contentType: string | null
  body: ResponseBody<Id>
}

class CallView {
  readonly method: string
  readonly target: string
  readonly deny = deny
  protected readonly call: Call

  constructor(call: Call, request: HookRequest) {
    this.call = call
    this.method = request.method
    this.target = request.target
  }

  get operation(): OperationId | 'unknown' {
    return this.call.operation
  }
  get params(): Readonly<Record<string, string>> {
    return this.call.route.params
  }
  get apiVersion(): string | undefined {
    return this.call.route.version
  }
  get config(): unknown {
    return this.call.config
  }
  get signal(): AbortSignal {
    return abortSignalOf(this.call.stop)
  }
  get log(): AdapterLog {
    return this.call.log
  }
}

/** One request in the hands of a pre-handler. */
export class PreDraft extends CallView implements PreContext {
  readonly query: QueryDraft
  readonly #body: BodyDraft

  constructor(call: Call, request: HookRequest) {
    super(call, request)
    this.query = new QueryDraft(call.route.query)
    this.#body = requestBody(call, request)
  }

  get body(): Json {
    return this.#body.value
  }
  set body(value: Json) {
    this.#body.value = value
  }
  get text(): string | null {
    return this.#body.text
  }

  outcome(): PreOutcome {
    const body = this.#body.changedText()
    const query = this.query.toString()
    const { rawPath, query: received } = this.call.route
    const target = query === received ? undefined : query === '' ? rawPath : `${rawPath}?${query}`
    if (body === undefined && target === undefined) return { kind: 'pass' }
    return {
      kind: 'replace',
      ...(target === undefined ? {} : { target }),
      ...(body === undefined ? {} : { body }),
    }
  }
}

/** One answer of the engine in the hands of a post-handler. */
export class PostDraft extends CallView implements PostContext {
  readonly query: Query
  readonly request: RequestView
  readonly response: ResponseDraft
  readonly #received: HookResponse
  readonly #body: BodyDraft

  constructor(call: Call, request: HookRequest, response: HookResponse) {
    super(call, request)
    const sent = requestBody(call, request)
    const body = new BodyDraft(response.body, null)
    this.query = new QueryDraft(call.route.query)
    this.request = {
      method: request.method,
      target: request.target,
      query: this.query,
      text: request.body,
      get body() {
        return sent.value
      },
    }
    this.response = {
      code: response.status,
      contentType: response.contentType,
      get body() {
        return body.value
      },
      set body(value) {
        body.value = value
      },
    }
    this.#received = response
    this.#body = body
  }

  get body(): Json {
    return this.#body.value
  }
  set body(value: Json) {
    this.#body.value = value
  }
  get text(): string {
    return this.#received.body
  }

  outcome(): PostOutcome {
    const { code, contentType } = this.response
    const body = this.#body.changedText()
    const status = code === this.#received.status ? undefined : checkedStatus(code)
    const type = contentType === this.#received.contentType ? undefined : (contentType ?? undefined)
    if (status === undefined && type === undefined && body === undefined) return { kind: 'pass' }
    return {
      kind: 'replace',
      ...(status === undefined ? {} : { status }),
      ...(type === undefined ? {} : { contentType: type }),
      ...(body === undefined ? {} : { body }),
    }
  }
}

function requestBody(call: Call, request: HookRequest): BodyDraft {
  return new BodyDraft(request.body, call.route.operation?.takes === 'json' ? {} : null)
}

function checkedStatus(code: number): number {
  if (!Number.isInteger(code) || code < 200 || code > 599)
    throw new RangeError(`the code of a response is 200 to 599, not ${code}`)
  return code
}
