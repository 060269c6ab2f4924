/** Flocker and Weave on one `docker run`: each does its part and only its part, in whichever order, alone or not at all. */
import { rmdir } from 'node:fs/promises'
import { defineAdapter, type Served, serve } from 'powerstrip/sdk'
import { lingering } from '../../support/clients/index.ts'
import { docker, type Engine, importBusybox, startEngine } from '../../support/engine/index.ts'
import { FlockerApi } from '../../support/flocker/api.ts'
import { Running } from '../../support/flocker/command.ts'
import { HERE, ScriptedControl } from '../../support/flocker/scripted-control.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'

/** An engine starts in it, on machines that may be doing other things. */
jest.setTimeout(240_000)

let engine: Engine
let lan: Served
beforeAll(async () => {
  engine = await startEngine({ kind: 'new', network: true })
  await importBusybox(engine)
  lan = await serve(OTHER_NETWORKS, { listen: 'http://127.0.0.1:0' })
})
afterAll(async () => {
  await lan?.close()
  await engine?.dispose()
  // Where no adapter replaces it the engine makes an empty folder on this machine.
  for (const folder of ['/flocker/site', '/flocker']) await rmdir(folder).catch(() => {})
})

const OTHER_NETWORK = 'lan'

/** Another author's adapter for networks, which knows a single one. */
const OTHER_NETWORKS = defineAdapter({
  name: 'lan',
  pre: {
    ContainerCreate({ body }) {
      const [, address] =
        /^WEAVE_CIDR=([0-9.]+)/.exec(
          body.Env?.find((variable) => variable.startsWith('WEAVE_CIDR=')) ?? '',
        ) ?? []
      if (address === undefined) return
      const endpoint = { IPAMConfig: { IPv4Address: address } }
      Object.assign(body, {
        HostConfig: { ...body.HostConfig, NetworkMode: OTHER_NETWORK },
        NetworkingConfig: { EndpointsConfig: { [OTHER_NETWORK]: endpoint } },
      })
    },
  },
})

/** Who says where data is, and the folder in which the dataset "site" is. */
interface Flocker extends AsyncDisposable {
  readonly url: string
  readonly node: string
  readonly place: string
}

async function scriptedService(): Promise<Flocker> {
  const control = await ScriptedControl.start()
  const place = `${engine.dir}/site`
  const dataset = control.has('site', HERE)
  control.show(dataset, [{ dataset_id: dataset, primary: HERE.uuid, path: place }])
  return {
    url: control.url,
    node: HERE.host,
    place,
    [Symbol.asyncDispose]: () => control[Symbol.asyncDispose](),
  }
}

async function ownService(): Promise<Flocker> {
  const control = await Running.start([
    ...['flocker-control', '--listen', '127.0.0.1:0'],
    ...['--state', `${engine.dir}/flocker.state`],
  ])
  const [, url = ''] = /(http:\/\/127\.0\.0\.1:[0-9]+)/.exec(control.banner.join('\n')) ?? []
  const node = '127.0.0.1'
  const agent = await Running.start([
    ...['flocker-agent', '--control', url, '--docker', engine.host],
    ...['--listen', `${node}:0`, '--state', `${engine.dir}/agent`],
  ])
  const api = new FlockerApi(url)
  const [self] = await api.until(
    () => api.nodes(),
    (nodes) => nodes.length === 1,
  )
  const place = await api.usableOn(await api.create(self!.uuid, 'site'), self!.uuid)
  return {
    url,
    node,
    place,
    async [Symbol.asyncDispose]() {
      await agent.end('SIGTERM')
      await control.end('SIGTERM')
    },
  }
}

function configOf(adapters: readonly string[], { url, node }: Flocker): string {
  const list = `[${adapters.join(', ')}]`
  return `
version: 1
endpoints:
  "POST /*/containers/create": { pre: ${list}, post: ${list} }
  "POST /*/containers/*/start": { pre: ${list}, post: ${list} }
adapters:
  flocker: { use: flocker, with: { control: "${url}", node: ${node}, engine: "${engine.host}" } }
  weave: { use: weave, with: { engine: "${engine.host}" } }
`
}

