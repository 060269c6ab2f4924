/** The bodies about containers, field by field: create, update, exec. What is in no table is refused. */
import { isJsonObject, type Json, type JsonObject } from 'powerstrip/sdk'
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import { binds, hostFolder, isNonRecursive, mounts, readOnlyIf, volumeDriver, volumesFrom } from './mounts.ts'
import { cgroupnsMode, ipcMode, pidMode, usernsMode, utsMode } from './namespaces.ts'
import { endpoints, extraHosts, joining, links, networkMode, portBindings, publishAll } from './networks.ts'
import type { Policy } from './policy.ts'
import {
  addedCapabilities,
  cgroupParent,
  deviceRequests,
  deviceRules,
  devices,
  groups,
  logConfig,
  oomKill,
  oomScore,
  privileged,
  runtime,
  securityOptions,
  sysctls,
  systemPaths,
  ulimits,
  user,
} from './privileges.ts'
import type { RuleId } from './rules.ts'
import { type FieldRules, HARMLESS, judgeFields, map, nested, text, unless } from './shape.ts'

/** The body of a container create. */
export function* containerCreate(body: JsonObject, policy: Policy): Iterable<Concern> {
  const known = new Set(Object.keys(CONFIG_FIELDS))
  for (const [field, value] of Object.entries(body)) {
    if (known.has(field) || value === undefined || value === null) continue
    if (HOST_FIELDS_FOLDED.has(field.toLowerCase()))
      yield forbidden(
        'PS-LIFE-009',
        `the field ${quoted(field)} outside HostConfig`,
        'writing it within HostConfig',
      )
    else if (!policy.fields.includes(field))
      yield forbidden(
        'PS-FIELD-001',
        `the field ${quoted(field)}, which no rule knows`,
        setting('fields', field),
      )
  }
  yield* judgeFields(
    Object.fromEntries(Object.entries(body).filter(([field]) => known.has(field))),
    CONFIG_FIELDS,
    policy,
  )
  const { User, Image } = body
  if (User === undefined || User === null || User === '') yield* user('PS-PRIV-011', '', policy)
  if (typeof Image === 'string' && Image !== '')
    yield { kind: 'image', rule: 'PS-IMAGE-001', ref: Image, as: 'run' }
}

/** The body of a container update: resources and the restart policy. */
export function* containerUpdate(body: JsonObject, policy: Policy): Iterable<Concern> {
  for (const concern of judgeFields(body, UPDATE_FIELDS, policy, { unknown: 'PS-LIFE-003' }))
    yield inside(concern, 'PS-LIFE-003', 'an update')
}

/** The body of an exec create. */
export function* execCreate(body: JsonObject, policy: Policy): Iterable<Concern> {
  for (const concern of judgeFields(body, EXEC_FIELDS, policy))
    yield inside(concern, 'PS-LIFE-001', 'an exec')
  if (body.User === undefined || body.User === null || body.User === '') return
  if (typeof body.User === 'string') yield* user('PS-LIFE-001', body.User, policy)
}

/**
 * A container that is there already and whose power a client is about to use: it may be older than the policy, or made
 * by somebody whom no policy binds. An inspect fills in what the engine chose itself, which is no wish of anybody's.
 */
export function* existingContainer(inspect: JsonObject, policy: Policy): Iterable<Concern> {
  const host = isJsonObject(inspect.HostConfig) ? inspect.HostConfig : {}
  const wishes = Object.fromEntries(
    Object.entries(host).filter(
      ([field, value]) => EXISTING_FIELDS.has(field) || isUnmasked(field, value, host),
    ),
  )
  yield* judgeFields(wishes, HOST_CONFIG_FIELDS, policy, { prefix: 'HostConfig.' })
  const config = isJsonObject(inspect.Config) ? inspect.Config : {}
  yield* user('PS-PRIV-011', typeof config.User === 'string' ? config.User : '', policy)
  if (host.SecurityOpt !== undefined && host.Privileged !== true)
    yield* judgeFields({ SecurityOpt: host.SecurityOpt }, HOST_CONFIG_FIELDS, policy)
  for (const mount of asMaps(inspect.Mounts)) {
    const { Type: type, Source: source, Name: name } = mount
    if (type === 'bind') {
      const asked = asMaps(host.Mounts).find(({ Target: target }) => target === mount.Destination)
      const access = readOnlyIf(mount.RW === false, asked !== undefined && isNonRecursive(asked))
      yield* hostFolder('PS-MOUNT-010', String(source), access, policy)
    }
    if (type === 'volume' && typeof name === 'string')
      yield { kind: 'volume', rule: 'PS-TIME-003', name, as: 'mounted' }
  }
}

