/** The adapter under test in one protocol: asked questions, and what is known of it so far. */
import { patched } from '../gate/patch.ts'
import type { AdapterAbilities, HookType } from '../model/call.ts'
import type { Answered, HookRequest, HookResponse, Outcome } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { identify } from '../route/identity.ts'
import { type Caller, type Came, describeCame, type Fields, shortened } from './caller.ts'
import type { Dialect, Question, Twist } from './dialect.ts'
import { jsonAnswer, sampleRequest, sampleResponse, TELLING_CREATES } from './samples.ts'
import { type Finding, fail, type Verdict } from './verdict.ts'

/** A question, and what came of it. */
export interface Seen {
  readonly question: Question
  readonly uid: string
  /** The message. */
  readonly sent: string
  readonly came: Came
  /** What the proxy would make of it; the failure in words. */
  readonly read: Result<Answered<Outcome>, string>
}

export interface SubjectTerms {
  readonly caller: Caller
  readonly dialect: Dialect
  /** What it is asked about; the first one most of all. Never empty. */
  readonly operations: readonly string[]
  /** Those it has; never empty. */
  readonly hooks: readonly HookType[]
  /** Protocol 2 only. */
  readonly abilities?: AdapterAbilities
}

/** Whether the hook is asked about the answer. */
function isAfterwards(hook: HookType): boolean {
  return hook === 'post-hook' || hook === 'observe-hook'
}

/** Hooks that decide something. */
const DECIDING: readonly HookType[] = ['pre-hook', 'validate-hook', 'post-hook']

export class Subject {
  readonly caller: Caller
  readonly dialect: Dialect
  readonly operations: readonly string[]
  readonly hooks: readonly HookType[]
  readonly abilities: AdapterAbilities | undefined
  #survey: Promise<readonly Seen[]> | undefined

  constructor(terms: SubjectTerms) {
    this.caller = terms.caller
    this.dialect = terms.dialect
    this.operations = terms.operations
    this.hooks = terms.hooks
    this.abilities = terms.abilities
  }

  has(hook: HookType): boolean {
    return this.hooks.includes(hook)
  }

  async ask(
    question: Question,
    { twist, inPieces = false }: { readonly twist?: Twist; readonly inPieces?: boolean } = {},
  ): Promise<Seen> {
    const { text: sent, fields, uid } = this.dialect.write(question, twist)
    const came = await this.say(sent, fields, inPieces)
    return { question, uid, sent, came, read: this.#read(came, question, uid) }
  }

  /** A message of any kind. */
  say(text: string, fields: Fields, inPieces = false): Promise<Came> {
    return this.caller.send({ method: 'POST', fields, body: text, inPieces }, this.dialect.fresh)
  }

  /** The most ordinary question that the adapter is there for. */
  plain(): Question {
    return this.about(this.operations[0]!)
  }

  /** In the hook that can be asked about a JSON body, where there is one. */
  about(operation: string, hook = this.#hookFor(operation)): Question {
    const request = sampleRequest(operation)
    return isAfterwards(hook)
      ? { hook, request, response: sampleResponse(operation) ?? jsonAnswer(200, {}) }
      : { hook, request }
  }

  /** The plain question with another JSON body in the place that the adapter looks at. */
  withBody(change: (body: string) => string): Question {
    const { hook, request, response } = this.plain()
    if (isAfterwards(hook)) return { hook, request, response: { ...response!, body: change(response!.body) } }
    const body = change(request.body ?? '{}')
    return { hook, request: { ...sampleRequest(this.operations[0]!, body) } }
  }

  /** Whether the plain question has a body that is a JSON object. */
  get carriesObject(): boolean {
    const { hook, request, response } = this.plain()
    return (isAfterwards(hook) ? response?.body : request.body)?.startsWith('{') === true
  }

  /** Everything that it decides on everyday questions, asked once. */
  survey(): Promise<readonly Seen[]> {
    this.#survey ??= this.#askAll()
    return this.#survey
  }

  async #askAll(): Promise<readonly Seen[]> {
    const seen: Seen[] = []
    for (const question of this.#everyday()) seen.push(await this.ask(question))
    return seen
  }

  #everyday(): Question[] {
    const deciding = this.hooks.filter((hook) => DECIDING.includes(hook))
    return deciding.flatMap((hook) =>
      this.operations.flatMap((operation) =>
        hook === 'post-hook' ? afterwards(operation) : beforehand(operation, hook),
      ),
    )
  }

