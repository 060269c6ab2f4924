/** The weave adapter on two hosts of one Swarm, an old engine that manages and a new one that works: one overlay network. */
import { lingering } from '../../support/clients/index.ts'
import { docker } from '../../support/engine/index.ts'
import { type Host, type Hosts, startHosts } from '../../support/hosts/index.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'

/** Two engines and a Swarm start here, and of two that claim one address at once Swarm lets the slower wait for 20 s. */
jest.setTimeout(240_000)

let hosts: Hosts
let manager: Host
let worker: Host
const proxies = new Map<Host | 'alone', Powerstrip>()
/** The same for what is to be refused, where nobody gives the address back and patience is only waited for. */
const hurried = new Map<Host, Powerstrip>()

beforeAll(async () => {
  hosts = await startHosts({ kinds: ['old', 'new'], swarm: true })
  ;[manager, worker] = hosts.all as [Host, Host]
  const at = (host: Host, options: object) =>
    startPowerstrip({
      upstream: host.engine.host,
      config: `
version: 1
endpoints:
  "POST /*/containers/create": { pre: [weave], post: [weave] }
  "POST /*/containers/*/start": { pre: [weave], post: [weave] }
adapters:
  weave: { use: weave, with: ${JSON.stringify({ driver: 'overlay', engine: host.engine.host, patience: '50s', ...options })} }
`,
    })
  const known = { manager: manager.engine.host }
  proxies.set(manager, await at(manager, {}))
  proxies.set(worker, await at(worker, known))
  proxies.set('alone', await at(worker, {}))
  hurried.set(manager, await at(manager, { patience: '1s' }))
  hurried.set(worker, await at(worker, { ...known, patience: '1s' }))
})
afterAll(async () => {
  for (const proxy of [...proxies.values(), ...hurried.values()]) await proxy.stop()
  await hosts?.dispose()
})
afterEach(async () => {
  for (const host of [manager, worker]) {
    const all = (await host.mustDocker(['ps', '--all', '--quiet'])).split('\n')
    if (all[0] !== '') await host.mustDocker(['rm', '--force', ...all])
  }
})

const hurry = (host: Host, args: readonly string[]) => docker(hurried.get(host)!.unix, args)
async function must(host: Host, args: readonly string[]): Promise<string> {
  const ended = await docker(proxies.get(host)!.unix, args)
  if (ended.exitCode === 0) return ended.stdout.trim()
  throw new Error(`docker ${args.join(' ')} on ${host.name}: ${ended.stderr}`)
}
const ADDRESSES = lingering('ip -oneline -4 address')
const claim = (name: string, cidr: string) => [
  '--name',
  name,
  '--env',
  `WEAVE_CIDR=${cidr}`,
  'busybox',
  'sleep',
  '1000',
]
const run = (name: string, cidr: string) => ['run', '--detach', ...claim(name, cidr)]
const containers = (host: Host) => host.mustDocker(['ps', '--all', '--format', '{{.Names}}'])

test('a host that is no manager, and knows none, says who can make the network', async () => {
  const refused = await docker(proxies.get('alone')!.unix, run('web', '10.2.9.1/24'))
  expect(refused.stderr).toContain(
    `the overlay network weave-10-2-9-0-24 for 10.2.9.0/24 cannot be made: only a manager of the Swarm can make it, and the engine at ${worker.engine.host} is none. Name one in the option "manager"`,
  )
  expect(await containers(worker)).toBe('')
})

test('containers on both hosts have the addresses they asked for, and know each other by name', async () => {
  await must(worker, run('db', '10.2.1.2/24'))
  await must(manager, run('web', '10.2.1.1/24'))
  expect(await must(manager, ['exec', 'web', ...ADDRESSES])).toMatch(/ 10\.2\.1\.1\/24 /)
  for (const name of ['db', 'db.weave.local']) {
    // Names are passed on between the hosts, which takes a moment.
    const ping = `until ping -c 1 -W 1 ${name}; do sleep 0.2; done`
    expect(await must(manager, ['exec', 'web', ...lingering(ping)])).toContain('(10.2.1.2)')
  }
})

test('an address that the other host uses is refused at once, with who uses it, and nothing is left behind', async () => {
  await must(manager, run('web', '10.2.1.1/24'))
  for (const command of ['create', 'run']) {
    const refused = await hurry(worker, [command, ...claim('other', '10.2.1.1/24')])
    expect(refused.stderr).toMatch(
      new RegExp(
        `denied by adapter "weave": the address 10.2.1.1 on the network weave-10-2-1-0-24 is in use by container .+ on ${manager.address}`,
      ),
    )
  }
  expect(await containers(worker)).toBe('')
})

test('an address moves: stopped here, it is run there at once, and the first cannot come back meanwhile', async () => {
  await must(manager, run('web', '10.2.1.1/24'))
  await must(manager, ['stop', '--time', '0', 'web'])
  await must(worker, run('web', '10.2.1.1/24'))
  expect(await must(worker, ['exec', 'web', ...ADDRESSES])).toMatch(/ 10\.2\.1\.1\/24 /)
  expect((await hurry(manager, ['start', 'web'])).stderr).toMatch(
    new RegExp(
      `the address 10.2.1.1 on the network weave-10-2-1-0-24 is in use by container .+ on ${worker.address}`,
    ),
  )
  await must(worker, ['rm', '--force', 'web'])
  await must(manager, ['start', 'web'])
})

test('of two hosts that start one address at the same moment one runs, and the other is told why not', async () => {
  await must(manager, ['create', ...claim('mine', '10.2.1.3/24')])
  await must(worker, ['create', ...claim('mine', '10.2.1.3/24')])
  const ends = await Promise.all([hurry(manager, ['start', 'mine']), hurry(worker, ['start', 'mine'])])
  expect(ends.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1])
  expect(ends.find(({ exitCode }) => exitCode === 1)?.stderr).toContain(
    'the address 10.2.1.3 on the network weave-10-2-1-0-24 is in use by container',
  )
})
