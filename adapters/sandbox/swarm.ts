/** Services run containers on every node: the rules of containers hold for them, at create and at update. */
import { type JsonObject, printJson } from 'powerstrip/sdk'
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import { inside } from './container.ts'
import { labelsField } from './labels.ts'
import { mounts } from './mounts.ts'
import { extraHosts } from './networks.ts'
import type { Policy } from './policy.ts'
import { addedCapabilities, groups, logDriver, oomScore, sysctls, ulimits, user } from './privileges.ts'
import {
  eachMap,
  type FieldRule,
  type FieldRules,
  HARMLESS,
  judgeFields,
  map,
  nested,
  text,
  unless,
} from './shape.ts'

/** The body of a service create or update. */
export function* service(body: JsonObject, policy: Policy): Iterable<Concern> {
  for (const concern of judgeFields(body, SERVICE_FIELDS, policy))
    yield concern.kind === 'forbidden' && KEEPS_ITS_RULE.has(concern.rule)
      ? concern
      : inside(concern, 'PS-SWARM-001', 'a service')
}

/** The body of a secret or config, at create and at update. */
export function secretOrConfig(body: JsonObject, policy: Policy): Iterable<Concern> {
  const refused = unless(() => false, 'PS-SWARM-004', 'leaving it out')
  return judgeFields(
    body,
    { Name: HARMLESS, Labels: HARMLESS, Data: HARMLESS, Driver: refused, Templating: refused },
    policy,
  )
}

const KEEPS_ITS_RULE: ReadonlySet<string | undefined> = new Set(['PS-SWARM-002', 'PS-PLUGIN-001'])

const networks = eachMap(function* (network, policy, field) {
  yield* judgeFields(
    network,
    {
      Target: HARMLESS,
      Aliases: HARMLESS,
      DriverOpts: unless(() => false, 'PS-NET-004', 'leaving driver options out'),
    },
    policy,
    { prefix: `${field}.` },
  )
  const { Target: target } = network
  if (target === 'host') yield forbidden('PS-SWARM-002', 'a service on the host’s network', 'another network')
  else if (typeof target === 'string') yield { kind: 'network', rule: 'PS-NET-001', ref: target, as: 'join' }
})

const refused = (rule: 'PS-SWARM-001') => unless(() => false, rule, 'leaving it out')

function reference(what: 'secrets' | 'configs', of: 'Secret' | 'Config') {
  const fields: FieldRules = { [`${of}ID`]: HARMLESS, [`${of}Name`]: HARMLESS, File: HARMLESS }
  return eachMap(function* (entry, policy, field) {
    yield* judgeFields(entry, fields, policy, { prefix: `${field}.` })
    yield { kind: 'swarm', rule: 'PS-READ-005', what, ref: String(entry[`${of}ID`] ?? ''), as: 'touch' }
  })
}

/** A node fills templates in when it starts a task: `{{"."}}{{"."}}` is no detour here and is one there. */
const serviceMounts: FieldRule = function* (value, policy, field, put) {
  yield* mounts(value, policy, field, put)
  if (printJson(value).includes('{{'))
    yield forbidden('PS-SWARM-001', `${field} with a template`, 'writing out what the template stands for')
}

const CONTAINER_FIELDS: FieldRules = {
  Image: text(function* (image) {
    yield { kind: 'image', rule: 'PS-IMAGE-001', ref: image, as: 'run' }
  }),
  Labels: labelsField,
  Command: HARMLESS,
  Args: HARMLESS,
  Hostname: HARMLESS,
  Env: HARMLESS,
  Dir: HARMLESS,
  User: text((value, policy) => user('PS-PRIV-011', value, policy)),
  Groups: groups,
  Privileges: nested({
    CredentialSpec: refused('PS-SWARM-001'),
    SELinuxContext: refused('PS-SWARM-001'),
    Seccomp: refused('PS-SWARM-001'),
    AppArmor: refused('PS-SWARM-001'),
    NoNewPrivileges: HARMLESS,
  }),
  StopSignal: HARMLESS,
  StopGracePeriod: HARMLESS,
  TTY: HARMLESS,
  OpenStdin: HARMLESS,
  ReadOnly: HARMLESS,
  Mounts: serviceMounts,
  Healthcheck: HARMLESS,
  Hosts: extraHosts,
  DNSConfig: HARMLESS,
  Secrets: reference('secrets', 'Secret'),
  Configs: reference('configs', 'Config'),
  Isolation: HARMLESS,
  Init: HARMLESS,
  Sysctls: sysctls,
  CapabilityAdd: addedCapabilities,
  CapabilityDrop: HARMLESS,
  Ulimits: ulimits,
  OomScoreAdj: oomScore,
}

const TASK_FIELDS: FieldRules = {
  ContainerSpec: nested(CONTAINER_FIELDS),
  PluginSpec: unless((policy) => policy.plugins, 'PS-PLUGIN-001', setting('plugins')),
  NetworkAttachmentSpec: refused('PS-SWARM-001'),
  Resources: nested({
    Limits: HARMLESS,
    Reservations: nested({
      NanoCPUs: HARMLESS,
      MemoryBytes: HARMLESS,
      GenericResources: unless((policy) => policy.gpus, 'PS-PRIV-007', setting('gpus')),
    }),
  }),
  RestartPolicy: HARMLESS,
  Placement: HARMLESS,
  ForceUpdate: HARMLESS,
  Runtime: text(function* (runtime, policy) {
    if (runtime !== 'container' && !policy.plugins)
      yield forbidden('PS-PLUGIN-001', `a service of the runtime ${quoted(runtime)}`, setting('plugins'))
  }),
  Networks: networks,
  LogDriver: map((driver, policy) => logDriver(driver.Name, driver.Options, policy)),
}

const SERVICE_FIELDS: FieldRules = {
  Name: HARMLESS,
  Labels: HARMLESS,
  TaskTemplate: nested(TASK_FIELDS),
  Mode: HARMLESS,
  UpdateConfig: HARMLESS,
  RollbackConfig: HARMLESS,
  Networks: networks,
  EndpointSpec: nested({
    Mode: HARMLESS,
    Ports: eachMap(function* (port, policy) {
      if (policy.publish !== 'any')
        yield forbidden(
          'PS-NET-002',
          `the port ${quoted(String(port.TargetPort ?? ''))} published on all nodes`,
          setting('publish', 'any'),
        )
    }),
  }),
}
