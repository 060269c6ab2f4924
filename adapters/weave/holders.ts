/** Who has an address. Engines look for themselves only when a container starts, and Swarm then tells nobody what is wrong. */
import { setTimeout as pause } from 'node:timers/promises'
import {
  type EngineClient,
  type EngineFailure,
  isJsonObject,
  type Json,
  type JsonObject,
  type Result,
} from 'powerstrip/sdk'
import { asList, type WeaveNetwork } from './networks.ts'
import type { Settings } from './settings.ts'

/** In words: `container "web" on 10.0.0.5`. `undefined`: nobody. */
export type Holder = string | undefined

const LOOK_AGAIN_AFTER_MS = 150

/**
 * `except` is the id of a container that is about to start: what Swarm still lists for it is from before. Where hosts share the network, an address that has just been given
 * back on another one still seems taken for a moment, so a holder elsewhere is looked at again until patience ends.
 */
export async function findHolder(
  network: WeaveNetwork,
  address: string,
  settings: Settings,
  signal: AbortSignal,
  except?: string,
): Promise<Result<Holder, EngineFailure>> {
  if (address === network.gateway) return { ok: true, value: 'the gateway of the network' }
  const until = Date.now() + settings.patienceMs
  for (;;) {
    const here = await holderHere(network, address, settings.engine, signal)
    if (!here.ok || !network.isShared) return here
    const there = await holderInSwarm(network, address, settings.manager, signal, except)
    // A manager is the one who knows. Without one, there is what the hosts have told each other.
    const holder = there.ok ? there.value && (here.value ?? there.value) : here.value
    if (holder === undefined || Date.now() >= until) return { ok: true, value: holder }
    await pause(LOOK_AGAIN_AFTER_MS, undefined, { signal }).catch(() => {})
    if (signal.aborted) return { ok: true, value: holder }
  }
}

/** Containers of this host, and of others as far as this host has heard. */
async function holderHere(
  network: WeaveNetwork,
  address: string,
  engine: EngineClient,
  signal: AbortSignal,
): Promise<Result<Holder, EngineFailure>> {
  const asked = await engine.json('GET', `/networks/${encodeURIComponent(network.name)}`, {
    query: { verbose: true },
    signal,
  })
  // A host without a container on a Swarm's network does not know it.
  if (!asked.ok && asked.failure.kind === 'refused' && asked.failure.status === 404)
    return { ok: true, value: undefined }
  if (!asked.ok) return asked
  const told = objectIn(asked.value.body)
  for (const [id, value] of Object.entries(objectIn(told.Containers))) {
    const endpoint = objectIn(value)
    if (String(endpoint.IPv4Address).startsWith(`${address}/`))
      return { ok: true, value: id.startsWith('lb-') ? 'the Swarm itself' : `container "${endpoint.Name}"` }
  }
  for (const service of Object.values(objectIn(told.Services))) {
    for (const value of asList(objectIn(service).Tasks)) {
      const task = objectIn(value)
      if (task.EndpointIP === address)
        return { ok: true, value: `container "${task.Name}" on ${objectIn(task.Info)['Host IP']}` }
    }
  }
  return { ok: true, value: undefined }
}

async function holderInSwarm(
  network: WeaveNetwork,
  address: string,
  manager: EngineClient,
  signal: AbortSignal,
  except: string | undefined,
): Promise<Result<Holder, EngineFailure>> {
  // What is put on a network without being part of a service is a task of its own kind, which is not listed unless asked for.
  const filters = { runtime: ['attachment', 'container', ''], 'desired-state': ['running'] }
  const listed = await manager.json('GET', '/tasks', { query: { filters }, signal })
  if (!listed.ok) return listed
  for (const value of asList(listed.value.body)) {
    const task = objectIn(value)
    const attached = asList(task.NetworksAttachments).some((entry) => {
      const attachment = objectIn(entry)
      return (
        objectIn(attachment.Network).ID === network.id &&
        asList(attachment.Addresses).some((held) => String(held).startsWith(`${address}/`))
      )
    })
    const id = objectIn(objectIn(task.Spec).NetworkAttachmentSpec).ContainerID
    if (!attached || (id !== undefined && id === except)) continue
    const what = typeof id === 'string' ? `container ${id.slice(0, 12)}` : `task ${task.ID}`
    return { ok: true, value: `${what} on ${await nodeName(task.NodeID, manager, signal)}` }
  }
  return { ok: true, value: undefined }
}

async function nodeName(id: Json | undefined, manager: EngineClient, signal: AbortSignal): Promise<string> {
  if (typeof id !== 'string' || id === '') return 'another host'
  const asked = await manager.json('GET', `/nodes/${encodeURIComponent(id)}`, { signal })
  const node = asked.ok ? objectIn(asked.value.body) : {}
  const address = objectIn(node.Status).Addr
  return typeof address === 'string' ? address : `node ${id}`
}

export function objectIn(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {}
}
