import { mustPing } from '../answers.ts'
import { Client, request, type Where } from '../client/client.ts'
import { type Figure, percentile } from '../figure.ts'
import type { Subject } from '../subject.ts'
import type { Pace, Scenario } from './scenario.ts'

type Connection = 'keep-alive' | 'per-request'
type Via = 'unix' | 'tcp'

const REQUESTS: Readonly<Record<Connection, Readonly<Record<Pace, number>>>> = {
  'keep-alive': { full: 1500, quick: 200 },
  'per-request': { full: 500, quick: 100 },
}

const TITLES: Readonly<Record<Connection, string>> = {
  'keep-alive': 'one client, one request after the other on one connection',
  'per-request': 'one client, a new connection for every request',
}

const PING = request('GET', '/_ping')

/** What a single request costs: nothing waits for anything else, so every microsecond of the proxy shows. */
export function sequential(connection: Connection, via: Via): Scenario {
  const requests = REQUESTS[connection]
  const timed = connection === 'keep-alive' ? timeOnOneConnection : timeOnNewConnections
  return {
    id: `sequential-${connection}-${via}`,
    title: `/_ping, ${TITLES[connection]}, ${via}`,
    figures: [...figures('p50'), ...figures('p99')],
    // Short turns and many: whoever disturbs the machine for a second disturbs everybody.
    rounds: { full: 15, quick: 1 },
    prepare: async ({ pace }) => ({
      async check(subject, signal) {
        await mustPing(whereOf(subject, via), signal)
        await timed(whereOf(subject, via), requests[pace], signal)
      },
      async measure(subject, signal) {
        const timesUs = await timed(whereOf(subject, via), requests[pace], signal)
        return { p50: percentile(timesUs, 0.5), p99: percentile(timesUs, 0.99) }
      },
    }),
  }
}

function figures(id: string): Figure[] {
  const figure = { unit: 'µs', better: 'less', over: 'median' } as const
  return [
    { ...figure, id, title: id, of: 'all', ratioTo: 'direct' },
    { ...figure, id: `added-${id}`, title: `${id} added`, of: 'proxies', ratioTo: 'haproxy', added: id },
  ]
}

function whereOf(subject: Subject, via: Via): Where {
  return via === 'unix' ? subject.socket : subject.port
}

async function timeOnOneConnection(where: Where, count: number, signal: AbortSignal): Promise<Float64Array> {
  using client = new Client(where, { signal })
  await client.connected()
  const timesUs = new Float64Array(count)
  for (let n = 0; n < count; n++) {
    const since = performance.now()
    await client.ask(PING)
    timesUs[n] = (performance.now() - since) * 1000
  }
  return timesUs
}

/** From the wish to connect to the end of the answer. */
async function timeOnNewConnections(where: Where, count: number, signal: AbortSignal): Promise<Float64Array> {
  const timesUs = new Float64Array(count)
  for (let n = 0; n < count; n++) {
    const since = performance.now()
    using client = new Client(where, { signal, readBytes: 4096 })
    await client.ask(PING)
    timesUs[n] = (performance.now() - since) * 1000
  }
  return timesUs
}
