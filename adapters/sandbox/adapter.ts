import {
  type Decision,
  defineAdapter,
  type EngineClient,
  engineAt,
  isJsonObject,
  type Json,
  type OperationId,
  type PreContext,
  parseJson,
  printJson,
} from 'powerstrip/sdk'
import type { Asked } from './asked.ts'
import { type Forbidden, forbidden, setting } from './concern.ts'
import { DOORS, type Door } from './doors.ts'
import { factsOf } from './engine-facts.ts'
import { IMAGE_OWNER_LABEL, OWNER_LABEL, ownFilters, withImageOwner, withOwner } from './labels.ts'
import { type Policy, readPolicy } from './policy.ts'
import { verify } from './verify.ts'

interface Config {
  readonly policy: Policy
  readonly engine: EngineClient
}

/**
 * Keeps clients within a policy: what containers may do to their host, where images come from, and whose things are whose.
 *
 * Each request goes through its door: rules say what it asks for, the engine says whose the things are that it names, and
 * what is made is marked with its owner.
 */
export default defineAdapter<Config>({
  name: 'sandbox',
  version: '1.0.0',
  speaks: 1,
  config(value) {
    const policy = readPolicy(value)
    return { policy, engine: engineAt(policy.engine) }
  },

  pre: {
    async '*'(ctx) {
      const { policy, engine } = ctx.config
      const door = DOORS[ctx.operation]
      const refusals = await findings(door, ctx, policy, engine)
      if (refusals.length > 0 && policy.mode === 'enforce') return ctx.deny(words(refusals))
      if (refusals.length > 0)
        ctx.log.warn(`${ctx.method} ${ctx.target}: would be refused: ${words(refusals)}`)
      if (policy.owner === '') return
      if (door.marks !== undefined) mark(door.marks, ctx, policy.owner)
      if (door.narrowed !== undefined && policy.mode === 'enforce')
        return narrow(ctx, policy.owner, door.narrowed)
      return
    },
  },
})

async function findings(
  door: Door,
  ctx: PreContext<'*', Config>,
  policy: Policy,
  engine: EngineClient,
): Promise<readonly Forbidden[]> {
  if (door.needs === 'write' && policy.access === 'read')
    return [forbidden('PS-ACCESS-001', operationWords(ctx.operation), setting('access', 'write'))]
  const asked: Asked = { params: ctx.params, query: ctx.query, body: ctx.body, text: ctx.text }
  const facts = factsOf(engine, ctx.signal)
  const { refusals, first } = await verify(door.judge(asked, policy), policy, facts)
  if (refusals.length > 0) return refusals
  const done = await Promise.all(first.map((act) => act()))
  return done.flatMap((end) => end.refusals)
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
      // A pull has no changes; the last of several labels counts.
      if (ctx.operation === 'ImageCommit' || ctx.query.get('fromSrc'))
        ctx.query.append('changes', `LABEL ${OWNER_LABEL}="" ${IMAGE_OWNER_LABEL}="${owner}"`)
  }
}

/** Its containers belong to the owner as it does itself. */
function markService(body: Json, owner: string): void {
  if (!isJsonObject(body)) return
  body.Labels = withOwner(body.Labels, owner)
  const { TaskTemplate: task } = body
  const container = isJsonObject(task) ? task.ContainerSpec : undefined
  if (isJsonObject(container)) container.Labels = withOwner(container.Labels, owner)
}

function labelsIn(text: string | null): unknown {
  return text === null || text === '' ? {} : parseJson(text)
}

/** Lets a list show, and a prune remove, what the owner has made. */
function narrow(ctx: PreContext<'*', Config>, owner: string, label: string): Decision {
  const filters = ownFilters(ctx.query.get('filters'), owner, label)
  if (filters === undefined)
    return ctx.deny(words([forbidden('PS-FIELD-001', '"filters" that cannot be read', 'sending a JSON map')]))
  ctx.query.set('filters', filters)
  return
}
