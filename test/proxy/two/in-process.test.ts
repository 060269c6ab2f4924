/** Protocol 2 within the proxy: adapters of the SDK that run in process, under a configuration of version 2. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type AdapterDefinition, type AdapterSpec, defineAdapter, engineAt } from 'powerstrip/sdk'
import { describeAddress } from '../../../src/model/address.ts'
import { failed, ok } from '../../../src/model/result.ts'
import { startEngine } from '../../support/cases/engine.ts'
import { type LogLine, startPowerstrip } from '../../support/powerstrip.ts'
import { request } from '../../support/raw/box.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { holdLimits } from '../../support/time-limits.ts'
import { CREATE, created, jsonOf, messageOf, setTwo, type TwoScene } from '../../support/two/stage.ts'
import { build } from '../../unit/cli/command.ts'

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

describe('hostile code lets nothing through and stops nothing', () => {
  type Draft = {
    body: Record<string, unknown>
    signal: AbortSignal
    respond: (code: number, body?: never) => unknown
  } & Record<string, never>
  const throwing = (thrown: unknown) => () => {
    throw thrown
  }
  const trap = throwing(new Error('do not touch'))
  const untouchable = new Proxy(
    {},
    { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap },
  )
  const cyclic: unknown[] = []
  cyclic.push(cyclic)
  const put = (key: string, value: unknown) => (draft: Draft) => {
    draft.body[key] = value
  }
  const deeds: Readonly<Record<string, (draft: Draft) => unknown>> = {
    'throws what has no words': throwing(Object.create(null)),
    'throws a symbol': throwing(Symbol('x')),
    'throws what throws when it is looked at': throwing(untouchable),
    'throws an error whose message throws': throwing(
      Object.defineProperty(new Error(), 'message', { get: trap }),
    ),
    'throws an error whose message is none': throwing(Object.assign(new Error(), { message: { a: 1 } })),
    'throws nothing at all': throwing(undefined),
    'gives a promise that is none': () =>
      new Proxy({}, { get: (_, key) => (key === 'then' ? trap : undefined) }),
    'gives a promise that never says anything': () =>
      new Proxy({}, { get: (_, key) => (key === 'then' ? () => {} : undefined) }),
    'gives an answer that throws when it is looked at': () => untouchable,
    'gives false': () => false,
    'gives a verdict of its own making': () => ({ kind: 'deny', status: 200, message: 'fine' }),
    'gives an answer of its own making': () => ({
      kind: 'respond',
      status: 101,
      body: '',
      form: 'utf8',
      contentType: null,
      skipPost: false,
    }),
    'gives an answer whose body is none': () => ({
      kind: 'respond',
      status: 200,
      body: cyclic,
      form: 'json',
      contentType: 'a\r\nb: c',
      skipPost: false,
    }),
    'answers with what goes round in a circle': ({ respond }) => respond(200, cyclic as never),
    'puts in what goes round in a circle': put('Cmd', cyclic),
    'puts in a function': put('Cmd', () => 'x'),
    'puts in a symbol': put('Cmd', Symbol('x')),
    'puts in what throws when it is written': put('Cmd', { toJSON: trap }),
    'puts in what throws when it is read': ({ body }) =>
      Object.defineProperty(body, 'Cmd', { get: trap, enumerable: true }) && undefined,
    'puts in a key of JavaScript’s': put('Labels', JSON.parse('{"__proto__":{"a":"b"}}')),
    'puts in a key twice': ({ body }) => void Object.assign(body, { image: 'other', iMage: 'another' }),
    'puts in what nests without end': ({ body }) => {
      let deep: unknown = 1
      for (let level = 0; level < 100_000; level++) deep = [deep]
      body.Cmd = deep
    },
    'puts in more than any reply may have': put('Cmd', ['x'.repeat(33 * 1024 ** 2)]),
    'takes away the body': (draft) => {
      Reflect.set(draft, 'body', undefined)
    },
    'makes the body something else': (draft) => {
      Reflect.set(draft, 'body', 'text')
    },
    'never ends': () => new Promise(() => {}),
    'fails long after its time': ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => setTimeout(() => reject(untouchable), 1)),
      ),
  }

  /** Those that only their time limit ends. */
  const ENDLESS = ['gives a promise that never says anything', 'never ends', 'fails long after its time']

  test('whatever it is; the same proxy then serves an honest hook', async () => {
    using limits = holdLimits()
    let deed: (draft: Draft) => unknown = () => undefined
    await using scene = await within(
      { a: { pre: { ContainerCreate: (draft) => deed(draft as never) as undefined } } },
      {
        endpoints: { ContainerCreate: { pre: [{ use: 'a', timeout: '1h' }] } },
        more: { chain: { deadline: '2h' } },
      },
    )
    for (const [what, does] of Object.entries(deeds)) {
      let begun = () => {}
      const isBegun = new Promise<void>((resolve) => {
        begun = resolve
      })
      deed = (draft) => {
        begun()
        return does(draft)
      }
      const answer = scene.create(BODY)
      if (ENDLESS.includes(what)) {
        await isBegun
        await turn()
        limits.end()
      }
      const { status } = await answer
      expect([what, status >= 400, scene.engine.requests.length]).toEqual([what, true, 0])
    }
    deed = () => undefined
    expect((await scene.create(BODY)).status).toBe(201)
    expect(scene.engine.onlyRequest.body).toBe(JSON.stringify(BODY))
  })

  test('what it does to what it was shown stays with it', async () => {
    const seen: unknown[] = []
    await using scene = await within(
      {
        a: {
          pre: {
            ContainerCreate(draft) {
              for (const key of ['method', 'target', 'operation', 'apiVersion', 'text'])
                Reflect.set(draft, key, 'mine')
              for (const shown of [draft.params, draft.headers, draft.headers.host, draft.user])
                for (const key of [...Object.keys(shown ?? {}), 'more']) Reflect.set(shown ?? {}, key, 'mine')
            },
          },
        },
        b: {
          pre: {
            ContainerCreate: ({ method, target, operation, params, headers, user }) =>
              void seen.push({ method, target, operation, params, host: headers.host, user }),
          },
        },
      },
      { endpoints: { ContainerCreate: { pre: ['a', 'b'] } } },
    )
    expect((await scene.create(BODY)).status).toBe(201)
    expect(seen).toEqual([
      {
        method: 'POST',
        target: CREATE,
        operation: 'ContainerCreate',
        params: {},
        host: ['docker'],
        user: { name: null, authenticationMethod: null, peerAddress: null },
      },
    ])
    expect(scene.engine.onlyRequest).toMatchObject({
      method: 'POST',
      target: CREATE,
      body: JSON.stringify(BODY),
    })
  })
})

