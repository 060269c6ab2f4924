/** Images: where they come from, what they are called, and where they go. */
import { isJsonObject } from 'powerstrip/sdk'
import type { Asked } from './asked.ts'
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import { commitConfig } from './container.ts'
import { type ImageName, matchesAny, mayBeId, readImageName } from './image-name.ts'
import { IMAGE_OWNER_LABEL, imageMark, OWNER_LABEL } from './labels.ts'
import type { Policy } from './policy.ts'
import type { RuleId } from './rules.ts'

/** Pulls, or imports from an archive or an address. */
export function* imageCreate({ query }: Asked, policy: Policy): Iterable<Concern> {
  const image = query.get('fromImage') ?? ''
  const source = query.get('fromSrc') ?? ''
  if (image !== '') {
    const ref = withTag(image, query.get('tag'))
    yield* fromRegistry(ref, policy)
    if (policy.owner !== '' && !ref.includes('@'))
      yield { kind: 'image', rule: 'PS-IMAGE-004', ref, as: 'pull' }
  }
  if (image !== '' && source === '') return
  if (!policy.imports)
    yield forbidden(
      'PS-IMAGE-002',
      `an image imported from ${quoted(source || 'nothing')}`,
      setting('imports'),
    )
  const repository = query.get('repo') ?? ''
  if (repository !== '') yield* naming('PS-IMAGE-004', withTag(repository, query.get('tag')), policy)
  yield* changes(query.getAll('changes'), policy)
}

/** A name that the engine is about to ask a registry for. */
export function* fromRegistry(text: string, policy: Policy): Iterable<Concern> {
  if (policy.registries.includes('*')) return
  const name = nameOf(text)
  if (name === undefined || !matchesAny(name, policy.registries))
    yield forbidden('PS-IMAGE-001', `the image ${quoted(text)}`, setting('registries'))
}

/** A registry that the engine is about to log in to; nothing where it is the engine's own choice, which is Docker Hub. */
export function* loginTo(address: string, policy: Policy): Iterable<Concern> {
  if (policy.registries.includes('*')) return
  const host = address.replace(/^https?:\/\//i, '').replace(/\/.*$/s, '')
  // With a name before an "@", or anything else that is no host, it would be another one for the engine.
  const isHost = host === '' || /^(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/.test(host)
  const { full } = (isHost && readImageName(`${host === '' ? 'docker.io' : host}/any/any`)) || { full: '' }
  const registries = policy.registries.map((rule) => rule.split('/')[0]!.toLowerCase())
  if (!registries.includes(full.split('/')[0]!))
    yield forbidden('PS-IMAGE-001', `a login to ${quoted(address)}`, setting('registries'))
}

/** A name that is about to be given to an image of the client's. */
export function* naming(rule: RuleId, text: string, policy: Policy): Iterable<Concern> {
  const name = nameOf(text)
  if (name === undefined) {
    yield forbidden(rule, `the image name ${quoted(text)}`, 'a name that the engine accepts')
    return
  }
  if (mayBeId(text.split('/').at(-1)!.split(':')[0]!) && !text.includes('/'))
    yield forbidden(
      'PS-TIME-001',
      `the image name ${quoted(text)}, which may be the beginning of an id`,
      'another name',
    )
  const trusted = !policy.registries.includes('*') && matchesAny(name, policy.registries)
  if (trusted && !matchesAny(name, policy.tags))
    yield forbidden(
      rule,
      `the name ${quoted(text)}, by which images of a trusted registry are known`,
      setting('tags'),
    )
  yield { kind: 'image', rule, ref: text, as: 'overwrite' }
}

export function* imageTag(asked: Asked, policy: Policy): Iterable<Concern> {
  yield { kind: 'image', rule: 'PS-OWN-001', ref: asked.params.name ?? '', as: 'look' }
  yield* naming('PS-IMAGE-004', withTag(asked.query.get('repo') ?? '', asked.query.get('tag')), policy)
}

export function* imagePush({ params, query }: Asked, policy: Policy): Iterable<Concern> {
  const text = withTag(params.name ?? '', query.get('tag'))
  const name = nameOf(text)
  if (name === undefined || !matchesAny(name, policy.push))
    yield forbidden('PS-IMAGE-005', `the push of ${quoted(text)}`, setting('push'))
  yield { kind: 'image', rule: 'PS-OWN-001', ref: params.name ?? '', as: 'look' }
}

export function* imageSearch({ query }: Asked, policy: Policy): Iterable<Concern> {
  // A term may name the registry to be asked; without one it is Docker Hub.
  if (!policy.registries.includes('*')) yield* fromRegistry(query.get('term') ?? '', policy)
}

export function* commit({ query, body }: Asked, policy: Policy): Iterable<Concern> {
  if (!policy.commits) yield forbidden('PS-LIFE-005', 'a commit', setting('commits'))
  yield { kind: 'container', rule: 'PS-LIFE-005', ref: query.get('container') ?? '', as: 'enter' }
  const repository = query.get('repo') ?? ''
  if (repository !== '') yield* naming('PS-IMAGE-004', withTag(repository, query.get('tag')), policy)
  yield* changes(query.getAll('changes'), policy)
  if (isJsonObject(body)) yield* commitConfig(body, policy)
}

/** Instructions as in a Dockerfile. Only what can be read in one way is let pass. */
export function* changes(lines: readonly string[], policy: Policy): Iterable<Concern> {
  for (const line of lines) {
    // The sandbox's own, where it judges what it has let pass before.
    if (policy.owner !== '' && line === imageMark(policy.owner)) continue
    const [, instruction = ''] = /^([A-Za-z]+)[ \t]/.exec(line) ?? []
    const word = instruction.toUpperCase()
    if (word === 'ONBUILD') {
      if (!policy.onBuild) yield forbidden('PS-IMAGE-006', `the change ${quoted(line)}`, setting('onBuild'))
    } else if (!PLAIN_CHANGES.has(word) || /[\r\n]|[\\`][ \t]*$|^[ \t]*#/.test(line))
      yield forbidden(
        'PS-LIFE-005',
        `the change ${quoted(line)}`,
        `one of ${[...PLAIN_CHANGES].join(', ')} on one line`,
      )
    else if (word === 'LABEL' && OWNER_LABELS.some((label) => line.toLowerCase().includes(label)))
      yield forbidden('PS-TIME-004', `the change ${quoted(line)}`, 'leaving the label out')
  }
}

/** However else they may be spelled, the last one counts, and that is the sandbox's own. */
const OWNER_LABELS = [OWNER_LABEL, IMAGE_OWNER_LABEL]

const PLAIN_CHANGES: ReadonlySet<string> = new Set([
  'CMD',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'LABEL',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
])

/** Any text that names an image, and is not asked to tell a name from the beginning of an id. */
function nameOf(text: string): ImageName | undefined {
  // The last part with a tag can be nothing but a name.
  return (
    readImageName(text) ??
    (mayBeId(text) && !text.startsWith('sha256:') ? readImageName(`${text}:latest`) : undefined)
  )
}

export function withTag(name: string, tag: string | null): string {
  if (tag === null || tag === '') return name
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`
}
