import { createHash } from 'node:crypto'
import type { AdapterAbilities, HookCall, HookReply, HookType, StreamCall } from '../model/call.ts'
import type { Adapter, Denial, Immediate } from '../model/hook.ts'
import { attempt, type Soon } from '../model/soon.ts'
import type { StopSignal } from '../model/stop.ts'
import { FRAMED_OPERATIONS } from '../route/framed.ts'
import { OPERATIONS, type OperationId } from '../route/operations.ts'
import { UnshownBody } from './body-draft.ts'
import {
  type CallContext,
  type CallGround,
  type ObserveContext,
  ObserveView,
  type PostContext,
  PostDraft,
  type PreContext,
  PreDraft,
  type StreamContext,
  StreamView,
  type UnwindContext,
  UnwindView,
  type ValidateContext,
  ValidateView,
} from './context.ts'
import type { JsonObject } from './json.ts'
import { type AdapterLog, CONSOLE_LOG } from './log.ts'
import { speakOld } from './old-face.ts'
import { deny } from './outcomes.ts'
import { type ConfigReader, readConfig } from './standard-schema.ts'
import { type StreamEvent, Streams } from './stream.ts'

/** An adapter in its author's words. */
export interface AdapterSpec<Config, Metadata = JsonObject> {
  readonly name: string
  readonly version?: string
  /** Whether it does anything but answer: `Some` unless told, and then it is not asked in a dry run. */
  readonly sideEffects?: AdapterAbilities['sideEffects']
  /** It takes the same `uid` twice for one call, so that calls may be repeated where nobody knows what became of them. */
  readonly idempotent?: boolean
  /**
   * Turns what the configuration says under `with` into what the handlers get as `config`: a function that throws what is
   * wrong with it, or a validator of the Standard Schema kind. Without it they get it as it is.
   */
  readonly config?: ConfigReader<Config>
  readonly pre?: PreSpec<Config, Metadata>
  readonly validate?: ValidateSpec<Config, Metadata>
  readonly post?: PostSpec<Config, Metadata>
  readonly unwind?: UnwindSpec<Config, Metadata>
  readonly observe?: ObserveSpec<Config, Metadata>
  readonly stream?: StreamSpec<Config, Metadata>
  /** Told of what a handler throws, which is a failure of the call all the same. */
  readonly onError?: (problem: unknown, ctx: CallContext<Config>) => void
  /**
   * What to do besides answering calls, to follow the engine's events say. Begins when the adapter is put in force, and has to
   * end soon after the signal is aborted: the adapter is being closed, or its configuration has changed and another one takes
   * over. Handlers and this share what `config` made. What it throws is logged, and ends it.
   */
  readonly background?: (ctx: BackgroundContext<Config>) => Promise<void>
}

export interface BackgroundContext<Config = unknown> {
  readonly config: Config
  readonly signal: AbortSignal
  readonly log: AdapterLog
}

/**
 * What to do when: keys are Docker's operation ids. The function under `*` is for the operations that have none of their
 * own, and for requests that are no known operation. It may change the drafts and it may return what `ctx.deny()` or
 * `ctx.respond()` made; leaving all as it was lets the request pass. What it throws is a failure of the adapter, and never
 * a denial.
 */
export type PreSpec<Config = unknown, Metadata = JsonObject> = {
  readonly [Id in OperationId | '*']?: Handler<PreContext<Id, Config, Metadata>, PreDecision>
}

export type ValidateSpec<Config = unknown, Metadata = JsonObject> = {
  readonly [Id in OperationId | '*']?: Handler<ValidateContext<Id, Config, Metadata>, Decision>
}

export type PostSpec<Config = unknown, Metadata = JsonObject> = {
  readonly [Id in OperationId | '*']?: Handler<PostContext<Id, Config, Metadata>, Decision>
}

export type UnwindSpec<Config = unknown, Metadata = JsonObject> = {
  readonly [Id in OperationId | '*']?: Handler<UnwindContext<Id, Config, Metadata>, unknown>
}

export type ObserveSpec<Config = unknown, Metadata = JsonObject> = {
  readonly [Id in OperationId | '*']?: Handler<ObserveContext<Id, Config, Metadata>, unknown>
}

/**
 * One run for each stream. What the generator gives for an event stands in its place: the same event, changed or not, another one, or
 * several; one that it gives nothing for is gone. Its end ends the stream.
 */
