import {
  type Decision,
  type Denial,
  defineAdapter,
  type EngineClient,
  engineAt,
  isJsonObject,
  type Json,
  type OperationId,
  type PreContext,
  parseJson,
  printJson,
  type ValidateContext,
} from 'powerstrip/sdk'
import type { Asked } from './asked.ts'
import { type Forbidden, forbidden, quoted, setting } from './concern.ts'
import { DOORS, type Door } from './doors.ts'
import { factsOf } from './engine-facts.ts'
import {
  areOwn,
  filtersIn,
  IMAGE_OWNER_LABEL,
  imageMark,
  ownerOf,
  ownFilters,
  withImageOwner,
  withOwner,
} from './labels.ts'
import { ownList } from './lists.ts'
import { type Policy, readPolicy } from './policy.ts'
import { type Verified, verify } from './verify.ts'

interface Config {
  readonly policy: Policy
  readonly engine: EngineClient
}

/**
 * Keeps clients within a policy: what containers may do to their host, where images come from, and whose things are whose.
 *
 * Each request goes through its door: rules say what it asks for, the engine says whose the things are that it names, and
 * what is made is marked with its owner. Placed among those that validate too, it judges what other adapters have made of
 * the request.
 */
export default defineAdapter<Config>({
  name: 'sandbox',
  version: '1.1.0',
  // Volumes are made ahead.
  sideEffects: 'NoneOnDryRun',
  idempotent: true,
  config(value) {
    const policy = readPolicy(value)
    return { policy, engine: engineAt(policy.engine) }
  },

  pre: {
    async '*'(ctx) {
      const { policy } = ctx.config
      const door = DOORS[ctx.operation]
      const { refusals, missing } = await findings(door, ctx, ctx.dryRun ? 'look' : 'act')
      const denial = refused(refusals, ctx)
      if (denial !== undefined) return denial
      if (policy.owner === '') return
      // Who names what is not there must not meet what somebody else makes under that name just now.
      if (missing !== undefined && policy.mode === 'enforce' && ctx.protocol === 2)
        return ctx.respond(missing.status, { message: missing.message })
      if (door.shows !== undefined && policy.mode === 'enforce' && ctx.protocol === 2)
        return await ownList(door.shows, ctx, policy, ctx.config.engine)
      if (door.marks !== undefined) mark(door.marks, ctx, policy.owner)
      if (door.narrowed !== undefined && policy.mode === 'enforce')
        return narrow(ctx, policy.owner, door.narrowed)
      return
    },
  },

  validate: {
    async '*'(ctx) {
      // Then both are one call, about one request.
      if (ctx.protocol === 1) return
      const { policy } = ctx.config
      const door = DOORS[ctx.operation]
      const { refusals } = await findings(door, ctx, 'look')
      return refused(policy.owner === '' ? refusals : [...refusals, ...unmarked(door, ctx, policy)], ctx)
    },
  },
})

type Judged = PreContext<'*', Config> | ValidateContext<'*', Config>

/** `look`: nothing is made ahead. */
async function findings(
  door: Door,
  ctx: Judged,
  how: 'look' | 'act',
): Promise<Pick<Verified, 'refusals' | 'missing'>> {
  const { policy, engine } = ctx.config
  if (door.needs === 'write' && policy.access === 'read')
    return none(forbidden('PS-ACCESS-001', operationWords(ctx.operation), setting('access', 'write')))
  const asked = new AskedOf(ctx)
  const facts = factsOf(engine, ctx.signal)
  const { refusals, missing, first } = await verify(door.judge(asked, policy), policy, facts)
  if (asked.hidden && !JUDGED_UNSEEN.includes(ctx.operation))
    return none(
      forbidden('PS-FIELD-001', 'a body that is not shown', '"body: none" left out for this adapter'),
    )
  if (refusals.length > 0 || how === 'look') return { refusals, missing }
  const done = await Promise.all(first.map((act) => act()))
  return { refusals: done.flatMap((end) => end.refusals), missing }
}

/** Credentials are kept from adapters, and their door knows; a body at start is none that the engine reads unless it is JSON. */
const JUDGED_UNSEEN: readonly string[] = ['SystemAuth', 'ContainerStart']

function none(...refusals: Forbidden[]): Pick<Verified, 'refusals' | 'missing'> {
  return { refusals, missing: undefined }
}

/** The request as doors ask for it, and whether one has asked for a body that is there and not shown. */
class AskedOf implements Asked {
  hidden = false
  readonly #ctx: Judged

  constructor(ctx: Judged) {
    this.#ctx = ctx
  }

  get params() {
    return this.#ctx.params
  }
  get query() {
    return this.#ctx.query
  }
  get body(): Json {
    return this.#isHidden() ? null : this.#ctx.body
  }
  get text() {
    return this.#isHidden() ? null : this.#ctx.text
  }

