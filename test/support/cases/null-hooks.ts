/** A powerstrip that shows everything to an adapter, before and after, which leaves it as it is. */
import { type Powerstrip, startPowerstrip } from '../powerstrip.ts'
import { echo, startAdapter } from './adapters.ts'

export interface NullHooks extends AsyncDisposable {
  readonly powerstrip: Powerstrip
}

/** `upstream`: as in `DOCKER_HOST`. The adapter is called over a real socket, in protocol 1. */
export async function startNullHooks(upstream: string): Promise<NullHooks> {
  const adapter = await startAdapter(echo)
  const powerstrip = await startPowerstrip({
    upstream,
    config: JSON.stringify({
      endpoints: { '* *': { pre: ['nothing'], post: ['nothing'] } },
      adapters: { nothing: adapter.url },
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