/** The same in configuration version 2, where adapters are told to undo what they did. */
function secondConfigOf(adapters: readonly string[], { url, node }: Flocker): string {
  const [pre, post] = [adapters.join(', '), adapters.toReversed().join(', ')]
  return `
version: 2
chain: { deadline: 5m }
endpoints:
  ContainerCreate: { pre: [${pre}], post: [${post}] }
  ContainerStart: { pre: [${pre}], post: [weave] }
  ContainerDelete: { post: [flocker] }
adapters:
  flocker: { use: flocker, timeout: 5m, with: { control: "${url}", node: ${node}, engine: "${engine.host}" } }
  weave: { use: weave, with: { engine: "${engine.host}" } }
`
}

async function asked({ url }: Flocker, what: 'datasets' | 'leases'): Promise<unknown> {
  return (await fetch(`${url.replace(/\/v1$/, '')}/v1/configuration/${what}`)).json()
}

interface Seen {
  readonly binds: readonly string[]
  readonly labels: readonly string[]
  readonly networks: Readonly<Record<string, unknown>>
  readonly rest: unknown
  /** What its process finds. */
  readonly found: string
}

const LOOK = 'cat /data/file 2>/dev/null; ip -o -4 address show | grep -o "10.9.1.[0-9]*/24"; true'

