/**
 * What hooks are not shown unless the configuration grants it (PS-SECRET-001): taken out before an adapter is asked, and
 * put back into what it returns. So an adapter can neither read a secret nor set one, and the engine gets what the client sent.
 */
import { failed, ok, type Result } from '../model/result.ts'
import type { SecretKind } from '../model/secret.ts'
import { type JsonMember, type JsonNode, memberOf, readJson } from './json.ts'
import { memberText, reshaped } from './members.ts'
import { type Edit, splice } from './splice.ts'

/** Where a secret stands: all of a body, a field of it, a field of each item of a list, or a key of the query. */
export type Place =
  | { readonly at: 'body' }
  | { readonly at: 'field'; readonly path: readonly string[] }
  /** Items are known again by this field: a hook may leave some out. */
  | { readonly at: 'items'; readonly id: string; readonly path: readonly string[] }
  | { readonly at: 'query'; readonly key: string }

interface Secret {
  readonly kind: SecretKind
  readonly in: 'request' | 'answer'
  readonly place: Place
}

const field = (kind: SecretKind, where: Secret['in'], ...path: string[]): Secret => ({
  kind,
  in: where,
  place: { at: 'field', path },
})
const whole = (kind: SecretKind, where: Secret['in']): Secret => ({ kind, in: where, place: { at: 'body' } })

/** By Docker's id of the operation. */
const SECRETS: Readonly<Record<string, readonly Secret[]>> = {
  SystemAuth: [whole('registry', 'request'), whole('registry', 'answer')],
  ImagePush: [whole('registry', 'request')],
  SecretCreate: [field('data', 'request', 'Data')],
  SecretUpdate: [field('data', 'request', 'Data')],
  ConfigCreate: [field('data', 'request', 'Data')],
  ConfigUpdate: [field('data', 'request', 'Data')],
  ConfigInspect: [field('data', 'answer', 'Spec', 'Data')],
  ConfigList: [{ kind: 'data', in: 'answer', place: { at: 'items', id: 'ID', path: ['Spec', 'Data'] } }],
  SwarmInit: [field('swarm', 'request', 'Spec', 'CAConfig', 'SigningCAKey')],
  SwarmUpdate: [field('swarm', 'request', 'CAConfig', 'SigningCAKey')],
  SwarmJoin: [field('swarm', 'request', 'JoinToken')],
  SwarmUnlock: [field('swarm', 'request', 'UnlockKey')],
  SwarmInspect: [
    field('swarm', 'answer', 'JoinTokens'),
    field('swarm', 'answer', 'Spec', 'CAConfig', 'SigningCAKey'),
  ],
  SwarmUnlockkey: [field('swarm', 'answer', 'UnlockKey')],
  ImageBuild: [{ kind: 'buildArgs', in: 'request', place: { at: 'query', key: 'buildargs' } }],
}

/** What of an operation is kept from an adapter that has been granted these kinds. Nothing for most. */
export interface Withheld {
  readonly request: readonly Place[]
  readonly answer: readonly Place[]
}

export function withheldFrom(
  operation: string | undefined,
  granted: readonly SecretKind[],
): Withheld | undefined {
  const secrets = SECRETS[operation ?? '']?.filter(({ kind }) => !granted.includes(kind))
  if (secrets === undefined || secrets.length === 0) return undefined
  const places = (where: Secret['in']) => secrets.filter((one) => one.in === where).map(({ place }) => place)
  return { request: places('request'), answer: places('answer') }
}

/** A text without its secrets, and the way back. */
export interface Hidden<T extends string | null> {
  readonly shown: T
  /** The secrets put back into what an adapter made of the text it was shown; or why they cannot be. */
  restore(changed: T): Result<T, string>
}

/** A body: `nothing` is what stands for one that is not shown at all. */
export function hideInBody<T extends string | null>(
  body: T,
  places: readonly Place[],
  nothing: T,
): Hidden<T> {
  const inBody = places.filter(({ at }) => at !== 'query')
  if (inBody.length === 0 || body === null || body === '') return asItIs(body)
  const read = inBody.some(({ at }) => at === 'body') ? undefined : readJson(body)
  // Fields cannot be taken out of what cannot be read.
  if (!read?.ok)
    return {
      shown: nothing,
      restore: (changed) =>
        changed === nothing ? ok(body) : failed('it gave a body in the place of one that it is not shown'),
    }
  const found = inBody.flatMap((place) => find(body, read.value, place))
  const gone = new Set(found.map(({ member }) => member))
  const edits = found
    .map(({ parent }) => parent)
    .filter((parent, index, all) => all.indexOf(parent) === index)
    .flatMap((parent) => reshaped(parent, (member) => gone.has(member), []))
  const shown = splice(body, inOrder(edits)) as T
  return { shown, restore: (changed) => (changed === shown ? ok(body) : restored(changed, inBody, found)) }
}

