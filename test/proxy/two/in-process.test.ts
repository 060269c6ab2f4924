/** Protocol 2 within the proxy: adapters of the SDK that run in process, under a configuration of version 2. */
import { setImmediate as turn } from 'node:timers/promises'
import { type AdapterDefinition, type AdapterSpec, defineAdapter } from 'powerstrip/sdk'
import { failed, ok } from '../../../src/model/result.ts'
import { CREATE, jsonOf, messageOf, setTwo, type TwoScene } from '../../support/two/stage.ts'

const BODY = { Image: 'busybox', HostConfig: { Memory: 1 } }
const log = { info() {}, warn() {}, error() {} }

/** A proxy whose adapters are these. */
function within(
  definitions: Readonly<Record<string, Omit<AdapterSpec<unknown>, 'name'>>>,
  scene: Omit<TwoScene, 'adapters' | 'make'> & { readonly settings?: Readonly<Record<string, object>> },
) {
  const made = new Map<string, AdapterDefinition>(
    Object.entries(definitions).map(([name, spec]) => [name, defineAdapter({ name, ...spec })]),
  )
  const adapters = Object.fromEntries(
    [...made.keys()].map((name) => [name, { module: `./${name}.js`, ...scene.settings?.[name] }]),
  )
  return setTwo({
    ...scene,
    adapters,
    make: async ({ name, settings }) => {
      const definition = made.get(name)
      return definition === undefined
        ? failed('no such adapter')
        : ok(definition.create(settings.with, { log }))
    },
  })
}

test('every phase reaches its handler, and what they say has its effect', async () => {
  const ran: string[] = []
  let observed = () => {}
  const seen = new Promise<void>((resolve) => {
    observed = resolve
  })
  await using scene = await within(
    {
      a: {
        pre: {
          ContainerCreate({ body, query, metadata, warn }) {
            body.Labels = { a: '1' }
            query.set('name', 'other')
            metadata.from = 'pre'
            warn('mind the step')
          },
        },
        validate: { ContainerCreate: ({ body }) => void ran.push(`validate ${body.Labels?.a}`) },
        post: {
          ContainerCreate({ body, request, metadata, setHeader }) {
            ran.push(`post ${request.body.Labels?.a} ${metadata.from}`)
            body.Id = 'changed'
            setHeader('X-Seen', 'yes')
          },
        },
        observe: {
          ContainerCreate({ response, fate }) {
            ran.push(`observe ${response.code} ${fate}`)
            observed()
          },
        },
      },
    },
    {
      endpoints: { ContainerCreate: { pre: ['a'], validate: ['a'], post: ['a'], observe: ['a'] } },
      settings: { a: { headers: { mutate: ['x-seen'] } } },
    },
  )
  const answer = await scene.create(BODY)
  expect(jsonOf(answer)).toEqual({ Id: 'changed', Warnings: [expect.stringContaining('mind the step')] })
  await seen
  expect(ran).toEqual(['validate 1', 'post 1 pre', 'observe 201 changed'])
  expect(scene.engine.onlyRequest.target).toBe(CREATE.replace('web', 'other'))
  expect(JSON.parse(scene.engine.onlyRequest.body)).toEqual({ ...BODY, Labels: { a: '1' } })
})

test('a body that no handler touches goes on byte for byte, and is not even read', async () => {
  const parse = jest.spyOn(JSON, 'parse')
  const body = ' {"Image" : "busy\\u0062ox", "HostConfig":{"Memory":1, "Marker":"untouched"}} '
  await using scene = await within(
    { a: { pre: { ContainerCreate: ({ uid }) => void uid } }, b: { pre: { '*'() {} } } },
    { endpoints: { ContainerCreate: { pre: ['a', 'b', 'a'] } } },
  )
  await using client = await scene.connect()
  parse.mockClear()
  client.write(
    `POST ${CREATE} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  expect((await client.answer('POST')).status).toBe(201)
  const read = parse.mock.calls.filter(([text]) => String(text).includes('untouched'))
  parse.mockRestore()
  expect(read).toEqual([])
  expect(scene.engine.onlyRequest.body).toBe(body)
})

test('a denial, a throw and an answer that is none are what they are from afar', async () => {
  let deed: () => unknown = () => undefined
  await using scene = await within(
    { a: { pre: { ContainerCreate: ({ deny }) => (deed() === 'deny' ? deny('not here') : undefined) } } },
    { endpoints: { ContainerCreate: { pre: ['a'] } } },
  )
  deed = () => 'deny'
  const denied = await scene.create(BODY)
  expect([denied.status, messageOf(denied)]).toEqual([403, 'denied by adapter "a": not here'])
  deed = () => {
    throw new Error('out of luck')
  }
  const broken = await scene.create(BODY)
  expect([broken.status, messageOf(broken)]).toEqual([502, expect.stringContaining('out of luck')])
  expect(scene.engine.requests).toEqual([])
})

test('what was reserved is given back, by the uid of the call that reserved it', async () => {
  const ledger: unknown[] = []
  await using scene = await within(
    {
      pool: {
        pre: {
          ContainerCreate({ uid, metadata, compensate }) {
            ledger.push(['reserve', uid])
            metadata.volume = 'v-17'
            compensate()
          },
        },
        unwind: {
          ContainerCreate: ({ uid, metadata, cause }) =>
            ledger.push(['release', uid, metadata.volume, cause.phase]),
        },
      },
      policy: { validate: { ContainerCreate: ({ deny }) => deny('no') } },
    },
    { endpoints: { ContainerCreate: { pre: ['pool'], validate: ['policy'] } } },
  )
  expect((await scene.create(BODY)).status).toBe(403)
  const uid = (ledger[0] as string[])[1]
  expect(ledger).toEqual([
    ['reserve', uid],
    ['release', uid, 'v-17', 'validate'],
  ])
})

test('a handler may answer in the place of the engine', async () => {
  await using scene = await within(
    { a: { pre: { ContainerCreate: ({ respond }) => respond(201, { Id: 'mine', Warnings: [] }) } } },
    { endpoints: { ContainerCreate: { pre: ['a'] } } },
  )
  const answer = await scene.create(BODY)
  expect([answer.status, jsonOf(answer)]).toEqual([201, { Id: 'mine', Warnings: [] }])
  expect(scene.engine.requests).toEqual([])
})

test('a handler that does not end is given up, and told so', async () => {
  let told = false
  await using scene = await within(
    {
      slow: {
        pre: {
          '*': ({ signal }) =>
            new Promise<never>((_, reject) => {
              signal.addEventListener('abort', () => {
                told = true
                reject(new Error('called off'))
              })
            }),
        },
      },
    },
    { endpoints: { ContainerCreate: { pre: [{ use: 'slow', timeout: '30ms' }] } } },
  )
  expect((await scene.create(BODY)).status).toBe(504)
  await turn()
  expect(told).toBe(true)
})

test('a header field that the configuration does not name is a failure', async () => {
  await using scene = await within(
    { a: { pre: { '*': ({ setHeader }) => setHeader('x-team', 'infra') } } },
    { endpoints: { ContainerCreate: { pre: ['a'] } } },
  )
  expect(messageOf(await scene.create(BODY))).toContain('which its headers.mutate does not name')
})

test('a phase without a handler is found when the configuration is loaded', async () => {
  await expect(
    within({ a: { pre: { '*'() {} } } }, { endpoints: { ContainerCreate: { validate: ['a'] } } }),
  ).rejects.toThrow('it implements no validate-hook')
})