export type StreamSpec<Config = unknown, Metadata = JsonObject> = {
  readonly [Id in OperationId | '*']?: (
    events: AsyncIterable<StreamEvent<Id>>,
    ctx: StreamContext<Id, Config, Metadata>,
  ) => AsyncIterable<StreamEvent<Id>>
}

type Handler<Context, Decided> = (ctx: Context) => Decided | Promise<Decided>

// biome-ignore lint/suspicious/noConfusingVoidType: a function that decides nothing need not say `return undefined`
export type Decision = Denial | undefined | void

export type PreDecision = Immediate | Decision

/** An adapter that has been defined and not been told its configuration yet. */
export interface AdapterDefinition {
  readonly name: string
  readonly version: string | undefined
  /** Throws if the configuration is not to the adapter's liking. */
  create(configured?: unknown, ground?: AdapterGround): Adapter
}

export interface AdapterGround {
  readonly log?: AdapterLog
}

/** Throws for keys that are no operation: their handlers would never be called. */
export function defineAdapter<Config = unknown, Metadata = JsonObject>(
  spec: AdapterSpec<Config, Metadata>,
): AdapterDefinition {
  const { name, version, background, onError } = spec
  const handlers = handlersOf(spec)
  return {
    name,
    version,
    create(configured = {}, { log = CONSOLE_LOG } = {}) {
      const config = readConfig(spec.config, configured)
      const streams = new Streams()
      const answer = (
        call: HookCall,
        stop: StopSignal,
        protocol: CallGround['protocol'] = 2,
      ): Soon<HookReply> => {
        const ground: CallGround = { config, log, stop, protocol }
        const handler = handlerFor(handlers, call)
        if (handler === undefined) return UNCONCERNED
        return handler(call, ground, onError as ErrorHandler | undefined, streams)
      }
      return {
        name,
        abilities: abilitiesOf(spec, handlers, tagOf(version, configured)),
        answer: (call, stop) => answer(call, stop),
        ...speakOld({
          answer: (call, stop) => answer(call, stop, 1),
          validates: (operation, changed) => validates(spec, operation, changed),
          log,
        }),
        ...(background === undefined
          ? {}
          : {
              background: (signal) =>
                background({ config, signal, log }).catch((problem: unknown) => {
                  if (!signal.aborted) log.error(problem)
                }),
            }),
      }
    },
  }
}

/** One function under both keys need not be asked twice about one request. */
function validates(
  { pre, validate }: { readonly pre?: object; readonly validate?: object },
  operation: string | null,
  changed: boolean,
): boolean {
  if (validate === undefined) return false
  const validator = functionIn(validate, operation)
  return validator !== undefined && (changed || validator !== functionIn(pre ?? {}, operation))
}

function functionIn(spec: object, operation: string | null): unknown {
  const functions = spec as Readonly<Record<string, unknown>>
  return functions[operation ?? 'unknown'] ?? functions['*']
}

const UNCONCERNED: HookReply = Object.freeze({ outcome: Object.freeze({ kind: 'pass' }) })

type ErrorHandler = (problem: unknown, ctx: CallContext) => void
type Answer = (
  call: HookCall,
  ground: CallGround,
  onError: ErrorHandler | undefined,
  streams: Streams,
) => Soon<HookReply>
type Handlers = ReadonlyMap<HookType, ReadonlyMap<string, Answer>>

/** What is to be done for each type of hook, by operation. Types without any are not there. */
function handlersOf<Config, Metadata>(spec: AdapterSpec<Config, Metadata>): Handlers {
  const all: [HookType, ReadonlyMap<string, Answer>][] = [
    ['pre-hook', answersOf(spec.pre, PreDraft, (ctx, end) => ctx.reply(decided(end)))],
    [
      'validate-hook',
      answersOf(spec.validate, ValidateView, (ctx, end) => ctx.reply(denialIn(end, 'validate'))),
    ],
    ['post-hook', answersOf(spec.post, PostDraft, (ctx, end) => ctx.reply(denialIn(end, 'post')))],
    ['unwind-hook', answersOf(spec.unwind, UnwindView, () => UNCONCERNED)],
    ['observe-hook', answersOf(spec.observe, ObserveView, () => UNCONCERNED)],
    ['stream-hook', streamsOf(spec.stream)],
  ]
  return new Map(all.filter(([, answers]) => answers.size > 0))
}

