import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { lingering } from '../clients/index.ts'
import { programOf } from '../raw/proc.ts'
import { type Host, type Hosts, startHosts } from './index.ts'

// Engines start and stop here, on machines that may be doing other things.
jest.setTimeout(240_000)

let hosts: Hosts
let first: Host
let second: Host

beforeAll(async () => {
  hosts = await startHosts({ kinds: ['old', 'new'], swarm: true })
  ;[first, second] = hosts.all as [Host, Host]
  const subnet = ['--subnet', '10.32.0.0/24']
  await first.mustDocker(['network', 'create', '--driver', 'overlay', '--attachable', ...subnet, 'across'])
  await run(first, 'web', '10.32.0.11')
  await run(second, 'shop', '10.32.0.12')
})
afterAll(() => hosts?.dispose())

function run(host: Host, name: string, address: string): Promise<string> {
  const where = ['--network', 'across', '--ip', address]
  return host.mustDocker(['run', '--detach', '--name', name, ...where, 'busybox', 'sleep', '1000000'])
}

/** What is learnt by gossip between the hosts may take a moment, so it is asked until it is known. */
function pinging(from: string, to: string): readonly string[] {
  return ['exec', from, ...lingering(`until ping -c 1 -W 1 ${to}; do sleep 0.2; done`)]
}

describe('two hosts in a Swarm', () => {
  test('share a network in which containers have the addresses they asked for', async () => {
    expect(await first.mustDocker(pinging('web', '10.32.0.12'))).toContain('1 packets received')
    expect(await second.mustDocker(pinging('shop', '10.32.0.11'))).toContain('1 packets received')
  })

  test('know the names of each other’s containers', async () => {
    expect(await first.mustDocker(pinging('web', 'shop'))).toContain('(10.32.0.12)')
    expect(await second.mustDocker(pinging('shop', 'web'))).toContain('(10.32.0.11)')
  })

  test('lose each other when a link is cut, and find each other when it is restored', async () => {
    const once = ['exec', 'web', 'ping', '-c', '1', '-W', '1', '10.32.0.12']
    await second.cutLink()
    const cut = await first.docker(once)
    expect(cut).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('100% packet loss') })
    await second.restoreLink()
    expect(await first.mustDocker(pinging('web', '10.32.0.12'))).toContain('1 packets received')
  })

  test('get an engine back that was killed, with its data and its part in the Swarm', async () => {
    await second.mustDocker(['volume', 'create', 'kept'])
    // One that runs would be given its time to stop before the engine is ready.
    await second.mustDocker(['rm', '--force', 'shop'])
    await second.engine.kill()
    expect(await second.docker(['version'])).not.toMatchObject({ exitCode: 0 })
    await second.engine.start()
    expect(await second.mustDocker(['volume', 'ls', '--quiet'])).toBe('kept')
    const sees = ['run', '--rm', '--network', 'across', 'busybox', 'sh', '-c', pinging('', 'web').at(-1)!]
    // An engine that is back has to find its manager first, and says no until then.
    while ((await second.docker(sees)).exitCode !== 0);
  })
})

describe('a program inside a host', () => {
  test('has the host’s network and no other', async () => {
    const { stdout } = await second.run('ip', ['-oneline', '-4', 'address'])
    expect(stdout).toContain(` ${second.address}/24 `)
    expect(stdout).toContain(` ${second.engine.address}/30 `)
    expect(stdout).not.toContain(` ${first.address}/`)
  })

  test('reaches the other host, and is where this process is', async () => {
    const serve = `require('net').createServer((caller) => caller.end(process.cwd())).listen(7000, '${first.address}')`
    const server = first.spawn(process.execPath, [
      '-e',
      `${serve}.once('listening', () => console.log('up'))`,
    ])
    await once(server.stdout!, 'data')
    const call = `require('net').connect(7000, '${first.address}').pipe(process.stdout)`
    const called = await second.run(process.execPath, ['-e', call])
    expect(called).toMatchObject({ exitCode: 0, stdout: process.cwd() })
    server.kill()
  })

  test('sees the containers’ files where the engine has them mounted', async () => {
    const driver = ['--opt', 'type=tmpfs', '--opt', 'device=tmpfs']
    await second.mustDocker(['volume', 'create', ...driver, 'mounted'])
    const mounted = [
      '--volume',
      'mounted:/data',
      'busybox',
      'sh',
      '-c',
      'echo hello >/data/file; sleep 1000000',
    ]
    await second.mustDocker(['run', '--detach', '--name', 'writer', ...mounted])
    const path = await second.mustDocker(['volume', 'inspect', '--format', '{{.Mountpoint}}', 'mounted'])
    const read = ['-c', `until cat ${path}/file 2>/dev/null; do sleep 0.1; done`]
    expect(await second.run('sh', read)).toMatchObject({ stdout: 'hello\n' })
  })
})

test('hosts that run beside others, and what was started beside them, are gone when the process that started them is killed', async () => {
  const holder = spawn(process.execPath, ['--import', 'tsx', 'test/support/hosts/hold-hosts.ts'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // Closed once nobody holds the streams any more: keeper, switch and what ran inside are gone by then.
  const allGone = once(holder, 'close')
  const [line] = await once(holder.stdout, 'data')
  const held = JSON.parse(String(line)) as { dir: string; pids: number[] }
  expect(held.pids.map((pid) => existsSync(`/proc/${pid}/exe`))).not.toContain(false)
  expect(await programOf(held.pids[1]!, '/bin/busybox')).toBe('/bin/busybox')

  holder.kill('SIGKILL')
  await allGone
  expect(existsSync(held.dir)).toBe(false)
  expect(held.pids.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([])
})