/** A request target: the key is left out of the query. */
export function hideInTarget(target: string, places: readonly Place[]): Hidden<string> {
  const keys = places.flatMap((place) => (place.at === 'query' ? [place.key] : []))
  const [path, query] = halves(target)
  if (keys.length === 0 || query === undefined) return asItIs(target)
  const isSecret = (pair: string) => keys.includes(keyOf(pair))
  const secrets = query.split('&').filter(isSecret)
  if (secrets.length === 0) return asItIs(target)
  const rest = query.split('&').filter((pair) => !isSecret(pair))
  const shown = rest.length === 0 ? path : `${path}?${rest.join('&')}`
  return {
    shown,
    restore(changed) {
      if (changed === shown) return ok(target)
      const [changedPath, changedQuery] = halves(changed)
      const pairs = changedQuery === undefined || changedQuery === '' ? [] : changedQuery.split('&')
      const set = pairs.find(isSecret)
      if (set !== undefined) return failed(`it set the query key "${keyOf(set)}", which it is not shown`)
      return ok(`${changedPath}?${[...pairs, ...secrets].join('&')}`)
    },
  }
}

function asItIs<T extends string | null>(text: T): Hidden<T> {
  return { shown: text, restore: (changed) => ok(changed) }
}

type ObjectNode = JsonNode & { readonly kind: 'object' }

interface Found {
  readonly place: Place
  /** Of the item that it stands in, where the place is one of items: its id as JSON. */
  readonly item: string | undefined
  readonly parent: ObjectNode
  readonly member: JsonMember
  /** Key and value. */
  readonly text: string
}

function find(text: string, root: JsonNode, place: Place): Found[] {
  return holders(text, root, place).flatMap(({ parent, item }) => {
    const member = memberOf(parent, lastOf(place))
    if (parent === undefined || member === undefined) return []
    return [{ place, item, parent, member, text: memberText(text, member.key, member.value) }]
  })
}

/** The objects that a secret stands in, or would. */
function holders(
  text: string,
  root: JsonNode,
  place: Place,
): { readonly parent: ObjectNode | undefined; readonly item: string | undefined }[] {
  if (place.at === 'field') return [{ parent: holder(root, place.path), item: undefined }]
  if (place.at !== 'items' || root.kind !== 'list') return []
  return root.items.map((item) => {
    const id = memberOf(item, place.id)?.value
    return { parent: holder(item, place.path), item: id && text.slice(id.start, id.end) }
  })
}

function holder(from: JsonNode, path: readonly string[]): ObjectNode | undefined {
  let node: JsonNode | undefined = from
  for (const key of path.slice(0, -1)) node = memberOf(node, key)?.value
  return node?.kind === 'object' ? node : undefined
}

function restored<T extends string | null>(
  changed: T,
  places: readonly Place[],
  found: readonly Found[],
): Result<T, string> {
  if (changed === null || changed === '') return failed('it emptied a body that holds what it is not shown')
  const read = readJson(changed)
  if (!read.ok) return failed('the body that it returned is not JSON')
  const edits: Edit[] = []
  for (const place of places) {
    const here = holders(changed, read.value, place)
    if (here.some(({ parent }) => memberOf(parent, lastOf(place)) !== undefined))
      return failed(`it set ${nameOf(place)}, which it is not shown`)
    for (const secret of found.filter((one) => one.place === place)) {
      const target = here.find(({ item }) => item === secret.item)
      // An item of a list that the hook left out takes its secret with it.
      if (target === undefined && place.at === 'items') continue
      if (target?.parent === undefined)
        return failed(`it took away what holds ${nameOf(place)}, which it is not shown`)
      edits.push(...reshaped(target.parent, () => false, [secret.text]))
    }
  }
  return ok(splice(changed, inOrder(edits)) as T)
}

function inOrder(edits: readonly Edit[]): Edit[] {
  return edits.toSorted((one, other) => one.start - other.start)
}

function lastOf(place: Place): string {
  return 'path' in place ? (place.path.at(-1) ?? '') : ''
}

function nameOf(place: Place): string {
  return 'path' in place ? place.path.join('.') : 'the body'
}

function halves(target: string): readonly [string, string | undefined] {
  const mark = target.indexOf('?')
  return mark === -1 ? [target, undefined] : [target.slice(0, mark), target.slice(mark + 1)]
}

/** Decoded, for the engine decodes it too: `%62uildargs` is the same key. */
function keyOf(pair: string): string {
  const equals = pair.indexOf('=')
  const key = (equals === -1 ? pair : pair.slice(0, equals)).replaceAll('+', ' ')
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