/** The same command through this configuration. */
async function seenThrough(config: string): Promise<Seen> {
  await using powerstrip = await startPowerstrip({ upstream: engine.host, config })
  const must = async (args: readonly string[]) => {
    const ended = await docker(powerstrip.unix, args, { cli: 'new' })
    if (ended.exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${ended.stderr}`)
    return ended.stdout
  }
  const asked = [
    '--env',
    'WEAVE_CIDR=10.9.1.5/24',
    '--volume',
    '/flocker/site:/data',
    '--volume',
    '/usr:/host:ro',
  ]
  await must(['create', '--name', 'web', '--label', 'mine=1', ...asked, 'busybox', ...lingering(LOOK)])
  const [{ HostConfig, Config, NetworkSettings }] = JSON.parse(await must(['inspect', 'web']))
  const found = await must(['start', '--attach', 'web'])
  await must(['rm', 'web'])
  const { Binds, NetworkMode: _mode, ...host } = HostConfig
  const { Labels, Hostname: _name, ...container } = Config
  return {
    // The docker CLI itself sends them in any order.
    binds: [...Binds].sort(),
    labels: Object.keys(Labels).sort(),
    networks: Object.fromEntries(
      Object.entries(NetworkSettings.Networks as Record<string, { IPAMConfig: unknown }>).map(
        ([name, { IPAMConfig }]) => [name, IPAMConfig],
      ),
    ),
    rest: { host, container },
    found,
  }
}

describe.each([
  ['a scripted Flocker control service', scriptedService],
  ['powerstrip flocker-control and its agent', ownService],
])('with %s', (_who, startService) => {
  let flocker: Flocker
  beforeAll(async () => {
    flocker = await startService()
  })
  afterAll(() => flocker?.[Symbol.asyncDispose]())

  // One that fails spoils no other.
  afterEach(async () => {
    await docker(engine.host, ['rm', '--force', 'holder', 'kept', 'web'])
  })

  const seenWith = (adapters: readonly string[]) => seenThrough(configOf(adapters, flocker))

  test('flocker alone, weave alone, both in either order, neither', async () => {
    const neither = await seenWith([])
    expect(neither).toMatchObject({
      binds: ['/flocker/site:/data', '/usr:/host:ro'],
      labels: ['mine'],
      found: '',
    })
    expect(Object.keys(neither.networks)).toEqual(['bridge'])

    const data = `${flocker.place}:/data`
    const fill = ['run', '--rm', '--network', 'none', '-v', data, 'busybox', 'sh', '-c']
    expect(await docker(engine.host, [...fill, 'echo hello > /data/file'])).toMatchObject({ exitCode: 0 })
    const alone = await seenWith(['flocker'])
    expect(alone).toEqual({
      ...neither,
      binds: [data, '/usr:/host:ro'],
      labels: ['mine', 'powerstrip.flocker'],
      found: 'hello\n',
    })

    const weave = await seenWith(['weave'])
    expect(weave).toEqual({
      ...neither,
      labels: ['mine', 'powerstrip.weave'],
      networks: expect.objectContaining({
        'weave-10-9-1-0-24': expect.objectContaining({ IPv4Address: '10.9.1.5' }),
      }),
      found: '10.9.1.5/24\n',
    })

    const both = await seenWith(['flocker', 'weave'])
    expect(both).toEqual({
      binds: alone.binds,
      networks: weave.networks,
      labels: ['mine', 'powerstrip.flocker', 'powerstrip.weave'],
      rest: neither.rest,
      found: 'hello\n10.9.1.5/24\n',
    })
    expect(await seenWith(['weave', 'flocker'])).toEqual(both)
    for (const order of [
      ['flocker', 'weave'],
      ['weave', 'flocker'],
    ])
      expect(await seenThrough(secondConfigOf(order, flocker))).toEqual(both)
  })

  test('in protocol 2 a refused address gives the lease back at once, and the data stays', async () => {
    const config = secondConfigOf(['flocker', 'weave'], flocker)
    await using powerstrip = await startPowerstrip({ upstream: engine.host, config })
    const run = (args: readonly string[]) => docker(powerstrip.unix, ['run', ...args], { cli: 'new' })
    const address = ['--env', 'WEAVE_CIDR=10.9.1.5/24']
    expect(await run(['--detach', '--name', 'holder', ...address, 'busybox', 'sleep', '1000'])).toMatchObject(
      { exitCode: 0 },
    )
    const refused = await run(['--volume', '/flocker/fresh:/data', ...address, 'busybox', 'true'])
    // What follows is so when the command has ended: nothing is waited for.
    expect(await asked(flocker, 'leases')).toEqual([])
    expect(refused.exitCode).toBe(125)
    expect(refused.stderr).toContain(
      'denied by adapter "weave": the address 10.9.1.5 on the network weave-10-9-1-0-24 is in use by container "holder"',
    )
    expect(await asked(flocker, 'datasets')).toContainEqual(
      expect.objectContaining({ metadata: { name: 'fresh' }, deleted: false }),
    )
    // A request that nothing refuses keeps its lease for as long as its container is there.
    const kept = await run([
      '--detach',
      '--name',
      'kept',
      '--volume',
      '/flocker/site:/data',
      'busybox',
      'sleep',
      '1000',
    ])
    expect(kept).toMatchObject({ exitCode: 0 })
    expect(await asked(flocker, 'leases')).toHaveLength(1)
    await docker(powerstrip.unix, ['rm', '--force', 'holder', 'kept'])
    expect(await asked(flocker, 'leases')).toEqual([])
  })

  test('another adapter for networks is another line in the configuration', async () => {
    // Two networks of one engine cannot have one subnet.
    await docker(engine.host, ['network', 'rm', 'weave-10-9-1-0-24'])
    await docker(engine.host, ['network', 'create', '--subnet', '10.9.1.0/24', OTHER_NETWORK])
    const before = configOf(['flocker', 'weave'], flocker)
    const after = before.replace(/^ {2}weave: .*$/m, `  weave: ${lan.address}`)
    const differing = before.split('\n').filter((line, at) => line !== after.split('\n')[at])
    expect(differing).toHaveLength(1)
    expect(await seenThrough(after)).toMatchObject({
      binds: [`${flocker.place}:/data`, '/usr:/host:ro'],
      labels: ['mine', 'powerstrip.flocker'],
      networks: { [OTHER_NETWORK]: { IPv4Address: '10.9.1.5' } },
      found: 'hello\n10.9.1.5/24\n',
    })
    await docker(engine.host, ['network', 'rm', OTHER_NETWORK])
  })
})
