/** Proxies that take turns: one for each variant, in front of the same engine, with a client each. */
import { startPowerstrip } from '../../test/support/powerstrip.ts'
import { Client } from '../client/client.ts'
import { percentile } from '../figure.ts'

export interface Entrant<V> extends AsyncDisposable {
  readonly variant: V
  readonly client: Client
}

/** `configOf`: the text of a configuration; nothing for a proxy without one. */
export async function startField<V>(
  engine: string,
  variants: readonly V[],
  configOf: (variant: V) => string | undefined,
): Promise<AsyncDisposable & { readonly entrants: readonly Entrant<V>[] }> {
  const entrants = await Promise.all(variants.map((variant) => enter(engine, variant, configOf(variant))))
  return {
    entrants,
    async [Symbol.asyncDispose]() {
      for (const entrant of entrants) await entrant[Symbol.asyncDispose]()
    },
  }
}

async function enter<V>(engine: string, variant: V, config: string | undefined): Promise<Entrant<V>> {
  const proxy = await startPowerstrip({
    upstream: `unix://${engine}`,
    args: ['--log-level', 'warn'],
    ...(config === undefined ? {} : { config }),
  })
  const client = new Client(proxy.socket, { signal: new AbortController().signal })
  await client.connected()
  return {
    variant,
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]()
      await proxy.stop()
    },
  }
}

/** Sends one message so many times, one after the other; milliseconds for each. */
export async function timed(client: Client, message: Buffer, requests: number): Promise<number[]> {
  const timesMs: number[] = []
  for (let n = 0; n < requests; n++) {
    const since = performance.now()
    const { status } = await client.ask(message)
    timesMs.push(performance.now() - since)
    if (status !== 201) throw new Error(`the answer is ${status}`)
  }
  return timesMs
}

export function percentileOf(timesMs: readonly number[], share: number): number {
  return percentile(Float64Array.from(timesMs), share)
}

export function p50(timesMs: readonly number[]): number {
  return percentileOf(timesMs, 0.5)
}
