/** One exchange as the decision log and taps have it: who asked for what, what each hook made of it, how it ended. No secrets. */

import type { ChainReport, ExchangeReport, HookChange, HookRecord, StreamCounts } from '../model/event.ts'
import type { HeaderMutation, HookRequest, HookResponse } from '../model/hook.ts'
import { ulid } from '../model/ulid.ts'
import type { Json } from '../sdk/json.ts'
import { difference, type Step } from './difference.ts'
import { ExchangeMask, type Mask, readJson } from './mask.ts'

export interface Decision {
  readonly id: string
  /** When it began. */
  readonly time: string
  readonly durationMs: number
  readonly request: {
    readonly method: string
    /** Path and query as received. */
    readonly path: string
    readonly operation: string
    readonly apiVersion: string | null
  }
  readonly user: {
    readonly name: string | null
    readonly authenticationMethod: string | null
    readonly peerAddress: string | null
  }
  readonly listener: string
  /** Empty where no hook was asked for. */
  readonly hooks: readonly HookDecision[]
  /** What was undone, in that order. */
  readonly unwound: readonly UnwindDecision[]
  readonly fate: string
  /** What the client got. */
  readonly status: number | null
  /** What the engine answered, where it was asked and hooks were. */
  readonly engineStatus?: number
  readonly detail?: string
  /** From and to the client, heads included. */
  readonly bytes: { readonly received: number; readonly sent: number }
  /** Of the configuration. */
  readonly revision: string | null
}

export interface HookDecision {
  readonly adapter: string
  readonly phase: string
  readonly outcome: string
  readonly durationMs: number
  readonly uid?: string
  readonly detail?: string
  /** It failed or was not called, and was passed over. */
  readonly failOpen?: true
  readonly warnings?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly metadata?: Json
  readonly changed?: Changed
  /** Of a stream-hook: what it was shown, and what became of it. */
  readonly stream?: StreamCounts
}

export interface UnwindDecision {
  readonly adapter: string
  readonly uid: string
  readonly result: string
  readonly durationMs: number
}

/** What one hook changed. Only what it did change is there. */
export interface Changed {
  readonly path?: FromTo<string>
  readonly status?: FromTo<number>
  readonly contentType?: FromTo<string | null>
  readonly headers?: HeaderMutation
  /** Of the body. */
  readonly patch?: readonly Step[]
  /** Where the body is no JSON, or too large to be compared: its size in bytes. */
  readonly body?: FromTo<number>
}

export interface FromTo<T> {
  readonly from: T
  readonly to: T
}

/** The largest body that is compared, in characters: comparing takes about as long as sending it once more. */
const COMPARED_LIMIT = 256 * 1024

export function decisionOf(report: ExchangeReport, mask: Mask): Decision {
  const { chain, client, durationMs } = report
  const own = new ExchangeMask(mask, report.operation)
  const path = own.target(report.target)
  const hooks = chain === undefined ? NONE : hookDecisions(chain, own)
  return {
    id: chain?.requestId || ulid(),
    time: new Date(Date.now() - durationMs).toISOString(),
    durationMs: rounded(durationMs),
    request: {
      method: report.method,
      path,
      operation: report.operation,
      apiVersion: report.apiVersion ?? null,
    },
    user: {
      name: client.certificate?.commonName ?? null,
      authenticationMethod: client.certificate === undefined ? null : 'TLS',
      peerAddress: client.peerAddress ?? null,
    },
    listener: client.listener,
    hooks,
    unwound: chain === undefined ? NONE : chain.unwound.map(unwindDecision),
    fate: report.fate,
    status: report.status ?? null,
    ...(chain?.engineStatus === undefined ? {} : { engineStatus: chain.engineStatus }),
    ...(report.detail === undefined ? {} : { detail: own.text(report.detail) }),
    bytes: { received: report.requestBytes, sent: report.responseBytes },
    revision: report.revision ?? null,
  }
}

const NONE: readonly never[] = Object.freeze([])

/** All bodies are gone through before any words are: words may repeat what stands in a body. */
function hookDecisions(
  { hooks, original, response }: ChainReport,
  mask: ExchangeMask,
): readonly HookDecision[] {
  const told = hooks.filter(tellsMore)
  if (told.length === 0) return hooks.map((record) => hookDecision(record, undefined, mask))
  const bodies = new MaskedBodies(mask)
  const changes = hooks.map(({ change }) => change && changeOf(change, bodies, mask))
  bodies.read(original.body, 'request')
  if (told.some(({ phase }) => phase === 'post' || phase === 'stream')) bodies.read(response?.body, 'answer')
  return hooks.map((record, index) => hookDecision(record, changes[index], mask))
}

/** Whether there is anything in which a secret could stand. */
function tellsMore({ detail, warnings, annotations, metadata, change }: HookRecord): boolean {
  return (
    detail !== undefined ||
    warnings.length > 0 ||
    metadata !== undefined ||
    change !== undefined ||
    Object.keys(annotations).length > 0
  )
}

