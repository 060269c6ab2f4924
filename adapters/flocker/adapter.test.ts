/** The adapter over real sockets, against a control service that answers as Flocker's did. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ScriptedContainers } from '../../test/support/flocker/scripted-containers.ts'
import {
  type ControlScript,
  HERE,
  ScriptedControl,
  type StateEntry,
  THERE,
} from '../../test/support/flocker/scripted-control.ts'
import { type HookReply, type ServedAdapter, serveForTest } from '../../test/support/hook-calls.ts'
import flocker from './adapter.ts'

const CREATE = '/v1.45/containers/create?name=web'

let engine: ScriptedContainers
beforeAll(async () => {
  engine = await ScriptedContainers.start()
})
afterAll(() => engine[Symbol.asyncDispose]())

async function clusterWith(script: ControlScript = {}, options: Record<string, unknown> = {}) {
  const control = await ScriptedControl.start(script)
  const adapter = await serveForTest(flocker, {
    control: control.url,
    node: HERE.host,
    engine: engine.host,
    ...options,
  })
  return {
    control,
    adapter,
    ask: (...binds: readonly string[]) => adapter.pre(CREATE, { Image: 'x', HostConfig: { Binds: binds } }),
    async [Symbol.asyncDispose]() {
      await adapter[Symbol.asyncDispose]()
      await control[Symbol.asyncDispose]()
    },
  }
}

interface Created {
  readonly Labels?: Readonly<Record<string, string>>
  readonly HostConfig: { readonly Binds: readonly string[] }
}

function bindsIn(reply: HookReply): readonly string[] {
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.message}`)
  return (reply.modified!.Body as Created).HostConfig.Binds
}

function logOf(adapter: ServedAdapter): string {
  return adapter.log.join('\n')
}

describe('a name that is nowhere', () => {
  test('is created here, and the container gets where it is', async () => {
    await using cluster = await clusterWith()
    const binds = bindsIn(await cluster.ask('/flocker/db:/data:ro'))
    const [dataset] = cluster.control.datasets.values()
    expect(dataset).toMatchObject({ primary: HERE.uuid, metadata: { name: 'db' } })
    expect(binds).toEqual([`/flocker/${dataset!.dataset_id}:/data:ro`])
  })

  test('is there before the engine sees the request', async () => {
    await using cluster = await clusterWith({
      converge: (id, to) => [
        [],
        [{ dataset_id: id }],
        [{ dataset_id: id, primary: to, path: `/flocker/${id}` }],
      ],
    })
    expect(bindsIn(await cluster.ask('/flocker/db:/data'))).toHaveLength(1)
    expect(
      cluster.control.asked.filter(({ path }) => path === '/state/datasets').length,
    ).toBeGreaterThanOrEqual(3)
  })

  test('asked for twice in one request is one dataset', async () => {
    await using cluster = await clusterWith()
    const [first, second] = bindsIn(await cluster.ask('/flocker/db:/data', '/flocker/db:/backup:ro'))
    expect(second).toBe(`${first!.split(':')[0]}:/backup:ro`)
    expect(cluster.control.datasets.size).toBe(1)
  })

  test('asked for by two requests at once is one dataset', async () => {
    await using cluster = await clusterWith()
    const [one, two] = await Promise.all([cluster.ask('/flocker/db:/data'), cluster.ask('/flocker/db:/data')])
    expect(bindsIn(one)).toEqual(bindsIn(two))
    expect(cluster.control.datasets.size).toBe(1)
  })

  test('that another host creates in the meantime (412) is found at the second look', async () => {
    let id: string | undefined
    await using cluster = await clusterWith({
      answer(request, control) {
        if (request.path !== '/configuration/datasets' || request.method !== 'POST') return undefined
        id ??= control.has('db', THERE)
        return undefined
      },
    })
    expect(bindsIn(await cluster.ask('/flocker/db:/data'))).toEqual([`/flocker/${id}:/data`])
    expect(cluster.control.datasets.size).toBe(1)
    expect(cluster.control.writes.filter((write) => write === 'POST /configuration/datasets')).toHaveLength(1)
  })
})

describe('a dataset that is here', () => {
  test('is given to a second container of this host, and nothing is created or moved', async () => {
    await using cluster = await clusterWith()
    const id = cluster.control.has('db', HERE)
    expect(bindsIn(await cluster.ask('/flocker/db:/data'))).toEqual([`/flocker/${id}:/data`])
    expect(bindsIn(await cluster.ask('/flocker/db:/data'))).toEqual([`/flocker/${id}:/data`])
    expect(cluster.control.writes).toEqual([
      'POST /configuration/leases',
      'POST /configuration/leases',
      'POST /configuration/leases',
      'POST /configuration/leases',
    ])
  })

  test.each([
    ['its id', (id: string) => id],
    ['its id in upper case', (id: string) => id.toUpperCase()],
  ])('is found by %s too', async (_how, name) => {
    await using cluster = await clusterWith()
    const id = cluster.control.has('db', HERE)
    expect(bindsIn(await cluster.ask(`/flocker/${name(id)}:/data`))).toEqual([`/flocker/${id}:/data`])
    expect(cluster.control.datasets.size).toBe(1)
  })

  test('shown its own work again, the adapter leaves it as it is', async () => {
    await using cluster = await clusterWith()
    const once = bindsIn(await cluster.ask('/flocker/db:/data'))
    expect(bindsIn(await cluster.ask(...once))).toEqual(once)
    expect(cluster.control.datasets.size).toBe(1)
  })

  test('is waited for where the wish was made by somebody else', async () => {
    await using cluster = await clusterWith()
    const id = cluster.control.has('db', HERE)
    const here = cluster.control.complete(id, HERE.uuid)
    cluster.control.show(id, [cluster.control.complete(id, THERE.uuid)], [{ dataset_id: id }], [here])
    expect(bindsIn(await cluster.ask('/flocker/db:/data'))).toEqual([`/flocker/${id}:/data`])
    expect(cluster.control.writes).not.toContain(`POST /configuration/datasets/${id}`)
  })
})

describe('a dataset that is elsewhere', () => {
  test.each<[string, (here: StateEntry, there: StateEntry) => readonly StateEntry[][]]>([
    ['one poll later', (here, there) => [[there], [here]]],
    ['by way of nowhere', (here, there) => [[there], [{ dataset_id: here.dataset_id }], [here]]],
    ['by way of both nodes at once', (here, there) => [[there], [there, here], [here, there], [here]]],
    [
      'without a path at first',
      (here, there) => [[there], [{ dataset_id: here.dataset_id, primary: HERE.uuid }], [here]],
    ],
    ['shown twice here at first', (here, there) => [[there], [here, here], [here]]],
    ['beside a detached copy', (here, there) => [[there], [here, { dataset_id: here.dataset_id }]]],
    ['by way of no entry at all', (here, there) => [[there], [], [here]]],
  ])('is moved here: %s', async (_way, polls) => {
    await using cluster = await clusterWith({
      converge: (id, to, from) => [
        ...polls(
          { dataset_id: id, primary: to, path: `/flocker/${id}` },
          { dataset_id: id, primary: from ?? '', path: `/flocker/${id}` },
        ),
      ],
    })
    const id = cluster.control.has('db', THERE)
    let shown = 0
    expect(bindsIn(await cluster.ask('/flocker/db:/data'))).toEqual([`/flocker/${id}:/data`])
    for (const { path } of cluster.control.asked) if (path === '/state/datasets') shown++
    expect(shown).toBeGreaterThanOrEqual(polls({ dataset_id: id }, { dataset_id: id }).length)
    expect(cluster.control.datasets.get(id)?.primary).toBe(HERE.uuid)
    expect(logOf(cluster.adapter)).toContain(`dataset "db": moving here from ${THERE.host}`)
  })

  test('is leased to this host before it is moved', async () => {
    await using cluster = await clusterWith()
    const id = cluster.control.has('db', THERE)
    await cluster.ask('/flocker/db:/data')
    expect(cluster.control.writes.slice(0, 2)).toEqual([
      'POST /configuration/leases',
      `POST /configuration/datasets/${id}`,
    ])
    expect(cluster.control.leaseOf(id)).toMatchObject({ node: HERE.uuid, expires: expect.any(Number) })
  })

  test('is called here again where the wish has changed before the lease was taken', async () => {
    await using cluster = await clusterWith({
      answer(request, control) {
        if (request.method !== 'POST' || request.path !== '/configuration/leases') return undefined
        const [dataset] = control.datasets.values()
        // Somebody without a lease, just before.
        if (control.leaseOf(dataset!.dataset_id) === undefined) dataset!.primary = THERE.uuid
        return undefined
      },
    })
    const id = cluster.control.has('db', HERE)
    expect(bindsIn(await cluster.ask('/flocker/db:/data'))).toHaveLength(1)
    expect(cluster.control.writes).toContain(`POST /configuration/datasets/${id}`)
    expect(cluster.control.datasets.get(id)?.primary).toBe(HERE.uuid)
  })

  test('and one that is new are both here before the engine sees the request', async () => {
    await using cluster = await clusterWith({
      converge: (id, to, from) =>
        from === undefined
          ? [[], [], [{ dataset_id: id, primary: to, path: `/new/${id}` }]]
          : [
              [{ dataset_id: id, primary: from, path: 'x' }],
              [{ dataset_id: id, primary: to, path: `/old/${id}` }],
            ],
    })
    const old = cluster.control.has('old', THERE)
    const binds = bindsIn(await cluster.ask('/flocker/new:/1', '/flocker/old:/2'))
    expect(binds).toEqual([expect.stringMatching(/^\/new\/.*:\/1$/), `/old/${old}:/2`])
  })

  test.each(['stored', 'refused'] as const)(
    'and leased there is not moved (a service that has such a wish %s)',
    async (leasedMove) => {
      await using cluster = await clusterWith({ leasedMove })
      const id = cluster.control.has('db', THERE)
      cluster.control.lease(id, THERE, null)
      expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
        status: 409,
        message: `the dataset "db" is in use on ${THERE.host} (${THERE.uuid}) by a container; it is free once what uses it there is removed`,
      })
      expect(cluster.control.writes).toEqual([])
      expect(cluster.control.datasets.get(id)?.primary).toBe(THERE.uuid)
    },
  )

  test('and leased there a moment before this host asks is not moved', async () => {
    await using cluster = await clusterWith({
      answer(request, control) {
        const [id] = control.datasets.keys()
        if (request.method === 'POST' && request.path === '/configuration/leases')
          control.lease(id!, THERE, 30)
        return undefined
      },
    })
    cluster.control.has('db', THERE)
    expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
      status: 409,
      message: expect.stringMatching(
        /^the dataset "db" is in use on 10\.0\.0\.2 .*if it never is, the dataset is free in (?:29|30) s$/,
      ),
    })
    expect(cluster.control.writes).toEqual(['POST /configuration/leases'])
  })

  test('and not moved in time is a failure that says what was seen last', async () => {
    await using cluster = await clusterWith(
      { converge: (id, _to, from) => [[{ dataset_id: id, primary: from ?? '', path: 'x' }]] },
      { deadline: '1s' },
    )
    cluster.control.has('db', THERE)
    expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
      status: 500,
      message: expect.stringContaining(
        `was not complete on this host after 1.0 s; the control service sees it on ${THERE.uuid}`,
      ),
    })
  })

  test('and kept there by a problem that the service tells of is a failure with its words', async () => {
    const problem = 'the disk of 10.0.0.1 is full'
    await using cluster = await clusterWith(
      { converge: (id, _to, from) => [[{ dataset_id: id, primary: from ?? '', path: 'x', problem }]] },
      { problemPatience: '200ms' },
    )
    const id = cluster.control.has('db', THERE)
    expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
      status: 500,
      message: `the dataset "db" (${id}) does not get here: ${problem}`,
    })
    await cluster.control.until(() => cluster.control.leaseOf(id) === undefined)
  })

  test('and the progress of its move, where the service tells it, is in the words', async () => {
    const move = { phase: 'copying', bytes: 1_500_000, total_bytes: 30_000_000, eta_seconds: 7 }
    await using cluster = await clusterWith(
      { converge: (id, _to, from) => [[{ dataset_id: id, primary: from ?? '', path: 'x', move }]] },
      { deadline: '1s' },
    )
    cluster.control.has('db', THERE)
    expect((await cluster.ask('/flocker/db:/data')).message).toContain(
      '(copying 1.5 MB of 30 MB, about 7 s left)',
    )
  })

  test('waits for a control service that is started over in the meantime', async () => {
    let polls = 0
    await using cluster = await clusterWith({
      converge: (id, to, from) => [
        [{ dataset_id: id, primary: from ?? '' }],
        [{ dataset_id: id, primary: to, path: `/flocker/${id}` }],
      ],
      answer: ({ path }) =>
        path === '/state/datasets' && ++polls === 2
          ? { status: 503, body: { description: 'The store is away.' } }
          : undefined,
    })
    cluster.control.has('db', THERE)
    expect((await cluster.ask('/flocker/db:/data')).status).toBe(200)
    expect(polls).toBeGreaterThan(2)
  })

  test('is looked at again where the lease had expired in between', async () => {
    let first = true
    await using cluster = await clusterWith({
      answer(request, control) {
        const [id] = control.datasets.keys()
        if (request.path !== '/state/datasets' || control.leaseOf(id!) === undefined || !first)
          return undefined
        first = false
        // This host slept; another one had the dataset for a while.
        control.lease(id!, HERE, 0)
        control.datasets.get(id!)!.primary = THERE.uuid
        return undefined
      },
    })
    const id = cluster.control.has('db', HERE)
    expect((await cluster.ask('/flocker/db:/data')).status).toBe(200)
    expect(cluster.control.writes).toEqual([
      'POST /configuration/leases',
      // The last look at the lease finds that it was gone, and all begins again.
      'POST /configuration/leases',
      `POST /configuration/datasets/${id}`,
      'POST /configuration/leases',
    ])
  })

  test('the write is made again where the configuration has changed (412)', async () => {
    let refusals = 2
    await using cluster = await clusterWith({
      answer: ({ method, path }) =>
        method === 'POST' && path.startsWith('/configuration/datasets/') && refusals-- > 0
          ? { status: 412, body: { description: 'The configuration has changed.' } }
          : undefined,
    })
    cluster.control.has('db', THERE)
    expect((await cluster.ask('/flocker/db:/data')).status).toBe(200)
    expect(refusals).toBe(-1)
  })
})

describe('each fault of the adapter of 2015', () => {
  test('plain binds dropped: all are kept, and their order', async () => {
    await using cluster = await clusterWith()
    const binds = bindsIn(await cluster.ask('/a:/a', '/flocker/db:/db', 'named:/n:ro', '/z:/z'))
    expect(binds).toEqual([
      '/a:/a',
      expect.stringMatching(/^\/flocker\/[-0-9a-f]{36}:\/db$/),
      'named:/n:ro',
      '/z:/z',
    ])
  })

  test("every volume gets the last bind's rest: each keeps its own", async () => {
    await using cluster = await clusterWith()
    const binds = bindsIn(await cluster.ask('/flocker/a:/1:ro', '/flocker/b:/2', '/flocker/c:/3:rw'))
    expect(binds.map((bind) => bind.replace(/^[^:]*:/, ''))).toEqual(['/1:ro', '/2', '/3:rw'])
  })

  test('volumes moved from under running containers: held elsewhere is a denial', async () => {
    await using cluster = await clusterWith()
    const id = cluster.control.has('db', THERE)
    cluster.control.lease(id, THERE, null)
    const { status, message } = await cluster.ask('/flocker/db:/data')
    expect(status).toBe(409)
    expect(message).toContain('"db"')
    expect(message).toContain(THERE.host)
  })

  test('Request is its own path, Method always POST: neither is touched', async () => {
    await using cluster = await clusterWith()
    const { modified } = await cluster.ask('/flocker/db:/data')
    expect(modified).toMatchObject({ Method: 'POST', Request: CREATE })
  })

  test.each([
    ['no HostConfig', { Image: 'x' }],
    ['null for HostConfig', { Image: 'x', HostConfig: null }],
    ['a null body', undefined],
  ])('never answers without HostConfig: %s passes', async (_what, body) => {
    await using cluster = await clusterWith()
    expect((await cluster.adapter.pre(CREATE, body)).status).toBe(200)
    expect(cluster.control.asked.filter(({ path }) => path.startsWith('/configuration/datasets'))).toEqual([])
  })

  test('a traceback page on a post-hook: it passes unchanged', async () => {
    await using cluster = await clusterWith()
    const body = { Image: 'x', HostConfig: { Binds: ['/flocker/db:/data'] } }
    const { status, modified } = await cluster.adapter.post(CREATE, body, { code: 201, body: { Id: 'a' } })
    expect(status).toBe(200)
    expect(modified).toMatchObject({ Code: 201, Body: { Id: 'a' } })
  })

  test('Binds: null becomes [], and bodies are written anew: untouched unless changed', async () => {
    await using cluster = await clusterWith()
    const text = '{ "Image":"x",  "HostConfig": {"Binds": null, "Memory": 9007199254740993} }'
    const { modified } = await cluster.adapter.pre(CREATE, text)
    // Read as JSON by the helper: what came back is what was sent, and not a number less exact.
    expect(modified?.Body).toEqual(JSON.parse(text))
  })

  test.each([
    [
      'an error of the control service',
      (path: string) =>
        path === '/configuration/datasets' ? { status: 500, body: { description: 'No.' } } : undefined,
      /control service at http:\/\/127.*GET \/v1\/configuration\/datasets: 500 No\./,
    ],
    [
      'something else than a control service',
      (path: string) =>
        path === '/configuration/datasets' ? { status: 200, body: { hello: 1 } } : undefined,
      /answered with no list of datasets/,
    ],
    [
      'a node that is not known',
      (path: string) => (path === '/state/nodes' ? { status: 200, body: [THERE] } : undefined),
      /does not know this host as node "10\.0\.0\.1"; it knows: 10\.0\.0\.2/,
    ],
  ])(
    'no error check of the control service: %s is a failure with its words',
    async (_what, answer, words) => {
      await using cluster = await clusterWith({ answer: ({ path }) => answer(path) })
      expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
        status: 500,
        message: expect.stringMatching(words),
      })
    },
  )

  test('no timeout: polls until the deadline, then fails with the last state', async () => {
    await using cluster = await clusterWith({ converge: () => [[]] }, { deadline: '1s' })
    expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
      status: 500,
      message: expect.stringMatching(
        /not complete on this host after 1\.0 s; the control service sees it nowhere/,
      ),
    })
  })

  test('deleted datasets confuse it: they are ignored', async () => {
    await using cluster = await clusterWith()
    const gone = cluster.control.has('db', THERE, { deleted: true })
    const [bind] = bindsIn(await cluster.ask('/flocker/db:/data'))
    expect(bind).not.toContain(gone)
    expect(cluster.control.datasets.size).toBe(2)
  })

  test('same-named datasets confuse it: two live ones are a denial that names both', async () => {
    await using cluster = await clusterWith()
    const ids = [cluster.control.has('db', THERE), cluster.control.has('db', HERE)]
    const { status, message } = await cluster.ask('/flocker/db:/data')
    expect(status).toBe(409)
    for (const id of ids) expect(message).toContain(id)
    expect(cluster.control.writes).toEqual([])
  })
})

test('a name that cannot be one is refused with 400, and the control service is not asked', async () => {
  await using cluster = await clusterWith()
  const { status, message } = await cluster.ask('/flocker/db/sub:/data')
  expect([status, message]).toEqual([
    400,
    '"/flocker/db/sub" is a path within the dataset "db"; only a whole dataset can be mounted: /flocker/db',
  ])
  expect(cluster.control.writes).toEqual([])
})

test('a container without datasets costs the control service nothing', async () => {
  await using cluster = await clusterWith()
  // What it asks for itself when it begins: who it is, and then leases, state and nodes.
  await cluster.control.until(() => cluster.control.asked.length === 4)
  const before = cluster.control.asked.length
  expect((await cluster.ask('/srv:/srv')).status).toBe(200)
  expect(cluster.control.asked).toHaveLength(before)
})

test('a dataset is never deleted', async () => {
  await using cluster = await clusterWith()
  cluster.control.has('db', THERE)
  await cluster.ask('/flocker/db:/data', '/flocker/new:/new')
  expect(
    cluster.control.writes.filter((write) => write.startsWith('DELETE /configuration/datasets')),
  ).toEqual([])
})

describe('services of before', () => {
  const OLD = { version: '0.3' } as const

  test('without leases are refused, until it is said that this is acceptable', async () => {
    await using cluster = await clusterWith({ version: '0.3' })
    expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
      status: 500,
      message: expect.stringContaining('set the option "leases" to "none"'),
    })
  })

  test('nodes by host, no tags and the path by rule: the dataset is created and mounted', async () => {
    await using cluster = await clusterWith(OLD, { leases: 'none', hostUuid: 'HOST' })
    const binds = bindsIn(await cluster.ask('/flocker/db:/data'))
    const [dataset] = cluster.control.datasets.values()
    expect(dataset?.primary).toBe(HERE.host)
    expect(binds).toEqual([`/flocker/HOST.default.${dataset!.dataset_id}:/data`])
  })

  test('a dataset is moved, and shown its own work again the adapter leaves it', async () => {
    await using cluster = await clusterWith(OLD, { leases: 'none', hostUuid: 'HOST' })
    const id = cluster.control.has('db', THERE.host)
    const binds = bindsIn(await cluster.ask('/flocker/db:/data'))
    expect(binds).toEqual([`/flocker/HOST.default.${id}:/data`])
    expect(bindsIn(await cluster.ask(...binds))).toEqual(binds)
    expect(cluster.control.datasets.size).toBe(1)
  })

  test('without hostUuid the failure says which option is missing', async () => {
    await using cluster = await clusterWith(OLD, { leases: 'none', deadline: '1s' })
    expect((await cluster.ask('/flocker/db:/data')).message).toContain(
      'the option "hostUuid" is for such back ends',
    )
  })

  test('two hosts that create at once without tags make one dataset', async () => {
    await using cluster = await clusterWith(OLD, { leases: 'none', hostUuid: 'A' })
    await using other = await serveForTest(flocker, {
      control: cluster.control.url,
      node: THERE.host,
      leases: 'none',
      hostUuid: 'B',
      deadline: '500ms',
    })
    await Promise.all([
      cluster.ask('/flocker/db:/data'),
      other.pre(CREATE, { HostConfig: { Binds: ['/flocker/db:/data'] } }),
    ])
    expect(cluster.control.datasets.size).toBe(1)
  })

  test('a name whose dataset was deleted gets another id', async () => {
    await using cluster = await clusterWith(OLD, { leases: 'none', hostUuid: 'HOST' })
    const first = bindsIn(await cluster.ask('/flocker/db:/data'))
    for (const dataset of cluster.control.datasets.values()) dataset.deleted = true
    expect(bindsIn(await cluster.ask('/flocker/db:/data'))).not.toEqual(first)
    expect(cluster.control.datasets.size).toBe(2)
  })

  test('called away while it is waited for is a denial', async () => {
    await using cluster = await clusterWith(
      {
        ...OLD,
        converge: (id) => [[{ dataset_id: id, primary: THERE.host }]],
        answer(request, control) {
          if (request.path === '/state/datasets')
            for (const dataset of control.datasets.values()) dataset.primary = THERE.host
          return undefined
        },
      },
      { leases: 'none', hostUuid: 'HOST' },
    )
    cluster.control.has('db', THERE.host)
    expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
      status: 409,
      message: expect.stringContaining('has meanwhile been called to 10.0.0.2'),
    })
  })
})

describe('the way to the control service', () => {
  test('one that is not there is a failure that says where', async () => {
    await using gone = await ScriptedControl.start()
    const { url } = gone
    await gone[Symbol.asyncDispose]()
    await using adapter = await serveForTest(flocker, { control: url, node: HERE.host, engine: engine.host })
    expect(await adapter.pre(CREATE, { HostConfig: { Binds: ['/flocker/db:/data'] } })).toMatchObject({
      status: 500,
      message: `the control service at ${url} cannot be asked (ECONNREFUSED)`,
    })
  })

  test('of several the next one is asked', async () => {
    await using cluster = await clusterWith()
    await using adapter = await serveForTest(flocker, {
      control: ['http://127.0.0.1:1', `${cluster.control.url}/v1/`],
      node: HERE.uuid,
      engine: engine.host,
    })
    const reply = await adapter.pre(CREATE, { HostConfig: { Binds: ['/flocker/db:/data'] } })
    expect(bindsIn(reply)).toHaveLength(1)
  })

  test('one that does not answer is not waited for', async () => {
    const silent = createServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    await using adapter = await serveForTest(flocker, {
      control: `http://127.0.0.1:${port}`,
      node: HERE.host,
      engine: engine.host,
      timeout: '200ms',
    })
    expect(await adapter.pre(CREATE, { HostConfig: { Binds: ['/flocker/db:/data'] } })).toMatchObject({
      status: 500,
      message: `the control service at http://127.0.0.1:${port} cannot be asked (no answer in 200 ms)`,
    })
    silent.close()
  })

  describe('over TLS', () => {
    let folder: string
    const file = (name: string) => join(folder, name)
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'flocker-tls-'))
      const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
      for (const [name, whose] of [
        ['service', ['-subj', '/CN=control', '-addext', 'subjectAltName=IP:127.0.0.1']],
        ['client', ['-subj', '/CN=node']],
      ] as const)
        execFileSync(
          'openssl',
          ['req', '-x509', ...how, ...whose, '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
          { stdio: 'ignore' },
        )
    })
    afterAll(() => rmSync(folder, { recursive: true }))

    const tls = () => ({
      key: readFileSync(file('service.key')),
      cert: readFileSync(file('service.crt')),
      ca: readFileSync(file('client.crt')),
      requestCert: true,
      rejectUnauthorized: true,
    })

    test('with a certificate of its own it is let in', async () => {
      await using cluster = await clusterWith(
        { tls: tls() },
        { ca: file('service.crt'), cert: file('client.crt'), key: file('client.key') },
      )
      expect(bindsIn(await cluster.ask('/flocker/db:/data'))).toHaveLength(1)
    })

    test.each([
      ['a service that nobody vouches for', () => ({}), /self-signed|SELF_SIGNED/],
      ['a service that wants to know who asks', () => ({ ca: file('service.crt') }), /cannot be asked/],
    ])('%s is a failure', async (_what, options, words) => {
      await using cluster = await clusterWith({ tls: tls() }, options())
      expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
        status: 500,
        message: expect.stringMatching(words),
      })
    })
  })
})

test('an engine whose events cannot be followed gets no dataset', async () => {
  await using cluster = await clusterWith({}, { engine: 'unix:///nowhere.sock' })
  expect(await cluster.ask('/flocker/db:/data')).toMatchObject({
    status: 500,
    message: expect.stringMatching(/events cannot be followed: the engine at unix:\/\/\/nowhere\.sock/),
  })
  expect(cluster.control.writes).toEqual([])
})

test.each([
  ['no control service', { node: 'a' }, '"control": is missing'],
  ['no node', { control: 'http://a' }, '"node": is missing'],
  ['an address that is none', { control: 'a:4523', node: 'a' }, 'no address of a control service'],
  [
    'half a certificate',
    { control: 'https://a', node: 'a', cert: 'package.json' },
    '"cert" and "key" belong together',
  ],
  ['a file that is not there', { control: 'https://a', node: 'a', ca: '/nowhere.pem' }, 'ENOENT'],
  ['another word for leases', { control: 'http://a', node: 'a', leases: 'maybe' }, 'required or none'],
  [
    'an engine far away by ssh',
    { control: 'http://a', node: 'a', engine: 'ssh://b' },
    'no address of an engine',
  ],
])('is not made of %s', (_what, configured, problem) => {
  expect(() => flocker.create(configured)).toThrow(problem)
})

test('takes the variables of 2015', async () => {
  await using control = await ScriptedControl.start({ version: '0.3' })
  const before = { ...process.env }
  Object.assign(process.env, {
    FLOCKER_CONTROL_SERVICE_BASE_URL: `${control.url}/v1`,
    MY_NETWORK_IDENTITY: HERE.host,
    MY_HOST_UUID: 'HOST',
  })
  try {
    await using adapter = await serveForTest(flocker, { leases: 'none' })
    const reply = await adapter.pre(CREATE, { HostConfig: { Binds: ['/flocker/db:/data'] } })
    expect(bindsIn(reply)[0]).toMatch(/^\/flocker\/HOST\.default\./)
  } finally {
    process.env = before
  }
})