/**
 * The keys guarantee that each function meets the bodies and calls that it was written for; a lookup cannot tell the
 * compiler so.
 */
function answersOf<View extends CallContext>(
  spec: object | undefined,
  View: new (call: never, ground: CallGround) => View,
  replyOf: (ctx: View, end: unknown) => HookReply,
): ReadonlyMap<string, Answer> {
  const functions = Object.entries(spec ?? {}).filter(([, handle]) => handle !== undefined)
  for (const [key] of functions)
    if (!KEYS.has(key)) throw new TypeError(`there is no operation "${key}", so its handler would never run`)
  const answers = functions.map(([key, handle]) => {
    const answer: Answer = (call, ground, onError) => {
      const ctx = new View(call as never, ground)
      const thrown = (problem: unknown): HookReply => {
        onError?.(problem, ctx)
        // A refusal, not a failure: no failure policy may let pass what could not be judged.
        if (problem instanceof UnshownBody && 'deny' in ctx) return replyOf(ctx, deny(problem.message))
        throw problem
      }
      return attempt(
        () => (handle as (ctx: View) => unknown)(ctx),
        (end) => replyOf(ctx, end),
        thrown,
      )
    }
    return [key, answer] as const
  })
  return new Map(answers)
}

function streamsOf(spec: object | undefined): ReadonlyMap<string, Answer> {
  const functions = Object.entries(spec ?? {}).filter(([, handle]) => handle !== undefined)
  for (const [key] of functions)
    if (!STREAM_KEYS.has(key))
      throw new TypeError(`the answers of "${key}" are no streams, so its handler would never run`)
  const answers = functions.map(([key, handle]) => {
    const handler = handle as (events: AsyncIterable<JsonObject>, ctx: StreamView) => AsyncIterable<unknown>
    const answer: Answer = (call, ground, onError, streams) =>
      streams.answer(call as StreamCall, ground.stop, async function* (events, stop) {
        const ctx = new StreamView(call as StreamCall, { ...ground, stop })
        try {
          yield* handler(events, ctx)
        } catch (problem) {
          onError?.(problem, ctx)
          throw problem
        }
      })
    return [key, answer] as const
  })
  return new Map(answers)
}

const STREAM_KEYS: ReadonlySet<string> = new Set(['*', ...FRAMED_OPERATIONS.map(({ id }) => id)])

const KEYS: ReadonlySet<string> = new Set(['*', ...OPERATIONS.map(({ id }) => id)])

function handlerFor(handlers: Handlers, call: HookCall): Answer | undefined {
  const answers = handlers.get(call.type)
  return answers?.get(call.operation ?? 'unknown') ?? answers?.get('*')
}

function decided(end: unknown): Denial | Immediate | undefined {
  const decision = end as Denial | Immediate | undefined
  if (decision?.kind === 'respond') return decision
  return denialIn(end, 'pre')
}

/** Anything else that a function returns was meant to do something, and does not. */
function denialIn(end: unknown, phase: string): Denial | undefined {
  const denial = end as Denial | undefined
  if (denial === undefined || denial?.kind === 'deny') return denial
  throw new TypeError(
    `a handler of ${phase} returns nothing, or what ctx.deny()${phase === 'pre' ? ' or ctx.respond()' : ''} made; bodies are changed in place or assigned`,
  )
}

function abilitiesOf(
  {
    name,
    version,
    sideEffects = 'Some',
    idempotent = false,
  }: Pick<AdapterSpec<unknown>, 'name' | 'version' | 'sideEffects' | 'idempotent'>,
  handlers: Handlers,
  isTag: string,
): AdapterAbilities {
  const keys = new Set([...handlers.values()].flatMap((answers) => [...answers.keys()]))
  return {
    name,
    version,
    protocols: [2, 1],
    implements: [...handlers.keys()],
    operations: keys.has('*') ? undefined : [...keys].sort(),
    sideEffects,
    idempotent,
    maxBodyBytes: undefined,
    maxConnections: undefined,
    optionsTtlS: undefined,
    isTag,
  }
}

/** Changes when the adapter, or what it is told, does. */
function tagOf(version: string | undefined, configured: unknown): string {
  const told = `${version ?? ''} ${JSON.stringify(configured) ?? ''}`
  return createHash('sha256').update(told).digest('base64url').slice(0, 16)
}