type Side = 'request' | 'answer'

/** Each body is gone through once: what one hook leaves is what the next one is shown. */
class MaskedBodies {
  readonly #mask: ExchangeMask
  readonly #seen = {
    request: new Map<string, Json | undefined>(),
    answer: new Map<string, Json | undefined>(),
  }

  constructor(mask: ExchangeMask) {
    this.#mask = mask
  }

  /** With marks in place of secrets. Nothing: it is no JSON. */
  read(text: string | null | undefined, side: Side): Json | undefined {
    if (text === null || text === undefined || text === '') return undefined
    const seen = this.#seen[side]
    if (!seen.has(text)) {
      const read = readJson(text)
      seen.set(text, read === undefined ? undefined : this.#mask.body(read, side))
    }
    return seen.get(text)
  }
}

function hookDecision(record: HookRecord, change: Changed | undefined, mask: ExchangeMask): HookDecision {
  const { adapter, phase, outcome, durationMs, uid, detail, failOpen } = record
  const { warnings, annotations, metadata, stream } = record
  const told = Object.entries(annotations)
  return {
    adapter,
    phase,
    outcome,
    durationMs: rounded(durationMs),
    ...(uid === undefined ? {} : { uid }),
    ...(detail === undefined ? {} : { detail: mask.text(detail) }),
    ...(failOpen ? { failOpen } : {}),
    ...(warnings.length === 0 ? {} : { warnings: warnings.map((text) => mask.text(text)) }),
    ...(told.length === 0
      ? {}
      : { annotations: Object.fromEntries(told.map(([key, text]) => [key, mask.field(key, text)])) }),
    ...(metadata === undefined ? {} : { metadata: mask.json(metadata) }),
    ...(change === undefined ? {} : { changed: finished(change, mask) }),
    ...(stream === undefined ? {} : { stream }),
  }
}

function unwindDecision({ adapter, uid, result, durationMs }: UnwindDecision): UnwindDecision {
  return { adapter, uid, result, durationMs: rounded(durationMs) }
}

function changeOf(change: HookChange, bodies: MaskedBodies, mask: ExchangeMask): Changed {
  const headers = headerChange(change.before.mutation, change.after.mutation)
  return {
    ...(change.of === 'request' ? pathChange(change, mask) : answerChange(change)),
    ...(headers === undefined ? {} : { headers }),
    ...bodyChange(change.before, change.after, change.of === 'request' ? 'request' : 'answer', bodies),
  }
}

function pathChange({ before, after }: HookChange & { of: 'request' }, mask: ExchangeMask): Changed {
  return before.target === after.target
    ? {}
    : { path: { from: mask.target(before.target), to: mask.target(after.target) } }
}

function answerChange({ before, after }: HookChange & { of: 'response' }): Changed {
  return {
    ...(before.status === after.status ? {} : { status: { from: before.status, to: after.status } }),
    ...(before.contentType === after.contentType
      ? {}
      : { contentType: { from: before.contentType, to: after.contentType } }),
  }
}

/** What this hook adds to what those before it have changed. */
function headerChange(
  before: HeaderMutation | undefined,
  after: HeaderMutation | undefined,
): HeaderMutation | undefined {
  if (after === undefined || after === before) return undefined
  const set = Object.entries(after.set).filter(([name, value]) => before?.set[name] !== value)
  return {
    set: Object.fromEntries(set),
    remove: after.remove.filter((name) => !before?.remove.includes(name)),
  }
}

function bodyChange(
  before: HookRequest | HookResponse,
  after: HookRequest | HookResponse,
  side: Side,
  bodies: MaskedBodies,
): Changed {
  if (before.body === after.body && before.base64 === after.base64) return {}
  const [one, other] = [bodies.read(before.body, side), bodies.read(after.body, side)]
  const isLong = [before, after].some(({ body }) => (body?.length ?? 0) > COMPARED_LIMIT)
  return one === undefined || other === undefined || isLong
    ? { body: { from: sizeOf(before), to: sizeOf(after) } }
    : { patch: difference(one, other) }
}

function sizeOf({ body, base64 }: HookRequest | HookResponse): number {
  return base64 === undefined ? Buffer.byteLength(body ?? '') : Buffer.byteLength(base64, 'base64')
}

/** With `***` for every mark. */
function finished({ headers, patch, ...change }: Changed, mask: ExchangeMask): Changed {
  return {
    ...change,
    ...(headers === undefined
      ? {}
      : {
          headers: {
            set: Object.fromEntries(
              Object.entries(headers.set).map(([name, value]) => [name, mask.field(name, value)]),
            ),
            remove: headers.remove,
          },
        }),
    ...(patch === undefined
      ? {}
      : {
          patch: patch.map(({ op, path, value, was }) => ({
            op,
            path,
            ...(value === undefined ? {} : { value: mask.finished(value) }),
            ...(was === undefined ? {} : { was: mask.finished(was) }),
          })),
        }),
  }
}

/** To a microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
