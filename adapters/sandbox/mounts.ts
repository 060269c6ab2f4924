/** Every way to the files of the host: binds, mounts, volumes with options, the volumes of another container. */
import { isJsonObject, type Json, type JsonObject } from 'powerstrip/sdk'
import { type Concern, forbidden, quoted, setting, type VolumeMake } from './concern.ts'
import { isCleanPath, isWithin, readFolder } from './host-paths.ts'
import { labelsField } from './labels.ts'
import { closedPaths, type Policy } from './policy.ts'
import type { RuleId } from './rules.ts'
import {
  eachMap,
  eachText,
  type FieldRule,
  type FieldRules,
  HARMLESS,
  judgeFields,
  map,
  text,
  unless,
} from './shape.ts'

/** `/host:/box:ro`, `volume:/box`, `/box`. */
export const binds: FieldRule = eachText(function* (bind, policy) {
  const [source = '', target, mode = ''] = bind.split(':')
  if (target === undefined) return
  const options = mode.split(',')
  yield* propagation(
    options.find((option) => PROPAGATIONS.has(option)),
    policy,
    'Binds',
  )
  if (source.startsWith('/'))
    yield* hostFolder('PS-MOUNT-001', source, readOnlyIf(options.includes('ro')), policy)
  else yield { kind: 'volume', rule: 'PS-TIME-003', name: source, as: 'use', make: {} }
})

export const mounts: FieldRule = eachMap(function* (mount, policy, field) {
  const { Type: type, Source: source = '', ReadOnly: readOnly } = mount
  if (typeof type !== 'string' || !policy.mountTypes.includes(type)) {
    yield forbidden('PS-MOUNT-008', `a mount of type ${quoted(type ?? '')}`, setting('mountTypes'))
    return
  }
  if (typeof source !== 'string') {
    yield forbidden('PS-FIELD-001', `${field} with a source that is not text`, 'sending text')
    return
  }
  yield* judgeFields(mount, MOUNT_FIELDS, policy, { prefix: `${field}.` })
  if (type === 'bind')
    yield* hostFolder('PS-MOUNT-002', source, readOnlyIf(readOnly === true, isNonRecursive(mount)), policy)
  if (type === 'volume' && source !== '')
    yield { kind: 'volume', rule: 'PS-TIME-003', name: source, as: 'use', make: makeOf(mount) }
  if (type === 'image') yield { kind: 'image', rule: 'PS-MOUNT-008', ref: source, as: 'run' }
})

export const volumesFrom: FieldRule = eachText(function* (entry, _policy, _field, put) {
  const [ref = '', ...mode] = entry.split(':')
  yield {
    kind: 'container',
    rule: 'PS-MOUNT-007',
    ref,
    as: 'enter',
    // The engine looks it up at once, and not at start as most names.
    isTarget: true,
    put: (id) => put([id, ...mode].join(':')),
  }
})

export const volumeDriver: FieldRule = text(function* (driver, policy) {
  if (!policy.volumeDrivers.includes(driver))
    yield forbidden('PS-MOUNT-009', `the volume driver ${quoted(driver)}`, setting('volumeDrivers'))
})

/** What a volume is made of, wherever it is said: inline, at create, or by a volume that is there already. */
export function* volumeSource(
  driver: Json | undefined,
  options: Json | undefined,
  rule: RuleId,
  policy: Policy,
): Iterable<Concern> {
  if (driver !== undefined && driver !== null) yield* volumeDriver(driver, policy, 'Driver', () => {})
  if (options === undefined || options === null) return
  if (!isJsonObject(options)) {
    yield forbidden('PS-FIELD-001', 'volume options that are not a map', 'sending a map')
    return
  }
  if (Object.keys(options).length === 0) return
  // What an option means to another driver, nobody here can say; the operator has chosen the driver.
  if (typeof driver === 'string' && driver !== '' && driver !== 'local') return
  const { type = '', device = '', o = '', ...others } = options
  if (Object.keys(others).length > 0 && Object.keys(others).some((key) => key !== 'size')) {
    yield forbidden(rule, `volume options ${quoted(options)}`, 'leaving them out')
    return
  }
  if (type === 'tmpfs' && device === 'tmpfs' && !isBind(o)) return
  if (
    typeof device === 'string' &&
    typeof o === 'string' &&
    (type === '' || type === 'none' || type === 'bind')
  ) {
    const words = o.split(',').map((word) => word.trim())
    if (device.startsWith('/') && words.includes('bind') && words.every((word) => BIND_WORDS.has(word))) {
      yield* hostFolder(rule, device, readOnlyIf(words.includes('ro'), !words.includes('rbind')), policy)
      return
    }
  }
  if (device === '' && o === '' && type === '') return
  const asked = `a volume of type ${quoted(type)}, device ${quoted(device)}, options ${quoted(o)}`
  yield forbidden(
    typeof device === 'string' && isBind(o) ? rule : 'PS-MOUNT-005',
    asked,
    'another volume driver in setting "volumeDrivers"',
  )
}

/** How a folder is mounted. `shallow`: read-only, and nothing that is mounted below it comes along. */
export type MountAccess = 'write' | 'read' | 'shallow'

export function readOnlyIf(readOnly: boolean, isShallow = false): MountAccess {
  return !readOnly ? 'write' : isShallow ? 'shallow' : 'read'
}

