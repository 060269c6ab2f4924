/**
 * Every operation of the API, and who judges it. An operation that is missing here does not compile, and a request that is
 * no known operation is refused.
 */
import { isJsonObject, type JsonObject, type OperationId } from 'powerstrip/sdk'
import type { Asked } from './asked.ts'
import { isOn } from './asked.ts'
import { imageBuild } from './builds.ts'
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import { containerCreate, containerUpdate, execCreate } from './container.ts'
import { commit, fromRegistry, imageCreate, imagePush, imageSearch, imageTag, loginTo } from './images.ts'
import { forgedLabels, IMAGE_OWNER_LABEL, OWNER_LABEL } from './labels.ts'
import type { ListOf } from './lists.ts'
import { volumeSource } from './mounts.ts'
import { endpointConcerns, networkCreate } from './networks.ts'
import type { Policy, Reading } from './policy.ts'
import type { RuleId } from './rules.ts'
import { type FieldRules, HARMLESS, judgeFields, text } from './shape.ts'
import { secretOrConfig, service } from './swarm.ts'

export interface Door {
  /** `nothing`: open to everybody who may connect at all. */
  readonly needs: 'nothing' | 'read' | 'write'
  readonly judge: (asked: Asked, policy: Policy) => Iterable<Concern>
  /** Where the owner's label goes, so that what is made belongs to somebody. */
  readonly marks?: 'labels' | 'service' | 'build' | 'changes'
  /** A list that shows, or a prune that removes, only what has the owner's name in this label. */
  readonly narrowed?: string
  /** A list that shows what is everybody's too, where it can be answered here. */
  readonly shows?: ListOf
}

type Judge = Door['judge']

const nothing: Judge = () => []

function open(judge: Judge = nothing): Door {
  return { needs: 'nothing', judge }
}
function reads(judge: Judge = nothing, more: Partial<Door> = {}): Door {
  return { needs: 'read', judge, ...more }
}
function writes(judge: Judge, more: Partial<Door> = {}): Door {
  return { needs: 'write', judge, ...more }
}

function all(...judges: readonly Judge[]): Judge {
  return function* (asked, policy) {
    for (const judge of judges) yield* judge(asked, policy)
  }
}

/** Where nobody owns anything, the policy says what may be read of everybody's. */
function reading(what: Reading, rule: RuleId): Judge {
  return function* (_asked, policy) {
    if (policy.owner === '' && !policy.reads.includes(what))
      yield forbidden(rule, `reading ${what} of containers`, setting('reads', what))
  }
}

function container(as: 'touch' | 'enter', rule: RuleId = 'PS-OWN-001'): Judge {
  return function* ({ params }) {
    yield { kind: 'container', rule, ref: params.id ?? '', as, isTarget: true }
  }
}

function image(as: 'look' | 'touch', rule: RuleId): Judge {
  return function* ({ params }) {
    yield { kind: 'image', rule, ref: params.name ?? '', as }
  }
}

function network(as: 'touch' | 'look'): Judge {
  return function* ({ params }) {
    yield { kind: 'network', rule: 'PS-OWN-001', ref: params.id ?? '', as, isTarget: true }
  }
}

function volume(): Judge {
  return function* ({ params, query }) {
    const use = { kind: 'volume', rule: 'PS-OWN-001', name: params.name ?? '', as: 'touch' } as const
    // Forced, the removal of nothing is a success.
    yield isOn(query.get('force')) ? use : { ...use, isTarget: true }
  }
}

function body(judge: (body: JsonObject, policy: Policy) => Iterable<Concern>): Judge {
  return function* ({ body: value, text }, policy) {
    if (isJsonObject(value)) yield* judge(value, policy)
    // `null` is what clients send that have nothing to say.
    else if (text !== null && value !== null)
      yield forbidden('PS-FIELD-001', 'a body that is not a map', 'sending a map')
  }
}

const labels: Judge = body((value, policy) =>
  policy.owner === '' ? [] : forgedLabels(value.Labels, policy.owner),
)

/** What belongs to everybody at once cannot be shown to one group. */
function everybodys(what: string): Judge {
  return function* (_asked, policy) {
    if (policy.owner !== '')
      yield forbidden('PS-READ-006', `${what} of everybody`, `${setting('owner')} left out`)
  }
}

