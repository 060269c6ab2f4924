/** What a hook adds to a create with a body of 1 MB. One that changes nothing must not cost the writing of a new body. */
import { createHash } from 'node:crypto'
import { startPowerstrip } from '../../test/support/powerstrip.ts'
import { Client } from '../client/client.ts'
import { percentile } from '../figure.ts'

interface LargeBodyGround {
  readonly engine: string
  readonly adapter: string
  readonly quick: boolean
}

/** How the adapter is asked: at `/allow` it says 204 to everything. */
const VARIANTS: Readonly<Record<string, string | undefined>> = {
  'no hooks': undefined,
  'a hook that answers 204': '/allow',
  'a hook that adds a label': '/hook',
}

/** Spelled as no writer of JSON would do it, so that a body which was written anew is another one. */
const BODY = Buffer.from(
  `{ "Image" : "busybox",\n  "HostConfig":{"Memory" : 1.0e7}, "Labels":{ "padding" : "${'x'.repeat(1024 * 1024)}" } }`,
)
const DIGEST = createHash('sha256').update(BODY).digest('hex')

export async function measureLargeBodies({ engine, adapter, quick }: LargeBodyGround): Promise<void> {
  const signal = new AbortController().signal
  const field = await Promise.all(
    Object.entries(VARIANTS).map(async ([title, path]) => {
      const proxy = await startPowerstrip({
        upstream: `unix://${engine}`,
        args: ['--log-level', 'warn'],
        ...(path === undefined ? {} : { config: configOf(adapter, path) }),
      })
      const client = new Client(proxy.socket, { signal })
      await client.connected()
      const { head } = await client.ask(create('?digest=1'))
      return { title, proxy, client, isSame: head.includes(DIGEST), timesMs: [] as number[] }
    }),
  )
  const message = create('')
  try {
    for (let round = 0; round < (quick ? 2 : 10); round++)
      for (const { client, timesMs } of field)
        for (let n = 0; n < (quick ? 3 : 20); n++) {
          const since = performance.now()
          await client.ask(message)
          timesMs.push(performance.now() - since)
        }
  } finally {
    for (const { client, proxy } of field) {
      client[Symbol.dispose]()
      await proxy.stop()
    }
  }
  console.log(`\nA create with a body of ${BODY.length} bytes, which the adapter reads as JSON.\n`)
  console.log('| variant | p50 of a create, ms | added, ms | the engine gets |')
  console.log('|---|---:|---:|---|')
  for (const { title, isSame, timesMs } of field) {
    const added = p50(timesMs) - p50(field[0]!.timesMs)
    const got = isSame ? 'the bytes that were sent' : 'a new body'
    console.log(`| ${title} | ${p50(timesMs).toFixed(2)} | ${added.toFixed(2)} | ${got} |`)
  }
}

function create(query: string): Buffer {
  const head = `POST /v1.45/containers/create${query} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), BODY])
}

function configOf(adapter: string, path: string): string {
  return JSON.stringify({
    version: 2,
    endpoints: { ContainerCreate: { pre: ['large'] } },
    adapters: { large: { unix: adapter, path, protocol: 2 } },
  })
}

function p50(timesMs: readonly number[]): number {
  return percentile(Float64Array.from(timesMs), 0.5)
}
