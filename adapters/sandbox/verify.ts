/**
 * Looks up what a request uses and says whether the client may. A name is judged by what it means now, so it must mean
 * nothing else a moment later: a name that could be the beginning of somebody's id is refused.
 */
import { isJsonObject, type JsonObject } from 'powerstrip/sdk'
import { type Concern, type Forbidden, forbidden, quoted, setting, type Use } from './concern.ts'
import { existingContainer, existingNetworks } from './container.ts'
import { type EngineFacts, Missing } from './engine-facts.ts'
import { destinationOf, mountedBelow } from './host-paths.ts'
import { isTrusted, matchesAny, readImageName } from './image-name.ts'
import { IMAGE_OWNER_LABEL, ownerOf, withOwner } from './labels.ts'
import { volumeSource } from './mounts.ts'
import { closedPaths, type Policy } from './policy.ts'
import type { RuleId } from './rules.ts'
import { service } from './swarm.ts'

export interface Verified {
  readonly refusals: readonly Forbidden[]
  /** What the request is about is not there. */
  readonly missing: Missing | undefined
  /** What is done if nothing is refused, before the engine sees the request. */
  readonly first: readonly (() => Promise<Verified>)[]
}

/** All of what rules have found, down to what is forbidden. */
export async function verify(
  concerns: Iterable<Concern>,
  policy: Policy,
  facts: EngineFacts,
  depth = 0,
): Promise<Verified> {
  const refusals: Forbidden[] = []
  const first: (() => Promise<Verified>)[] = []
  let missing: Missing | undefined
  for (const concern of concerns) {
    if (concern.kind === 'forbidden') {
      refusals.push(concern)
      continue
    }
    const end = await VERIFIERS[concern.kind](concern as never, { policy, facts, depth })
    refusals.push(...end.refusals)
    first.push(...end.first)
    if ('isTarget' in concern && concern.isTarget === true) missing ??= end.missing
  }
  return { refusals, missing, first }
}

interface Ground {
  readonly policy: Policy
  readonly facts: EngineFacts
  /** How many containers have led here: one may share the namespaces of another, and that one of a third. */
  readonly depth: number
}

type Verifier<Kind extends Use['kind']> = (
  use: Extract<Use, { kind: Kind }>,
  ground: Ground,
) => Promise<Verified> | Verified

const FINE: Verified = { refusals: [], missing: undefined, first: [] }

function refused(...refusals: Forbidden[]): Verified {
  return { ...FINE, refusals }
}

function absent(missing: Missing): Verified {
  return { ...FINE, missing }
}

/** A name that the engine cannot be asked about is not let pass: what it means, nobody has judged. */
function unclear(ref: string): Verified {
  return refused(forbidden('PS-TIME-001', `the name ${quoted(ref)}, which may mean several things`, 'an id'))
}

/** Longer chains of containers than anybody needs. */
const DEPTH_LIMIT = 8

