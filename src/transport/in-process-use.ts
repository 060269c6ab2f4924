/**
 * A place of an adapter of protocol 2 that runs within this process.
 *
 * Its answer is written and read as if it had come from far away, so that it may say what a remote one may, and no more.
 * Most answers change nothing and are not written at all; a call is handed over as it is.
 */
import type { HookCall, HookReply } from '../model/call.ts'
import type { Adapter, CallFacts, Hook, HookFailure } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { attempt, type Soon, whenThere } from '../model/soon.ts'
import { Stop, type StopSignal } from '../model/stop.ts'
import { badReply } from '../wire/bad-reply.ts'
import { thrownText } from '../wire/text.ts'
import type { Reply } from '../wire/v1.ts'
import { decodeReceipt, decodeReply, decodeStreamReply, encodeReply } from '../wire/v2/reply.ts'
import { withinDeadline } from './deadline.ts'
import { placeOf } from './settings.ts'
import { envelopeOf, type HookUse, shownResponse } from './use.ts'

export function inProcessUse(adapter: Adapter, use: HookUse, replyLimitBytes: number): Hook {
  const replyTerms = { mutableHeaders: use.terms.mutableHeaders }
  const read = (reply: Reply, call: HookCall) =>
    Buffer.byteLength(reply.body ?? '') > replyLimitBytes
      ? badReply(`its reply is larger than ${replyLimitBytes} bytes`)
      : decodeReply(reply, call, replyTerms)
  const ask = <T>(
    makeCall: (timeoutMs: number) => HookCall,
    facts: CallFacts,
    signal: StopSignal,
    reading: (reply: Reply, call: HookCall) => Result<T, HookFailure>,
    limitMs = Math.min(use.timeoutMs, facts.budgetMs),
  ): Soon<Result<T, HookFailure>> => {
    const timeoutMs = Math.max(1, Math.ceil(limitMs))
    const call = makeCall(timeoutMs)
    if (!adapter.abilities.implements.includes(call.type)) return badReply(`it implements no ${call.type}`)
    return withinDeadline(timeoutMs, signal, (stop) => answered(adapter, call, stop, reading))
  }
  return {
    ...placeOf(use),
    terms: use.terms,
    abilities: () => adapter.abilities,
    pre: (request, signal, facts) =>
      ask((timeoutMs) => envelopeOf('pre-hook', use, request, facts, timeoutMs), facts, signal, read),
    validate: (request, signal, facts) =>
      ask((timeoutMs) => envelopeOf('validate-hook', use, request, facts, timeoutMs), facts, signal, read),
    post: (request, response, signal, facts) =>
      ask(
        (timeoutMs) => ({
          ...envelopeOf('post-hook', use, request, facts, timeoutMs),
          response: shownResponse(response, use, facts.exchange.operation),
        }),
        facts,
        signal,
        read,
      ),
    unwind: (request, { response, ...cause }, budgetMs, facts) =>
      ask(
        (timeoutMs) => ({
          ...envelopeOf('unwind-hook', use, request, facts, timeoutMs),
          cause,
          response: response && shownResponse(response, use, facts.exchange.operation),
        }),
        facts,
        NEVER,
        decodeReceipt,
        budgetMs,
      ),
    observe: (request, { response, ...end }, signal, facts) =>
      ask(
        (timeoutMs) => ({
          ...envelopeOf('observe-hook', use, request, facts, timeoutMs),
          ...end,
          response: response && shownResponse(response, use, facts.exchange.operation),
        }),
        facts,
        signal,
        decodeReceipt,
      ),
    stream: (request, { response, ...part }, signal, facts) =>
      ask(
        (timeoutMs) => ({
          ...envelopeOf('stream-hook', use, request, facts, timeoutMs),
          ...part,
          response: shownResponse(response, use, facts.exchange.operation),
        }),
        facts,
        signal,
        decodeStreamReply,
      ),
  }
}

/** Undoing goes on after the client has left. */
const NEVER = new Stop()

function answered<T>(
  adapter: Adapter,
  call: HookCall,
  stop: StopSignal,
  read: (reply: Reply, call: HookCall) => Result<T, HookFailure>,
): Soon<Result<T, HookFailure>> {
  const replied = attempt<HookReply, Result<Reply, HookFailure>>(
    () => adapter.answer(Object.freeze(call), stop),
    (given) => ok(encodeReply(given, call)),
    broken,
  )
  return whenThere(replied, (reply) => (reply.ok ? read(reply.value, call) : reply))
}

function broken(error: unknown): Result<never, HookFailure> {
  return failed({ kind: 'broken', status: 502, message: thrownText(error) })
}
