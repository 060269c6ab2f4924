/**
 * Tests of an adapter from a table: what it leaves alone, changes, refuses, answers itself and undoes.
 *
 * The adapter runs within the test, without sockets. What it says is written and read as if it had come from far away, so
 * what a proxy would not take fails here too.
 */
import { patched } from '../gate/patch.ts'
import { judgeBody } from '../gate/request-body.ts'
import type { HookCall, HookType } from '../model/call.ts'
import type { Adapter, Answered, Outcome } from '../model/hook.ts'
import { Stop } from '../model/stop.ts'
import type { OperationId } from '../route/operations.ts'
import { type CallParts, makeCall } from '../sdk/call.ts'
import type { AdapterDefinition } from '../sdk/define-adapter.ts'
import { isJsonObject, type Json, parseJson, printJson, sameJson } from '../sdk/json.ts'
import type { AdapterLog } from '../sdk/log.ts'
import { encodeCall } from '../wire/v2/call.ts'
import { decodeReceipt, decodeReply, encodeReply } from '../wire/v2/reply.ts'
import { headersIn } from './dialect.ts'
import type { Describe, It } from './suite.ts'

export interface TesterTerms {
  /** What a configuration would say under `with`. */
  readonly with?: unknown
  readonly log?: AdapterLog
  /** For each call, in milliseconds. */
  readonly deadlineMs?: number
  /** Those of a runner that has them not as globals, such as Node's own. */
  readonly describe?: Describe
  readonly it?: It
}

/** What the adapter is shown. With a `response` it is asked as a post-hook, otherwise before the engine is. */
export interface Sample
  extends Pick<CallParts, 'query' | 'params' | 'apiVersion' | 'headers' | 'user' | 'metadata'> {
  /** For the test's name. */
  readonly name?: string
  /** Of the request: a JSON value. Whatever may be written as JSON goes: types of your own as well. */
  readonly body?: unknown
  readonly response?: { readonly code: number; readonly contentType?: string | null; readonly body?: unknown }
}

export interface Mutation extends Sample {
  /** The whole body afterwards, of the answer where there is one. */
  readonly output: unknown
  /** What the adapter may say to get there, exactly. */
  readonly patch?: unknown
  /** It may change its own output again: it counts, say. */
  readonly reentrant?: false
}

export interface Refusal extends Sample {
  readonly code?: number
  readonly message?: string | RegExp
}

export interface OwnAnswer extends Sample {
  readonly code?: number
  readonly output?: unknown
}

export interface Undoing extends Sample {
  /** How often it is told to undo the same call. */
  readonly times?: number
}

export interface Cases {
  readonly unchanged?: readonly Sample[]
  readonly mutates?: readonly Mutation[]
  readonly denies?: readonly Refusal[]
  readonly responds?: readonly OwnAnswer[]
  readonly unwinds?: readonly Undoing[]
  /** Of all mutations here. */
  readonly reentrant?: false
}

const SILENT: AdapterLog = { info() {}, warn() {}, error() {} }

/** An adapter that has nothing to wait for answers in a hundredth of it. */
const DEADLINE_MS = 1_000

export class AdapterTester {
  readonly #definition: AdapterDefinition
  readonly #terms: TesterTerms

  constructor(definition: AdapterDefinition, terms: TesterTerms = {}) {
    this.#definition = definition
    this.#terms = terms
  }

