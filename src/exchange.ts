/**
 * One hooked exchange: collect, pre, validate, engine, post, client; what was reserved is undone where it does not end well,
 * and who looks on is told. Unhooked ones are relayed and never come here.
 *
 * Only the order of events and every way out. Bytes are moved by `ExchangeParts`, hooks are called by `chain/`, what may
 * be shown to them is decided in `gate/`.
 */

import { isOld } from './chain/ask.ts'
import type { Observers } from './chain/observe.ts'
import { type PostEnd, runPost } from './chain/post.ts'
import { type PreEnd, runPre } from './chain/pre.ts'
import { ChainRun } from './chain/run.ts'
import { type HookLists, passOver, selectHooks } from './chain/select.ts'
import { answerFor, type Trouble } from './chain/trouble.ts'
import { unwind, unwindBefore } from './chain/unwind.ts'
import { runValidate } from './chain/validate.ts'
import { withholding } from './chain/withhold.ts'
import { dryRunAnswer, dryRunProblem } from './dry-run.ts'
import { engineLoss } from './engine-loss.ts'
import { ABORTED, type ExchangeEnd, type Unreachable, unshowable } from './exchange-end.ts'
import { patched, patchedJudged } from './gate/patch.ts'
import { copiedResponse, holdFor, postHooks, shownAnswer, streamHooks } from './hold.ts'
import type { ClientIdentity } from './model/client.ts'
import type { ChainNote, Fate, HookRecord, SkipReason } from './model/event.ts'
import type { Hook, HookRequest, HookResponse, HookUser, UnwindCause } from './model/hook.ts'
import type { Refusal } from './model/refusal.ts'
import { impossible } from './model/result.ts'
import { isLater, type Soon } from './model/soon.ts'
import type { StopSignal } from './model/stop.ts'
import { type Onward, onwardRequest, type TakenBody } from './onward.ts'
import type { Collected } from './plane/collect.ts'
import type { HeldAnswer, HoldAnswer, RelayEnd } from './plane/relay.ts'
import { readmitted } from './readmit.ts'
import { finalAnswer, lateBody, ownAnswer } from './respond.ts'
import type { AdmittedRequest } from './route/admit.ts'
import type { Plan } from './route/plan.ts'
import { type StreamEnd, StreamedAnswer } from './streamed.ts'
import { originalRequest, takeBody } from './take-body.ts'

/** What an exchange needs of the connection it happens on. */
export interface ExchangeParts {
  /** Where the request came in. */
  readonly identity: Pick<ClientIdentity, 'listener'>
  /** Who sent it. */
  readonly user: HookUser
  /** Aborted when the client leaves. */
  readonly left: StopSignal
  /** Takes in the request's body. */
  collect(limitBytes: number, tooLarge: Refusal): Soon<Collected>
  /** Sends the request to the engine and relays its answer, or holds it. */
  ask(onward: Onward, watch: AnswerWatch): Promise<RelayEnd | Unreachable>
  /** How an exchange ends that the relay has ended, with the fate it has if all went well. */
  settle(end: Exclude<RelayEnd, { kind: 'held' }> | Unreachable, fate: Fate): Soon<ExchangeEnd>
  /** Answers with the proxy's own refusal. */
  refuse(why: Refusal): ExchangeEnd
  /** Answers with an error that is not the engine's. */
  fail(fate: Fate, status: number, message: string): ExchangeEnd
  send(bytes: Buffer): void
  /** Looks whether the client is there still; `left` may hear of it half a second later. */
  hasLeft(): Promise<boolean>
  /** A container was not started, and the engine never hears that it should have been: what it does where a start fails. */
  startRefused(request: AdmittedRequest): Promise<void>
  /** What becomes of the connection after an answer that arrived whole. */
  after(reusable: boolean): ExchangeEnd['next']
  note(note: ChainNote): void
  /** What goes on when the exchange is over for the client; the proxy does not stop before it has ended. */
  behind(task: Promise<void>): void
  /** A bug of ours, which costs this connection. */
  crash(bug: unknown): void
  /** Bytes from and to the client in this exchange so far. */
  traffic(): { readonly requestBytes: number; readonly responseBytes: number }
}

/** What is wanted of the engine's answer beside relaying it. */
export interface AnswerWatch {
  readonly hold: HoldAnswer | undefined
  /** The largest answer that is copied for observers; nothing where there are none. */
  readonly copyLimitBytes: number | undefined
}

