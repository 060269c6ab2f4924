import type { Adapter, Denial, PostOutcome, PreOutcome } from '../model/hook.ts'
import type { OperationId } from '../route/operations.ts'
import { type CallGround, readCall } from './call.ts'
import { type PostContext, PostDraft, type PreContext, PreDraft } from './context.ts'
import { type AdapterLog, CONSOLE_LOG } from './log.ts'

/** An adapter in its author's words. */
export interface AdapterSpec<Config> {
  readonly name: string
  readonly version?: string
  /**
   * Turns what the configuration says under `with` into what the handlers get as `config`; throws what is wrong with it.
   * Without it they get it as it is.
   */
  readonly config?: (value: unknown) => Config
  readonly pre?: PreSpec<Config>
  readonly post?: PostSpec<Config>
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
 * own, and for requests that are no known operation. It may change the drafts and it may return a denial; leaving all as
 * it was lets the request pass. What it throws is a failure of the adapter, and never a denial.
 */
export type PreSpec<Config> = {
  readonly [Id in OperationId | '*']?: (ctx: PreContext<Id, Config>) => Decision | Promise<Decision>
}

export type PostSpec<Config> = {
  readonly [Id in OperationId | '*']?: (ctx: PostContext<Id, Config>) => Decision | Promise<Decision>
}

// biome-ignore lint/suspicious/noConfusingVoidType: a function that decides nothing need not say `return undefined`
export type Decision = Denial | undefined | void

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

export function defineAdapter<Config = unknown>(spec: AdapterSpec<Config>): AdapterDefinition {
  const { name, version, pre = {}, post = {}, background } = spec
  // The keys guarantee that each function meets the bodies it was written for; a lookup cannot tell the compiler so.
  const preFunctions = new Map(Object.entries(pre)) as ReadonlyMap<string, PreFunction>
  const postFunctions = new Map(Object.entries(post)) as ReadonlyMap<string, PostFunction>
  return {
    name,
    version,
    create(configured = {}, { log = CONSOLE_LOG } = {}) {
      const config = spec.config === undefined ? (configured as Config) : spec.config(configured)
      const ground: CallGround = { config, log }
      return {
        name,
        async pre(request, signal): Promise<PreOutcome> {
          const call = readCall(request, signal, ground)
          const decide = preFunctions.get(call.operation) ?? preFunctions.get('*')
          if (decide === undefined) return PASS
          const draft = new PreDraft(call, request)
          return denialIn(await decide(draft)) ?? draft.outcome()
        },
        async post(request, response, signal): Promise<PostOutcome> {
          const call = readCall(request, signal, ground)
          const decide = postFunctions.get(call.operation) ?? postFunctions.get('*')
          if (decide === undefined) return PASS
          const draft = new PostDraft(call, request, response)
          return denialIn(await decide(draft)) ?? draft.outcome()
        },
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

type PreFunction = (ctx: PreContext) => Decision | Promise<Decision>
type PostFunction = (ctx: PostContext) => Decision | Promise<Decision>

const PASS = { kind: 'pass' } as const

/** Anything else that a function returns was meant to do something, and does not. */
function denialIn(decision: Decision): Denial | undefined {
  const denial = decision as Denial | undefined
  if (denial === undefined || denial.kind === 'deny') return denial
  throw new TypeError(
    'a handler returns nothing, or what ctx.deny() made; bodies are changed in place or assigned',
  )
}
