/** Builds: what the query says. The Dockerfile and its FROM are in an archive that no hook sees. */

import { parseJson } from 'powerstrip/sdk'
import type { Asked } from './asked.ts'
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import { inside } from './container.ts'
import { fromRegistry, naming } from './images.ts'
import { forgedLabels, IMAGE_OWNER_LABEL } from './labels.ts'
import { sharedNamespace } from './namespaces.ts'
import { joining } from './networks.ts'
import type { Policy } from './policy.ts'
import { securityOption, ulimits } from './privileges.ts'

export function* imageBuild({ query }: Asked, policy: Policy): Iterable<Concern> {
  if (!policy.builds) yield forbidden('PS-BUILD-003', 'a build', setting('builds'))
  for (const key of query.keys())
    if (key !== '' && !KNOWN.has(key) && !policy.fields.includes(key))
      yield forbidden(
        'PS-FIELD-001',
        `the build option ${quoted(key)}, which no rule knows`,
        setting('fields', key),
      )

  const mode = query.get('networkmode') ?? ''
  if (mode === 'host' || mode.startsWith('container:')) {
    for (const concern of sharedNamespace('PS-BUILD-001', 'network', mode, policy)) yield concern
  } else if (mode !== '')
    for (const concern of joining(mode)) yield { ...concern, rule: 'PS-BUILD-001' } as Concern
  const parent = query.get('cgroupparent') ?? ''
  if (parent !== '' && !policy.cgroupParents.includes(parent))
    yield forbidden('PS-BUILD-001', `the parent cgroup ${quoted(parent)}`, setting('cgroupParents'))
  const hosts = query.getAll('extrahosts').filter((host) => host !== '')
  if (hosts.length > 0 && !policy.extraHosts)
    yield forbidden('PS-BUILD-001', `extra hosts ${quoted(hosts.join(', '))}`, setting('extraHosts'))

  const remote = query.get('remote') ?? ''
  const ofSession = policy.sessions && remote === 'client-session'
  if (remote !== '' && !ofSession && !policy.buildRemote)
    yield forbidden('PS-BUILD-002', `a build from ${quoted(remote)}`, setting('buildRemote'))
  const version = query.get('version') ?? ''
  if (version !== '' && version !== '1' && !policy.sessions)
    yield forbidden('PS-BUILD-004', 'a build by BuildKit', `DOCKER_BUILDKIT=0, or ${setting('sessions')}`)
  if ((query.get('session') ?? '') !== '' && !policy.sessions)
    yield forbidden('PS-BUILD-007', 'a build session', `DOCKER_BUILDKIT=0, or ${setting('sessions')}`)
  for (const option of options(query.getAll('securityopt')))
    yield* securityOption('PS-BUILD-005', option, policy)
  if ((query.get('outputs') ?? '') !== '' && !policy.sessions)
    yield forbidden('PS-BUILD-006', `the outputs ${quoted(query.get('outputs'))}`, setting('sessions'))

  yield* fromJson(query.get('cachefrom'), 'cachefrom', function* (images) {
    for (const image of Array.isArray(images) ? images : [images])
      for (const concern of fromRegistry(String(image), policy))
        yield inside(concern, 'PS-BUILD-006', 'cachefrom')
  })
  yield* fromJson(query.get('ulimits'), 'ulimits', (limits) => ulimits(limits, policy, 'ulimits', () => {}))
  for (const name of query.getAll('t').filter((text) => text !== ''))
    yield* naming('PS-IMAGE-004', name, policy)
  if (policy.owner !== '')
    yield* fromJson(query.get('labels'), 'labels', (labels) =>
      forgedLabels(labels, policy.owner, IMAGE_OWNER_LABEL),
    )
}

function* fromJson(
  text: string | null,
  key: string,
  judge: (value: ReturnType<typeof parseJson>) => Iterable<Concern>,
): Iterable<Concern> {
  if (text === null || text === '') return
  let value: ReturnType<typeof parseJson>
  try {
    value = parseJson(text)
  } catch {
    yield forbidden('PS-FIELD-001', `"${key}" that is not JSON`, 'sending JSON')
    return
  }
  if (value !== null) yield* judge(value)
}

/** Security options come one by one, or as a JSON list of them. */
function options(values: readonly string[]): string[] {
  return values.flatMap((value) => {
    if (value === '' || value === 'null') return []
    try {
      const read = parseJson(value)
      return Array.isArray(read) ? read.map(String) : [value]
    } catch {
      return [value]
    }
  })
}

const KNOWN: ReadonlySet<string> = new Set([
  'buildargs',
  'buildid',
  'cachefrom',
  'cgroupparent',
  'cpuperiod',
  'cpuquota',
  'cpusetcpus',
  'cpusetmems',
  'cpushares',
  'dockerfile',
  'extrahosts',
  'forcerm',
  'isolation',
  'labels',
  'memory',
  'memswap',
  'networkmode',
  'nocache',
  'outputs',
  'platform',
  'pull',
  'q',
  'remote',
  'rm',
  'securityopt',
  'session',
  'shmsize',
  'squash',
  't',
  'target',
  'ulimits',
  'version',
])
