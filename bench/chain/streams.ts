/** What a stream-hook adds to each event, by itself and in a busy stream. The variants take turns; the engine stamps its events. */
import { type Client, request } from '../client/client.ts'
import { percentileOf, startField } from './field.ts'

interface StreamGround {
  readonly engine: string
  readonly adapter: string
  readonly quick: boolean
}

interface Pace {
  readonly title: string
  readonly ms: number
  readonly events: number
}

/** Longer than a batch waits, and so short that batches form. */
const PACES: readonly Pace[] = [
  { title: 'one event every 30 ms', ms: 30, events: 40 },
  { title: 'one event every 1 ms', ms: 1, events: 400 },
]

const VARIANTS: Readonly<Record<string, number>> = {
  'no hooks': 0,
  'one stream-hook': 1,
  'three stream-hooks': 3,
}

export async function measureStreams({ engine, adapter, quick }: StreamGround): Promise<void> {
  await using field = await startField(engine, Object.entries(VARIANTS), ([, hooks]) =>
    hooks === 0 ? undefined : configOf(adapter, hooks),
  )
  const results = field.entrants.map(({ variant: [title], client }) => ({
    title,
    client,
    delays: PACES.map((): number[] => []),
  }))
  for (let round = 0; round < (quick ? 1 : 8); round++)
    for (const { client, delays } of results)
      for (const [at, pace] of PACES.entries()) delays[at]!.push(...(await delaysOf(client, pace, quick)))
  console.log(
    '\nFrom the engine to the client, one event of a stream; the hooks, over a unix socket, change each.\n',
  )
  console.log(
    `| variant | ${PACES.map(({ title }) => `${title}: p50, ms | added, ms | p99, ms`).join(' | ')} |`,
  )
  console.log(`|---|${PACES.map(() => '---:|---:|---:').join('|')}|`)
  for (const { title, delays } of results) {
    const cells = delays.flatMap((own, at) => {
      const [p50, p99] = [percentileOf(own, 0.5), percentileOf(own, 0.99)]
      return [p50, p50 - percentileOf(results[0]!.delays[at]!, 0.5), p99].map((ms) => ms.toFixed(3))
    })
    console.log(`| ${title} | ${cells.join(' | ')} |`)
  }
}

function configOf(adapter: string, hooks: number): string {
  const names = Array.from({ length: hooks }, (_, n) => `s${n}`)
  return JSON.stringify({
    version: 2,
    endpoints: { SystemEvents: { stream: names } },
    adapters: Object.fromEntries(names.map((name) => [name, { unix: adapter, path: '/hook', protocol: 2 }])),
  })
}

/** In milliseconds, one for each event. */
async function delaysOf(client: Client, { ms, events }: Pace, quick: boolean): Promise<number[]> {
  const delays: number[] = []
  const count = quick ? Math.ceil(events / 20) : events
  const body = (part: Buffer) => {
    const now = Number(process.hrtime.bigint() / 1000n)
    for (const [, sentAt] of part.toString('latin1').matchAll(/"sentAt":([0-9]+)/g))
      delays.push((now - Number(sentAt)) / 1000)
  }
  client.begin(request('GET', `/v1.45/events?count=${count}&pace=${ms}`), body)
  await client.reached('complete')
  if (delays.length !== count) throw new Error(`${delays.length} events came instead of ${count}`)
  return delays
}