function asMaps(list: Json | undefined): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter(isJsonObject) : []
}

/** The networks that a container will be on when it starts: their names are looked up only then. */
export function* existingNetworks(inspect: JsonObject): Iterable<Concern> {
  const settings = isJsonObject(inspect.NetworkSettings) ? inspect.NetworkSettings.Networks : undefined
  for (const name of Object.keys(isJsonObject(settings) ? settings : {})) {
    if (name !== 'host') yield* joining(name)
  }
}

/** The engine's own lists are never empty, but for a privileged container. */
function isUnmasked(field: string, value: unknown, { Privileged: privileged }: JsonObject): boolean {
  const isList = field === 'MaskedPaths' || field === 'ReadonlyPaths'
  return isList && Array.isArray(value) && value.length === 0 && privileged !== true
}

/** A finding of another rule, within something that has a rule of its own. */
export function inside(concern: Concern, rule: RuleId, where: string): Concern {
  if (concern.kind !== 'forbidden' || concern.rule === rule) return concern
  return { ...concern, rule, asked: `${concern.asked} in ${where} (${concern.rule})` }
}

const RESOURCE_FIELDS: FieldRules = {
  CpuShares: HARMLESS,
  Memory: HARMLESS,
  NanoCpus: HARMLESS,
  CgroupParent: cgroupParent,
  BlkioWeight: HARMLESS,
  BlkioWeightDevice: HARMLESS,
  BlkioDeviceReadBps: HARMLESS,
  BlkioDeviceWriteBps: HARMLESS,
  BlkioDeviceReadIOps: HARMLESS,
  BlkioDeviceWriteIOps: HARMLESS,
  CpuPeriod: HARMLESS,
  CpuQuota: HARMLESS,
  CpuRealtimePeriod: HARMLESS,
  CpuRealtimeRuntime: HARMLESS,
  CpusetCpus: HARMLESS,
  CpusetMems: HARMLESS,
  Devices: devices,
  DeviceCgroupRules: deviceRules,
  DeviceRequests: deviceRequests,
  KernelMemory: HARMLESS,
  KernelMemoryTCP: HARMLESS,
  MemoryReservation: HARMLESS,
  MemorySwap: HARMLESS,
  MemorySwappiness: HARMLESS,
  OomKillDisable: oomKill,
  PidsLimit: HARMLESS,
  Ulimits: ulimits,
  CpuCount: HARMLESS,
  CpuPercent: HARMLESS,
  IOMaximumIOps: HARMLESS,
  IOMaximumBandwidth: HARMLESS,
}

const restartPolicy = map(function* (wanted, policy) {
  const { Name: name = '' } = wanted
  if (name !== '' && name !== null && !policy.restartPolicies.includes(String(name)))
    yield forbidden('PS-LIFE-007', `the restart policy ${quoted(name)}`, setting('restartPolicies'))
})

export const HOST_CONFIG_FIELDS: FieldRules = {
  ...RESOURCE_FIELDS,
  Binds: binds,
  Mounts: mounts,
  VolumesFrom: volumesFrom,
  VolumeDriver: volumeDriver,
  Tmpfs: HARMLESS,
  StorageOpt: nested({ size: HARMLESS }),
  Privileged: privileged,
  CapAdd: addedCapabilities,
  CapDrop: HARMLESS,
  SecurityOpt: securityOptions,
  MaskedPaths: systemPaths,
  ReadonlyPaths: systemPaths,
  ReadonlyRootfs: HARMLESS,
  GroupAdd: groups,
  Runtime: runtime,
  Sysctls: sysctls,
  OomScoreAdj: oomScore,
  LogConfig: logConfig,
  PidMode: pidMode,
  IpcMode: ipcMode,
  UTSMode: utsMode,
  UsernsMode: usernsMode,
  CgroupnsMode: cgroupnsMode,
  Cgroup: unless(() => false, 'PS-NS-005', 'leaving it out'),
  NetworkMode: networkMode,
  PortBindings: portBindings,
  PublishAllPorts: publishAll,
  Links: links,
  ExtraHosts: extraHosts,
  Dns: HARMLESS,
  DnsOptions: HARMLESS,
  DnsSearch: HARMLESS,
  RestartPolicy: restartPolicy,
  AutoRemove: HARMLESS,
  ContainerIDFile: HARMLESS,
  ConsoleSize: HARMLESS,
  ShmSize: HARMLESS,
  Init: HARMLESS,
  Isolation: HARMLESS,
}

