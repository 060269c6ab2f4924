/** Conformance: an adapter is asked what it may be asked, and each check says whether it answered as it must. */
import type { AdapterAbilities, HookType } from '../model/call.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { decodeAbilities } from '../wire/v2/handshake.ts'
import { Caller, describeCame, type Target } from './caller.ts'
import { CATEGORIES, type Category } from './checks/all.ts'
import type { Check } from './checks/check.ts'
import { askAbilities } from './checks/handshake.ts'
import { PROTOCOL_1, protocol2 } from './dialect.ts'
import { operationNamed, USUAL_OPERATIONS } from './samples.ts'
import { Subject } from './subject.ts'
import { skip, type Verdict } from './verdict.ts'

export interface ConformanceTerms {
  /** `auto`: 2 where the adapter says so, and 1 where it says so or does not know better. */
  readonly protocol?: 'auto' | 1 | 2
  /** Ids of Docker's API that the adapter is for, the most important first. Default: those it names, else everyday ones. */
  readonly operations?: readonly string[]
  /** Protocol 1: the hooks that a configuration uses it for. Default: both. */
  readonly hooks?: readonly ('pre-hook' | 'post-hook')[]
  /** Only checks whose id or title matches, and none that `skip` matches. */
  readonly focus?: RegExp
  readonly skip?: RegExp
  /** For each call, in milliseconds. */
  readonly timeoutMs?: number
  /** What a configuration would say under `with` (protocol 2). */
  readonly with?: unknown
  /** Told of each result when it is there. */
  readonly tell?: (result: CheckResult) => void
}

export interface CheckResult {
  readonly id: string
  readonly category: string
  readonly title: string
  readonly verdict: Verdict
  readonly tookMs: number
}

/** All that is known in the end. */
export interface ConformanceReport {
  readonly url: string
  /** As the adapter calls itself; protocol 1 has no word for it. */
  readonly adapter: { readonly name: string; readonly version: string | undefined } | undefined
  readonly protocols: readonly (1 | 2)[]
  readonly results: readonly CheckResult[]
}

const DEFAULT_TIMEOUT_MS = 30_000

/** The failure is why the adapter cannot be tested at all. */
export function runConformance(
  target: Target,
  terms: ConformanceTerms = {},
): Promise<Result<ConformanceReport, string>> {
  return meeting(target, terms, async ({ abilities, protocols, subjects }) => {
    const chosen = chooseChecks(terms)
    if (!chosen.ok) return chosen
    const results: CheckResult[] = []
    let lostSince: string | undefined
    for (const { category, check } of chosen.value) {
      const from = performance.now()
      const subject = subjects.get(category.protocol)
      const verdict =
        subject === undefined
          ? skip(`not asked in protocol ${category.protocol}`)
          : lostSince === undefined
            ? await check.run(subject)
            : skip(`it does not answer any more since ${lostSince}`)
      const result = {
        id: check.id,
        category: category.name,
        title: check.title,
        verdict,
        tookMs: performance.now() - from,
      }
      results.push(result)
      terms.tell?.(result)
      if (verdict.kind === 'fail' && !(await isThere(subject!))) lostSince = check.id
    }
    return ok({
      url: target.url,
      adapter: abilities && { name: abilities.name, version: abilities.version },
      protocols,
      results,
    })
  })
}