/** The name of something new. */
function name(rule: RuleId): Judge {
  return function* ({ query }, policy) {
    const wanted = (query.get('name') ?? '').replace(/^\//, '')
    if (policy.protect.includes(wanted))
      yield forbidden(rule, `the name ${quoted(wanted)}`, setting('protect'))
    if (policy.owner !== '' && /^[0-9a-f]+$/.test(wanted))
      yield forbidden(
        'PS-TIME-001',
        `the name ${quoted(wanted)}, which may be the beginning of an id`,
        'another name',
      )
  }
}

const containerDelete: Judge = function* ({ query }) {
  if (isOn(query.get('link')))
    yield forbidden('PS-NET-003', 'the removal of a link', 'removing the container')
}

const startWithoutBody: Judge = function* ({ text }) {
  if (text !== null && text.trim() !== '' && text.trim() !== '{}')
    yield forbidden('PS-LIFE-008', 'a configuration at start', 'giving it at create')
}

const checkpoints: Judge = function* (_asked, policy) {
  if (!policy.checkpoints) yield forbidden('PS-LIFE-006', 'a checkpoint', setting('checkpoints'))
}

const startCheckpoint: Judge = function* ({ query }, policy) {
  if ((query.get('checkpoint') || query.get('checkpoint-dir')) && !policy.checkpoints)
    yield forbidden('PS-LIFE-006', 'a start from a checkpoint', setting('checkpoints'))
}

const exec: Judge = function* ({ params }) {
  yield { kind: 'exec', rule: 'PS-LIFE-002', ref: params.id ?? '', isTarget: true }
}

const execStart: Judge = body((value, policy) => judgeFields(value, EXEC_START_FIELDS, policy))

/** The last two are dockerode's own, which the engine does not read. */
const EXEC_START_FIELDS: FieldRules = {
  Detach: HARMLESS,
  Tty: HARMLESS,
  ConsoleSize: HARMLESS,
  hijack: HARMLESS,
  stdin: HARMLESS,
}

const startedExec: Judge = function* ({ params }) {
  yield { kind: 'exec', rule: 'PS-TIME-002', ref: params.id ?? '', isTarget: true }
}

const connected = text(function* (ref, _policy, _field, put) {
  yield { kind: 'container', rule: 'PS-OWN-001', ref, as: 'touch', put, isTarget: true }
})

const connect: Judge = function* ({ params, body: value }, policy) {
  yield { kind: 'network', rule: 'PS-NET-001', ref: params.id ?? '', as: 'join' }
  if (!isJsonObject(value)) return
  yield* judgeFields(value, { Container: connected, EndpointConfig: HARMLESS, Force: HARMLESS }, policy)
  if (isJsonObject(value.EndpointConfig))
    yield* endpointConcerns(value.EndpointConfig, policy, 'EndpointConfig')
}

const disconnect: Judge = function* ({ body: value }, policy) {
  if (!isJsonObject(value)) return
  yield* judgeFields(value, { Container: connected, Force: HARMLESS }, policy)
}

const volumeCreate: Judge = body(function* (value, policy) {
  yield* judgeFields(
    value,
    { Name: HARMLESS, Driver: HARMLESS, DriverOpts: HARMLESS, Labels: HARMLESS },
    policy,
  )
  yield* volumeSource(value.Driver, value.DriverOpts, 'PS-MOUNT-004', policy)
  if (typeof value.Name === 'string' && value.Name !== '')
    yield { kind: 'volume', rule: 'PS-OWN-001', name: value.Name, as: 'create' }
})

const imageLoad: Judge = function* (_asked, policy) {
  if (!policy.imports) yield forbidden('PS-IMAGE-003', 'images loaded from an archive', setting('imports'))
}

const savedImages: Judge = function* ({ query }) {
  // One list, in one value or in several.
  for (const ref of query.getAll('names').flatMap((value) => value.split(',')))
    if (ref !== '') yield { kind: 'image', rule: 'PS-READ-001', ref, as: 'look' }
}

const registry: Judge = ({ params }, policy) => fromRegistry(params.name ?? '', policy)

const remotePlugin: Judge = ({ query }, policy) => fromRegistry(query.get('remote') ?? '', policy)

const auth: Judge = function* ({ body: value, text }, policy) {
  if (policy.registries.includes('*')) return
  // Credentials are kept from adapters that have not been granted them; the address stands among them.
  if (text === null || !isJsonObject(value))
    yield forbidden(
      'PS-IMAGE-001',
      'a login whose registry is not shown',
      `"secrets: [registry]" for this adapter in the configuration, or ${setting('registries', '"*"')}`,
    )
  else yield* loginTo(typeof value.serveraddress === 'string' ? value.serveraddress : '', policy)
}

const sessions: Judge = function* (_asked, policy) {
  if (!policy.sessions)
    yield forbidden(
      'PS-BUILD-007',
      'a build session, into which no rule sees',
      `DOCKER_BUILDKIT=0, or ${setting('sessions')}`,
    )
}

const builds: Judge = function* (_asked, policy) {
  if (!policy.builds) yield forbidden('PS-BUILD-003', 'the build cache', setting('builds'))
}

const plugins: Judge = function* (_asked, policy) {
  if (!policy.plugins) yield forbidden('PS-PLUGIN-001', 'a plugin', setting('plugins'))
}

function swarm(needed: 'services' | 'manage', rule: RuleId): Judge {
  return function* (_asked, policy) {
    if (policy.swarm !== 'manage' && policy.swarm !== needed)
      yield forbidden(rule, 'the swarm', setting('swarm', needed))
  }
}

function inSwarm(what: 'services' | 'secrets' | 'configs' | 'tasks', rule: RuleId): Judge {
  return function* ({ params }) {
    yield { kind: 'swarm', rule, what, ref: params.id ?? '', as: 'touch', isTarget: true }
  }
}

const rollback: Judge = function* ({ params, query }) {
  if ((query.get('rollback') ?? '') !== '')
    yield { kind: 'swarm', rule: 'PS-SWARM-001', what: 'services', ref: params.id ?? '', as: 'roll-back' }
}

const manage = (rule: RuleId = 'PS-SWARM-003') => swarm('manage', rule)
const services = swarm('services', 'PS-SWARM-001')
const secretsOn = swarm('services', 'PS-READ-005')

const unknown: Judge = function* () {
  yield forbidden('PS-PATH-008', 'a request that is in no Docker API description', 'nothing')
}

export const DOORS: Readonly<Record<OperationId | 'unknown', Door>> = {
  SystemPing: open(),
  SystemPingHead: open(),
  SystemVersion: open(),
  SystemInfo: open(),
  Options: open(),
  SystemAuth: open(auth),
  SystemEvents: reads(reading('events', 'PS-READ-006'), { narrowed: OWNER_LABEL }),
  SystemDataUsage: reads(everybodys('the disk usage')),

  ContainerList: reads(nothing, { narrowed: OWNER_LABEL }),
  ContainerInspect: reads(all(reading('environment', 'PS-READ-003'), container('touch', 'PS-READ-003'))),
  ContainerTop: reads(container('touch')),
  ContainerStats: reads(container('touch')),
  ContainerChanges: reads(container('touch')),
  ContainerWait: reads(container('touch')),
  ContainerLogs: reads(all(reading('logs', 'PS-READ-002'), container('touch', 'PS-READ-002'))),
  ContainerExport: reads(all(reading('files', 'PS-READ-001'), container('enter', 'PS-READ-001'))),
  ContainerArchive: reads(all(reading('files', 'PS-READ-001'), container('enter', 'PS-READ-001'))),
  ContainerArchiveInfo: reads(all(reading('files', 'PS-READ-001'), container('enter', 'PS-READ-001'))),
  ContainerCopy: reads(all(reading('files', 'PS-READ-001'), container('enter', 'PS-READ-001'))),
  PutContainerArchive: writes(container('enter', 'PS-MOUNT-010')),
  ContainerCreate: writes(all(name('PS-LIFE-004'), body(containerCreate), labels), { marks: 'labels' }),
  ContainerUpdate: writes(all(container('touch'), body(containerUpdate))),
  ContainerRename: writes(all(container('touch'), name('PS-LIFE-004'))),
  ContainerStart: writes(all(startWithoutBody, startCheckpoint, container('enter'))),
  ContainerRestart: writes(container('enter')),
  ContainerUnpause: writes(container('enter')),
  ContainerStop: writes(container('touch')),
  ContainerKill: writes(container('touch')),
  ContainerPause: writes(container('touch')),
  ContainerResize: writes(container('touch')),
  ContainerDelete: writes(all(containerDelete, container('touch'))),
  ContainerPrune: writes(nothing, { narrowed: OWNER_LABEL }),
  ContainerAttach: writes(all(reading('logs', 'PS-READ-002'), container('enter', 'PS-READ-002'))),
  ContainerAttachWebsocket: writes(all(reading('logs', 'PS-READ-004'), container('enter', 'PS-READ-004'))),
  ContainerExec: writes(all(container('enter'), body(execCreate))),
  ExecInspect: reads(exec),
  ExecResize: writes(exec),
  ExecStart: writes(all(startedExec, execStart)),
  CheckpointList: reads(all(checkpoints, container('touch'))),
  CheckpointCreate: writes(all(checkpoints, container('enter'))),
  CheckpointDelete: writes(all(checkpoints, container('touch'))),

  ImageList: reads(nothing, { narrowed: IMAGE_OWNER_LABEL, shows: 'images' }),
  ImageInspect: reads(image('look', 'PS-READ-003')),
  ImageHistory: reads(image('look', 'PS-READ-003')),
  ImageAttestations: reads(image('look', 'PS-READ-003')),
  ImageSearch: reads(imageSearch),
  DistributionInspect: reads(registry),
  ImageGet: reads(all(reading('files', 'PS-READ-001'), image('look', 'PS-READ-001'))),
  ImageGetAll: reads(all(reading('files', 'PS-READ-001'), savedImages)),
  ImageCreate: writes(imageCreate, { marks: 'changes' }),
  ImageLoad: writes(imageLoad),
  ImageTag: writes(imageTag),
  ImagePush: writes(imagePush),
  ImageDelete: writes(image('touch', 'PS-OWN-001')),
  ImagePrune: writes(nothing, { narrowed: IMAGE_OWNER_LABEL }),
  ImageCommit: writes(all(commit, labels), { marks: 'changes' }),
  ImageBuild: writes(imageBuild, { marks: 'build' }),
  BuildPrune: writes(all(builds, everybodys('the build cache'))),
  BuildCancel: writes(builds),
  Session: writes(sessions),
  Grpc: writes(sessions),

  NetworkList: reads(nothing, { narrowed: OWNER_LABEL, shows: 'networks' }),
  NetworkInspect: reads(network('look'), { shows: 'network' }),
  NetworkCreate: writes(all(body(networkCreate), labels), { marks: 'labels' }),
  NetworkConnect: writes(connect),
  NetworkDisconnect: writes(disconnect),
  NetworkDelete: writes(network('touch')),
  NetworkPrune: writes(nothing, { narrowed: OWNER_LABEL }),

  VolumeList: reads(nothing, { narrowed: OWNER_LABEL }),
  VolumeInspect: reads(volume()),
  VolumeCreate: writes(all(volumeCreate, labels), { marks: 'labels' }),
  VolumeUpdate: writes(all(manage(), volume())),
  VolumeDelete: writes(volume()),
  VolumePrune: writes(nothing, { narrowed: OWNER_LABEL }),

  PluginList: reads(),
  PluginInspect: reads(),
  GetPluginPrivileges: reads(remotePlugin),
  PluginCreate: writes(plugins),
  PluginPull: writes(plugins),
  PluginSet: writes(plugins),
  PluginUpgrade: writes(plugins),
  PluginEnable: writes(plugins),
  PluginDisable: writes(plugins),
  PluginDelete: writes(plugins),
  PluginPush: writes(plugins),

  SwarmInspect: reads(manage('PS-READ-005')),
  SwarmUnlockkey: reads(manage('PS-READ-005')),
  SwarmInit: writes(manage()),
  SwarmJoin: writes(manage()),
  SwarmLeave: writes(manage()),
  SwarmUnlock: writes(manage()),
  SwarmUpdate: writes(manage()),
  NodeList: reads(manage()),
  NodeInspect: reads(manage()),
  NodeUpdate: writes(manage()),
  NodeDelete: writes(manage()),
  ServiceList: reads(services, { narrowed: OWNER_LABEL }),
  ServiceInspect: reads(all(services, inSwarm('services', 'PS-OWN-001'))),
  ServiceLogs: reads(all(services, reading('logs', 'PS-READ-002'), inSwarm('services', 'PS-READ-002'))),
  ServiceCreate: writes(all(services, body(service), labels), { marks: 'service' }),
  ServiceUpdate: writes(all(services, inSwarm('services', 'PS-OWN-001'), rollback, body(service), labels), {
    marks: 'service',
  }),
  ServiceDelete: writes(all(services, inSwarm('services', 'PS-OWN-001'))),
  TaskList: reads(services, { narrowed: OWNER_LABEL }),
  TaskInspect: reads(all(services, inSwarm('tasks', 'PS-OWN-001'))),
  TaskLogs: reads(all(services, reading('logs', 'PS-READ-002'), inSwarm('tasks', 'PS-READ-002'))),
  SecretList: reads(secretsOn, { narrowed: OWNER_LABEL }),
  SecretInspect: reads(all(secretsOn, inSwarm('secrets', 'PS-READ-005'))),
  SecretCreate: writes(all(services, body(secretOrConfig), labels), { marks: 'labels' }),
  SecretUpdate: writes(all(services, inSwarm('secrets', 'PS-OWN-001'), body(secretOrConfig), labels), {
    marks: 'labels',
  }),
  SecretDelete: writes(all(services, inSwarm('secrets', 'PS-OWN-001'))),
  ConfigList: reads(secretsOn, { narrowed: OWNER_LABEL }),
  ConfigInspect: reads(all(secretsOn, inSwarm('configs', 'PS-READ-005'))),
  ConfigCreate: writes(all(services, body(secretOrConfig), labels), { marks: 'labels' }),
  ConfigUpdate: writes(all(services, inSwarm('configs', 'PS-OWN-001'), body(secretOrConfig), labels), {
    marks: 'labels',
  }),
  ConfigDelete: writes(all(services, inSwarm('configs', 'PS-OWN-001'))),

  unknown: { needs: 'nothing', judge: unknown },
}
