import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { everyWay, scratchFolder, type Way } from '../../support/clients/index.ts'
import {
  docker,
  ENGINE_KINDS,
  type Engine,
  importBusybox,
  runLabel,
  startEngine,
} from '../../support/engine/index.ts'

/** A Swarm's node asks the registry first. This one refuses at once, and the node takes what it has. */
const UNPULLABLE = '127.0.0.1:9/busybox'

const STAY = ['sleep', '1000000']

const PROJECT = `
services:
  server:
    image: busybox
    stop_grace_period: 0s
    labels: [${runLabel()}]
    command: ["sh", "-c", "mkdir /www; echo served > /www/page; exec httpd -f -h /www"]
  client:
    image: busybox
    labels: [${runLabel()}]
    depends_on: [server]
    command: ["sh", "-c", "until wget -q -O - http://server/page; do sleep 0.1; done"]
`

describe.each(ENGINE_KINDS)('an %s engine of its own, with a network,', (kind) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ kind, network: true })
    await importBusybox(engine)
  })
  const ways = everyWay(() => engine)
  const scratch = scratchFolder()
  // Hooks run in the order they stand in: the ways are closed before their engine is gone.
  afterAll(() => engine.dispose())

  // All ways use the same addresses, so they go one after the other.
  const inTurn = { cli: kind, inTurn: true } as const

  test('a network is created, listed, inspected, used and removed', async () => {
    const seen = await ways.same(async (way) => {
      const network = way.named('net')
      const create = ['network', 'create', '--subnet', '10.66.0.0/24', '--label', runLabel(), network]
      const ends = {
        create: await way.docker(create),
        list: await way.docker(['network', 'ls', '--filter', `name=${network}`]),
        inspect: await way.docker(['network', 'inspect', '--format', '{{json .IPAM.Config}}', network]),
      }
      const run = ['run', '--rm', '--label', runLabel(), '--network', network]
      await way.must([
        ...run,
        '--detach',
        '--name',
        way.named('far'),
        '--ip',
        '10.66.0.9',
        'busybox',
        ...STAY,
      ])
      const ping = await way.docker([...run, 'busybox', 'ping', '-c', '1', way.named('far')])
      const busy = await way.docker(['network', 'rm', network])
      await way.must(['network', 'disconnect', '--force', network, way.named('far')])
      const rm = await way.docker(['network', 'rm', network])
      await way.must(['rm', '--force', way.named('far')])
      return { ...ends, ping: { ...ping, stdout: ping.stdout.split('\n')[0] }, busy, rm }
    }, inTurn)
    expect(seen).toMatchObject({
      create: { exitCode: 0, stdout: '(id)\n', stderr: '' },
      list: { exitCode: 0, stdout: expect.stringMatching(/\(way\)-net +bridge +local\n$/) },
      inspect: { exitCode: 0, stdout: expect.stringContaining('"Subnet":"10.66.0.0/24"') },
      ping: { exitCode: 0, stdout: 'PING (way)-far (10.66.0.9): 56 data bytes', stderr: '' },
      busy: { exitCode: 1, stderr: expect.stringContaining('has active endpoints') },
      rm: { exitCode: 0, stdout: '(way)-net\n', stderr: '' },
    })
  })

  test('F29 compose makes a network of its own, on which services find each other', async () => {
    const seen = await ways.same(
      async (way) => {
        const folder = join(scratch.path, way.named('project'))
        await mkdir(folder)
        await writeFile(join(folder, 'compose.yml'), PROJECT)
        const project = ['compose', '--project-directory', folder, '--project-name', way.named('project')]
        const up = await way.docker([...project, 'up', '--detach'])
        const wait = await way.docker(['wait', `${way.named('project')}-client-1`])
        const logs = await way.docker([...project, 'logs', '--no-log-prefix', 'client'])
        const down = await way.docker([...project, 'down'])
        return {
          exitCodes: [up.exitCode, logs.exitCode, down.exitCode],
          wait,
          // Its complaints until the server is there are not what this is about.
          page: logs.stdout.replaceAll('\x1b[2K', '').split('\n').includes('served'),
        }
      },
      { cli: 'new', inTurn: true },
    )
    expect(seen).toEqual({
      exitCodes: [0, 0, 0],
      wait: { exitCode: 0, stdout: '0\n', stderr: '' },
      page: true,
    })
  })

  // An engine keeps its last 256 events, whosever they are: on the shared ones they are soon those of other tests.
  describe.each(['old', 'new'] as const)('with the %s CLI', (cli) => {
    test('events replays what happened between two moments', async () => {
      const seen = await ways.same(
        async (way) => {
          const since = await engineTime(way)
          const box = await way.box(`past-${cli}`, ['true'])
          await way.must(['wait', box])
          await way.must(['rm', box])
          const until = await engineTime(way)
          const format = '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
          const filter = `container=${box}`
          return way.docker([
            'events',
            '--since',
            since,
            '--until',
            until,
            '--filter',
            filter,
            '--format',
            format,
          ])
        },
        { cli },
      )
      const name = `(way)-past-${cli}`
      const actions = ['create', 'start', 'die', 'destroy']
      expect(seen).toMatchObject({ exitCode: 0, stderr: '' })
      expect(seen.stdout.split('\n').filter((line) => !line.includes(' attach '))).toEqual([
        ...actions.map((action) => `container ${action} ${name}`),
        '',
      ])
    })

    test('events shows what happens when it happens', async () => {
      const seen = await ways.same(
        async (way) => {
          const volume = way.named(`live-${cli}`)
          const since = await engineTime(way)
          await way.must(['volume', 'create', volume])
          const format = '{{.Type}} {{.Action}} {{.Actor.ID}}'
          using events = way.open([
            'events',
            '--since',
            since,
            '--filter',
            `volume=${volume}`,
            '--format',
            format,
          ])
          // What is past comes first: once it is there, the stream is open.
          await events.shows(`volume create ${volume}\n`)
          await way.must(['volume', 'rm', volume])
          await events.shows(`volume destroy ${volume}\n`)
          events.child.kill('SIGTERM')
          const { stdout, stderr } = await events.ended
          return { stdout, stderr }
        },
        { cli },
      )
      const volume = `(way)-live-${cli}`
      expect(seen.stdout).toBe(`volume create ${volume}\nvolume destroy ${volume}\n`)
    })
  })

  test('a Swarm is made, runs a service, and is left', async () => {
    const address = engine.address
    if (address === undefined) throw new Error('no Swarm is made of an engine that is somebody else’s')
    await docker(engine.host, ['tag', 'busybox', UNPULLABLE])
    const seen = await ways.same(async (way) => {
      const service = way.named('service')
      const init = await way.docker(['swarm', 'init', '--advertise-addr', address])
      const nodes = await way.docker(['node', 'ls', '--format', '{{.Status}} {{.ManagerStatus}}'])
      await way.must(['network', 'create', '--driver', 'overlay', '--attachable', way.named('overlay')])
      const create = await way.docker([
        ...['service', 'create', '--detach', '--no-resolve-image', '--endpoint-mode', 'dnsrr'],
        ...['--network', way.named('overlay'), '--name', service, '--stop-grace-period', '0s'],
        ...[UNPULLABLE, 'sh', '-c', 'echo hello; exec sleep 1000000'],
      ])
      using logs = way.open(['service', 'logs', '--follow', '--raw', service])
      await logs.shows('hello\n')
      const listed = () =>
        way.docker(['service', 'ls', '--format', '{{.Name}} {{.Mode}} {{.Replicas}} {{.Image}}'])
      // The manager hears of a running task only after the task's first words.
      let list = await listed()
      while (list.exitCode === 0 && !list.stdout.includes(' 1/1 ')) list = await listed()
      const scale = await way.docker(['service', 'scale', '--detach', `${service}=2`])
      await logs.shows('hello\nhello\n')
      logs.child.kill('SIGTERM')
      const secret = await way.docker(['secret', 'create', way.named('secret'), '-'], { stdin: 'mum' })
      const secrets = await way.docker(['secret', 'ls', '--format', '{{.Name}}'])
      const rm = await way.docker(['service', 'rm', service])
      const leave = await way.docker(['swarm', 'leave', '--force'])
      const late = await way.docker(['service', 'ls'])
      return {
        init: init.exitCode,
        nodes,
        create: masked(create.stdout),
        list,
        scale,
        secret: secret.exitCode,
        secrets,
        rm,
        leave,
        late,
      }
    }, inTurn)
    expect(seen).toMatchObject({
      init: 0,
      nodes: { exitCode: 0, stdout: 'Ready Leader\n', stderr: '' },
      create: '(swarm id)\n',
      list: { exitCode: 0, stdout: '(way)-service replicated 1/1 127.0.0.1:9/busybox:latest\n', stderr: '' },
      scale: { exitCode: 0, stdout: '(way)-service scaled to 2\n', stderr: '' },
      secret: 0,
      secrets: { exitCode: 0, stdout: '(way)-secret\n', stderr: '' },
      rm: { exitCode: 0, stdout: '(way)-service\n', stderr: '' },
      leave: { exitCode: 0, stdout: 'Node left the swarm.\n' },
      late: { exitCode: 1, stdout: '', stderr: expect.stringContaining('This node is not a swarm manager') },
    })
  })
})

/** A Swarm's objects have ids of their own kind. */
function masked(id: string): string {
  return id.replace(/^[0-9a-z]{25}$/m, '(swarm id)')
}

/** Now, by the engine's clock, in seconds. */
async function engineTime(way: Way): Promise<string> {
  const told = (await way.must(['info', '--format', '{{.SystemTime}}'])).trim()
  const [, whole, fraction] = /^(.*:\d\d)(\.\d+)?/.exec(told) ?? []
  return `${Date.parse(`${whole}Z`) / 1000}${fraction ?? ''}`
}
