/** A flocker cluster on hosts of its own: one control service on the first host, an agent on each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { providePackages } from '../engine/index.ts'
import { type Host, type Hosts, startHosts } from '../hosts/index.ts'
import { FlockerApi } from './api.ts'
import { Running } from './command.ts'

export const CONTROL_PORT = 4523
export const AGENT_PORT = 4524

export interface ClusterHost {
  readonly host: Host
  /** The id of its node. */
  readonly node: string
  agent: Running
  /** Starts the agent again after its end. */
  restartAgent(): Promise<void>
}

export interface Cluster extends AsyncDisposable {
  readonly hosts: readonly [ClusterHost, ClusterHost]
  readonly api: FlockerApi
  control: Running
  restartControl(): Promise<void>
}

/** Two hosts, one with each engine. */
export async function startCluster(): Promise<Cluster> {
  await providePackages(['attr'])
  const hosts = await startHosts({ kinds: ['old', 'new'] })
  try {
    return await clusterOn(hosts)
  } catch (problem) {
    await hosts.dispose()
    throw problem
  }
}

async function clusterOn(hosts: Hosts): Promise<Cluster> {
  const [first, second] = hosts.all
  const startControl = () =>
    Running.start(
      [
        'flocker-control',
        '--listen',
        `0.0.0.0:${CONTROL_PORT}`,
        '--state',
        `${first!.engine.dir}/flocker.state`,
      ],
      first!.spawn,
    )
  const startAgent = (host: Host) =>
    Running.start(
      [
        'flocker-agent',
        ...['--control', `http://${first!.address}:${CONTROL_PORT}`],
        ...['--docker', host.engine.host],
        ...['--listen', `${host.address}:${AGENT_PORT}`],
        ...['--state', `${host.engine.dir}/agent`],
      ],
      host.spawn,
    )
  const control = await startControl()
  const api = new FlockerApi(`http://${first!.engine.address}:${CONTROL_PORT}`)
  const agents = await Promise.all([startAgent(first!), startAgent(second!)])
  const nodes = await api.until(
    () => api.nodes(),
    (seen) => seen.length === 2,
  )
  const clusterHost = (host: Host, agent: Running): ClusterHost => ({
    host,
    node: nodes.find((node) => node.host === host.address)!.uuid,
    agent,
    async restartAgent() {
      this.agent = await startAgent(host)
    },
  })
  return {
    hosts: [clusterHost(first!, agents[0]), clusterHost(second!, agents[1])],
    api,
    control,
    async restartControl() {
      ;(this as Cluster).control = await startControl()
    },
    async [Symbol.asyncDispose]() {
      await hosts.dispose()
    },
  }
}

/** Looks at something that no event tells of, until it is so. */
export async function eventually<T>(
  look: () => Promise<T>,
  wanted: (seen: T) => boolean,
  limitMs = 30_000,
): Promise<T> {
  const late = Date.now() + limitMs
  for (;;) {
    const seen = await look()
    if (wanted(seen)) return seen
    if (Date.now() > late) throw new Error(`not so within ${limitMs} ms; last seen: ${JSON.stringify(seen)}`)
    await sleep(50)
  }
}
