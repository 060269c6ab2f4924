/**
 * One hooked exchange: collect, pre, engine, post, client. Unhooked ones are relayed and never come here.
 *
 * Only the order of events and every way out. Bytes are moved by `ExchangeParts`, hooks are called by `chain/`, what may
 * be shown to them is decided in `gate/`.
 */
import { type PostEnd, runPost } from './chain/post.ts'
import { runPre } from './chain/pre.ts'
import { answerFor, type Trouble } from './chain/trouble.ts'
import { withholding } from './chain/withhold.ts'
import { ABORTED, type ExchangeEnd, type Unreachable, unshowable } from './exchange-end.ts'
import { isBinaryAnswer } from './gate/answer-body.ts'
import { utf8Text } from './gate/media.ts'
import { type BodyFacts, bodyMode, judgeBody, readShownBody } from './gate/request-body.ts'
import { fieldsOf, fieldValue } from './http1/head.ts'
import type { ClientIdentity } from './model/client.ts'
import type { ChainNote, Fate, SkipReason } from './model/event.ts'
import type { Hook, HookRequest, HookResponse } from './model/hook.ts'
import { type Refusal, refusal } from './model/refusal.ts'
import { failed, impossible, ok, type Result } from './model/result.ts'
import { type Onward, onwardRequest, type TakenBody } from './onward.ts'
import type { Collected } from './plane/collect.ts'
import type { HeldAnswer, HoldAnswer, RelayEnd } from './plane/relay.ts'
import { finalAnswer, lateBody } from './respond.ts'
import type { AdmittedRequest } from './route/admit.ts'
import { bodyRead } from './route/body-read.ts'
import { isEndless } from './route/endless.ts'
import { identify, plainTarget } from './route/identity.ts'
import type { Plan } from './route/plan.ts'

/** What an exchange needs of the connection it happens on. */
export interface ExchangeParts {
  /** Who sent the request. */
  readonly identity: ClientIdentity
  /** Aborted when the client leaves. */
  readonly left: AbortSignal
  /** Takes in the request's body. */
  collect(limitBytes: number, tooLarge: Refusal): Promise<Collected>
  /** Sends the request to the engine and relays its answer, or holds it. */
  ask(onward: Onward, hold: HoldAnswer | undefined): Promise<RelayEnd | Unreachable>
  /** How an exchange ends that the relay has ended, with the fate it has if all went well. */
  settle(end: Exclude<RelayEnd, { kind: 'held' }> | Unreachable, fate: Fate): Promise<ExchangeEnd>
  /** Answers with the proxy's own refusal. */
  refuse(why: Refusal): ExchangeEnd
  /** Answers with an error that is not the engine's. */
  fail(fate: Fate, status: number, message: string): ExchangeEnd
  send(bytes: Buffer): void
  /** What becomes of the connection after an answer that arrived whole. */
  after(reusable: boolean): ExchangeEnd['next']
  note(note: ChainNote): void
}

/** Largest answer held for post-hooks; the most of a request is each adapter's own setting. */
export interface ExchangeLimits {
  readonly answerBytes: number
}

