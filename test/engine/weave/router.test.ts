/** The weave adapter beside a Weave router: a scripted one, and a real engine, real containers, real namespaces. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { lingering } from '../../support/clients/index.ts'
import { docker, type Ended } from '../../support/engine/index.ts'
import { eventually } from '../../support/flocker/cluster.ts'
import { type Host, type Hosts, startHosts } from '../../support/hosts/index.ts'
import { COMMAND, type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { fencesIn } from '../examples/fences.ts'

jest.setTimeout(240_000)

/** For what the engine and the adapter do in their own time. */
const PATIENCE_MS = 200_000

let hosts: Hosts
let host: Host
let proxy: Powerstrip
const children: ChildProcess[] = []
/** What the router was asked, in order. */
const asked: string[] = []
let heard: () => void = () => {}

/** Resolves when the router has been asked something that fits. */
async function routerHears(wanted: RegExp): Promise<void> {
  while (!asked.some((line) => wanted.test(line))) await routerSpeaks()
}

function routerSpeaks(): Promise<void> {
  return new Promise((resolve) => {
    heard = resolve
  })
}

/** What the README says, with the adapter where it is here. */
function configOf(readme: string, socket: string): string {
  const { text } = fencesIn(readme).find(({ language }) => language === 'yml')!
  const line = '  weave: { use: weave, with: { router: "http://127.0.0.1:6784" } }\n'
  expect(text).toContain(line)
  return text.replace(line, `  weave: { url: "unix://${socket}" }\n`)
}

