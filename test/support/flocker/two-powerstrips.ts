/** Two Docker hosts with one flocker cluster, and a powerstrip with the flocker adapter before each engine. */
import { readFileSync } from 'node:fs'

import { type DockerOptions, docker, type Ended } from '../engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../powerstrip.ts'
import { type Cluster, type ClusterHost, startCluster } from './cluster.ts'

export interface FlockerHost extends ClusterHost {
  powerstrip: Powerstrip
  /** After its process was killed: another one in its place. */
  restartPowerstrip(): Promise<void>
  /** Runs `docker` through powerstrip. */
  docker(args: readonly string[], options?: DockerOptions): Promise<Ended>
  /** As `docker`, where anything but exit 0 is thrown; gives what was printed, trimmed. */
  mustDocker(args: readonly string[], options?: DockerOptions): Promise<string>
}

export interface TwoPowerstrips extends AsyncDisposable {
  readonly cluster: Cluster
  readonly first: FlockerHost
  readonly second: FlockerHost
}

export interface TwoPowerstripsTerms {
  /** Text of the configuration of a host; the adapter's own part is handed in. */
  readonly config?: (flocker: FlockerPart) => string
}

/** The adapter in a host's configuration. */
export interface FlockerPart {
  readonly use: 'flocker'
  readonly with: { readonly control: string; readonly node: string; readonly engine: string }
}

export async function startTwoPowerstrips(terms: TwoPowerstripsTerms = {}): Promise<TwoPowerstrips> {
  const { config = flockerAlone } = terms
  const cluster = await startCluster()
  const started: Powerstrip[] = []
  const dispose = async () => {
    await Promise.all(started.map((powerstrip) => powerstrip.stop()))
    await cluster[Symbol.asyncDispose]()
  }
  const before = async (host: ClusterHost): Promise<FlockerHost> => {
    const { engine, address } = host.host
    const flocker: FlockerPart = {
      use: 'flocker',
      with: { control: cluster.api.base, node: address, engine: engine.host },
    }
    const start = async () => {
      const powerstrip = await startPowerstrip({ upstream: engine.host, config: config(flocker) })
      started.push(powerstrip)
      return powerstrip
    }
    const itself: FlockerHost = Object.assign(host, {
      powerstrip: await start(),
      async restartPowerstrip() {
        itself.powerstrip = await start()
      },
      docker: (args: readonly string[], options?: DockerOptions) =>
        docker(itself.powerstrip.unix, args, options),
      async mustDocker(args: readonly string[], options?: DockerOptions) {
        const ended = await itself.docker(args, options)
        if (ended.exitCode === 0) return ended.stdout.trim()
        throw new Error(`docker ${args.join(' ')} on ${address}: ${ended.stderr.trim()}`)
      },
    })
    return itself
  }
  try {
    const [first, second] = cluster.hosts
    return {
      cluster,
      first: await before(first),
      second: await before(second),
      [Symbol.asyncDispose]: dispose,
    }
  } catch (problem) {
    await dispose()
    throw problem
  }
}

/** As docs/flocker.md has it, with this host's addresses. */
function flockerAlone({ with: { control, node, engine } }: FlockerPart): string {
  const [, yml = ''] = /^```yaml\n(.*?)^```$/ms.exec(readFileSync('docs/flocker.md', 'utf8')) ?? []
  const config = yml.replace(
    '"http://10.0.0.1:4523", node: 10.0.0.1',
    `${JSON.stringify(control)}, node: ${node}, engine: ${JSON.stringify(engine)}`,
  )
  if (!config.includes(engine)) throw new Error('docs/flocker.md has another configuration by now')
  return config
}
