/** What people do with `docker` on two hosts whose data moves with their containers. */
import { lingering } from '../../support/clients/index.ts'
import {
  type FlockerHost,
  startTwoPowerstrips,
  type TwoPowerstrips,
} from '../../support/flocker/two-powerstrips.ts'

/** Nothing here is about time: a move takes a second, and many on a machine that does other things. */
jest.setTimeout(300_000)

let cluster: TwoPowerstrips
let first: FlockerHost
let second: FlockerHost
beforeAll(async () => {
  cluster = await startTwoPowerstrips()
  first = cluster.first
  second = cluster.second
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

const QUIET = ['--network', 'none'] as const

function sh(host: FlockerHost, mounts: readonly string[], script: string, more: readonly string[] = []) {
  return host.docker(['run', '--rm', ...QUIET, ...more, ...mounts, 'busybox', ...lingering(script)])
}

async function idOf(name: string): Promise<string> {
  const { body } = await cluster.cluster.api.call('GET', '/configuration/datasets')
  const found = (body as { dataset_id: string; metadata: { name?: string } }[]).filter(
    ({ metadata }) => metadata.name === name,
  )
  expect(found).toHaveLength(1)
  return found[0]!.dataset_id
}

/** Resolves when nobody has the lease, which has been given back by then: it would run out after a minute. */
async function free(name: string): Promise<void> {
  const id = await idOf(name)
  await cluster.cluster.api.until(
    () => cluster.cluster.api.leases(),
    (leases) => leases.every(({ dataset_id }) => dataset_id !== id),
    FREE_LIMIT_MS,
  )
}

const FREE_LIMIT_MS = 30_000

/** For a container that stays: notes a word, once. Who looks for it waits until its shell has come to that. */
function noting(word: string): readonly string[] {
  return ['sh', '-c', `test -s /data/n || echo ${word} > /data/n; exec sleep 600`]
}

function noted(host: FlockerHost, container: string): Promise<string> {
  const looking = lingering('until test -s /data/n; do sleep 0.1; done; cat /data/n')
  return host.mustDocker(['exec', container, ...looking])
}

/** Where a container has its mount at /data from. */
function sourceOf(host: FlockerHost, container: string): Promise<string> {
  const format = '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Source}}{{end}}{{end}}'
  return host.mustDocker(['inspect', '--format', format, container])
}

test('a new name is created on the host that asks, and is there before the container starts', async () => {
  const ended = await sh(
    first,
    ['-v', '/flocker/new:/data:rw'],
    'grep -c " /data " /proc/mounts; echo hello > /data/file',
  )
  expect(ended).toEqual({ exitCode: 0, stdout: '1\n', stderr: '' })
  const id = await idOf('new')
  // An agent that was not heard of for five seconds has nothing, until it is heard of again.
  const state = await cluster.cluster.api.until(
    () => cluster.cluster.api.state(id),
    (seen) => seen?.primary !== undefined,
  )
  expect(state).toMatchObject({ primary: first.node })
})

test('the same name twice on one host is the same data', async () => {
  await first.mustDocker([
    'create',
    '--name',
    'one',
    ...QUIET,
    '-v',
    '/flocker/same:/data',
    'busybox',
    'true',
  ])
  await first.mustDocker([
    'create',
    '--name',
    'two',
    ...QUIET,
    '-v',
    '/flocker/same:/data:ro',
    'busybox',
    'true',
  ])
  expect(await sourceOf(first, 'two')).toBe(await sourceOf(first, 'one'))
  await first.mustDocker(['rm', 'one', 'two'])
  await free('same')
})

test('run on the other host the data is there, with owners and modes, and the move is told', async () => {
  const files =
    'echo hello > /data/file; mkdir /data/d; chmod 1770 /data/d; chown 7:8 /data/d; ln -s file /data/l'
  expect(await sh(first, ['-v', '/flocker/site:/data'], files)).toMatchObject({ exitCode: 0, stderr: '' })
  await free('site')
  const look = 'cat /data/l; stat -c "%u:%g %a" /data/d; echo more >> /data/file'
  const there = await sh(second, ['-v', '/flocker/site:/data'], look)
  expect(there).toMatchObject({ exitCode: 0, stdout: 'hello\n7:8 1770\n' })
  expect(there.stderr).toMatch(
    /^WARNING: adapter "flocker": the dataset "site" was moved here from 10\.214\.0\.1 .* in [0-9.]+ s\n$/,
  )
  await free('site')
  const back = await sh(first, ['-v', '/flocker/site:/data'], 'cat /data/file')
  expect(back).toMatchObject({ exitCode: 0, stdout: 'hello\nmore\n' })
})

test.each([
  ['a bind', ['-v', '/flocker/ways:/data']],
  ['a mount', ['--mount', 'type=bind,source=/flocker/ways,target=/data']],
  ['the volume driver', ['--volume-driver', 'flocker', '-v', 'ways:/data']],
  [
    'a mount with the volume driver',
    ['--mount', 'type=volume,volume-driver=flocker,source=ways,target=/data'],
  ],
])('%s will do, and other volumes stay what they are', async (_how, mounts) => {
  const script = 'echo x >> /data/lines; test "$(ls /host)" = "" && test -d /own && wc -l < /data/lines'
  const other = ['-v', `${first.host.engine.dir}/empty:/host:ro`, '-v', '/own']
  const before = await sh(first, ['-v', '/flocker/ways:/data'], 'cat /data/lines 2>/dev/null | wc -l')
  const ended = await sh(first, [...mounts, ...other], script)
  expect(ended).toEqual({ exitCode: 0, stdout: `${Number(before.stdout) + 1}\n`, stderr: '' })
})

test('data in use on one host is refused on the other, running or stopped, until the container is removed', async () => {
  await first.mustDocker([
    'run',
    '-d',
    '--name',
    'db',
    ...QUIET,
    '-v',
    '/flocker/used:/data',
    'busybox',
    ...noting('1'),
  ])
  const source = await sourceOf(first, 'db')
  const refused = async () => {
    const ended = await sh(second, ['-v', '/flocker/used:/data'], 'cat /data/n')
    expect(ended.exitCode).toBe(125)
    return ended.stderr.split('\n')[0]
  }
  const words =
    /^docker: Error response from daemon: denied by adapter "flocker": the dataset "used" is in use on 10\.214\.0\.1 /
  expect(await refused()).toMatch(words)
  expect(await noted(first, 'db')).toBe('1')
  await first.mustDocker(['stop', '-t', '0', 'db'])
  expect(await refused()).toMatch(words)
  // Nothing was pulled away from under it.
  await first.mustDocker(['start', 'db'])
  expect(await sourceOf(first, 'db')).toBe(source)
  expect(await noted(first, 'db')).toBe('1')
  await first.mustDocker(['rm', '--force', 'db'])
  await free('used')
  expect(await sh(second, ['-v', '/flocker/used:/data'], 'cat /data/n')).toMatchObject({
    exitCode: 0,
    stdout: '1\n',
  })
})

test('one that moves and one that is new are both there before the container starts', async () => {
  await sh(second, ['-v', '/flocker/old:/data'], 'echo old > /data/file')
  await free('old')
  const ended = await sh(
    first,
    ['-v', '/flocker/old:/old', '-v', '/flocker/fresh:/fresh:rw', '-v', '/flocker/old:/again:ro'],
    'cat /old/file /again/file; ls /fresh; touch /fresh/x; touch /again/x 2>&1',
  )
  expect(ended.stdout).toBe('old\nold\ntouch: /again/x: Read-only file system\n')
})

test('a container that was only created loses its claim, and is refused where the data has gone', async () => {
  await first.mustDocker([
    'create',
    '--name',
    'idle',
    ...QUIET,
    '-v',
    '/flocker/idle:/data',
    'busybox',
    ...lingering('cat /data/n'),
  ])
  const id = await idOf('idle')
  // As the minute would have passed.
  await cluster.cluster.api.call('DELETE', `/configuration/leases/${id}`)
  await second.mustDocker([
    'run',
    '-d',
    '--name',
    'busy',
    ...QUIET,
    '-v',
    '/flocker/idle:/data',
    'busybox',
    ...noting('2'),
  ])
  const refused = await first.docker(['start', '-a', 'idle'])
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain('denied by adapter "flocker": the dataset "idle" is in use on 10.214.0.2')
  expect(await noted(second, 'busy')).toBe('2')
  await second.mustDocker(['rm', '--force', 'busy'])
  await free('idle')
  expect(await first.docker(['start', '-a', 'idle'])).toMatchObject({ exitCode: 0, stdout: '2\n' })
  await first.mustDocker(['rm', 'idle'])
})

test('a container that the engine refuses leaves nothing behind', async () => {
  const ended = await sh(first, ['-v', '/flocker/refused:/data', '-v', '/srv:/data'], 'true')
  expect(ended).toMatchObject({
    exitCode: 125,
    stderr: expect.stringContaining('Duplicate mount point: /data'),
  })
  await free('refused')
})

test('two hosts that ask for one dataset at the same instant: one gets it, the other a clear refusal', async () => {
  const long = process.env.POWERSTRIP_LONG === '1'
  const rounds = long ? 200 : 10
  const won = { first: 0, second: 0 }
  for (let round = 1; round <= rounds; round++) {
    // Every fifth time one that nobody has yet.
    const name = `race-${Math.ceil(round / 5)}`
    const count = 'n=$(cat /data/n 2>/dev/null || echo 0); echo $((n + 1)) | tee /data/n'
    const args = [
      'run',
      '--name',
      'racer',
      ...QUIET,
      '-v',
      `/flocker/${name}:/data`,
      'busybox',
      ...lingering(count),
    ]
    const [one, two] = await Promise.all([first.docker(args), second.docker(args)])
    expect([one.exitCode, two.exitCode].sort()).toEqual([0, 125])
    const [host, winner, loser] =
      one.exitCode === 0 ? ([first, one, two] as const) : ([second, two, one] as const)
    expect(loser.stderr).toContain(
      `denied by adapter "flocker": the dataset "${name}" is in use on 10.214.0.${host === first ? 1 : 2}`,
    )
    // Each winner has found what the one before it has written, on whichever host that was.
    expect(winner.stdout).toBe(`${((round - 1) % 5) + 1}\n`)
    won[host === first ? 'first' : 'second']++
    await host.mustDocker(['rm', 'racer'])
    await free(name)
  }
  console.log(
    `two hosts, one dataset: ${rounds} rounds${long ? '' : ' (200 with POWERSTRIP_LONG=1)'}; won ${won.first} and ${won.second}`,
  )
}, 1_200_000)