/** What holds for all exchanges of a configuration. */
export interface ExchangeLimits {
  /** Largest answer held for post-hooks; the most of a request is each adapter's own setting. */
  readonly answerBytes: number
  /** For all hooks of an exchange together, the engine's own time not counted. Nothing: no limit. */
  readonly chainMs?: number
  /** For undoing what the hooks of an exchange did. Nothing: 5 s. */
  readonly unwindMs?: number
  /** Nothing: nobody looks on. */
  readonly observers?: Observers
}

/** Enough for a lease to be given back by a service that is alive, and short for a person who waits for it. */
const UNWIND_MS = 5_000

/** An end, and what was said last in both directions. */
interface Told {
  readonly end: ExchangeEnd
  readonly request: HookRequest
  readonly response: HookResponse | null
}

export async function runExchange(
  request: AdmittedRequest,
  configured: Plan<Hook>,
  limits: ExchangeLimits,
  parts: ExchangeParts,
): Promise<ExchangeEnd> {
  const plan = withholding(configured, request.route.operation?.id)
  const records: HookRecord[] = []
  const skip = (hooks: readonly Hook[], reason: SkipReason) => {
    parts.note({ kind: 'post-hooks-skipped', adapters: hooks.map((hook) => hook.adapter), reason })
    for (const hook of hooks) passOver(hook, 'post', `the answer is ${reason}`, false, { records })
  }
  const posts = postHooks(request, plan.post, skip)
  if (posts.kind === 'refused') return parts.refuse(posts.refusal)
  const streams = streamHooks(request, plan.stream)
  if (streams.kind === 'refused') return parts.refuse(streams.refusal)

  const judges = [...plan.pre, ...plan.validate, ...plan.post, ...streams.hooks]
  const taking = takeBody(request, judges, plan.observe, (limit, tooLarge) => parts.collect(limit, tooLarge))
  const taken = isLater(taking) ? await taking : taking
  if (taken.kind === 'gone') return ABORTED
  if (taken.kind === 'refused') return parts.refuse(taken.refusal)
  const { body, oversized } = taken

  const isFull = judges.some(hasTerms) || plan.observe.some(hasTerms)
  const original = originalRequest(request, body, isFull)
  const run = new ChainRun({
    exchange: factsOf(request, parts),
    original,
    signal: parts.left,
    deadlineMs: judges.some(isOld) ? Number.POSITIVE_INFINITY : (limits.chainMs ?? Number.POSITIVE_INFINITY),
    note: (note) => parts.note(note),
    records,
  })
  const { pre, validate, observe: watching } = plan
  const planned = { pre, validate, post: posts.hooks, observe: watching, stream: streams.hooks }
  const selected = selectHooks(planned, original, oversized, run)
  const exchange = new Exchange(request, body, limits, parts, run, isFull, skip)
  const told =
    selected.kind === 'stopped'
      ? await exchange.stopped(selected.trouble, 'pre', original)
      : await exchange.tell(selected.lists)
  const { end } = told
  if (selected.kind === 'hooks') observe(selected.lists.observe, told, run, limits, parts)
  const { user, listener } = run.terms.exchange
  // Written out: a spread with something added to it makes a shape of its own each time, and everything read from it is slow.
  return {
    fate: end.fate,
    status: end.status,
    next: end.next,
    detail: end.detail,
    chain: {
      requestId: isFull ? run.exchange.requestId : '',
      user,
      listener,
      hooks: run.records,
      unwound: run.unwound,
      undoing: run.undoing,
      original,
      response: told.response,
      engineStatus: run.engineStatus,
    },
  }
}

class Exchange {
  readonly #request: AdmittedRequest
  readonly #body: TakenBody
  readonly #limits: ExchangeLimits
  readonly #parts: ExchangeParts
  readonly #run: ChainRun
  readonly #isFull: boolean
  readonly #skip: (hooks: readonly Hook[], reason: SkipReason) => void

  constructor(
    request: AdmittedRequest,
    body: TakenBody,
    limits: ExchangeLimits,
    parts: ExchangeParts,
    run: ChainRun,
    isFull: boolean,
    skip: (hooks: readonly Hook[], reason: SkipReason) => void,
  ) {
    this.#request = request
    this.#body = body
    this.#limits = limits
    this.#parts = parts
    this.#run = run
    this.#isFull = isFull
    this.#skip = skip
  }

