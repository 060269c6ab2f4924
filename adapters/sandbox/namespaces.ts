/** Namespaces that a container shares with its host or with another container. */
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import type { HostNamespace, Policy } from './policy.ts'
import type { RuleId } from './rules.ts'
import { type FieldRule, text } from './shape.ts'

/** A rule for a mode that is one of `plain`, `host`, or `container:NAME`. */
function namespace(rule: RuleId, which: HostNamespace, plain: readonly string[]): FieldRule {
  return text(function* (mode, policy, _field, put) {
    if (plain.includes(mode)) return
    yield* sharedNamespace(rule, which, mode, policy, put)
  })
}

export function* sharedNamespace(
  rule: RuleId,
  which: HostNamespace,
  mode: string,
  policy: Policy,
  put: (mode: string) => void = () => {},
): Iterable<Concern> {
  if (mode.startsWith('container:'))
    yield {
      kind: 'container',
      rule,
      ref: mode.slice('container:'.length),
      as: 'enter',
      put: (id) => put(`container:${id}`),
    }
  else if (mode !== 'host')
    yield forbidden(
      rule,
      `the ${which} namespace ${quoted(mode)}, which no rule knows`,
      'a mode that the engine knows',
    )
  else if (!policy.hostNamespaces.includes(which))
    yield forbidden(rule, `the ${which} namespace of the host`, setting('hostNamespaces', which))
}

export const pidMode = namespace('PS-NS-001', 'pid', ['private'])
export const ipcMode = namespace('PS-NS-002', 'ipc', ['none', 'private', 'shareable'])
export const utsMode = namespace('PS-NS-003', 'uts', ['private'])
export const usernsMode = namespace('PS-NS-004', 'user', ['private'])
export const cgroupnsMode = namespace('PS-NS-005', 'cgroup', ['private'])