test('what code in process throws when nobody waits for it is logged, and takes nobody’s connection', async () => {
  await build()
  const folder = await mkdtemp(join(tmpdir(), 'stray-'))
  const module = join(folder, 'stray.mjs')
  await writeFile(
    module,
    `import { defineAdapter } from ${JSON.stringify(pathToFileURL('dist/src/sdk/index.js').href)}
const stray = {
  'timer': () => setTimeout(() => { throw new Error('out of a timer') }, 1),
  'promise': () => void Promise.reject(new Error('out of a promise')),
  'nothing': () => void Promise.reject(),
  'odd': () => setTimeout(() => { throw Object.create(null) }, 1),
}
export default defineAdapter({
  name: 'stray',
  pre: { ContainerCreate: ({ query, deny }) => (stray[query.get('name')]?.(), query.get('name') === 'no' ? deny('no') : undefined) },
})
`,
  )
  await using engine = await startEngine(created)
  await using powerstrip = await startPowerstrip({
    upstream: describeAddress(engine.address),
    config: JSON.stringify({
      version: 2,
      adapters: { stray: { module } },
      endpoints: { ContainerCreate: { pre: ['stray'] } },
    }),
  })
  await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
  const told: string[] = []
  for (const name of ['timer', 'promise', 'nothing', 'odd']) {
    client.write(request('POST', `/v1.45/containers/create?name=${name}`, BODY))
    expect((await client.answer('POST')).status).toBe(201)
    const isNew = ({ msg }: LogLine) =>
      /^something was thrown/.test(String(msg)) && !told.includes(String(msg))
    told.push(String((await powerstrip.logged(isNew)).msg))
  }
  expect(told).toEqual([
    expect.stringContaining('out of a timer'),
    expect.stringContaining('out of a promise'),
    expect.stringContaining('undefined'),
    expect.stringContaining('cannot be put into words'),
  ])
  client.write(request('POST', '/v1.45/containers/create?name=no', BODY))
  expect((await client.answer('POST')).status).toBe(403)
  expect(await powerstrip.stop()).toBe(0)
  await rm(folder, { recursive: true })
})

test('PS-HEADER-001: an adapter that takes powerstrip for the engine is told so at its first question; without hooks it is answered', async () => {
  const heard: unknown[] = []
  let ask = (): Promise<unknown> => Promise.resolve()
  await using scene = await within(
    {
      a: {
        pre: {
          async '*'({ deny }) {
            const answer = (await ask()) as {
              readonly ok: boolean
              readonly failure?: { readonly message: string }
            }
            heard.push(answer)
            return answer.ok ? undefined : deny(answer.failure?.message ?? '')
          },
        },
      },
    },
    { endpoints: { ContainerCreate: { pre: ['a'] } } },
  )
  const engine = engineAt(`unix://${scene.socket}`)
  ask = () => engine.json('POST', CREATE, { body: BODY })
  const refused = await scene.create(BODY)
  expect([refused.status, messageOf(refused)]).toEqual([403, expect.stringContaining('(PS-HEADER-001)')])
  expect(heard).toMatchObject([{ ok: false, failure: { kind: 'refused', status: 508 } }])
  expect(scene.engine.requests).toEqual([])

  // Nothing asks about this one.
  ask = () => engine.json('GET', '/v1.45/info')
  expect((await scene.create(BODY)).status).toBe(201)
  expect(scene.engine.requests.map(({ target }) => target)).toEqual(['/v1.45/info', CREATE])
  expect(scene.engine.requests[0]!.field('powerstrip-asker')).toBeUndefined()
})