  async tell(hooks: HookLists): Promise<Told> {
    const run = this.#run
    const { original } = run.terms
    if (this.#request.dryRun) {
      const problem = dryRunProblem(hooks)
      if (problem !== undefined) return told(this.#parts.fail('hook-failed', 409, problem), original)
    }

    const pre = await run.timed(() =>
      runPre(hooks.pre, original, run, {
        bodyWritable: this.#body.kind === 'absent' || this.#body.kind === 'taken',
        readmitted: (changed, before) => readmitted(this.#request, changed, before),
        patched: patchedJudged,
      }),
    )
    if (pre.kind === 'aborted') return this.#left('not-called', original)
    if (pre.kind === 'stopped') return this.stopped(pre.trouble, 'pre', original)
    if (pre.kind === 'answered') return this.#answeredBy(pre, hooks)

    const judged = pre.request
    if (hooks.validate.length > 0) {
      const validate = await run.timed(() => runValidate(hooks.validate, judged, run))
      if (validate.kind === 'aborted') return this.#left('not-called', judged)
      if (validate.kind === 'stopped') return this.stopped(validate.trouble, 'validate', judged)
    }
    return this.#request.dryRun ? this.#dryRun(judged) : this.#askEngine(judged, hooks)
  }

  /** A hook ended the chain before the engine was asked. */
  async stopped(trouble: Trouble, phase: 'pre' | 'validate', judged: HookRequest): Promise<Told> {
    const { status, message } = answerFor(trouble)
    const cause = { phase, adapter: trouble.adapter, upstream: 'not-called', response: null } as const
    await this.#undo({ ...cause, status: { code: status, message } })
    if (this.#isStart) await this.#parts.startRefused(this.#request)
    return told(this.#parts.fail(fateOf(trouble, false), status, message), judged)
  }

  /** Of a container, and not only for show. */
  get #isStart(): boolean {
    const { route, dryRun } = this.#request
    return route.operation?.id === 'ContainerStart' && !dryRun
  }

  /** Whether there is nobody to answer any more: what is reserved is kept only for a client that hears of it. */
  async #hasLeft(): Promise<boolean> {
    return this.#parts.left.aborted || (this.#run.reservations.length > 0 && (await this.#parts.hasLeft()))
  }

  /** The client left, and hears nothing any more. */
  #left(upstream: UnwindCause['upstream'], judged: HookRequest, response: HookResponse | null = null): Told {
    this.#undoBehind({ phase: 'client', adapter: null, upstream, status: null, response })
    return told(ABORTED, judged)
  }

  /** What was reserved before the hook that answered is not wanted; what that hook itself reserved is, if all went well. */
  async #answeredBy(
    { adapter, request: judged, response: immediate, reservedBefore }: PreEnd & { kind: 'answered' },
    hooks: HookLists,
  ): Promise<Told> {
    const run = this.#run
    const { status, contentType, body, form, skipPost } = immediate
    const isBytes = form === 'base64'
    let response: HookResponse = {
      status,
      contentType,
      body: isBytes ? '' : body,
      form: body === '' ? 'none' : form,
      headers: {},
      ...(isBytes ? { base64: body } : {}),
    }
    const cause = { phase: 'pre', adapter, upstream: 'not-called', status: null, response: null } as const
    if (!skipPost && hooks.post.length > 0) {
      const answer = response
      const post = await run.timed(() => runPost(hooks.post, judged, answer, run, { patched }))
      if (post.kind === 'aborted') return this.#left('not-called', judged)
      if (post.kind === 'stopped') return this.stopped(post.trouble, 'pre', judged)
      response = post.response
    }
    if (await this.#hasLeft()) return this.#left('not-called', judged)
    if (response.status < 400) run.reservations.length = Math.min(run.reservations.length, reservedBefore)
    await this.#undo(cause)
    if (response.status >= 400 && this.#isStart) await this.#parts.startRefused(this.#request)
    const next = this.#parts.after(this.#body.kind !== 'streamed')
    this.#parts.send(ownAnswer(this.#request, response, next !== 'serve-another', run.warnings))
    return told({ fate: 'answered', status: response.status, next }, judged, response)
  }

  async #dryRun(judged: HookRequest): Promise<Told> {
    const response = dryRunAnswer(this.#run, judged)
    await this.#undo({ phase: 'client', adapter: null, upstream: 'not-called', status: null, response: null })
    const next = this.#parts.after(this.#body.kind !== 'streamed')
    this.#parts.send(ownAnswer(this.#request, response, next !== 'serve-another'))
    return told({ fate: 'answered', status: response.status, next, detail: 'dry run' }, judged, response)
  }

  async #askEngine(judged: HookRequest, hooks: HookLists): Promise<Told> {
    const run = this.#run
    const fate: Fate = judged === run.terms.original ? 'unchanged' : 'changed'
    const streamed = hooks.stream.length === 0 ? undefined : this.#streamed(judged, hooks.stream)
    const asked = await this.#parts.ask(
      onwardRequest(this.#request, this.#body, run.terms.original, judged),
      {
        hold: holdFor(this.#request, {
          posts: hooks.post,
          streamed,
          limitBytes: this.#limits.answerBytes,
          errors: run.reservations.length > 0,
          warnings: run.warnings,
          skip: this.#skip,
        }),
        copyLimitBytes: hooks.observe.length > 0 ? this.#limits.answerBytes : undefined,
      },
    )
    if (asked.kind !== 'held' && 'status' in asked) run.engineStatus = asked.status
    if (asked.kind === 'held') return this.#judgeAnswer(asked, judged, hooks, fate)
    const end = streamed?.end
    if (asked.kind === 'complete' && end !== undefined) return this.#afterStream(end, asked, judged, fate)

    if (asked.kind === 'switched' && hooks.post.length > 0) this.#skip(hooks.post, 'two-way')
    if (asked.kind === 'switched' && hooks.stream.length > 0) this.#skipStreams(hooks.stream, 'two-way')
    const loss = engineLoss(asked)
    if (loss?.told === false) await this.#undo(loss.cause)
    else if (loss !== undefined) this.#undoBehind(loss.cause)
    return this.#settled(asked, judged, fate)
  }