  #isHidden(): boolean {
    const isHidden = this.#ctx.bodyEncoding === 'omitted'
    this.hidden ||= isHidden
    return isHidden
  }
}

function refused(refusals: readonly Forbidden[], ctx: Judged): Denial | undefined {
  const [first] = refusals
  if (first === undefined) return undefined
  for (const { rule, asked } of refusals) ctx.annotate(rule, asked)
  if (ctx.config.policy.mode === 'enforce') return ctx.deny(words(refusals), { reason: first.rule })
  ctx.log.warn(`${ctx.method} ${ctx.target}: would be refused: ${words(refusals)}`)
  return undefined
}

/** Marks that a later adapter has taken away, or that were never made for want of a place among those that change. */
function unmarked(door: Door, ctx: Judged, { owner, mode }: Policy): Forbidden[] {
  const missing = forbidden(
    'PS-TIME-004',
    `a request without the mark of ${quoted(owner)}`,
    'this adapter under "pre" too, and no other that takes the mark away',
  )
  if (door.narrowed !== undefined && mode === 'enforce') {
    if (!areOwn(filtersIn(ctx.query.get('filters')), owner, door.narrowed)) return [missing]
  }
  return door.marks === undefined || isMarked(door.marks, ctx, owner) ? [] : [missing]
}

function isMarked(where: NonNullable<Door['marks']>, ctx: Judged, owner: string): boolean {
  switch (where) {
    case 'labels':
      return isJsonObject(ctx.body) && ownerOf(ctx.body.Labels) === owner
    case 'service': {
      const body = isJsonObject(ctx.body) ? ctx.body : {}
      const task = isJsonObject(body.TaskTemplate) ? body.TaskTemplate : {}
      const container = isJsonObject(task.ContainerSpec) ? task.ContainerSpec : undefined
      return (
        ownerOf(body.Labels) === owner && (container === undefined || ownerOf(container.Labels) === owner)
      )
    }
    case 'build':
      return ownerOf(labelsIn(ctx.query.get('labels')), IMAGE_OWNER_LABEL) === owner
    case 'changes':
      return !makesImage(ctx) || ctx.query.getAll('changes').at(-1) === imageMark(owner)
  }
}

function operationWords(operation: OperationId | 'unknown'): string {
  return `${operation}, which is more than looking`
}

/** More would not be read. */
const SHOWN = 3

/** `PS-PRIV-001: a privileged container is not allowed here (setting "privileged" would allow it)`. */
function words(refusals: readonly Forbidden[]): string {
  const shown = refusals
    .slice(0, SHOWN)
    .map(({ rule, asked, remedy }) => `${rule}: ${asked} is not allowed here (${remedy} would allow it)`)
  const more = refusals.length - shown.length
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ')
}

/** Writes the owner onto what is about to be made. */
function mark(where: NonNullable<Door['marks']>, ctx: PreContext<'*', Config>, owner: string): void {
  switch (where) {
    case 'labels':
      if (isJsonObject(ctx.body)) ctx.body.Labels = withOwner(ctx.body.Labels, owner)
      else ctx.body = { Labels: withOwner({}, owner) }
      return
    case 'service':
      markService(ctx.body, owner)
      return
    case 'build':
      ctx.query.set('labels', printJson(withImageOwner(labelsIn(ctx.query.get('labels')), owner)))
      return
    case 'changes':
      // The last of several labels counts.
      if (makesImage(ctx)) ctx.query.append('changes', imageMark(owner))
  }
}

/** A pull has no changes. */
function makesImage({ operation, query }: Pick<Judged, 'operation' | 'query'>): boolean {
  return operation === 'ImageCommit' || Boolean(query.get('fromSrc'))
}

/** Its containers belong to the owner as it does itself. */
function markService(body: Json, owner: string): void {
  if (!isJsonObject(body)) return
  body.Labels = withOwner(body.Labels, owner)
  const { TaskTemplate: task } = body
  const container = isJsonObject(task) ? task.ContainerSpec : undefined
  if (isJsonObject(container)) container.Labels = withOwner(container.Labels, owner)
}

function labelsIn(text: string | null): Json {
  return text === null || text === '' ? {} : parseJson(text)
}

/** Lets a list show, and a prune remove, what the owner has made. */
function narrow(ctx: PreContext<'*', Config>, owner: string, label: string): Decision {
  const filters = filtersIn(ctx.query.get('filters'))
  if (filters === undefined)
    return ctx.deny(words([forbidden('PS-FIELD-001', '"filters" that cannot be read', 'sending a JSON map')]))
  const own = ownFilters(filters, owner, label)
  if (own === undefined)
    return ctx.deny(
      words([
        forbidden(
          'PS-OWN-001',
          `a list of what others than ${quoted(owner)} have made`,
          'leaving the label out',
        ),
      ]),
    )
  ctx.query.set('filters', own)
  return
}
