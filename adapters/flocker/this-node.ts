/** Which node of the cluster this host is, and how nodes are called. */

import type { Result } from 'powerstrip/sdk'
import type { ControlService, Node } from './control-service.ts'
import { broken, type Trouble, troubleOf } from './trouble.ts'

export interface ThisNode {
  /** What a dataset's `primary` is set to. */
  readonly primary: string
  /** For leases. Services that know hosts only have none. */
  readonly uuid: string | undefined
  /** Whether this is this node, as UUID or as host. */
  is(node: string | undefined): boolean
}

/** `configured` is its UUID, or its host or address as the control service lists it. `undefined`: it lists none such. */
export async function findThisNode(
  control: ControlService,
  configured: string,
  signal: AbortSignal,
): Promise<Result<ThisNode | undefined, Trouble>> {
  const asked = await control.nodes(signal)
  // The first versions had no list of nodes, and took any word for one.
  if (!asked.ok && asked.failure.kind === 'refused' && asked.failure.status === 404)
    return { ok: true, value: thisNode({ host: configured, uuid: undefined }) }
  const nodes = troubleOf(asked)
  if (!nodes.ok) return nodes
  const found = nodes.value.find(({ host, uuid }) => same(host, configured) || same(uuid, configured))
  return { ok: true, value: found && thisNode(found) }
}

export async function unknownNode(
  control: ControlService,
  configured: string,
  signal: AbortSignal,
): Promise<{ readonly ok: false; readonly failure: Trouble }> {
  const nodes = await control.nodes(signal)
  const known = (nodes.ok ? nodes.value : []).map(describeNode).join(', ') || 'none'
  return broken(
    `the control service at ${control.where} does not know this host as node "${configured}"; it knows: ${known}. Is the agent of this host running, and is the option "node" right?`,
  )
}

function thisNode(node: Node): ThisNode {
  return {
    primary: node.uuid ?? node.host,
    uuid: node.uuid,
    is: (name) => same(node.host, name) || same(node.uuid, name),
  }
}

function same(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one.toLowerCase() === other.toLowerCase()
}

/** For people: `host1 (UUID)`. */
export function nameNode(nodes: readonly Node[], primary: string): string {
  const found = nodes.find(({ host, uuid }) => same(host, primary) || same(uuid, primary))
  return found === undefined ? primary : describeNode(found)
}

function describeNode({ host, uuid }: Node): string {
  return uuid === undefined ? host : `${host} (${uuid})`
}