  async #settled(asked: Exclude<RelayEnd, { kind: 'held' }> | Unreachable, judged: HookRequest, fate: Fate) {
    const settling = this.#parts.settle(asked, fate)
    const end = isLater(settling) ? await settling : settling
    const copy = asked.kind === 'complete' ? asked.copy : undefined
    return told(end, judged, copy === undefined ? null : copiedResponse(copy))
  }

  #streamed(request: HookRequest, hooks: readonly Hook[]): StreamedAnswer {
    return new StreamedAnswer(this.#request, {
      hooks,
      request,
      run: this.#run,
      skip: (skipped, reason) => this.#skipStreams(skipped, reason),
      behind: (task) => this.#parts.behind(task),
      crash: (bug) => this.#parts.crash(bug),
    })
  }

  #skipStreams(hooks: readonly Hook[], reason: SkipReason): void {
    const adapters = hooks.map((hook) => hook.adapter)
    this.#parts.note({ kind: 'stream-hooks-skipped', adapters, reason })
    for (const hook of hooks) passOver(hook, 'stream', `the answer is ${reason}`, false, this.#run)
  }

  /** A client that has the head takes the request for done, and what was reserved for it stays. */
  async #afterStream(
    stream: StreamEnd,
    asked: RelayEnd & { kind: 'complete' },
    judged: HookRequest,
    fate: Fate,
  ): Promise<Told> {
    switch (stream.kind) {
      case 'passed':
        return this.#settled(asked, judged, stream.changed ? 'changed' : fate)
      case 'failed': {
        const { message, told: isTold } = stream
        const next = isTold ? 'close-softly' : 'close-now'
        return told({ fate: 'post-failed', status: asked.status, next, detail: message }, judged)
      }
      case 'refused': {
        const { trouble } = stream
        const { status, message } = answerFor(trouble, asked.status)
        await this.#undo({
          phase: 'post',
          adapter: trouble.adapter,
          upstream: 'completed',
          status: { code: status, message },
          response: null,
        })
        return told(this.#parts.fail(fateOf(trouble, true), status, message), judged)
      }
      default:
        return impossible(stream)
    }
  }

  async #judgeAnswer(
    { answer, reusable }: RelayEnd & { kind: 'held' },
    judged: HookRequest,
    hooks: HookLists,
    fate: Fate,
  ): Promise<Told> {
    const run = this.#run
    const engine = answer.terms.status
    run.engineStatus = engine
    const upstream = engine < 400 ? 'completed' : 'failed'
    const response = shownAnswer(answer, this.#isFull)
    if (response === undefined) {
      if (engine >= 400)
        await this.#undo({ phase: 'engine', adapter: null, upstream, status: null, response: null })
      return told(this.#passUnshown(answer, reusable, hooks.post, fate), judged)
    }
    const post = await run.timed(() => runPost(hooks.post, judged, response, run, { patched }))
    if (post.kind === 'aborted') return this.#left(upstream, judged, response)
    if (post.kind === 'stopped') {
      const told = answerFor(post.trouble, engine)
      await this.#undo({
        phase: 'post',
        adapter: post.trouble.adapter,
        upstream,
        status: { code: told.status, message: told.message },
        response,
      })
      return { end: this.#refusedBy(post, answer, told), request: judged, response: null }
    }
    if (post.response.status >= 400)
      await this.#undo({
        phase: engine >= 400 ? 'engine' : 'post',
        adapter: null,
        upstream,
        status: { code: post.response.status, message: '' },
        response,
      })
    if (await this.#hasLeft()) return this.#left(upstream, judged, response)
    return told(this.#answer(answer, reusable, response, post.response, fate), judged, post.response)
  }

  #answer(
    answer: HeldAnswer,
    reusable: boolean,
    response: HookResponse,
    judged: HookResponse,
    fate: Fate,
  ): ExchangeEnd {
    const changed = judged !== response
    const next = this.#parts.after(reusable)
    const close = next !== 'serve-another'
    if (answer.headSent) this.#parts.send(changed ? lateBody(judged.body) : answer.raw)
    else this.#parts.send(finalAnswer(this.#request, answer, response, judged, close, this.#run.warnings))
    return {
      fate: changed ? 'changed' : fate,
      status: answer.headSent ? answer.terms.status : judged.status,
      next,
    }
  }

  #refusedBy(
    { trouble }: PostEnd & { kind: 'stopped' },
    { headSent }: HeldAnswer,
    { status, message }: { readonly status: number; readonly message: string },
  ): ExchangeEnd {
    const fate = fateOf(trouble, true)
    // The client has the head already: all that is left to say no with is the end of the connection.
    if (headSent) return { fate, status: undefined, next: 'close-now', detail: answerFor(trouble).message }
    return this.#parts.fail(fate, status, message)
  }

  #passUnshown(answer: HeldAnswer, reusable: boolean, posts: readonly Hook[], fate: Fate): ExchangeEnd {
    const { status } = answer.terms
    const insisting = posts.find((hook) => hook.onUnsupported === 'fail')
    if (insisting !== undefined && !answer.headSent)
      return this.#parts.fail('post-failed', 502, unshowable(status))
    if (insisting !== undefined) return { fate: 'post-failed', status, next: 'close-now' }
    if (posts.length > 0) this.#skip(posts, 'binary')
    if (!answer.headSent) this.#parts.send(Buffer.from(answer.head, 'latin1'))
    this.#parts.send(answer.raw)
    return { fate, status, next: this.#parts.after(reusable) }
  }

  async #undo(cause: Omit<UnwindCause, 'selfTimeout'>): Promise<void> {
    if (this.#run.reservations.length === 0) return
    await unwindBefore(this.#unwind(cause), (rest) => this.#goOnBehind(rest))
  }

  #undoBehind(cause: Omit<UnwindCause, 'selfTimeout'>): void {
    if (this.#run.reservations.length > 0) this.#goOnBehind(this.#unwind(cause))
  }

  #goOnBehind(undoing: Promise<void>): void {
    this.#run.undoing = undoing
    this.#parts.behind(undoing)
  }

  #unwind(cause: Omit<UnwindCause, 'selfTimeout'>): Promise<void> {
    return unwind(this.#run, cause, this.#limits.unwindMs ?? UNWIND_MS)
  }
}

