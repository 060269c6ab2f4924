/** The adapter with a scripted engine and a scripted router, for what real ones here cannot be: other drivers, the golden composition. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type AdapterDefinition, defineAdapter } from 'powerstrip/sdk'
import { askPre, serveForTest } from '../../test/support/hook-calls.ts'
import debug from '../debug/adapter.ts'
import slowreq from '../slowreq/adapter.ts'
import weave from './adapter.ts'

const CREATE = '/v1.45/containers/create'
const ID = 'ab'.repeat(32)

type Answers = Readonly<Record<string, readonly [status: number, body: unknown]>>

/** Answers by method and path; anything else is a 404. A text is sent as text. */
async function scripted(answers: Answers) {
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const line = `${request.method} ${request.url}`
    const sent = await text(request)
    asked.push(sent === '' ? line : `${line} ${sent}`)
    const [status, body] = answers[line] ??
      answers[line.split('?')[0] ?? ''] ?? [404, { message: `no ${line}` }]
    response.writeHead(status, {
      'content-type': typeof body === 'string' ? 'text/plain' : 'application/json',
    })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    asked,
    tcp: `tcp://127.0.0.1:${port}`,
    http: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weave-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('a network is made with the driver that was chosen, and what it wants to be told', async () => {
  await using engine = await scripted({
    'GET /networks': [200, []],
    'POST /networks/create': [400, { message: 'plugin "weavemesh" not found' }],
  })
  const settings = {
    engine: engine.tcp,
    driver: 'weavemesh',
    driverOptions: { 'works.weave.multicast': 'true' },
  }
  await using adapter = await serveForTest(weave, settings)
  const refused = await adapter.pre(CREATE, { Image: 'x', Env: ['WEAVE_CIDR=10.2.1.1/24'] })
  expect(refused).toMatchObject({
    status: 409,
    message:
      'the weavemesh network weave-10-2-1-0-24 for 10.2.1.0/24 cannot be made: plugin "weavemesh" not found',
  })
  const [, create = ''] = engine.asked
  expect(JSON.parse(create.slice('POST /networks/create '.length))).toEqual({
    Name: 'weave-10-2-1-0-24',
    Driver: 'weavemesh',
    CheckDuplicate: true,
    Attachable: false,
    IPAM: {
      Driver: 'default',
      Config: [{ Subnet: '10.2.1.0/24', Gateway: '10.2.1.254', IPRange: '10.2.1.128/25' }],
    },
    Options: { 'works.weave.multicast': 'true' },
    Labels: { 'powerstrip.weave': '10.2.1.0/24' },
  })
})

test('a container that cannot be put on its network is removed, and its creation refused', async () => {
  const network = {
    Id: 'n1',
    Name: 'weave',
    Driver: 'bridge',
    Scope: 'local',
    IPAM: { Config: [{ Subnet: '10.2.1.0/24' }] },
  }
  await using engine = await scripted({
    [`GET /containers/${ID}/json`]: [
      200,
      { Id: ID, Config: { Labels: { 'powerstrip.weave': '10.2.1.1/24' } } },
    ],
    'GET /networks': [200, [network]],
    'POST /networks/weave/connect': [403, { message: 'Address already in use' }],
    [`DELETE /containers/${ID}`]: [204, ''],
  })
  await using adapter = await serveForTest(weave, { engine: engine.tcp })
  const reply = await adapter.post(CREATE, {}, { code: 201, body: { Id: ID } })
  expect(reply).toMatchObject({
    status: 409,
    message: '10.2.1.1/24 on the network weave: Address already in use',
  })
  expect(engine.asked.at(-1)).toBe(`DELETE /containers/${ID}?force=true&v=true`)
})

test.each([
  ['an engine that cannot be asked', CREATE, { Env: ['WEAVE_CIDR=10.2.1.1/24'] }],
  ['an engine that cannot be asked about a start', `/v1.45/containers/${ID}/start`, undefined],
])('%s is a failure, not a pass', async (_what, target, body) => {
  await using adapter = await serveForTest(weave, { engine: 'unix:///nowhere.sock' })
  expect((await adapter.pre(target, body)).status).toBe(500)
})

test.each([
  [{ driver: '' }],
  [{ subnet: '10.32.0.1/12' }],
  [{ subnet: '10.32.0.0/31' }],
  [{ network: 'a.b' }],
  [{ domain: 'weave.local.' }],
  [{ driverOptions: { a: 1 } }],
  [{ router: 'https://127.0.0.1:6784' }],
  [{ bridge: '-x' }],
  [{ waitFolder: '/a:/b' }],
  [{ manager: 'ssh://x' }],
])('is not made of %j', (configured) => {
  expect(() => weave.create(configured)).toThrow(TypeError)
})

describe('5 golden composition', () => {
  const BODY = {
    Image: 'ubuntu',
    Cmd: ['hello', 'world'],
    Env: ['WEAVE_CIDR=10.255.0.51/8'],
    Entrypoint: null,
    HostConfig: { Binds: ['/flocker/here:/data'], VolumesFrom: null },
  }
  const image = { Config: { Entrypoint: ['bash', '/srv/app/run.sh'], Cmd: null } }

  /** What the volume adapter does to the same request, and nothing else. */
  const volumes = defineAdapter({
    name: 'volumes',
    pre: {
      ContainerCreate({ body }) {
        const Binds = body.HostConfig?.Binds?.map((bind) =>
          bind.replace('/flocker/here:', '/flocker/HOST.default.ID:'),
        )
        body.HostConfig = { ...body.HostConfig, Binds: Binds ?? null }
      },
    },
  })

  async function through(names: readonly string[]): Promise<unknown> {
    await using engine = await scripted({ 'GET /images/ubuntu/json': [200, image] })
    const settings: Record<string, [AdapterDefinition, unknown]> = {
      debug: [debug, {}],
      slowreq: [slowreq, { delay: '1ms' }],
      volumes: [volumes, {}],
      weave: [weave, { engine: engine.tcp, router: engine.http, waitFolder: folder, withoutDns: true }],
    }
    let body = JSON.stringify(BODY)
    for (const name of names) {
      const [definition, configured] = settings[name]!
      const adapter = definition.create(configured, { log: { info() {}, warn() {}, error() {} } })
      const outcome = await askPre(adapter, CREATE, body)
      if (outcome.kind === 'deny') throw new Error(outcome.message)
      if (outcome.kind === 'replace') body = outcome.body ?? body
    }
    return JSON.parse(body)
  }

  test.each([
    [['volumes', 'weave']],
    [['weave', 'volumes']],
    [['debug', 'volumes', 'weave', 'debug']],
    [['weave', 'slowreq', 'volumes']],
  ])('%j: each does its part, and the order makes no difference', async (names) => {
    expect(await through(names)).toEqual({
      Image: 'ubuntu',
      Entrypoint: ['/w/w', 'bash', '/srv/app/run.sh'],
      Cmd: ['hello', 'world'],
      Env: ['WEAVE_CIDR=10.255.0.51/8'],
      Labels: { 'powerstrip.weave': '10.255.0.51/8' },
      HostConfig: {
        Binds: expect.arrayContaining(['/flocker/HOST.default.ID:/data', `${folder}:/w:ro`]),
        VolumesFrom: null,
      },
    })
    const program = join(folder, 'w')
    expect((await stat(program)).mode & 0o777).toBe(0o755)
    expect((await readFile(program)).subarray(1, 4).toString()).toBe('ELF')
  })

  test('each alone does its part and only its part, and listing it twice changes nothing more', async () => {
    expect(await through(['volumes'])).toEqual({
      ...BODY,
      HostConfig: { Binds: ['/flocker/HOST.default.ID:/data'], VolumesFrom: null },
    })
    const once = await through(['weave'])
    expect(once).toMatchObject({ HostConfig: { Binds: ['/flocker/here:/data', `${folder}:/w:ro`] } })
    expect(await through(['weave', 'weave'])).toEqual(once)
    expect(await through([])).toEqual(BODY)
  })
})

describe('beside a router', () => {
  test.each([
    ['an image that is unknown', [404, { message: 'No such image: x' }], { Env: ['WEAVE_CIDR=10.2.1.1/24'] }],
    ['3.2 an image without a configuration', [200, { Config: null }], { Env: ['WEAVE_CIDR=10.2.1.1/24'] }],
    ['3.2 no HostConfig and no variables', [200, {}], { Image: 'x' }],
    ['3.2 null for everything', [200, {}], { Image: 'x', Env: null, HostConfig: null, Entrypoint: null }],
  ] as const)('%s: the body goes on as it is', async (_what, answer, body) => {
    await using engine = await scripted({ 'GET /images/x/json': answer })
    await using adapter = await serveForTest(weave, { engine: engine.tcp, router: engine.http })
    const sent = { Image: 'x', ...body }
    expect((await adapter.pre(CREATE, sent)).modified?.Body).toEqual(sent)
  })

  test('3.2 a container that is gone by the time it was started, and a start that failed, need nothing', async () => {
    await using engine = await scripted({})
    await using adapter = await serveForTest(weave, { engine: engine.tcp, router: engine.http })
    const target = `/v1.45/containers/${ID}/start`
    expect((await adapter.post(target, undefined, { code: 204, body: '' })).status).toBe(200)
    expect((await adapter.post(target, undefined, { code: 304, body: '' })).status).toBe(200)
    expect((await adapter.post(target, undefined, { code: 404, body: { message: 'x' } })).status).toBe(200)
    expect(engine.asked.filter((line) => line.includes(ID))).toEqual([`GET /containers/${ID}/json`])
  })

  test('3.2 a router that cannot be asked fails the start, and the container is killed', async () => {
    const container = {
      Id: ID,
      State: { Pid: process.pid },
      Config: { Entrypoint: ['/w/w'], Labels: { 'powerstrip.weave': '10.2.1.1/24' } },
    }
    await using engine = await scripted({
      [`GET /containers/${ID}/json`]: [200, container],
      [`POST /containers/${ID}/kill`]: [204, ''],
    })
    await using adapter = await serveForTest(weave, { engine: engine.tcp, router: 'http://127.0.0.1:65533' })
    const reply = await adapter.post(`/v1.45/containers/web/start`.replace('web', ID), undefined, {
      code: 204,
      body: '',
    })
    expect(reply.status).toBe(500)
    expect(reply.message).toContain(
      '10.2.1.1/24: the weave router at http://127.0.0.1:65533 cannot be asked (ECONNREFUSED)',
    )
    expect(engine.asked).toContain(`POST /containers/${ID}/kill`)
  })

  test('what is owned by containers that are gone is given back, and nothing else', async () => {
    const gone = 'cd'.repeat(32)
    await using engine = await scripted({
      'GET /info': [200, {}],
      'GET /containers/json': [200, [{ Id: ID, State: 'exited', Labels: {} }]],
      'GET /ip': [
        200,
        JSON.stringify({
          owned: [gone, ID, 'weave:expose'].map((containerid) => ({ containerid, addrs: [] })),
        }),
      ],
      [`DELETE /name/${gone}`]: [204, ''],
      [`DELETE /ip/${gone}`]: [204, ''],
      'GET /events': [200, ''],
    })
    const leave = new AbortController()
    const adapter = weave.create(
      { engine: engine.tcp, router: engine.http },
      { log: { info() {}, warn: () => leave.abort(), error() {} } },
    )
    // The scripted engine ends the stream at once, which is what the warning says.
    await adapter.background?.(leave.signal)
    expect(engine.asked.filter((line) => line.startsWith('DELETE'))).toEqual([
      `DELETE /name/${gone}`,
      `DELETE /ip/${gone}`,
    ])
  })
})
