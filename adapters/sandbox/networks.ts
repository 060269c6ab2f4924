/** Networks: which ones a container is on, what it publishes, and what new ones are made of. */
import { isJsonObject, type JsonObject } from 'powerstrip/sdk'
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import { sharedNamespace } from './namespaces.ts'
import type { Policy } from './policy.ts'
import {
  eachMap,
  eachText,
  type FieldRule,
  type FieldRules,
  HARMLESS,
  judgeFields,
  map,
  nested,
  text,
  unless,
  whenTrue,
} from './shape.ts'
import { liesIn } from './subnets.ts'

export const networkMode: FieldRule = text(function* (mode, policy, _field, put) {
  if (mode === 'host' || mode.startsWith('container:'))
    yield* sharedNamespace('PS-NS-006', 'network', mode, policy, put)
  else yield* joining(mode)
})

/** A network that a container is to be on. */
export function* joining(name: string): Iterable<Concern> {
  // No network at all is nobody's.
  if (name !== 'none')
    yield { kind: 'network', rule: 'PS-NET-001', ref: name === 'default' ? 'bridge' : name, as: 'join' }
}

export const portBindings: FieldRule = map(function* (ports, policy) {
  for (const [port, bindings] of Object.entries(ports))
    for (const binding of Array.isArray(bindings) ? bindings : [])
      yield* published(port, isJsonObject(binding) ? binding.HostIp : '', policy)
})

function* published(port: string, address: unknown, { publish }: Policy): Iterable<Concern> {
  if (publish === 'any' || (publish === 'loopback' && typeof address === 'string' && LOOPBACK.test(address)))
    return
  yield forbidden(
    'PS-NET-002',
    `the port ${quoted(port)} published on ${quoted(address || 'all addresses')}`,
    publish === 'loopback'
      ? `publishing it on 127.0.0.1, or ${setting('publish', 'any')}`
      : setting('publish'),
  )
}

const LOOPBACK = /^(?:127(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|::1)$/

export const publishAll: FieldRule = whenTrue(function* (policy) {
  if (policy.publish !== 'any')
    yield forbidden('PS-NET-002', 'all ports published on all addresses', setting('publish', 'any'))
})

export const extraHosts: FieldRule = eachText(function* (host, policy) {
  if (!policy.extraHosts)
    yield forbidden('PS-NET-003', `the extra host ${quoted(host)}`, setting('extraHosts'))
})

/** `name:alias`, or a map of nothing else in old clients. */
export const links: FieldRule = eachText(function* (link, _policy, _field, put) {
  const [ref = '', alias] = link.replace(/^\//, '').split(':')
  yield { kind: 'container', rule: 'PS-NET-003', ref, as: 'touch', put: (id) => put(`${id}:${alias ?? ref}`) }
})

export const endpoints: FieldRule = map(function* (networks, policy, field) {
  for (const [name, endpoint] of Object.entries(networks)) {
    yield* joining(name)
    if (isJsonObject(endpoint)) yield* endpointConcerns(endpoint, policy, field)
    else if (endpoint !== null && endpoint !== undefined)
      yield forbidden('PS-FIELD-001', `${field} that is not a map of maps`, 'sending a map')
  }
})

export function endpointConcerns(endpoint: JsonObject, policy: Policy, field: string): Iterable<Concern> {
  return judgeFields(endpoint, ENDPOINT_FIELDS, policy, { prefix: `${field}.` })
}

const networkRef: FieldRule = text((name) => joining(name))

/** What an inspect shows is accepted back: clients send it again when they make a container anew. */
const ENDPOINT_FIELDS: FieldRules = {
  IPAMConfig: nested({ IPv4Address: HARMLESS, IPv6Address: HARMLESS, LinkLocalIPs: HARMLESS }),
  Links: links,
  Aliases: HARMLESS,
  MacAddress: HARMLESS,
  DriverOpts: unless(() => false, 'PS-NET-004', 'leaving driver options out'),
  NetworkID: networkRef,
  EndpointID: HARMLESS,
  Gateway: HARMLESS,
  IPAddress: HARMLESS,
  IPPrefixLen: HARMLESS,
  IPv6Gateway: HARMLESS,
  GlobalIPv6Address: HARMLESS,
  GlobalIPv6PrefixLen: HARMLESS,
  DNSNames: HARMLESS,
  GwPriority: HARMLESS,
}

/** The engine gives its host a route to every network: one over somebody else's addresses would take the host's own traffic. */
const subnet = text(function* (range, policy, field) {
  if (!liesIn(range, policy.subnets))
    yield forbidden('PS-NET-004', `${field} ${quoted(range)}`, setting('subnets'))
})

/** The body of a network create. */
export function* networkCreate(body: JsonObject, policy: Policy): Iterable<Concern> {
  yield* judgeFields(body, NETWORK_FIELDS, policy)
  if (typeof body.Name === 'string' && body.Name !== '')
    yield { kind: 'network', rule: 'PS-NET-001', ref: body.Name, as: 'create' }
}

const NETWORK_FIELDS: FieldRules = {
  Name: text(() => []),
  CheckDuplicate: HARMLESS,
  Driver: text(function* (driver, policy) {
    if (!policy.networkDrivers.includes(driver))
      yield forbidden('PS-NET-004', `the network driver ${quoted(driver)}`, setting('networkDrivers'))
  }),
  Options: map(function* (options, policy) {
    for (const name of Object.keys(options))
      if (!policy.networkOptions.includes(name))
        yield forbidden('PS-NET-004', `the network option ${quoted(name)}`, setting('networkOptions'))
  }),
  IPAM: nested({
    Driver: text(function* (driver) {
      if (driver !== 'default')
        yield forbidden('PS-NET-004', `the address driver ${quoted(driver)}`, 'the driver "default"')
    }),
    Options: unless(() => false, 'PS-NET-004', 'leaving address options out'),
    Config: eachMap(function* (config, policy, field) {
      yield* judgeFields(
        config,
        {
          Subnet: subnet,
          IPRange: subnet,
          Gateway: HARMLESS,
          AuxiliaryAddresses: HARMLESS,
          AuxAddress: HARMLESS,
        },
        policy,
        { prefix: `${field}.` },
      )
    }),
  }),
  Internal: HARMLESS,
  EnableIPv6: HARMLESS,
  EnableIPv4: HARMLESS,
  Attachable: HARMLESS,
  ConfigOnly: HARMLESS,
  ConfigFrom: nested({ Network: networkRef }),
  Scope: text(function* (scope, policy) {
    if (scope !== 'local' && policy.swarm === 'none')
      yield forbidden('PS-SWARM-003', `a network of scope ${quoted(scope)}`, setting('swarm'))
  }),
  Ingress: unless((policy) => policy.swarm === 'manage', 'PS-SWARM-003', setting('swarm', 'manage')),
  Labels: HARMLESS,
}
