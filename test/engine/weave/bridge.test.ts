/** The weave adapter on one host: addresses of Docker networks with the driver `bridge`. */
import { lingering } from '../../support/clients/index.ts'
import { docker, ENGINE_KINDS, type Engine, importBusybox, startEngine } from '../../support/engine/index.ts'
import { eventually } from '../../support/flocker/cluster.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'

/** Engines start in these, on machines that may be doing other things. */
jest.setTimeout(240_000)

const ADDRESSES = lingering('ip -oneline -4 address')

function config(options: object): string {
  return `
version: 1
endpoints:
  "POST /*/containers/create": { pre: [weave], post: [weave] }
  "POST /*/containers/*/start": { pre: [weave], post: [weave] }
adapters:
  weave: { use: weave, with: ${JSON.stringify(options)} }
`
}

describe.each(ENGINE_KINDS)('weave on an %s engine', (kind) => {
  let engine: Engine
  let proxy: Powerstrip
  let instead: Powerstrip
  beforeAll(async () => {
    engine = await startEngine({ kind, network: true })
    await importBusybox(engine)
    const start = (options: object) =>
      startPowerstrip({ upstream: engine.host, config: config({ engine: engine.host, ...options }) })
    ;[proxy, instead] = await Promise.all([
      start({}),
      start({ insteadOfBridge: true, allocateByDefault: true, network: 'woven', subnet: '10.60.0.0/16' }),
    ])
  })
  afterAll(async () => {
    await proxy?.stop()
    await instead?.stop()
    await engine?.dispose()
  })
  afterEach(async () => {
    const all = (await docker(engine.host, ['ps', '--all', '--quiet'])).stdout.trim().split('\n')
    await docker(engine.host, ['rm', '--force', ...all])
  })

  const ask = (args: readonly string[], through = proxy) => docker(through.unix, args, { cli: kind })
  const must = async (args: readonly string[], through = proxy) => {
    const ended = await ask(args, through)
    if (ended.exitCode === 0) return ended.stdout
    throw new Error(`docker ${args.join(' ')}: ${ended.stderr}`)
  }
  const names = async (list: readonly string[]) =>
    (await must([...list, '--format', '{{.Name}}'])).trim().split('\n').sort()
  const networks = () => names(['network', 'ls'])
  const containers = async () => (await must(['ps', '--all', '--format', '{{.Names}}'])).trim()

  test('the address is there when the process starts, besides the bridge’s, and given back when it is removed', async () => {
    const run = ['run', '--rm', '--env', 'WEAVE_CIDR=10.2.1.1/24', 'busybox', ...ADDRESSES]
    for (let round = 0; round < 2; round++) {
      const seen = await must(run)
      expect(seen).toMatch(/ eth1 +inet 10\.2\.1\.1\/24 /)
      expect(seen).toMatch(/ eth0 +inet 172\./)
    }
  })

  test('several, in each of the forms, are on a network each', async () => {
    const env = 'WEAVE_CIDR=10.2.1.1/24, ip:10.3.0.9/16 net:10.4.4.0/24,net:default'
    const seen = await must(['run', '--rm', '--env', env, 'busybox', ...ADDRESSES])
    for (const address of [
      /10\.2\.1\.1\/24/,
      /10\.3\.0\.9\/16/,
      /10\.4\.4\.1[2-9][0-9]\/24/,
      /10\.4[0-7]\.[0-9.]+\/12/,
    ])
      expect(seen).toMatch(address)
    expect(await networks()).toEqual(
      expect.arrayContaining(['weave', 'weave-10-2-1-0-24', 'weave-10-3-0-0-16', 'weave-10-4-4-0-24']),
    )
  })

  test('names resolve, with and without the domain', async () => {
    const on = (cidr: string) => ['run', '--env', `WEAVE_CIDR=${cidr}`]
    await must([
      ...on('10.2.1.2/24'),
      '--detach',
      '--name',
      'db',
      '--hostname',
      'base',
      'busybox',
      'sleep',
      '1000',
    ])
    const ping = ['sh', '-c', 'for name in "$@"; do ping -c 1 -W 5 $name | head -n 1; done; sleep 0.3', 'sh']
    const seen = await must([
      ...on('net:10.2.1.0/24'),
      ...['--rm', 'busybox', ...ping, 'db', 'db.weave.local', 'base', 'base.weave.local'],
    ])
    expect(seen.match(/\(10\.2\.1\.2\)/g)).toHaveLength(4)
  })

  test.each([
    ['is used', 'run', '10.2.1.3/24', 'container "first"'],
    ['is the gateway’s', 'create', '10.2.1.254/24', 'the gateway of the network'],
  ])('an address that %s is refused, and nothing is left behind', async (_what, command, cidr, holder) => {
    const first = ['--detach', '--name', 'first', '--env', 'WEAVE_CIDR=10.2.1.3/24']
    await must(['run', ...first, 'busybox', 'sleep', '1000'])
    const address = cidr.split('/')[0]
    const second = await ask([
      command,
      '--name',
      'second',
      '--env',
      `WEAVE_CIDR=10.5.0.1/24 ${cidr}`,
      'busybox',
    ])
    expect(second.stderr).toContain(
      `denied by adapter "weave": the address ${address} on the network weave-10-2-1-0-24 is in use by ${holder}`,
    )
    expect(await containers()).toBe('first')
    expect(await networks()).not.toContain('weave-10-5-0-0-24')
  })

  test('a stopped container’s address can be taken, and the container is refused when it starts again', async () => {
    const claim = ['--detach', '--env', 'WEAVE_CIDR=10.2.1.4/24']
    await must(['run', ...claim, '--name', 'was', 'busybox', 'sleep', '1000'])
    await must(['stop', '--time', '0', 'was'])
    // Engines have said that a container has stopped before they took it off its networks.
    const on = [
      'network',
      'inspect',
      '--format',
      '{{range .Containers}}{{.Name}} {{end}}',
      'weave-10-2-1-0-24',
    ]
    await eventually(
      () => must(on),
      (listed) => !listed.includes('was'),
      100_000,
    )
    await must(['run', ...claim, '--name', 'is', 'busybox', 'sleep', '1000'])
    expect(await ask(['start', 'was'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(
        'the address 10.2.1.4 on the network weave-10-2-1-0-24 is in use by container "is"',
      ),
    })
    await must(['rm', '--force', 'is'])
    await must(['start', 'was'])
    expect(await must(['exec', 'was', ...ADDRESSES])).toContain(' 10.2.1.4/24 ')
    await must(['restart', '--time', '0', 'was'])
    expect(await must(['exec', 'was', ...ADDRESSES])).toContain(' 10.2.1.4/24 ')
  })

  test.each([
    ['none', ['--env', 'WEAVE_CIDR=none']],
    ['nothing', []],
    ['a host’s network', ['--network', 'host', '--env', 'WEAVE_CIDR=10.2.1.5/24']],
  ])('%s: the container is left alone', async (_what, args) => {
    await must(['create', '--name', 'alone', ...args, 'busybox'])
    const seen = JSON.parse(await must(['inspect', 'alone'])) as Inspected[]
    expect(seen[0]?.Config.Labels ?? {}).toEqual({})
    expect(Object.keys(seen[0]?.NetworkSettings.Networks ?? {})).toEqual([
      args.includes('host') ? 'host' : 'bridge',
    ])
  })

  test('malformed ones are refused, with what is accepted', async () => {
    const refused = await ask(['run', '--env', 'WEAVE_CIDR=10.2.1.999/24', 'busybox'])
    expect(refused.stderr).toContain(
      'WEAVE_CIDR names "10.2.1.999/24", which means nothing; write 10.2.1.3/24',
    )
    const twice = await ask(['run', '--env', 'WEAVE_CIDR=10.2.1.5/24 10.2.1.6/24', 'busybox'])
    expect(twice.stderr).toContain('two addresses in 10.2.1.0/24; a container has one on each Docker network')
  })

  test('a subnet that overlaps with another network’s is refused, and that network lives on', async () => {
    const refused = await ask(['run', '--env', 'WEAVE_CIDR=172.17.0.5/24', 'busybox'])
    expect(refused.stderr).toContain(
      'there cannot be a bridge network for 172.17.0.0/24 beside the network bridge, which has 172.17.0.0/16',
    )
    expect(await containers()).toBe('')
    expect(await must(['run', '--rm', 'busybox', ...ADDRESSES])).toMatch(/ eth0 +inet 172\./)
  })

  test('a network of the user’s with that subnet is used', async () => {
    await must(['network', 'create', '--subnet', '10.9.0.0/24', 'mine'])
    const run = ['run', '--rm', '--env', 'WEAVE_CIDR=10.9.0.7/24']
    expect(await must([...run, 'busybox', ...ADDRESSES])).toMatch(/ eth1 +inet 10\.9\.0\.7\/24 /)
    const named = await must([...run, '--network', 'mine', 'busybox', ...ADDRESSES])
    expect(named).toMatch(/ eth0 +inet 10\.9\.0\.7\/24 /)
    expect(named).not.toContain('eth1')
    await must(['network', 'rm', 'mine'])
  })

  test('containers that want a new network at the same moment share one', async () => {
    const run = (at: number) =>
      must(['run', '--detach', '--env', `WEAVE_CIDR=10.6.0.${at}/24`, 'busybox', 'sleep', '1000'])
    await Promise.all([1, 2, 3, 4].map(run))
    expect((await networks()).filter((name) => name.includes('10-6-0-0'))).toHaveLength(1)
  })

  describe('instead of the bridge, and without being asked', () => {
    test('a container has its weave network alone', async () => {
      const seen = await must(['run', '--rm', 'busybox', ...ADDRESSES], instead)
      expect(seen).toMatch(/ eth0 +inet 10\.60\.[0-9.]+\/16 /)
      expect(seen).not.toContain('172.')
      const claimed = ['run', '--rm', '--env', 'WEAVE_CIDR=10.2.1.7/24 net:default']
      const both = await must([...claimed, 'busybox', ...ADDRESSES], instead)
      expect(both).toMatch(/10\.2\.1\.7\/24/)
      expect(both).toMatch(/10\.60\.[0-9.]+\/16/)
      expect(both).not.toContain('172.')
    })

    test('none is none', async () => {
      const seen = await must(['run', '--rm', '--env', 'WEAVE_CIDR=none', 'busybox', ...ADDRESSES], instead)
      expect(seen).toContain('172.')
    })
  })

  test('a network of another driver: macvlan, on an interface of the host', async () => {
    await using macvlan = await startPowerstrip({
      upstream: engine.host,
      config: config({
        engine: engine.host,
        driver: 'macvlan',
        driverOptions: { parent: 'eth0' },
        insteadOfBridge: true,
      }),
    })
    const run = (cidr: string) => ['--env', `WEAVE_CIDR=${cidr}`, 'busybox']
    await must(['run', '--detach', '--name', 'far', ...run('10.7.0.1/24'), 'sleep', '1000'], macvlan)
    const ping = lingering('ping -c 1 -W 5 far')
    expect(await must(['run', '--rm', ...run('net:10.7.0.0/24'), ...ping], macvlan)).toContain(
      '1 packets received',
    )
    const refused = await ask(['run', ...run('10.7.0.1/24')], macvlan)
    expect(refused.stderr).toContain(
      'the address 10.7.0.1 on the network weave-10-7-0-0-24 is in use by container "far"',
    )
  })

  test('--network none is left for the weave network', async () => {
    const run = ['run', '--rm', '--network', 'none', '--env', 'WEAVE_CIDR=10.2.1.8/24 10.3.0.8/16']
    const seen = await must([...run, 'busybox', ...ADDRESSES])
    expect(seen).toMatch(/10\.2\.1\.8\/24/)
    expect(seen).toMatch(/10\.3\.0\.8\/16/)
    expect(seen).not.toContain('172.')
  })
})

interface Inspected {
  readonly Config: { readonly Labels: Record<string, string> | null }
  readonly NetworkSettings: { readonly Networks: Record<string, unknown> }
}
