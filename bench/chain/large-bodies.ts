/** What a hook adds to a create with a body of 1 MB. One that changes nothing must not cost the writing of a new body. */
import { createHash } from 'node:crypto'
import { p50, startField, timed } from './field.ts'

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
  await using field = await startField(
    engine,
    Object.entries(VARIANTS),
    ([, path]) => path && configOf(adapter, path),
  )
  const results = await Promise.all(
    field.entrants.map(async ({ variant: [title], client }) => {
      const { head } = await client.ask(create('?digest=1'))
      return { title, client, isSame: head.includes(DIGEST), timesMs: [] as number[] }
    }),
  )
  const message = create('')
  for (let round = 0; round < (quick ? 2 : 10); round++)
    for (const { client, timesMs } of results) timesMs.push(...(await timed(client, message, quick ? 3 : 20)))

  console.log(`\nA create with a body of ${BODY.length} bytes, which the adapter reads as JSON.\n`)
  console.log('| variant | p50 of a create, ms | added, ms | the engine gets |')
  console.log('|---|---:|---:|---|')
  for (const { title, isSame, timesMs } of results) {
    const added = p50(timesMs) - p50(results[0]!.timesMs)
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