  /** Nothing if the adapter does as it did before: `before` is what came of the plain question then. */
  async changedSince(before: Seen): Promise<Seen | undefined> {
    const now = await this.ask(before.question)
    return sameEnd(before, now) ? undefined : now
  }

  #hookFor(operation: string): HookType {
    const [first, second] = this.hooks.filter((hook) => DECIDING.includes(hook))
    if (first === undefined) return this.has('observe-hook') ? 'observe-hook' : this.hooks[0]!
    return first === 'post-hook' && sampleResponse(operation) === undefined ? (second ?? first) : first
  }

  #read(came: Came, question: Question, uid: string): Result<Answered<Outcome>, string> {
    if (came.kind === 'nothing') return failed(came.why)
    const { reply } = came
    if (this.dialect.protocol === 2) {
      const forged = this.caller.auth.objection(uid, reply.body ?? '', reply.fields)
      if (forged !== undefined) return failed(forged)
    }
    const read = this.dialect.read(reply, question, uid)
    if (read.ok) return read
    const { failure } = read
    if (failure.kind === 'bad-reply') return failed(failure.problem)
    if (failure.kind !== 'broken') return failed(failure.kind)
    return failed(failure.message === '' ? `it answered ${failure.status}` : failure.message)
  }
}

function beforehand(operation: string, hook: HookType): Question[] {
  const usual: Question = { hook, request: sampleRequest(operation) }
  if (operation !== 'ContainerCreate') return [usual]
  return [
    usual,
    ...TELLING_CREATES.map(({ what, body }) => ({ hook, what, request: sampleRequest(operation, body) })),
  ]
}

function afterwards(operation: string): Question[] {
  const response = sampleResponse(operation)
  if (response === undefined) return []
  const request = sampleRequest(operation)
  const after = (answer: HookResponse, what?: string): Question => ({
    hook: 'post-hook',
    request,
    response: answer,
    ...(what === undefined ? {} : { what }),
  })
  return [
    after(response),
    after(jsonAnswer(404, { message: 'No such container: web' }), 'an answer of 404'),
    after(jsonAnswer(500, { message: 'the engine is out of sorts' }), 'an answer of 500'),
  ]
}

/** Whether the adapter said the same: it refuses both or neither, and failed in neither. */
export function sameEnd(one: Seen, other: Seen): boolean {
  return endOf(one) === endOf(other)
}

export function endOf({ read }: Seen): 'failed' | 'refused' | 'let through' {
  if (!read.ok) return 'failed'
  return read.value.outcome.kind === 'deny' ? 'refused' : 'let through'
}

/** The body after the change that the adapter asked for; nothing where it asked for none. */
export function changedBody({ question, read }: Seen): Result<string | undefined, string> {
  if (!read.ok || read.value.outcome.kind !== 'replace') return ok(undefined)
  const { body, patch, form } = read.value.outcome
  if (patch !== undefined) return patched(shownBody(question) ?? '', patch)
  return ok(form === 'base64' ? undefined : body)
}

export function operationOf({ method, target }: HookRequest): string | undefined {
  const route = identify(method, target, { minApiVersion: '0.0' })
  return route.ok ? route.value.operation?.id : undefined
}

export function shownBody({ hook, request, response }: Question): string | null {
  return hook === 'post-hook' ? (response?.body ?? null) : request.body
}

// Words for findings.

export function fault(seen: Seen, expected: string, advice: string): Verdict {
  return fail(findingOf(seen, expected, advice))
}

export function findingOf(seen: Seen, expected: string, advice: string): Finding {
  const came = describeCame(seen.came)
  const what = seen.question.what === undefined ? '' : ` (${seen.question.what})`
  return {
    sent: `${seen.question.hook}${what}: ${shortened(seen.sent)}`,
    came: seen.read.ok ? came : `${came}\n${seen.read.failure}`,
    expected,
    advice,
  }
}