function hasTerms({ terms }: Hook): boolean {
  return terms !== undefined
}

function told(end: ExchangeEnd, request: HookRequest, response: HookResponse | null = null): Told {
  return { end, request, response }
}

function factsOf(
  { route, dryRun }: AdmittedRequest,
  { identity, user }: Pick<ExchangeParts, 'identity' | 'user'>,
): ChainRun['terms']['exchange'] {
  return {
    operation: route.operation?.id ?? null,
    apiVersion: route.version ?? null,
    params: route.params,
    user,
    listener: identity.listener,
    dryRun,
  }
}

function observe(
  hooks: readonly Hook[],
  { end, request, response }: Told,
  run: ChainRun,
  { observers }: ExchangeLimits,
  parts: ExchangeParts,
): void {
  for (const hook of hooks) {
    if (hook.terms !== undefined && hook.terms.sample < 1 && Math.random() >= hook.terms.sample) continue
    observers?.tell(hook, {
      request,
      end: { response, fate: end.fate, ...parts.traffic() },
      facts: { ...run.factsFor(hook), budgetMs: Number.POSITIVE_INFINITY },
      note: (note) => parts.note(note),
    })
  }
}

function fateOf({ kind }: Trouble, engineActed: boolean): Fate {
  switch (kind) {
    case 'denied':
      return engineActed ? 'post-denied' : 'denied'
    case 'failed':
      return engineActed ? 'post-failed' : 'hook-failed'
    default:
      return impossible(kind)
  }
}
