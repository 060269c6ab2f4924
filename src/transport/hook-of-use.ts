/** A place of a remote adapter as a hook: what is asked there, in either protocol. */
import type { HookCall } from '../model/call.ts'
import type {
  Answered,
  CallFacts,
  Hook,
  HookFailure,
  HookRequest,
  HookResponse,
  Outcome,
} from '../model/hook.ts'
import type { Result } from '../model/result.ts'
import { Stop, type StopSignal } from '../model/stop.ts'
import { badReply } from '../wire/bad-reply.ts'
import { decodePostReply, decodePreReply, encodePostHook, encodePreHook } from '../wire/v1.ts'
import { decodeReceipt, decodeReply, decodeStreamReply } from '../wire/v2/reply.ts'
import type { Lines } from './lines.ts'
import type { RemoteAdapter } from './remote-adapter.ts'
import { placeOf } from './settings.ts'
import { envelopeOf, type HookUse, shownResponse } from './use.ts'

export function hookOfUse(adapter: RemoteAdapter, use: HookUse): Hook {
  const replyTerms = { mutableHeaders: use.terms.mutableHeaders }
  const read = (reply: { readonly status: number; readonly body: string | undefined }, call: HookCall) =>
    decodeReply(reply, call, replyTerms)
  return {
    ...placeOf(use),
    terms: use.terms,
    abilities: () => adapter.abilities,
    speaksOld: () => adapter.isOld,
    pre: (request, signal, facts) =>
      adapter.ask({
        use,
        facts,
        signal,
        call: (timeoutMs) => envelopeOf('pre-hook', use, request, facts, timeoutMs),
        read,
        old: (lines, stop) => oldPre(lines, stop, request),
      }),
    validate: (request, signal, facts) =>
      adapter.ask({
        use,
        facts,
        signal,
        call: (timeoutMs) => envelopeOf('validate-hook', use, request, facts, timeoutMs),
        read,
        old: () => noSuchHook('validate'),
      }),
    post: (request, response, signal, facts) =>
      adapter.ask({
        use,
        facts,
        signal,
        call: (timeoutMs) => ({
          ...envelopeOf('post-hook', use, request, facts, timeoutMs),
          response: shownResponse(response, use, facts.exchange.operation),
        }),
        read,
        old: (lines, stop) => oldPost(lines, stop, facts, response),
      }),
    unwind: (request, { response, ...cause }, budgetMs, facts) =>
      adapter.ask({
        use,
        facts,
        // Undoing has a time of its own, whatever is left of the chain's and however short the hook's own is.
        undoWithinMs: budgetMs,
        signal: NEVER,
        call: (timeoutMs) => ({
          ...envelopeOf('unwind-hook', use, request, facts, timeoutMs),
          cause,
          response: response && shownResponse(response, use, facts.exchange.operation),
        }),
        read: decodeReceipt,
        old: () => noSuchHook('unwind'),
      }),
    observe: (request, { response, ...end }, signal, facts) =>
      adapter.ask({
        use,
        facts,
        signal,
        call: (timeoutMs) => ({
          ...envelopeOf('observe-hook', use, request, facts, timeoutMs),
          ...end,
          response: response && shownResponse(response, use, facts.exchange.operation),
        }),
        read: decodeReceipt,
        old: () => noSuchHook('observe'),
      }),
    stream: (request, { response, ...part }, signal, facts) =>
      adapter.ask({
        use,
        facts,
        signal,
        // An adapter that got the same batch twice would take it for two.
        once: true,
        call: (timeoutMs) => ({
          ...envelopeOf('stream-hook', use, request, facts, timeoutMs),
          ...part,
          response: shownResponse(response, use, facts.exchange.operation),
        }),
        read: decodeStreamReply,
        old: () => noSuchHook('stream'),
      }),
  }
}

/** Undoing goes on after the client has left. */
const NEVER = new Stop()

async function oldPre(
  lines: Lines,
  stop: StopSignal,
  request: HookRequest,
): Promise<Result<Answered<Outcome>, HookFailure>> {
  const reply = await lines.post(encodePreHook(request), stop)
  return reply.ok ? decodePreReply(reply.value, request) : reply
}

/** Protocol 1 shows post-hooks what the client sent. */
async function oldPost(
  lines: Lines,
  stop: StopSignal,
  { original }: CallFacts,
  response: HookResponse,
): Promise<Result<Answered<Outcome>, HookFailure>> {
  const reply = await lines.post(encodePostHook(original, response), stop)
  return reply.ok ? decodePostReply(reply.value, response) : reply
}

async function noSuchHook(phase: string): Promise<Result<never, HookFailure>> {
  return badReply(`it speaks protocol 1, which has no ${phase}-hooks`)
}