  /** Makes a test of each case. Each runs with an adapter of its own. */
  run(operation: OperationId, cases: Cases): void {
    const { describe, it } = runnerOf(this.#terms)
    const bench = () => new Bench(this.#definition, this.#terms, operation)
    const each = <S extends Sample>(
      kind: string,
      samples: readonly S[] | undefined,
      check: (bench: Bench, sample: S) => Promise<void>,
    ) => {
      for (const [at, sample] of (samples ?? []).entries())
        it(`${kind} ${sample.name ?? `case ${at + 1}`}`, async () => check(bench(), sample))
    }
    describe(`${this.#definition.name}: ${operation}`, () => {
      it('has no case twice', async () => failOnRepetition(cases))
      each('leaves alone', cases.unchanged, leavesAlone)
      each('changes', cases.mutates, (one, sample) =>
        changes(one, sample, cases.reentrant ?? sample.reentrant),
      )
      each('refuses', cases.denies, refuses)
      each('answers', cases.responds, answers)
      each('undoes', cases.unwinds, undoes)
    })
  }
}

async function leavesAlone(bench: Bench, sample: Sample): Promise<void> {
  const { outcome } = await bench.decide(sample)
  if (outcome.kind !== 'pass') throw new Error(`it was to leave this alone, and ${words(outcome)}`)
}

async function changes(bench: Bench, sample: Mutation, reentrant: false | undefined): Promise<void> {
  if (sample.output === undefined)
    throw new Error('a case of "mutates" has an output: the whole body afterwards')
  const wanted = jsonOf(sample.output)
  const { outcome, body } = await bench.decide(sample)
  if (outcome.kind !== 'replace') throw new Error(`it was to change this, and ${words(outcome)}`)
  expectSame('the body', body, wanted)
  if (sample.patch !== undefined) {
    const said = outcome.patch === undefined ? undefined : parseJson(outcome.patch.text)
    expectSame('the patch', said, jsonOf(sample.patch))
  }
  if (reentrant === false) return
  const again = await new Bench(bench.definition, bench.terms, bench.operation).decide(
    withBody(sample, wanted),
  )
  if (again.outcome.kind === 'deny' || again.outcome.kind === 'respond')
    throw new Error(
      `shown its own output, it ${words(again.outcome)}; say "reentrant: false" if that is meant`,
    )
  if (!sameJson(again.body, wanted))
    throw new Error(
      `shown its own output, it changes it again, to ${printJson(again.body)}; say "reentrant: false" if that is meant`,
    )
}

async function refuses(bench: Bench, { code, message, ...sample }: Refusal): Promise<void> {
  const { outcome } = await bench.decide(sample)
  if (outcome.kind !== 'deny') throw new Error(`it was to refuse this, and ${words(outcome)}`)
  if (code !== undefined) expectSame('the code', outcome.status, code)
  const isSaid =
    message === undefined ||
    (typeof message === 'string' ? outcome.message === message : message.test(outcome.message))
  if (!isSaid) throw new Error(`it refuses with "${outcome.message}", not with ${message}`)
  if (outcome.message === '')
    throw new Error('it refuses without a message, which tells nobody what to change')
}

async function answers(bench: Bench, { code, output, ...sample }: OwnAnswer): Promise<void> {
  const { outcome } = await bench.decide(sample)
  if (outcome.kind !== 'respond') throw new Error(`it was to answer this itself, and ${words(outcome)}`)
  if (code !== undefined) expectSame('the code', outcome.status, code)
  if (output === undefined) return
  expectSame('the body', outcome.form === 'json' ? parseJson(outcome.body) : outcome.body, jsonOf(output))
}

async function undoes(bench: Bench, { times = 2, ...sample }: Undoing): Promise<void> {
  const pre = await bench.ask('pre-hook', sample)
  if (pre.outcome.kind === 'deny') throw new Error(`it was to reserve something, and ${words(pre.outcome)}`)
  if (pre.remarks?.compensate !== true)
    throw new Error('its pre-handler does not ask for anything to be undone; call ctx.compensate()')
  const { metadata } = pre.remarks
  const handed = metadata === undefined ? {} : { metadata: parseJson(metadata) }
  for (let time = 0; time < times; time++) await bench.unwind({ ...sample, ...handed }, pre.uid)
  const { metadata: _none, ...unseen } = sample
  await bench.unwind(unseen, 'a-call-that-never-came')
}

interface Decided {
  readonly outcome: Outcome
  /** Afterwards: of the answer where there is one, else of the request. Nothing where there is none. */
  readonly body: Json | undefined
}

interface Said extends Answered<Outcome> {
  readonly uid: string
}

/** One adapter, and calls to it. */
class Bench {
  readonly definition: AdapterDefinition
  readonly terms: TesterTerms
  readonly operation: OperationId
  readonly #adapter: Adapter

  constructor(definition: AdapterDefinition, terms: TesterTerms, operation: OperationId) {
    this.definition = definition
    this.terms = terms
    this.operation = operation
    this.#adapter = definition.create(terms.with, { log: terms.log ?? SILENT })
  }

  /** Everything that it has to say to the sample: before the engine a validate-hook judges what the pre-hook has made. */
  async decide(sample: Sample): Promise<Decided> {
    if (sample.response !== undefined) return this.#settled('post-hook', sample)
    const types = (['pre-hook', 'validate-hook'] as const).filter((type) => this.#has(type))
    if (types.length === 0)
      throw new Error('the adapter has neither pre nor validate; give the case a response')
    const first = await this.#settled(types[0]!, sample)
    if (types.length === 1 || first.outcome.kind === 'deny' || first.outcome.kind === 'respond') return first
    const judged = await this.#settled('validate-hook', withBody(sample, first.body))
    return judged.outcome.kind === 'deny' ? judged : first
  }

  async ask(type: 'pre-hook' | 'validate-hook' | 'post-hook', sample: Sample): Promise<Said> {
    const call = makeCall(type, partsOf(this.operation, sample))
    const before = encodeCall(call)
    const reply = await this.#inTime(call)
    if (encodeCall(call) !== before)
      throw new Error('it changed what it was shown, which other adapters see as well')
    const written = encodeReply(reply, call)
    const read = decodeReply(written, call, { mutableHeaders: headersIn(written.body) })
    if (!read.ok)
      throw new Error(
        `a proxy would not take its reply: ${'problem' in read.failure ? read.failure.problem : read.failure.kind}`,
      )
    return { ...read.value, uid: call.uid }
  }

  async unwind(sample: Sample, uid: string): Promise<void> {
    const call = makeCall('unwind-hook', { ...partsOf(this.operation, sample), uid })
    if (!this.#has('unwind-hook'))
      throw new Error('it asks for something to be undone, and has no handler for it')
    const read = decodeReceipt(encodeReply(await this.#inTime(call), call))
    if (!read.ok) throw new Error('a proxy would not take its reply to an unwind-hook')
  }

  async #settled(type: 'pre-hook' | 'validate-hook' | 'post-hook', sample: Sample): Promise<Decided> {
    const { outcome } = await this.ask(type, sample)
    const given = type === 'post-hook' ? sample.response?.body : sample.body
    const shown = given === undefined ? undefined : jsonOf(given)
    if (outcome.kind !== 'replace') return { outcome, body: shown }
    const body = changedBody(outcome, shown)
    if (body !== undefined && type !== 'post-hook') {
      const judged = judgeBody(printJson(body), this.operation, 'the body that it made')
      if (!judged.ok) throw new Error(judged.failure.message)
    }
    return { outcome, body }
  }

  #has(type: HookType): boolean {
    return this.#adapter.abilities?.implements.includes(type) === true
  }

  async #inTime(call: HookCall) {
    const { deadlineMs = DEADLINE_MS } = this.terms
    const stop = new Stop()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        stop.abort()
        reject(new Error(`it did not answer the ${call.type} within ${deadlineMs} ms`))
      }, deadlineMs)
    })
    try {
      return await Promise.race([this.#adapter.answer({ ...call, timeoutMs: deadlineMs }, stop), late])
    } finally {
      clearTimeout(timer)
    }
  }
}

function changedBody(outcome: Outcome & { kind: 'replace' }, shown: Json | undefined): Json | undefined {
  if (outcome.patch !== undefined) {
    const applied = patched(printJson(shown ?? null), outcome.patch)
    if (!applied.ok) throw new Error(`its patch cannot be applied: ${applied.failure}`)
    return parseJson(applied.value)
  }
  if (outcome.body === undefined) return shown
  try {
    return parseJson(outcome.body)
  } catch {
    return outcome.body
  }
}

function partsOf(operation: OperationId, { name: _name, body, response, ...rest }: Sample): CallParts {
  return {
    operation,
    ...rest,
    ...(body === undefined ? {} : { body: jsonOf(body) }),
    ...(response === undefined
      ? {}
      : { response: { ...response, body: response.body === undefined ? '' : jsonOf(response.body) } }),
  }
}

/** The sample with another body in the place that its hook may change. */
function withBody(sample: Sample, body: Json | undefined): Sample {
  return sample.response === undefined
    ? { ...sample, body }
    : { ...sample, response: { ...sample.response, body } }
}

/** As it goes over the wire. */
function jsonOf(value: unknown): Json {
  return parseJson(printJson(value))
}

function failOnRepetition({ unchanged, mutates, denies, responds, unwinds }: Cases): void {
  const seen = new Map<string, string>()
  for (const [kind, samples] of Object.entries({ unchanged, mutates, denies, responds, unwinds }))
    for (const [at, { body, query, params, response, user, headers, metadata }] of (
      samples ?? []
    ).entries()) {
      // What is undone is a change as well.
      const key = printJson([
        kind === 'unwinds',
        inOrder({ body, query, params, response, user, headers, metadata }),
      ])
      const place = `${kind}[${at}]`
      const twin = seen.get(key)
      if (twin !== undefined) throw new Error(`${place} is the same case as ${twin}`)
      seen.set(key, place)
    }
}

/** With the keys of each object in one order. */
function inOrder(value: unknown): Json {
  const json = jsonOf(value ?? null)
  const ordered = (one: Json | undefined): Json => {
    if (Array.isArray(one)) return one.map(ordered)
    if (!isJsonObject(one)) return one ?? null
    return Object.fromEntries(
      Object.keys(one)
        .sort()
        .map((key) => [key, ordered(one[key])]),
    )
  }
  return ordered(json)
}

function expectSame(what: string, came: Json | undefined, wanted: Json): void {
  if (came !== undefined && sameJson(came, wanted)) return
  throw new Error(
    `${what} is not as it should be\n  came:     ${came === undefined ? 'nothing' : printJson(came)}\n  expected: ${printJson(wanted)}`,
  )
}

function words(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'pass':
      return 'left it as it was'
    case 'replace':
      return `changed it: ${printJson(outcome.patch === undefined ? outcome : parseJson(outcome.patch.text))}`
    case 'deny':
      return `refused it: ${outcome.status} ${outcome.message}`
    case 'respond':
      return `answered it itself: ${outcome.status} ${outcome.body}`
  }
}

function runnerOf({ describe, it }: TesterTerms): { readonly describe: Describe; readonly it: It } {
  const globals = globalThis as { readonly describe?: Describe; readonly it?: It }
  const found = { describe: describe ?? globals.describe, it: it ?? globals.it }
  if (found.describe === undefined || found.it === undefined)
    throw new TypeError('there is no describe and it here; hand in those of your test runner')
  return { describe: found.describe, it: found.it }
}
