/** Power over the host's kernel and devices. */
import { isJsonObject, type Json } from 'powerstrip/sdk'
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import { capabilityName, type Policy } from './policy.ts'
import type { RuleId } from './rules.ts'
import { eachMap, eachText, type FieldRule, map, text, unless, whenTrue } from './shape.ts'

export const privileged: FieldRule = whenTrue(function* (policy) {
  if (!policy.privileged) yield forbidden('PS-PRIV-001', 'a privileged container', setting('privileged'))
})

export const addedCapabilities: FieldRule = eachText(function* (name, policy) {
  const wanted = capabilityName(name)
  if (wanted !== '' && !policy.capabilities.includes(wanted))
    yield forbidden('PS-PRIV-002', `the capability ${quoted(wanted)}`, setting('capabilities'))
})

export const securityOptions: FieldRule = eachText((option, policy) =>
  securityOption('PS-PRIV-003', option, policy),
)

export function* securityOption(rule: RuleId, option: string, policy: Policy): Iterable<Concern> {
  if (HARDENING.test(option) || policy.securityOptions.includes(option)) return
  yield forbidden(rule, `the security option ${quoted(option)}`, setting('securityOptions'))
}

/** Takes power away, in each spelling that the engine reads. */
const HARDENING = /^no-new-privileges(?:[:=]true)?$/

/** An empty list unmasks all; a list of the client's own leaves out what it likes. */
export const systemPaths: FieldRule = function* (value, policy, field) {
  if (!policy.unmaskedPaths)
    yield forbidden('PS-PRIV-004', `${field} ${quoted(value)}`, setting('unmaskedPaths'))
}

export const devices: FieldRule = eachMap(function* (device, policy) {
  if (typeof device.PathOnHost !== 'string' || !policy.devices.includes(device.PathOnHost))
    yield forbidden('PS-PRIV-005', `the device ${quoted(device.PathOnHost ?? '')}`, setting('devices'))
})

export const deviceRules: FieldRule = eachText(function* (rule, policy) {
  if (!policy.deviceRules.includes(rule))
    yield forbidden('PS-PRIV-006', `the device rule ${quoted(rule)}`, setting('deviceRules'))
})

export const deviceRequests: FieldRule = unless((policy) => policy.gpus, 'PS-PRIV-007', setting('gpus'))

export const runtime: FieldRule = text(function* (name, policy) {
  if (name !== 'runc' && name !== 'io.containerd.runc.v2' && !policy.runtimes.includes(name))
    yield forbidden('PS-PRIV-008', `the runtime ${quoted(name)}`, setting('runtimes'))
})

export const cgroupParent: FieldRule = text(function* (parent, policy) {
  if (!policy.cgroupParents.includes(parent))
    yield forbidden('PS-PRIV-009', `the parent cgroup ${quoted(parent)}`, setting('cgroupParents'))
})

export const sysctls: FieldRule = map(function* (values, policy) {
  // The kernel takes slashes for dots.
  for (const name of Object.keys(values))
    if (!policy.sysctls.includes(name.replaceAll('/', '.')))
      yield forbidden('PS-PRIV-010', `the kernel parameter ${quoted(name)}`, setting('sysctls'))
})

/** `null`: the image's own user, which may be root. */
export function* user(rule: RuleId, value: string, policy: Policy): Iterable<Concern> {
  if (policy.root || /^[1-9][0-9]{0,9}(?::[1-9][0-9]{0,9})?$/.test(value)) return
  yield forbidden(
    rule,
    value === '' ? 'a container without a user of its own' : `the user ${quoted(value)}, which may be root`,
    `a user by number, as in 1000:1000, or ${setting('root')}`,
  )
}

export const groups: FieldRule = eachText(function* (group, policy) {
  if (!policy.root && !/^[1-9][0-9]{0,9}$/.test(group))
    yield forbidden(
      'PS-PRIV-011',
      `the group ${quoted(group)}, which may be root's`,
      `a group by number, or ${setting('root')}`,
    )
})

export const ulimits: FieldRule = eachMap(function* (limit, policy) {
  if (typeof limit.Name !== 'string' || !policy.ulimits.includes(limit.Name))
    yield forbidden('PS-PRIV-012', `the ulimit ${quoted(limit.Name ?? '')}`, setting('ulimits'))
})

/** To be killed later than the host's own processes; to be killed earlier is nobody else's trouble. */
export const oomScore: FieldRule = function* (value, policy) {
  if (!policy.oom && !(typeof value === 'number' && value >= 0))
    yield forbidden('PS-PRIV-012', `the out-of-memory score ${quoted(value)}`, setting('oom'))
}

export const oomKill: FieldRule = unless((policy) => policy.oom, 'PS-PRIV-012', setting('oom'))

export const logConfig: FieldRule = map((config, policy) => logDriver(config.Type, config.Config, policy))

export function* logDriver(
  driver: Json | undefined,
  options: Json | undefined,
  policy: Policy,
): Iterable<Concern> {
  if (driver !== undefined && driver !== null && driver !== '') {
    if (typeof driver !== 'string' || !policy.logDrivers.includes(driver))
      yield forbidden('PS-PRIV-013', `the log driver ${quoted(driver)}`, setting('logDrivers'))
    return
  }
  // They are for the engine's own driver, which may be one that sends lines to an address.
  for (const name of Object.keys(isJsonObject(options) ? options : {}))
    if (!LOG_FILE_OPTIONS.has(name))
      yield forbidden(
        'PS-PRIV-013',
        `the log option ${quoted(name)} for the engine's own log driver`,
        'naming the driver that it is for',
      )
}

/** Of the drivers that write files of the engine's own. */
const LOG_FILE_OPTIONS: ReadonlySet<string> = new Set([
  'compress',
  'env',
  'env-regex',
  'labels',
  'labels-regex',
  'max-buffer-size',
  'max-file',
  'max-size',
  'mode',
  'tag',
])
