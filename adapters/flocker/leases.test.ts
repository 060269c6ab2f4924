/** From the wish for a dataset to the removal of the last container that uses it, with an engine whose containers are scripted. */
import { randomUUID } from 'node:crypto'
import { type JsonObject, makeCall } from 'powerstrip/sdk'
import { type ScriptedContainer, ScriptedContainers } from '../../test/support/flocker/scripted-containers.ts'
import {
  type ControlScript,
  HERE,
  ScriptedControl,
  THERE,
} from '../../test/support/flocker/scripted-control.ts'
import { serveForTest } from '../../test/support/hook-calls.ts'
import flocker from './adapter.ts'
import { LABEL, printLabel, readContainers } from './containers.ts'
import { type LeaseSituation, leaseNeeded } from './leases.ts'

const CREATE = '/v1.45/containers/create'

async function hostWith(options: Record<string, unknown> = {}, script: ControlScript = {}) {
  const control = await ScriptedControl.start(script)
  const engine = await ScriptedContainers.start()
  const begin = () =>
    serveForTest(flocker, { control: control.url, node: HERE.uuid, engine: engine.host, ...options })
  const adapter = await begin()
  return {
    control,
    engine,
    adapter,
    begin,
    /** A container as the engine makes it of what the adapter lets pass. */
    async create(id: string, ...names: readonly string[]): Promise<ScriptedContainer> {
      const Binds = names.map((name) => `/flocker/${name}:/${name}`)
      const { status, message, modified } = await adapter.pre(CREATE, { Image: 'x', HostConfig: { Binds } })
      if (status !== 200) throw new Error(message)
      const body = modified!.Body as { Labels: Record<string, string>; HostConfig: { Binds: string[] } }
      const mounts = body.HostConfig.Binds.map((bind) => bind.split(':')[0]!)
      const container = { id, state: 'created', labels: body.Labels, mounts } as const
      engine.set(container)
      return container
    },
    idOf: (name: string) =>
      [...control.datasets.values()].find(({ metadata }) => metadata.name === name)!.dataset_id,
    async [Symbol.asyncDispose]() {
      await adapter[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      await control[Symbol.asyncDispose]()
    },
  }
}

type Host = Awaited<ReturnType<typeof hostWith>>

async function lasting({ control }: Host, id: string): Promise<void> {
  await control.until(() => control.leaseOf(id)?.expires === null)
}

async function released({ control }: Host, id: string): Promise<void> {
  await control.until(() => control.leaseOf(id) === undefined)
}

/** Resolves when the adapter has looked at the containers once more. */
async function lookedAgain({ control }: Host, begin = () => {}): Promise<void> {
  const looks = () => control.asked.filter(({ path }) => path === '/state/nodes').length
  const before = looks()
  begin()
  await control.until(() => looks() > before)
}

describe('the lease on a dataset', () => {
  test('expires by itself while no started container has confirmed it', async () => {
    await using host = await hostWith({ confirmWithin: '5m' })
    await host.create('web', 'db')
    const { expires } = host.control.leaseOf(host.idOf('db'))!
    expect(expires).toBeGreaterThan(250)
    expect(expires).toBeLessThanOrEqual(300)
  })

  test('is without end once the container is started', async () => {
    await using host = await hostWith()
    const web = await host.create('web', 'db')
    host.engine.set({ ...web, state: 'running' })
    await lasting(host, host.idOf('db'))
  })

  test('stays while the container is only stopped, and ends when it is removed', async () => {
    await using host = await hostWith()
    const web = await host.create('web', 'db')
    host.engine.set({ ...web, state: 'running' })
    await lasting(host, host.idOf('db'))
    host.engine.set({ ...web, state: 'exited' })
    const other = await host.create('other', 'other')
    host.engine.set({ ...other, state: 'running' })
    await lasting(host, host.idOf('other'))
    expect(host.control.leaseOf(host.idOf('db'))?.expires).toBeNull()
    host.engine.remove('web')
    await released(host, host.idOf('db'))
    expect(host.control.leaseOf(host.idOf('other'))?.expires).toBeNull()
  })

  test('has ended when `docker rm` has, where the hook is told', async () => {
    await using host = await hostWith()
    const web = await host.create('web', 'db')
    host.engine.set({ ...web, state: 'running' })
    await lasting(host, host.idOf('db'))
    host.engine.forget('web')
    const removed = { code: 204, body: undefined }
    expect(await host.adapter.post('/v1.45/containers/web', undefined, removed, 'DELETE')).toMatchObject({
      status: 200,
    })
    expect(host.control.leaseOf(host.idOf('db'))).toBeUndefined()
  })

  test('ends with the last of several containers', async () => {
    await using host = await hostWith()
    const one = await host.create('one', 'db')
    host.engine.set({ ...one, state: 'running' })
    await lasting(host, host.idOf('db'))
    const two = await host.create('two', 'db')
    // The first one runs: its lease is not made to expire for the second.
    expect(host.control.leaseOf(host.idOf('db'))?.expires).toBeNull()
    host.engine.set({ ...two, state: 'running' })
    await lookedAgain(host)
    host.engine.remove('one')
    await lookedAgain(host)
    expect(host.control.leaseOf(host.idOf('db'))?.expires).toBeNull()
    host.engine.remove('two')
    await released(host, host.idOf('db'))
  })

  test('ends where a container came and went faster than anybody looked', async () => {
    await using host = await hostWith()
    await host.create('web', 'db')
    host.engine.remove('web')
    await released(host, host.idOf('db'))
  })

  test('is not given back for a removed container while another is on its way', async () => {
    await using host = await hostWith()
    const one = await host.create('one', 'db')
    host.engine.set({ ...one, state: 'running' })
    const id = host.idOf('db')
    await lasting(host, id)
    const { modified } = await host.adapter.pre(CREATE, { HostConfig: { Binds: ['/flocker/db:/db'] } })
    host.engine.remove('one')
    // It may still come to nothing, so the lease is to expire and not to stay.
    await host.control.until(() => typeof host.control.leaseOf(id)?.expires === 'number')
    const labels = (modified!.Body as { Labels: Record<string, string> }).Labels
    host.engine.set({ id: 'two', state: 'running', labels, mounts: [`/flocker/${id}`] })
    await lasting(host, id)
  })

  test('is held by a container that took over the volumes of another one', async () => {
    await using host = await hostWith()
    const one = await host.create('one', 'db')
    host.engine.set({ ...one, state: 'running' })
    const id = host.idOf('db')
    const { modified } = await host.adapter.pre(CREATE, { HostConfig: { VolumesFrom: ['one:ro'] } })
    const body = modified!.Body as { Labels: Record<string, string>; HostConfig: unknown }
    expect(body.HostConfig).toEqual({ VolumesFrom: ['one:ro'] })
    host.engine.set({ id: 'two', state: 'running', labels: body.Labels, mounts: one.mounts })
    await lasting(host, id)
    host.engine.remove('one')
    await lookedAgain(host)
    expect(host.control.leaseOf(id)?.expires).toBeNull()
    host.engine.remove('two')
    await released(host, id)
  })

  test('is not held by an image that was made of such a container', async () => {
    await using host = await hostWith()
    const one = await host.create('one', 'db')
    host.engine.set({ ...one, state: 'running' })
    await lasting(host, host.idOf('db'))
    host.engine.set({ id: 'committed', state: 'running', labels: one.labels, mounts: [] })
    host.engine.remove('one')
    await released(host, host.idOf('db'))
  })

  test('of another host is never given back: one that expired, and was taken there, in the last moment', async () => {
    let taken = false
    await using host = await hostWith(
      {},
      {
        keepsUsers: true,
        answer(request, control) {
          const [, id = ''] = /^\/configuration\/leases\/(.+)$/.exec(request.path) ?? []
          if (request.method !== 'DELETE' || taken) return undefined
          taken = true
          control.lease(id, THERE, null)
          return undefined
        },
      },
    )
    await host.create('web', 'db')
    host.engine.remove('web')
    await host.control.until(() => taken)
    await lookedAgain(host, () => host.engine.hangUp())
    expect(host.control.leaseOf(host.idOf('db'))?.node).toBe(THERE.uuid)
  })

  test('is given back when the engine refuses the container', async () => {
    await using host = await hostWith()
    const body = { HostConfig: { Binds: ['/flocker/db:/db'] } }
    await host.adapter.pre(CREATE, body)
    const id = host.idOf('db')
    expect(host.control.leaseOf(id)).toBeDefined()
    await host.adapter.post(CREATE, body, { code: 404, body: { message: 'No such image: x' } })
    await released(host, id)
  })

  test('is given back when another dataset of the request is refused', async () => {
    await using host = await hostWith()
    const held = host.control.has('z', THERE)
    host.control.lease(held, THERE, null)
    const free = host.control.has('a', HERE)
    const { status } = await host.adapter.pre(CREATE, {
      HostConfig: { Binds: ['/flocker/z:/z', '/flocker/a:/a'] },
    })
    expect(status).toBe(409)
    await released(host, free)
    expect(host.control.leaseOf(held)?.node).toBe(THERE.uuid)
  })
})

describe('undone, in protocol 2', () => {
  const log = { info() {}, warn() {}, error() {} }
  const never = new AbortController().signal

  /** The adapter as it runs within powerstrip. */
  function within(host: Host) {
    const adapter = flocker.create(
      { control: host.control.url, node: HERE.uuid, engine: host.engine.host },
      { log },
    )
    const stop = new AbortController()
    const running = adapter.background?.(stop.signal)
    const ask = (uid: string, name: string) =>
      adapter.answer(
        makeCall('pre-hook', {
          operation: 'ContainerCreate',
          uid,
          body: { Image: 'x', HostConfig: { Binds: [`/flocker/${name}:/data`] } },
        }),
        never,
      )
    const undo = (uid: string, metadata?: JsonObject) =>
      adapter.answer(
        makeCall('unwind-hook', {
          operation: 'ContainerCreate',
          uid,
          ...(metadata === undefined ? {} : { metadata }),
        }),
        never,
      )
    return {
      ask,
      undo,
      async [Symbol.asyncDispose]() {
        stop.abort()
        await running
      },
    }
  }

  test('a lease is free when the undoing has ended, and the data is where it was', async () => {
    await using host = await hostWith()
    await using adapter = within(host)
    const reply = await adapter.ask('one', 'db')
    expect(reply.remarks).toMatchObject({ compensate: true })
    const id = host.idOf('db')
    expect(host.control.leaseOf(id)).toMatchObject({ node: HERE.uuid })
    await adapter.undo('one', { leased: [id] })
    expect(host.control.leaseOf(id)).toBeUndefined()
    expect(host.control.datasets.get(id)).toMatchObject({ primary: HERE.uuid, deleted: false })
    // Repetition, and a request that nobody knows.
    await adapter.undo('one', { leased: [id] })
    await adapter.undo('never heard of')
    expect(host.control.writes.filter((write) => write.startsWith('DELETE /configuration/datasets'))).toEqual(
      [],
    )
  })

  test('one that the adapter has forgotten, being started over, is known by what it said of it', async () => {
    await using host = await hostWith()
    {
      await using before = within(host)
      await before.ask('one', 'db')
    }
    const id = host.idOf('db')
    await using after = within(host)
    await after.undo('one', { leased: [id] })
    expect(host.control.leaseOf(id)).toBeUndefined()
  })

  test('the lease stays where a container uses the dataset, or another request waits for it', async () => {
    await using host = await hostWith()
    await using adapter = within(host)
    await adapter.ask('one', 'db')
    await adapter.ask('two', 'db')
    const id = host.idOf('db')
    await adapter.undo('one', { leased: [id] })
    expect(host.control.leaseOf(id)).toMatchObject({ node: HERE.uuid })
    await adapter.undo('two', { leased: [id] })
    expect(host.control.leaseOf(id)).toBeUndefined()

    const container = await host.create('web', 'db')
    host.engine.set({ ...container, state: 'running' })
    await lasting(host, id)
    await adapter.ask('three', 'db')
    await adapter.undo('three', { leased: [id] })
    expect(host.control.leaseOf(id)).toMatchObject({ expires: null })
  })
})

describe('who uses a dataset', () => {
  test('is kept with the lease, where the service keeps it', async () => {
    await using host = await hostWith({}, { keepsUsers: true })
    await host.adapter.pre(`${CREATE}?name=web`, { HostConfig: { Binds: ['/flocker/db:/db'] } })
    const users = () => host.control.leaseOf(host.idOf('db'))?.users
    expect(users()).toEqual(['web'])
    const one = await host.create('one', 'db')
    host.engine.set({ ...one, state: 'running' })
    await host.control.until(() => users()?.join() === 'one')
    const two = await host.create('two', 'db')
    host.engine.set({ ...two, state: 'running' })
    await host.control.until(() => users()?.join() === 'one,two')
    host.engine.remove('one')
    await host.control.until(() => users()?.join() === 'two')
    expect(host.control.leaseOf(host.idOf('db'))?.expires).toBeNull()
  })

  test('is told to who is refused', async () => {
    await using host = await hostWith({}, { keepsUsers: true })
    host.control.lease(host.control.has('db', THERE), THERE, null, ['web', 'backup'])
    const { message } = await host.adapter.pre(CREATE, { HostConfig: { Binds: ['/flocker/db:/db'] } })
    expect(message).toContain(
      `is in use on 10.0.0.2 (${THERE.uuid}) by web, backup; it is free once what uses it there is removed`,
    )
  })
})

describe('compared with the containers that there are', () => {
  const path = (id: string) => `/flocker/${id}`

  test('when it begins: what a container uses is held, and what none uses is given back', async () => {
    await using host = await hostWith()
    await host.adapter[Symbol.asyncDispose]()
    const [used, idle, other] = ['used', 'idle', 'other'].map((name) => host.control.has(name, HERE)) as [
      string,
      string,
      string,
    ]
    for (const id of [used, idle]) host.control.lease(id, HERE, null)
    host.control.lease(other, THERE, null)
    const fresh = host.control.has('fresh', HERE)
    host.control.lease(fresh, HERE, 300)
    const started = host.control.has('started', HERE)
    host.engine.set({ id: 'a', state: 'exited', labels: {}, mounts: [path(used)] })
    host.engine.set({ id: 'b', state: 'running', labels: {}, mounts: [path(started)] })
    await using _again = await host.begin()
    await released(host, idle)
    await lasting(host, started)
    expect(host.control.leaseOf(used)?.expires).toBeNull()
    expect(host.control.leaseOf(other)?.node).toBe(THERE.uuid)
    // For a container that is on its way, perhaps: an adapter that begins cannot know.
    expect(host.control.leaseOf(fresh)?.expires).toBeGreaterThan(200)
  })

  test('after every interruption of the events', async () => {
    await using host = await hostWith()
    const web = await host.create('web', 'db')
    host.engine.set({ ...web, state: 'running' })
    await lasting(host, host.idOf('db'))
    host.engine.forget('web')
    host.engine.hangUp()
    await released(host, host.idOf('db'))
  })

  test('again and again while the control service is away', async () => {
    let away = false
    const control = await ScriptedControl.start({
      answer: () => (away ? { status: 503, body: { description: 'The store is away.' } } : undefined),
    })
    const engine = await ScriptedContainers.start()
    await using adapter = await serveForTest(flocker, {
      control: control.url,
      node: HERE.uuid,
      engine: engine.host,
    })
    const id = control.has('db', HERE)
    const { modified } = await adapter.pre(CREATE, { HostConfig: { Binds: [`/flocker/db:/db`] } })
    const labels = (modified!.Body as { Labels: Record<string, string> }).Labels
    away = true
    const asked = control.asked.length
    engine.set({ id: 'web', state: 'running', labels, mounts: [path(id)] })
    await control.until(() => control.asked.length > asked + 3)
    away = false
    await control.until(() => control.leaseOf(id)?.expires === null)
    expect(adapter.log.filter((line) => line.includes('503 The store is away.'))).toHaveLength(1)
    await engine[Symbol.asyncDispose]()
    await control[Symbol.asyncDispose]()
  })

  test('a container that runs on a dataset that another host has got is told of, once', async () => {
    await using host = await hostWith()
    const id = host.control.has('db', HERE)
    host.control.lease(id, THERE, null)
    const labels = { [LABEL]: printLabel({ claim: randomUUID(), datasets: { [id]: path(id) } }) }
    // One look after the other: when the third has begun, two are over.
    for (let look = 0; look < 3; look++) {
      host.engine.set({ id: 'web', state: 'running', labels, mounts: [path(id)] })
      await lookedAgain(host)
    }
    const told = host.adapter.log.filter((line) => line.includes('stop the container here'))
    expect(told).toEqual([expect.stringMatching(/used here by web, but 10\.0\.0\.2 .* has the lease/)])
    expect(host.control.leaseOf(id)?.node).toBe(THERE.uuid)
  })
})

describe('before a container is started', () => {
  const start = (id: string) => `/v1.45/containers/${id}/start`

  test('its dataset is here, although its lease had expired and it had been moved', async () => {
    await using host = await hostWith()
    await host.create('web', 'db')
    const id = host.idOf('db')
    host.control.lease(id, THERE, 0)
    host.control.datasets.get(id)!.primary = THERE.uuid
    host.control.show(id, [host.control.complete(id, THERE.uuid)])
    expect((await host.adapter.pre(start('web'))).status).toBe(200)
    expect(host.control.datasets.get(id)?.primary).toBe(HERE.uuid)
    expect(host.control.leaseOf(id)?.node).toBe(HERE.uuid)
  })

  test('it is refused where another host has the dataset by now', async () => {
    await using host = await hostWith()
    await host.create('web', 'db')
    const id = host.idOf('db')
    host.control.lease(id, THERE, 0)
    host.control.lease(id, THERE, null)
    expect(await host.adapter.pre(start('web'))).toMatchObject({
      status: 409,
      message: expect.stringContaining('the dataset "db" is in use on 10.0.0.2'),
    })
  })

  test('it is refused where the dataset has another path by now', async () => {
    await using host = await hostWith()
    await host.create('web', 'db')
    const id = host.idOf('db')
    host.control.show(id, [{ dataset_id: id, primary: HERE.uuid, path: '/elsewhere' }])
    expect(await host.adapter.pre(start('web'))).toMatchObject({
      status: 409,
      message: `the dataset "db" is at /elsewhere by now, and this container mounts /flocker/${id}; remove the container and create it again`,
    })
  })

  test('the control service is not asked for one without datasets, or for one that is not there', async () => {
    await using host = await hostWith()
    host.engine.set({ id: 'plain', state: 'created', labels: {}, mounts: ['/srv'] })
    await lookedAgain(host)
    const asked = host.control.writes.length
    for (const id of ['plain', 'nobody']) expect((await host.adapter.pre(start(id))).status).toBe(200)
    expect(host.control.writes).toHaveLength(asked)
  })
})

test('a move is told to whoever waited for it, as a warning of the new container', async () => {
  await using host = await hostWith()
  host.control.has('db', THERE)
  const body = { HostConfig: { Binds: ['/flocker/db:/db'] } }
  await host.adapter.pre(CREATE, body)
  const answer = { code: 201, body: { Id: 'a', Warnings: ['low on memory'] } }
  const { modified } = await host.adapter.post(CREATE, body, answer)
  expect(modified?.Body).toEqual({
    Id: 'a',
    Warnings: [
      'low on memory',
      expect.stringMatching(/^flocker: the dataset "db" was moved here from 10\.0\.0\.2 .* in [0-9.]+ s$/),
    ],
  })
  expect((await host.adapter.post(CREATE, body, answer)).modified?.Body).toEqual(answer.body)
})

test.each<[string, Partial<LeaseSituation>, string]>([
  [
    'an expiring lease of a container that runs',
    { lease: 'expiring', used: true, started: true, running: true },
    'lasting',
  ],
  [
    'a lasting lease of a container that runs',
    { lease: 'lasting', used: true, started: true, running: true },
    'as-it-is',
  ],
  ['a container that runs without a lease', { used: true, started: true, running: true }, 'lasting'],
  ['a stopped container whose data has gone', { used: true, started: true, here: false }, 'as-it-is'],
  [
    'a container that runs on the data of another host',
    { lease: 'elsewhere', used: true, started: true, running: true },
    'lost',
  ],
  [
    'a stopped container, the data of another host',
    { lease: 'elsewhere', used: true, started: true },
    'as-it-is',
  ],
  ['a container that was never started', { lease: 'expiring', used: true }, 'as-it-is'],
  ['one never started, after one that was', { lease: 'lasting', used: true }, 'expiring'],
  ['no container, and one is on its way', { lease: 'lasting', waited: true, seen: true }, 'expiring'],
  [
    'no container, and one is on its way to an expiring lease',
    { lease: 'expiring', waited: true, seen: true },
    'as-it-is',
  ],
  ['no container any more', { lease: 'lasting' }, 'released'],
  ['no container any more that was never started', { lease: 'expiring', seen: true }, 'released'],
  ['no container that anybody here knows of', { lease: 'expiring' }, 'as-it-is'],
  ['no container and no lease', {}, 'as-it-is'],
])('%s: %j needs it %s', (_what, situation, needed) => {
  const nothing: LeaseSituation = {
    told: true,
    lease: 'none',
    started: false,
    running: false,
    used: false,
    waited: false,
    seen: false,
    here: true,
  }
  expect(leaseNeeded({ ...nothing, ...situation })).toBe(needed)
})

test('containers are read out of whatever the engine lists', () => {
  const label = { claim: randomUUID(), datasets: { a: '/vol/a' } }
  const [one, two] = readContainers([
    {
      Id: '1',
      Names: ['/one'],
      State: 'running',
      Labels: { [LABEL]: printLabel(label) },
      Mounts: [{ Source: '/vol/a' }],
    },
    { Id: '2', Labels: { [LABEL]: 'nonsense' }, Mounts: null },
    7,
  ])
  expect(one).toMatchObject({ name: 'one', label, started: true, running: true })
  expect([
    one!.uses('a', undefined),
    one!.uses('a', '/moved'),
    one!.uses('b', '/vol/a'),
    one!.uses('b', '/vol'),
  ]).toEqual([true, true, true, true])
  expect(two).toMatchObject({ name: '2', label: undefined, running: false })
  expect(two!.uses('a', '/vol/a')).toBe(false)
})