const HOST_FIELDS_FOLDED: ReadonlySet<string> = new Set(
  Object.keys(HOST_CONFIG_FIELDS).map((field) => field.toLowerCase()),
)

/** What nobody but a client can have put there. */
const EXISTING_FIELDS: ReadonlySet<string> = new Set([
  'Privileged',
  'CapAdd',
  'Devices',
  'DeviceCgroupRules',
  'DeviceRequests',
  'PidMode',
  'IpcMode',
  'UTSMode',
  'UsernsMode',
  'NetworkMode',
  'Sysctls',
  'CgroupParent',
])

/** dockerode repeats in the body what it says in the query, where alone it counts. */
const IN_THE_QUERY: FieldRules = { name: HARMLESS, platform: HARMLESS }

const CONFIG_FIELDS: FieldRules = {
  ...IN_THE_QUERY,
  Hostname: HARMLESS,
  Domainname: HARMLESS,
  User: text((value, policy) => user('PS-PRIV-011', value, policy)),
  AttachStdin: HARMLESS,
  AttachStdout: HARMLESS,
  AttachStderr: HARMLESS,
  ExposedPorts: HARMLESS,
  Tty: HARMLESS,
  OpenStdin: HARMLESS,
  StdinOnce: HARMLESS,
  Env: HARMLESS,
  Cmd: HARMLESS,
  Healthcheck: HARMLESS,
  ArgsEscaped: HARMLESS,
  Image: text(() => []),
  Volumes: HARMLESS,
  WorkingDir: HARMLESS,
  Entrypoint: HARMLESS,
  NetworkDisabled: HARMLESS,
  MacAddress: HARMLESS,
  OnBuild: unless((policy) => policy.onBuild, 'PS-IMAGE-006', setting('onBuild')),
  Labels: HARMLESS,
  StopSignal: HARMLESS,
  StopTimeout: HARMLESS,
  Shell: HARMLESS,
  HostConfig: map(function* (host, policy) {
    const { VolumeDriver: driver } = host
    for (const concern of judgeFields(host, HOST_CONFIG_FIELDS, policy, { prefix: 'HostConfig.' }))
      yield concern.kind === 'volume' && typeof driver === 'string'
        ? { ...concern, make: { driver, ...concern.make } }
        : concern
  }),
  NetworkingConfig: nested({ EndpointsConfig: endpoints }),
}

/** The configuration that a commit may bring along: as at create, without what is the host's. */
export function commitConfig(body: JsonObject, policy: Policy): Iterable<Concern> {
  const {
    HostConfig: _host,
    NetworkingConfig: _network,
    Image: _image,
    User: _user,
    ...config
  } = CONFIG_FIELDS
  return judgeFields(body, { ...config, Image: HARMLESS, User: HARMLESS }, policy, { unknown: 'PS-LIFE-005' })
}

const UPDATE_FIELDS: FieldRules = { ...RESOURCE_FIELDS, RestartPolicy: restartPolicy }

const EXEC_FIELDS: FieldRules = {
  User: text(() => []),
  Privileged: privileged,
  Tty: HARMLESS,
  ConsoleSize: HARMLESS,
  AttachStdin: HARMLESS,
  AttachStdout: HARMLESS,
  AttachStderr: HARMLESS,
  Detach: HARMLESS,
  DetachKeys: HARMLESS,
  Env: HARMLESS,
  WorkingDir: HARMLESS,
  Cmd: HARMLESS,
  Container: HARMLESS,
}