export async function runExchange(
  request: AdmittedRequest,
  configured: Plan<Hook>,
  limits: ExchangeLimits,
  parts: ExchangeParts,
): Promise<ExchangeEnd> {
  const plan = withholding(configured, request.route.operation?.id)
  const posts = postHooks(request, plan, parts)
  if (posts.kind === 'refused') return parts.refuse(posts.refusal)

  const body = await takeBody(request, plan, parts)
  if (body.kind === 'gone') return ABORTED
  if (body.kind === 'refused') return parts.refuse(body.refusal)

  const original: HookRequest = {
    method: request.head.method,
    target: plainTarget(request.head.target, request.route),
    body: body.text,
  }
  const pre = await runPre(plan.pre, original, {
    signal: parts.left,
    bodyWritable: body.kind === 'absent' || body.kind === 'taken',
    readmitted: (changed) => readmitted(request, changed),
    note: (note) => parts.note(note),
  })
  if (pre.kind === 'aborted') return ABORTED
  if (pre.kind === 'stopped') return stopped(pre.trouble, parts)

  const onward = onwardRequest(request, body, original, pre.request)
  const fate: Fate = pre.request === original ? 'unchanged' : 'changed'
  const asked = await parts.ask(
    onward,
    posts.hooks.length === 0 ? undefined : holdFor(request, posts.hooks, limits, parts),
  )
  if (asked.kind === 'switched' && posts.hooks.length > 0) skip(posts.hooks, 'two-way', parts)
  if (asked.kind !== 'held') return parts.settle(asked, fate)

  const { answer, reusable } = asked
  const response = shownAnswer(answer)
  if (response === undefined) return passUnshown(answer, reusable, posts.hooks, fate, parts)
  const post = await runPost(posts.hooks, original, response, {
    signal: parts.left,
    note: (note) => parts.note(note),
  })
  if (post.kind === 'aborted') return ABORTED
  if (post.kind === 'stopped')
    return answer.headSent ? tooLate(post) : stopped(post.trouble, parts, answer.terms.status)

  const changed = post.response !== response
  const next = parts.after(reusable)
  if (answer.headSent) parts.send(changed ? lateBody(post.response.body) : answer.raw)
  else parts.send(finalAnswer(request, answer, response, post.response, next !== 'serve-another'))
  return {
    fate: changed ? 'changed' : fate,
    status: answer.headSent ? answer.terms.status : post.response.status,
    next,
  }
}

