/** A powerstrip that shows everything to adapters which leave it as it is. */
import { type Powerstrip, startPowerstrip } from '../powerstrip.ts'
import { echo, startAdapter } from './adapters.ts'

export interface NullHooks extends AsyncDisposable {
  readonly powerstrip: Powerstrip
}

/**
 * A policy that the clients of the suites stay within, and no wider: each setting is a thing that they do. Whatever a
 * sandbox with it refuses is a legitimate request refused.
 */
export const CLIENTS_POLICY = {
  builds: true,
  sessions: true,
  imports: true,
  networks: ['*'],
  networkDrivers: ['bridge', 'overlay'],
  publish: 'any',
  push: ['*'],
  swarm: 'manage',
} as const

/**
 * The null adapter before and after everything, called over a real socket in protocol 1, and in front of it, if there is a
 * policy, the sandbox. `upstream`: as in `DOCKER_HOST`.
 */
export async function startNullHooks(upstream: string, policy?: object): Promise<NullHooks> {
  const adapter = await startAdapter(echo)
  const sandbox =
    policy === undefined ? {} : { sandbox: { use: 'sandbox', with: { engine: upstream, ...policy } } }
  const powerstrip = await startPowerstrip({
    upstream,
    config: JSON.stringify({
      endpoints: { '* *': { pre: [...Object.keys(sandbox), 'nothing'], post: ['nothing'] } },
      adapters: { nothing: adapter.url, ...sandbox },
    }),
  })
  return {
    powerstrip,
    async [Symbol.asyncDispose]() {
      await powerstrip.stop()
      await adapter[Symbol.asyncDispose]()
    },
  }
}

/** The sandbox before everything, and nobody behind. */
export function startSandbox(upstream: string, policy: object): Promise<Powerstrip> {
  return startPowerstrip({
    upstream,
    config: JSON.stringify({
      version: 2,
      endpoints: { '* *': { pre: ['sandbox'] } },
      adapters: { sandbox: { use: 'sandbox', with: { engine: upstream, ...policy } } },
    }),
  })
}