beforeAll(async () => {
  hosts = await startHosts({ kinds: ['new'] })
  host = hosts.all[0]!
  const router = host.spawn(
    process.execPath,
    ['--import', 'tsx', resolve('test/engine/weave/scripted-router.ts')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  children.push(router)
  createInterface({ input: router.stdout! }).on('line', (line) => {
    asked.push(line)
    heard()
  })
  await routerHears(/^up$/)
  const socket = `${host.engine.dir}/weave.sock`
  const settings = {
    engine: host.engine.host,
    router: 'http://127.0.0.1:6784',
    waitFolder: `${host.engine.dir}/w`,
    rewriteInspect: true,
  }
  // Beside the router, where it can reach containers' namespaces and the host's bridge.
  const adapter = host.spawn(
    process.execPath,
    [COMMAND, 'adapter', 'weave', '--listen', `unix://${socket}`, '--with', JSON.stringify(settings)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  children.push(adapter)
  await once(adapter.stdout!, 'data')
  proxy = await startPowerstrip({
    upstream: host.engine.host,
    config: configOf(readFileSync('adapters/weave/README.md', 'utf8'), socket),
  })
})
afterAll(async () => {
  await proxy?.stop()
  for (const child of children) child.kill()
  await hosts?.dispose()
})
afterEach(async () => {
  const all = (await host.mustDocker(['ps', '--all', '--quiet'])).split('\n')
  if (all[0] !== '') await host.mustDocker(['rm', '--force', ...all])
  // What they had is given back when the engine's event has come, and the next test may claim the same address.
  await eventually(
    () => host.run('busybox', ['wget', '-q', '-O', '-', 'http://127.0.0.1:6784/ip']),
    ({ stdout }) => stdout === '{"owned":[]}',
    PATIENCE_MS,
  )
  asked.length = 0
})

const ask = (args: readonly string[]) => docker(proxy.unix, args)
async function must(args: readonly string[]): Promise<string> {
  const ended = await ask(args)
  if (ended.exitCode === 0) return ended.stdout.trim()
  throw new Error(`docker ${args.join(' ')}: ${ended.stderr}`)
}
const weave = (cidr: string) => ['--env', `WEAVE_CIDR=${cidr}`]
const LOOK = 'ip -oneline -4 address show ethwe'
const ADDRESSES = lingering(LOOK)
const STAY = ['sh', '-c', 'trap "exit 9" TERM; touch /ready; while :; do sleep 0.1; done']

test('3.3 the interface is there with its addresses when the process starts, which is the process itself', async () => {
  const seen = await ask([
    'run',
    '--rm',
    ...weave('10.2.1.1/24, net:10.3.0.0/16'),
    'busybox',
    'sh',
    '-c',
    `${LOOK}; echo $$; sleep 0.3; exit 7`,
  ])
  expect(seen.stdout).toMatch(/ethwe +inet 10\.2\.1\.1\/24 /)
  expect(seen.stdout).toMatch(/ethwe +inet 10\.3\.0\.[0-9]+\/16 /)
  // Its own exit status, and process 1.
  expect([seen.stdout.split('\n').at(-2), seen.exitCode, seen.stderr]).toEqual(['1', 7, ''])
})

test('3.2 signals reach the process, and its exit status counts', async () => {
  await must(['run', '--detach', '--name', 'web', ...weave('10.2.1.1/24'), 'busybox', ...STAY])
  // A signal that comes before the trap is set is overlooked, by process 1.
  await must(['exec', 'web', 'sh', '-c', 'until test -e /ready; do sleep 0.1; done'])
  await must(['stop', '--time', '60', 'web'])
  expect(await must(['inspect', '--format', '{{.State.ExitCode}}', 'web'])).toBe('9')
})

test('containers reach each other over the bridge, and are registered by name', async () => {
  await must(['run', '--detach', '--name', 'db', ...weave('10.2.1.2/24'), 'busybox', ...STAY])
  const id = await must(['inspect', '--format', '{{.Id}}', 'db'])
  expect(asked).toContain(`PUT /name/${id}/10.2.1.2 fqdn=db.weave.local.`)
  const seen = await must([
    'run',
    '--rm',
    ...weave('10.2.1.3/24'),
    'busybox',
    ...lingering('ping -c 1 -W 5 10.2.1.2'),
  ])
  expect(seen).toContain('1 packets received')
  expect(await must(['exec', 'db', ...lingering('cat /etc/hosts')])).toContain(
    '10.2.1.2\tdb.weave.local db\n',
  )
})

test('3.4 inspect shows the weave address', async () => {
  await must(['run', '--detach', '--name', 'db', ...weave('10.2.1.2/24'), 'busybox', ...STAY])
  const format =
    '{{.NetworkSettings.IPAddress}}/{{.NetworkSettings.IPPrefixLen}} {{.NetworkSettings.MacAddress}}'
  const mac = (await must(['exec', 'db', ...lingering('cat /sys/class/net/ethwe/address')])).trim()
  expect(await must(['inspect', '--format', format, 'db'])).toBe(`10.2.1.2/24 ${mac}`)
})

test('an address in use is a refusal: the container is killed, and has nothing any more', async () => {
  await must(['run', '--detach', '--name', 'first', ...weave('10.2.1.2/24'), 'busybox', ...STAY])
  const refused = await ask([
    'run',
    '--detach',
    '--name',
    'second',
    ...weave('10.2.1.9/24 10.2.1.2/24'),
    'busybox',
    ...STAY,
  ])
  expect(refused.exitCode).toBe(125)
  expect(refused.stderr).toContain(
    '10.2.1.2/24: the weave router refuses: address 10.2.1.2 is already owned by',
  )
  expect(await must(['inspect', '--format', '{{.State.Running}}', 'second'])).toBe('false')
  const id = await must(['inspect', '--format', '{{.Id}}', 'second'])
  expect(asked).toContain(`DELETE /ip/${id}`)
})

test('a start of what runs already attaches nothing; a restart does, with the same address', async () => {
  await must(['run', '--detach', '--name', 'web', ...weave('net:10.4.0.0/16'), 'busybox', ...STAY])
  const id = await must(['inspect', '--format', '{{.Id}}', 'web'])
  const about = () => asked.filter((line) => line.startsWith(`POST /ip/${id}/10.4.0.0/16`)).length
  const before = await must(['exec', 'web', ...ADDRESSES])
  // The event of the start is told to the adapter's other half too.
  while (about() < 2) await routerSpeaks()
  await must(['start', 'web'])
  expect(about()).toBe(2)
  await must(['restart', '--time', '1', 'web'])
  while (about() < 3) await routerSpeaks()
  const [, address] = / inet (\S+) /.exec(before) ?? []
  expect(await must(['exec', 'web', ...ADDRESSES])).toContain(` inet ${address} `)
  // Both wait for the interface, and process 1 may be the later of the two.
  const became = 'while test "$(cat /proc/1/comm)" = w; do sleep 0.1; done; cat /proc/1/comm'
  expect(await must(['exec', 'web', ...lingering(became)])).toBe('sh')
})

test('3.4 what is run in a container waits as well, and then it is itself', async () => {
  await must(['run', '--detach', '--name', 'web', ...weave('10.2.1.1/24'), 'busybox', ...STAY])
  expect(await ask(['exec', 'web', 'sh', '-c', 'exit 5'])).toMatchObject({ exitCode: 5 })
  let ended: Ended
  // The engine may lose what an exec has said that ends at once.
  do {
    ended = await ask(['exec', 'web', 'nosuch'])
    expect(ended.exitCode).toBe(127)
  } while (ended.stderr === '')
  expect(ended.stderr).toBe('nosuch: cannot be found or run\n')
})

test('a container that the engine starts again by itself is attached again', async () => {
  await must([
    'run',
    '--detach',
    '--name',
    'web',
    '--restart',
    'always',
    ...weave('10.2.1.1/24'),
    'busybox',
    'sh',
    '-c',
    'sleep 1000',
  ])
  const started = () => must(['inspect', '--format', '{{.State.Pid}}', 'web'])
  const before = await started()
  await host.run('kill', ['-9', before])
  await eventually(started, (pid) => pid !== before && pid !== '0', PATIENCE_MS)
  let seen = ''
  while (!seen.includes('10.2.1.1/24')) seen = (await ask(['exec', 'web', ...ADDRESSES])).stdout
})

test('what a container had is given back when it is removed, whoever removes it', async () => {
  await must(['run', '--detach', '--name', 'web', ...weave('10.2.1.1/24'), 'busybox', ...STAY])
  const id = await must(['inspect', '--format', '{{.Id}}', 'web'])
  await host.mustDocker(['rm', '--force', 'web'])
  await routerHears(new RegExp(`^DELETE /ip/${id}`))
  expect(asked).toContain(`DELETE /name/${id}`)
})

test.each([
  ['none', weave('none')],
  ['nothing', []],
  ['the host’s network', ['--network', 'host', ...weave('10.2.1.1/24')]],
])('%s: the container is left alone', async (_what, args) => {
  await must(['create', '--name', 'alone', ...args, 'busybox', 'true'])
  expect(
    await must(['inspect', '--format', '{{json .Config.Entrypoint}} {{json .HostConfig.Binds}}', 'alone']),
  ).toBe('null null')
  const id = await must(['inspect', '--format', '{{.Id}}', 'alone'])
  expect(asked.filter((line) => line.includes(id))).toEqual([])
})

test('an image that is not there, and an image without a command, are the engine’s to refuse', async () => {
  expect((await ask(['create', '--pull', 'never', ...weave('10.2.1.1/24'), 'nosuch'])).stderr).toContain(
    'No such image: nosuch',
  )
  await host.mustDocker(['import', '-', 'empty'], { stdin: '\0'.repeat(1024) })
  expect((await ask(['create', ...weave('10.2.1.1/24'), 'empty'])).stderr).toMatch(/no command specified/i)
})

test('values with equals signs, names with dots and dashes, and words for a shell do no harm', async () => {
  await must([
    'run',
    '--rm',
    '--name',
    'a-b.c_d',
    '--env',
    'A=b=c',
    ...weave('10.2.1.1/24'),
    'busybox',
    'sh',
    '-c',
    'test "$A" = b=c',
  ])
  const refused = await ask(['create', ...weave('10.2.1.1/24;touch /tmp/x'), 'busybox'])
  expect(refused.stderr).toContain('which means nothing')
})