const VERIFIERS: { readonly [Kind in Use['kind']]: Verifier<Kind> } = {
  async container({ rule, ref, as, put }, { policy, facts, depth }) {
    const found = await facts.container(ref)
    if (found === 'unclear') return unclear(ref)
    if (found instanceof Missing) return absent(found)
    const config = isJsonObject(found.Config) ? found.Config : {}
    const names = { id: String(found.Id), name: String(found.Name).replace(/^\//, '') }
    const refusals = [
      ...whose(rule, `the container ${quoted(ref)}`, config.Labels, policy),
      ...steady(ref, names, policy),
      ...(policy.protect.includes(names.name)
        ? [forbidden('PS-SELF-002', `the container ${quoted(names.name)}`, setting('protect'))]
        : []),
    ]
    if (refusals.length > 0) return refused(...refusals)
    if (policy.owner !== '' && (await isMarkOfImage(found, policy, facts)))
      return refused(
        forbidden(rule, `the container ${quoted(ref)}, whose mark is that of its image`, 'another image'),
      )
    if (policy.owner !== '') put?.(names.id)
    if (as === 'touch') return FINE
    if (depth >= DEPTH_LIMIT)
      return refused(forbidden(rule, 'a chain of containers that is too long', 'a shorter one'))
    return await verify(
      [...existingContainer(found, policy), ...existingNetworks(found)],
      policy,
      facts,
      depth + 1,
    )
  },

  async volume({ rule, name, as, make }, { policy, facts }) {
    const found = await facts.volume(name)
    if (found === 'unclear') return unclear(name)
    const what = `the volume ${quoted(name)}`
    if (found instanceof Missing) {
      if (as === 'touch') return absent(found)
      if (as !== 'use' || policy.owner === '' || policy.mode === 'report') return FINE
      // Made ahead, so that it belongs to somebody: the engine would make it without a label.
      const makeIt = async () => {
        const labels = withOwner(make?.labels ?? {}, policy.owner)
        const made = await facts.createVolume(name, { ...make, labels })
        // What the engine would not make here it will not make on the way either, and says so.
        return made === 'unclear' || made instanceof Missing
          ? FINE
          : refused(...whose(rule, what, made.Labels, policy))
      }
      return { ...FINE, first: [makeIt] }
    }
    const others = as === 'mounted' && isAnonymous(name, found) ? [] : whose(rule, what, found.Labels, policy)
    if (others.length > 0 || as === 'touch' || as === 'create') return refused(...others)
    return await verify(volumeSource(found.Driver, found.Options, 'PS-TIME-003', policy), policy, facts)
  },

  async network({ rule, ref, as }, { policy, facts }) {
    const found = await facts.network(ref)
    if (found === 'unclear') return unclear(ref)
    if (found instanceof Missing) return as === 'create' ? newName(ref, policy) : absent(found)
    const name = String(found.Name)
    // By its id, or whatever it is called by: it is the host's.
    if (as === 'join' && found.Driver === 'host' && !policy.hostNamespaces.includes('network'))
      return refused(
        forbidden(
          'PS-NS-006',
          `the network ${quoted(ref)}, the host's own`,
          setting('hostNamespaces', 'network'),
        ),
      )
    if (as !== 'look' && policy.protect.includes(name))
      return refused(forbidden('PS-SELF-003', `the network ${quoted(name)}`, setting('protect')))
    const own = policy.owner !== '' && ownerOf(found.Labels) === policy.owner
    if (own) return refused(...steady(ref, { id: String(found.Id), name }, policy))
    if (as === 'create')
      return policy.owner === ''
        ? FINE
        : refused(
            forbidden(rule, `the network name ${quoted(ref)}, which somebody else uses`, 'another name'),
          )
    if (as === 'touch') return refused(...whose(rule, `the network ${quoted(ref)}`, found.Labels, policy))
    const listed = policy.networks.includes('*') || policy.networks.includes(name)
    return listed || (as === 'look' && policy.owner === '')
      ? FINE
      : refused(forbidden(rule, `the network ${quoted(ref)}`, setting('networks')))
  },

  async image({ rule, ref, as }, { policy, facts }) {
    const image = await facts.image(ref)
    if (image === 'unclear') return unclear(ref)
    const found = image instanceof Missing ? undefined : image
    const labels = isJsonObject(found?.Config) ? found.Config.Labels : undefined
    const owner = ownerOf(labels, IMAGE_OWNER_LABEL)
    const own = policy.owner !== '' && owner === policy.owner
    const what = `the image ${quoted(ref)}`
    const others = () => refused(forbidden(rule, `${what}, which is somebody else's`, 'another image'))
    if (as === 'overwrite' || as === 'pull') {
      const free = found === undefined || own || policy.owner === '' || (as === 'pull' && owner === undefined)
      return free ? FINE : others()
    }
    if (image instanceof Missing && (as === 'touch' || isFrom(ref, found, policy))) return absent(image)
    if (as === 'touch') return own || policy.owner === '' ? FINE : refused(notOwned(rule, what, policy))
    if (own) return FINE
    if (owner !== undefined && policy.owner !== '') return others()
    return isFrom(ref, found, policy) ? FINE : refused(forbidden(rule, what, setting('registries')))
  },

  async exec({ rule, ref }, ground) {
    const found = await ground.facts.exec(ref)
    if (found === 'unclear') return unclear(ref)
    if (found instanceof Missing) return absent(found)
    return await verify(
      [{ kind: 'container', rule, ref: String(found.ContainerID), as: 'enter' }],
      ground.policy,
      ground.facts,
    )
  },

  async swarm({ rule, what, ref, as }, { policy, facts }) {
    const found = await facts.swarm(what, ref)
    if (found === 'unclear') return unclear(ref)
    if (found instanceof Missing) return absent(found)
    if (what === 'tasks')
      return await verify(
        [{ kind: 'swarm', rule, what: 'services', ref: String(found.ServiceID), as: 'touch' }],
        policy,
        facts,
      )
    const spec = isJsonObject(found.Spec) ? found.Spec : {}
    const refusals = [
      ...whose(rule, `the ${what.slice(0, -1)} ${quoted(ref)}`, spec.Labels, policy),
      ...(policy.owner === '' || ref === found.ID || ref === spec.Name
        ? []
        : [forbidden('PS-TIME-001', `${quoted(ref)}, the beginning of an id`, 'the whole id or the name')]),
    ]
    if (refusals.length > 0 || as === 'touch') return refused(...refusals)
    const before = isJsonObject(found.PreviousSpec) ? found.PreviousSpec : {}
    return await verify(service(before, policy), policy, facts)
  },

  async 'host-path'({ path, folder, below }, { policy }) {
    const destination = await destinationOf(path, folder, policy.sockets ? [] : closedPaths(policy))
    switch (destination.kind) {
      case 'within':
        return below === undefined ? FINE : readOnlyAsAWhole(path, below, policy)
      case 'outside':
        return refused(
          forbidden(
            'PS-MOUNT-006',
            `${quoted(path)}, which leads to ${quoted(destination.path)}`,
            'a path that stays in its folder',
          ),
        )
      case 'socket':
        return policy.sockets
          ? FINE
          : refused(forbidden('PS-SELF-001', `the socket ${quoted(path)}`, setting('sockets')))
      case 'unseen':
        return unlessUnresolved(
          policy,
          forbidden(
            'PS-MOUNT-006',
            `${quoted(path)}, which cannot be looked at`,
            `powerstrip seeing ${folder} at the same path, or ${setting('unresolvedPaths')}`,
          ),
        )
    }
  },
}

/** `rule`: by which such a mount may not be written to. */
async function readOnlyAsAWhole(path: string, rule: RuleId, policy: Policy) {
  const mounted = await mountedBelow(path)
  switch (mounted.kind) {
    case 'nothing':
      return FINE
    case 'mount':
      return refused(
        forbidden(
          rule,
          `a mount of ${quoted(path)} read-only, which leaves what is mounted on ${quoted(mounted.path)} open to writing,`,
          `a mount without it ("bind-recursive=disabled"), or ${setting('mounts')} without ":ro"`,
        ),
      )
    case 'unseen':
      return unlessUnresolved(
        policy,
        forbidden(
          rule,
          `a mount of ${quoted(path)} read-only, of which nobody can see here what is mounted below it,`,
          `a mount without that ("bind-recursive=disabled"), or ${setting('unresolvedPaths')}`,
        ),
      )
  }
}

/** Where the host's files cannot be seen, the policy says whether paths count as they are written. */
function unlessUnresolved({ unresolvedPaths }: Policy, why: Forbidden) {
  return unresolvedPaths ? FINE : refused(why)
}

function whose(rule: RuleId, what: string, labels: unknown, policy: Policy): Forbidden[] {
  return policy.owner === '' || ownerOf(labels) === policy.owner ? [] : [notOwned(rule, what, policy)]
}

function notOwned(rule: RuleId, what: string, { owner }: Policy): Forbidden {
  return forbidden(
    rule,
    `${what}, which does not belong to ${quoted(owner)}`,
    `being of its group: ${setting('owner')}`,
  )
}

/**
 * Whether a container has the owner's label from its image, as one has that somebody else runs. No image that was made here
 * has it, but one from elsewhere may.
 */
async function isMarkOfImage(
  { Image: id }: JsonObject,
  { owner }: Policy,
  facts: EngineFacts,
): Promise<boolean> {
  const image = typeof id === 'string' ? await facts.image(id) : undefined
  const config = isJsonObject(image) && !(image instanceof Missing) ? image.Config : undefined
  return isJsonObject(config) && ownerOf(config.Labels) === owner
}

/** The id, a name that is no beginning of one, or enough of an id to be nobody else's. */
function steady(
  ref: string,
  { id, name }: { readonly id: string; readonly name: string },
  { owner }: Policy,
): Forbidden[] {
  if (owner === '' || ref === id || !/^[0-9a-f]+$/.test(ref)) return []
  if (ref !== name && id.startsWith(ref) && ref.length >= ID_LENGTH) return []
  return [
    forbidden(
      'PS-TIME-001',
      `${quoted(ref)}, which may be the beginning of another id`,
      `${ID_LENGTH} digits of the id, or a name`,
    ),
  ]
}

/** As many as the CLI shows. */
const ID_LENGTH = 12

/** A name for something new that could be taken for the beginning of an id. */
export function newName(name: string, { owner }: Policy): Verified {
  if (owner === '' || !/^[0-9a-f]+$/.test(name)) return FINE
  return refused(
    forbidden('PS-TIME-001', `the name ${quoted(name)}, which may be the beginning of an id`, 'another name'),
  )
}

/** Made by the engine itself for a path that a container or its image calls a volume. */
function isAnonymous(name: string, volume: JsonObject): boolean {
  return /^[0-9a-f]{64}$/.test(name) && ownerOf(volume.Labels) === undefined
}

/** Whether an image is known by a name that the policy trusts: the one it is called by, or for an id any of its own. */
function isFrom(ref: string, found: JsonObject | undefined, { registries }: Policy): boolean {
  if (registries.includes('*')) return true
  const name = readImageName(ref)
  if (name !== undefined) return matchesAny(name, registries)
  return isTrusted([found?.RepoTags, found?.RepoDigests], registries)
}