export function isNonRecursive({ BindOptions: options }: JsonObject): boolean {
  return isJsonObject(options) && options.NonRecursive === true
}

/** A folder of the host is about to be seen by a container. */
export function* hostFolder(
  rule: RuleId,
  source: string,
  access: MountAccess,
  policy: Policy,
): Iterable<Concern> {
  const path = source.length > 1 ? source.replace(/\/$/, '') : source
  if (!isCleanPath(path)) {
    yield forbidden(
      'PS-MOUNT-006',
      `a mount of ${quoted(source)}, which is no clean path`,
      'the path that is meant',
    )
    return
  }
  const folders = policy.mounts.map(readFolder).filter((folder) => isWithin(path, folder.path))
  const folder = folders.find((entry) => !entry.readOnly) ?? (access === 'write' ? undefined : folders[0])
  // All of the host holds every socket, and is refused for being all of the host unless a policy allows that.
  const holds = closedPaths(policy).some((closed) => isWithin(closed, path) || isWithin(path, closed))
  if (!policy.sockets && (SOCKETS.test(path) || (holds && (path !== '/' || folder !== undefined))))
    yield forbidden(
      'PS-SELF-001',
      `a mount of ${quoted(source)}, where a container engine may listen`,
      setting('sockets'),
    )
  if (folder !== undefined) {
    const below = folder.readOnly && access === 'read' ? rule : undefined
    yield { kind: 'host-path', path, folder: folder.path, ...(below === undefined ? {} : { below }) }
  } else if (folders.length > 0)
    yield forbidden(
      rule,
      `a mount of ${quoted(source)} that may be written to`,
      `mounting it read-only, or ${setting('mounts')} without ":ro"`,
    )
  else yield forbidden(rule, `a mount of ${quoted(source)}`, setting('mounts'))
}

/** Container engines put their sockets below names like these. */
const SOCKETS = /(?:^|\/)(?:docker|containerd|podman|crio|buildkitd?|powerstrip)(?:\.[a-z]+)?\.sock$/

const PROPAGATIONS: ReadonlySet<string> = new Set([
  'shared',
  'rshared',
  'slave',
  'rslave',
  'private',
  'rprivate',
])
const PRIVATE: ReadonlySet<unknown> = new Set([undefined, '', 'private', 'rprivate'])
const BIND_WORDS: ReadonlySet<string> = new Set(['bind', 'rbind', 'ro', 'rw'])

function isBind(options: Json): boolean {
  return typeof options === 'string' && options.split(',').some((word) => word.trim().endsWith('bind'))
}

function* propagation(wanted: Json | undefined, policy: Policy, field: string): Iterable<Concern> {
  if (!PRIVATE.has(wanted) && !policy.mountOptions.includes('propagation'))
    yield forbidden(
      'PS-MOUNT-011',
      `${field} with propagation ${quoted(wanted)}`,
      setting('mountOptions', 'propagation'),
    )
}

const subpath: FieldRule = unless(
  (policy) => policy.mountOptions.includes('subpath'),
  'PS-MOUNT-011',
  setting('mountOptions', 'subpath'),
)

const MOUNT_FIELDS: FieldRules = {
  Type: HARMLESS,
  Source: HARMLESS,
  Target: HARMLESS,
  ReadOnly: HARMLESS,
  Consistency: HARMLESS,
  BindOptions: map((options, policy, field) =>
    judgeFields(
      options,
      {
        Propagation: (value) => propagation(value, policy, field),
        NonRecursive: HARMLESS,
        CreateMountpoint: HARMLESS,
        ReadOnlyNonRecursive: HARMLESS,
        ReadOnlyForceRecursive: HARMLESS,
      },
      policy,
      { prefix: `${field}.` },
    ),
  ),
  VolumeOptions: map(function* (options, policy, field) {
    const { DriverConfig, ...others } = options
    yield* judgeFields(others, { NoCopy: HARMLESS, Labels: labelsField, Subpath: subpath }, policy, {
      prefix: `${field}.`,
    })
    if (isJsonObject(DriverConfig)) {
      const { Name, Options, ...rest } = DriverConfig
      yield* judgeFields(rest, {}, policy, { prefix: `${field}.DriverConfig.` })
      yield* volumeSource(Name, Options, 'PS-MOUNT-003', policy)
    } else if (DriverConfig !== undefined && DriverConfig !== null)
      yield forbidden('PS-FIELD-001', `${field}.DriverConfig that is not a map`, 'sending a map')
  }),
  TmpfsOptions: HARMLESS,
  ImageOptions: map((options, policy, field) =>
    judgeFields(options, { Subpath: subpath }, policy, { prefix: `${field}.` }),
  ),
}

function makeOf({ VolumeOptions: given }: JsonObject): VolumeMake {
  const { Labels: volumeLabels, DriverConfig: config } = isJsonObject(given) ? given : {}
  const { Name: driver, Options: options } = isJsonObject(config) ? config : {}
  return {
    // A mount that names none has the engine's own, whatever the HostConfig says.
    driver: typeof driver === 'string' ? driver : '',
    ...(isJsonObject(options) ? { options } : {}),
    ...(isJsonObject(volumeLabels) ? { labels: volumeLabels } : {}),
  }
}
