/** A flocker cluster on hosts of its own: a control service on the first host, an agent on each. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TlsFiles } from '../../../src/flocker/tls.ts'
import { providePackages } from '../engine/index.ts'
import { type Host, type Hosts, startHosts } from '../hosts/index.ts'
import { FlockerApi } from './api.ts'
import { identityOf, makeCertificates } from './certificates.ts'
import { Running } from './command.ts'
import { type Etcd, startEtcd } from './etcd.ts'

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
  /** Of the first control service. */
  readonly api: FlockerApi
  /** One, on the first host; with etcd one on each. */
  readonly controls: readonly [ControlService, ...ControlService[]]
  readonly etcd: Etcd | undefined
  /** Files of a client that is trusted, where there is TLS. */
  readonly tls: TlsFiles | undefined
}

export interface ControlService {
  readonly api: FlockerApi
  running: Running
  restart(): Promise<void>
}

export interface ClusterOptions {
  /** The state in etcd, on the first host, and mutual TLS between all. */
  readonly etcd?: boolean
}

/** Two hosts, one with each engine. */
export async function startCluster({ etcd = false }: ClusterOptions = {}): Promise<Cluster> {
  await providePackages(['attr'])
  const hosts = await startHosts({ kinds: ['old', 'new'] })
  try {
    return await clusterOn(hosts, etcd)
  } catch (problem) {
    await hosts.dispose()
    throw problem
  }
}

async function clusterOn(hosts: Hosts, secure: boolean): Promise<Cluster> {
  const [first, second] = [hosts.all[0]!, hosts.all[1]!]
  const addresses = [first, second].flatMap(({ address, engine }) => [address, engine.address!])
  const tls = secure
    ? await makeCertificates(`${first.engine.dir}/tls`, ['127.0.0.1', ...addresses])
    : undefined
  const identity = tls === undefined ? undefined : await identityOf(tls)
  const scheme = secure ? 'https' : 'http'
  const inFirst = { spawn: first.spawn, address: first.engine.address! }
  const etcd = secure ? await startEtcd({ tls, host: inFirst }) : undefined
  const tlsFlags = tls === undefined ? [] : ['--tls-ca', tls.ca, '--tls-cert', tls.cert, '--tls-key', tls.key]
  const stateFlags =
    etcd === undefined
      ? ['--state', `${first.engine.dir}/flocker.state`]
      : ['--state', 'etcd', '--etcd-endpoints', `https://${first.address}:${etcd.port}`]

  const placesOfControl = secure ? [first, second] : [first]
  const controlUrls = placesOfControl.map(({ address }) => `${scheme}://${address}:${CONTROL_PORT}`)
  const startControl = async (host: Host): Promise<ControlService> => {
    const start = () =>
      Running.start(
        ['flocker-control', '--listen', `0.0.0.0:${CONTROL_PORT}`, ...stateFlags, ...tlsFlags],
        host.spawn,
      )
    const service: ControlService = {
      api: new FlockerApi(`${scheme}://${host.engine.address}:${CONTROL_PORT}`, identity),
      running: await start(),
      async restart() {
        service.running = await start()
      },
    }
    return service
  }
  const startAgent = (host: Host) =>
    Running.start(
      [
        'flocker-agent',
        ...controlUrls.flatMap((url) => ['--control', url]),
        ...['--docker', host.engine.host],
        ...['--listen', `0.0.0.0:${AGENT_PORT}`, '--hostname', host.address],
        ...['--state', `${host.engine.dir}/agent`],
        ...tlsFlags,
      ],
      host.spawn,
    )
  const controls = await Promise.all(placesOfControl.map(startControl))
  const { api } = controls[0]!
  const agents = await Promise.all([startAgent(first), startAgent(second)])
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
    hosts: [clusterHost(first, agents[0]), clusterHost(second, agents[1])],
    api,
    controls: [controls[0]!, ...controls.slice(1)],
    etcd,
    tls,
    async [Symbol.asyncDispose]() {
      await etcd?.[Symbol.asyncDispose]()
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
