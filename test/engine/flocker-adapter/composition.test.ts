/** Flocker and Weave on one `docker run`: each does its part and only its part, in whichever order, alone or not at all. */
import { rmdir } from 'node:fs/promises'
import { defineAdapter, type Served, serve } from 'powerstrip/sdk'
import { docker, type Engine, importBusybox, startEngine } from '../../support/engine/index.ts'
import { HERE, ScriptedControl } from '../../support/flocker/scripted-control.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'

/** An engine starts in it, on machines that may be doing other things. */
jest.setTimeout(120_000)

let engine: Engine
let control: ScriptedControl
let lan: Served
let dataset: string
beforeAll(async () => {
  engine = await startEngine({ kind: 'new', network: true })
  await importBusybox(engine)
  control = await ScriptedControl.start()
  dataset = control.has('site', HERE)
  control.show(dataset, [{ dataset_id: dataset, primary: HERE.uuid, path: place() }])
  lan = await serve(OTHER_NETWORKS, { listen: 'http://127.0.0.1:0' })
})
afterAll(async () => {
  await lan?.close()
  await control?.[Symbol.asyncDispose]()
  await engine?.dispose()
  // Where no adapter replaces it the engine makes an empty folder on this machine.
  for (const folder of ['/flocker/site', '/flocker']) await rmdir(folder).catch(() => {})
})

/** Another author's adapter for networks: whoever wants an address of weave's gets no network here. */
const OTHER_NETWORKS = defineAdapter({
  name: 'lan',
  pre: {
    ContainerCreate({ body }) {
      if (body.Env?.some((variable) => variable.startsWith('WEAVE_CIDR=')))
        Object.assign(body, { HostConfig: { ...body.HostConfig, NetworkMode: 'none' }, NetworkingConfig: {} })
    },
  },
})

function place(): string {
  return `${engine.dir}/site`
}

function configOf(adapters: readonly string[]): string {
  const list = `[${adapters.join(', ')}]`
  return `
version: 1
endpoints:
  "POST /*/containers/create": { pre: ${list}, post: ${list} }
  "POST /*/containers/*/start": { pre: ${list}, post: ${list} }
adapters:
  flocker: { use: flocker, with: { control: "${control.url}", node: ${HERE.host}, engine: "${engine.host}" } }
  weave: { use: weave, with: { engine: "${engine.host}" } }
`
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
  await must(['create', '--name', 'web', '--label', 'mine=1', ...asked, 'busybox', 'sh', '-c', LOOK])
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

test('flocker alone, weave alone, both in either order, neither', async () => {
  const neither = await seenThrough(configOf([]))
  expect(neither).toMatchObject({
    binds: ['/flocker/site:/data', '/usr:/host:ro'],
    labels: ['mine'],
    found: '',
  })
  expect(Object.keys(neither.networks)).toEqual(['bridge'])

  await docker(engine.host, [
    'run',
    '--rm',
    '--network',
    'none',
    '-v',
    `${place()}:/data`,
    'busybox',
    'sh',
    '-c',
    'echo hello > /data/file',
  ])
  const flocker = await seenThrough(configOf(['flocker']))
  expect(flocker).toEqual({
    ...neither,
    binds: [`${place()}:/data`, '/usr:/host:ro'],
    labels: ['mine', 'powerstrip.flocker'],
    found: 'hello\n',
  })

  const weave = await seenThrough(configOf(['weave']))
  expect(weave).toEqual({
    ...neither,
    labels: ['mine', 'powerstrip.weave'],
    networks: expect.objectContaining({
      'weave-10-9-1-0-24': expect.objectContaining({ IPv4Address: '10.9.1.5' }),
    }),
    found: '10.9.1.5/24\n',
  })

  const both = await seenThrough(configOf(['flocker', 'weave']))
  expect(both).toEqual({
    binds: flocker.binds,
    networks: weave.networks,
    labels: ['mine', 'powerstrip.flocker', 'powerstrip.weave'],
    rest: neither.rest,
    found: 'hello\n10.9.1.5/24\n',
  })
  expect(await seenThrough(configOf(['weave', 'flocker']))).toEqual(both)
})

test('another adapter for networks is another line in the configuration', async () => {
  const before = configOf(['flocker', 'weave'])
  const after = before.replace(/^ {2}weave: .*$/m, `  weave: ${lan.address}`)
  const differing = before.split('\n').filter((line, at) => line !== after.split('\n')[at])
  expect(differing).toHaveLength(1)
  expect(await seenThrough(after)).toMatchObject({
    binds: [`${place()}:/data`, '/usr:/host:ro'],
    labels: ['mine', 'powerstrip.flocker'],
    networks: { none: null },
    found: 'hello\n',
  })
})