/** The post-hooks that will see the answer, as far as the request alone tells. */
function postHooks(
  { route, head }: AdmittedRequest,
  plan: Plan<Hook>,
  parts: ExchangeParts,
):
  | { readonly kind: 'hooks'; readonly hooks: readonly Hook[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal } {
  const { operation } = route
  const twoWay = operation?.hijack !== undefined && operation.id !== 'ExecStart'
  const endless =
    operation !== undefined && operation.hijack === undefined && isEndless(operation, route.query)
  const reason: SkipReason | undefined = twoWay ? 'two-way' : endless ? 'endless' : undefined
  if (plan.post.length === 0 || reason === undefined) return { kind: 'hooks', hooks: plan.post }
  const insisting = plan.post.find((hook) => hook.onUnsupported === 'fail')
  if (insisting !== undefined)
    return {
      kind: 'refused',
      refusal: refusal(
        'PS-SIZE-003',
        501,
        `the answer of ${head.method} ${route.path} is ${reason} and cannot be shown to adapter "${insisting.adapter}", which insists on seeing it`,
      ),
    }
  if (twoWay) return { kind: 'hooks', hooks: plan.post }
  skip(plan.post, reason, parts)
  return { kind: 'hooks', hooks: [] }
}

function skip(hooks: readonly Hook[], reason: SkipReason, parts: ExchangeParts): void {
  parts.note({ kind: 'post-hooks-skipped', adapters: hooks.map((hook) => hook.adapter), reason })
}

type Taken = TakenBody | { readonly kind: 'refused'; readonly refusal: Refusal } | { readonly kind: 'gone' }

async function takeBody(
  { head, terms, route }: AdmittedRequest,
  plan: Plan<Hook>,
  parts: ExchangeParts,
): Promise<Taken> {
  const facts: BodyFacts = {
    hasBody: terms.framing.kind !== 'none',
    contentType: fieldValue(head, 'content-type'),
    contentEncoding: fieldValue(head, 'content-encoding'),
    operation: route.operation?.id,
    takes: route.operation && bodyRead(route.operation, route.query),
  }
  const mode = bodyMode(facts)
  if (mode === 'streamed') return { kind: 'streamed', text: null }
  if (mode === 'absent') return { kind: 'absent', text: null }

  const strictest = [...plan.pre, ...plan.post].reduce((a, b) => (b.maxBodyBytes < a.maxBodyBytes ? b : a))
  const tooLarge = refusal(
    'PS-SIZE-001',
    413,
    `the request body is larger than ${strictest.maxBodyBytes} bytes, the most that adapter "${strictest.adapter}" is shown`,
  )
  const collected = await parts.collect(strictest.maxBodyBytes, tooLarge)
  if (collected.kind !== 'body') return collected
  if (mode === 'dropped') return { kind: 'dropped', text: null }
  const shown = readShownBody(collected.data, facts)
  if (!shown.ok) return { kind: 'refused', refusal: shown.failure }
  const { text, plain } = shown.value
  return { kind: 'taken', text, plain, raw: collected.raw, data: collected.data }
}

/**
 * A request that a hook has changed goes through the gate again (PS-ADAPTER-004): it must still be the operation, on the
 * object, that was judged, and what the next hook and the engine get of it is spelled as the engine reads it.
 */
function readmitted({ route, head }: AdmittedRequest, changed: HookRequest): Result<HookRequest, string> {
  const now = identify(head.method, changed.target)
  if (!now.ok)
    return failed(
      `the query that it returned is not acceptable: ${now.failure.message} (${now.failure.rule})`,
    )
  if (now.value.operation !== route.operation || now.value.rawPath !== route.rawPath)
    return failed('it changed the path')
  const target = plainTarget(changed.target, now.value)
  if (changed.body === null || changed.body === '') return ok({ ...changed, target })
  if (head.method !== 'POST' && head.method !== 'PUT')
    return failed(`it gave a body to a ${head.method} request`)
  const body = judgeBody(changed.body, route.operation?.id, 'the body that it returned')
  if (!body.ok) return failed(`${body.failure.message} (${body.failure.rule})`)
  return ok({ ...changed, target, body: body.value })
}

/** What becomes of the engine's answer, when its head is there. */
function holdFor(
  { route }: AdmittedRequest,
  hooks: readonly Hook[],
  limits: ExchangeLimits,
  parts: ExchangeParts,
): HoldAnswer {
  return {
    limitBytes: limits.answerBytes,
    maySwitch: hooks.every((hook) => hook.onUnsupported === 'pass'),
    decide(text, terms) {
      const fields = { fields: fieldsOf(text) }
      const binary = isBinaryAnswer({
        status: terms.status,
        contentType: fieldValue(fields, 'content-type'),
        contentEncoding: fieldValue(fields, 'content-encoding'),
        gives: route.operation?.gives,
      })
      if (!binary) {
        // Clients start the container when the head of their `wait` is there; holding it back would stop them for ever.
        const atOnce = route.operation?.id === 'ContainerWait' && terms.framing.kind === 'chunked'
        return atOnce ? 'hold-body' : 'hold'
      }
      if (hooks.some((hook) => hook.onUnsupported === 'fail')) return 'refuse'
      skip(hooks, 'binary', parts)
      return 'pass'
    },
  }
}

/** `undefined`: it is not UTF-8 after all. */
function shownAnswer(answer: HeldAnswer): HookResponse | undefined {
  const body = utf8Text(answer.data)
  if (body === undefined) return undefined
  return {
    status: answer.terms.status,
    contentType: fieldValue({ fields: fieldsOf(answer.head) }, 'content-type') ?? null,
    body,
  }
}

function passUnshown(
  answer: HeldAnswer,
  reusable: boolean,
  hooks: readonly Hook[],
  fate: Fate,
  parts: ExchangeParts,
): ExchangeEnd {
  const insisting = hooks.find((hook) => hook.onUnsupported === 'fail')
  if (insisting !== undefined && !answer.headSent)
    return parts.fail('post-failed', 502, unshowable(answer.terms.status))
  if (insisting !== undefined) return { fate: 'post-failed', status: answer.terms.status, next: 'close-now' }
  skip(hooks, 'binary', parts)
  if (!answer.headSent) parts.send(Buffer.from(answer.head, 'latin1'))
  parts.send(answer.raw)
  return { fate, status: answer.terms.status, next: parts.after(reusable) }
}

function stopped(trouble: Trouble, parts: ExchangeParts, engineStatus?: number): ExchangeEnd {
  const { status, message } = answerFor(trouble, engineStatus)
  return parts.fail(fateOf(trouble, engineStatus !== undefined), status, message)
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

/** The client has the head already: all that is left to say no with is the end of the connection. */
function tooLate({ trouble }: PostEnd & { kind: 'stopped' }): ExchangeEnd {
  return {
    fate: fateOf(trouble, true),
    status: undefined,
    next: 'close-now',
    detail: answerFor(trouble).message,
  }
}