/** Finds out what the adapter speaks, does something with it, and closes all connections to it. */
export async function meeting<T>(
  target: Target,
  terms: ConformanceTerms,
  use: (met: Met) => Promise<Result<T, string>>,
): Promise<Result<T, string>> {
  const caller = new Caller(target, terms.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  try {
    const met = await meet(caller, terms)
    return met.ok ? await use(met.value) : met
  } finally {
    await caller.close()
  }
}

/** How it ended, as an exit code: 0 where nothing failed. */
export function exitCodeOf({ results }: ConformanceReport): 0 | 1 {
  return results.some(({ verdict }) => verdict.kind === 'fail') ? 1 : 0
}

export interface Met {
  readonly abilities: AdapterAbilities | undefined
  readonly protocols: readonly (1 | 2)[]
  readonly subjects: ReadonlyMap<1 | 2, Subject>
}

/** Finds out what it speaks. Where protocol 1 is asked for, nothing is sent: an odd message kills some old adapters. */
async function meet(caller: Caller, terms: ConformanceTerms): Promise<Result<Met, string>> {
  const unknown = terms.operations?.find((id) => operationNamed(id) === undefined)
  if (unknown !== undefined)
    return failed(`"${unknown}" is no operation of Docker's API, such as ContainerCreate`)
  const there = await caller.knock()
  if (!there.ok) return failed(`${caller.target.url} cannot be reached: ${there.failure}`)
  const { protocol = 'auto' } = terms
  if (protocol === 1) return ok(metOld(caller, terms))
  const came = await askAbilities(caller)
  const type = came.kind === 'reply' ? came.reply.fields['content-type'] : undefined
  const read =
    came.kind === 'reply'
      ? decodeAbilities(came.reply, typeof type === 'string' ? type : undefined)
      : undefined
  if (protocol === 'auto' && (came.kind === 'nothing' || (read?.ok === false && read.failure.kind === 'old')))
    return ok(metOld(caller, terms))
  // What is wrong with the handshake is for the checks to say.
  const abilities = read?.ok === true ? read.value : undefined
  const two = subjectOfTwo(caller, terms, abilities)
  if (abilities !== undefined && two === undefined)
    return failed(`it implements no hook at all: ${describeCame(came)}`)
  const isBoth = protocol === 'auto' && abilities?.protocols.includes(1) === true
  const one = isBoth ? subjectOfOne(caller, terms, abilities) : undefined
  return ok({
    abilities,
    protocols: one === undefined ? [2] : [1, 2],
    subjects: new Map([
      ...(one === undefined ? [] : [[1, one] as const]),
      ...(two === undefined ? [] : [[2, two] as const]),
    ]),
  })
}

function metOld(caller: Caller, terms: ConformanceTerms): Met {
  return {
    abilities: undefined,
    protocols: [1],
    subjects: new Map([[1, subjectOfOne(caller, terms, undefined)!]]),
  }
}

const OLD_HOOKS: readonly HookType[] = ['pre-hook', 'post-hook']

/** Nothing where it has no hook that protocol 1 knows. */
function subjectOfOne(
  caller: Caller,
  { operations, hooks = ['pre-hook', 'post-hook'] }: ConformanceTerms,
  abilities: AdapterAbilities | undefined,
): Subject | undefined {
  const used = OLD_HOOKS.filter((hook) => hooks.some((one) => one === hook))
  const implemented = used.filter((hook) => abilities?.implements.includes(hook) ?? true)
  if (implemented.length === 0) return undefined
  return new Subject({
    caller,
    dialect: PROTOCOL_1,
    operations: operations ?? knownOf(abilities?.operations) ?? USUAL_OPERATIONS,
    hooks: implemented,
  })
}

/** Most operations that are asked about: each costs several calls. */
const MOST_OPERATIONS = 16

function subjectOfTwo(
  caller: Caller,
  terms: ConformanceTerms,
  abilities: AdapterAbilities | undefined,
): Subject | undefined {
  const hooks = abilities?.implements ?? ['pre-hook']
  const operations =
    terms.operations ?? knownOf(abilities?.operations)?.slice(0, MOST_OPERATIONS) ?? USUAL_OPERATIONS
  if (hooks.length === 0) return undefined
  return new Subject({
    caller,
    dialect: protocol2(JSON.stringify(terms.with ?? {}), (uid, text) => caller.auth.fieldsFor(uid, text)),
    operations,
    hooks,
    ...(abilities === undefined ? {} : { abilities }),
  })
}

/** A create first, where there is one: it tells the most. Nothing where there is no operation at all. */
function knownOf(operations: readonly string[] | undefined): readonly string[] | undefined {
  const known = operations?.filter((id) => operationNamed(id) !== undefined) ?? []
  if (known.length === 0) return undefined
  return [...known].sort(
    (one, other) => Number(other === 'ContainerCreate') - Number(one === 'ContainerCreate'),
  )
}

interface Chosen {
  readonly category: Category
  readonly check: Check
}

function chooseChecks({ focus, skip: leaving }: ConformanceTerms): Result<readonly Chosen[], string> {
  const matches = (pattern: RegExp | undefined, { id, title }: Check) => pattern?.test(`${id} ${title}`)
  const chosen = CATEGORIES.flatMap((category) =>
    category.checks.map((check) => ({ category, check })),
  ).filter(({ check }) => matches(focus, check) !== false && matches(leaving, check) !== true)
  return chosen.length === 0 ? failed('no check has such an id or title') : ok(chosen)
}

async function isThere(subject: Subject): Promise<boolean> {
  return (await subject.ask(subject.plain())).came.kind === 'reply'
}
