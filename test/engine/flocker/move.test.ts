/** Datasets move between two hosts, with everything that a file system knows about them. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../../support/engine/run.ts'
import { type Cluster, eventually, startCluster } from '../../support/flocker/cluster.ts'
import { describeTree, fillTree } from '../../support/flocker/tree.ts'
import { unpackingOf } from '../../support/flocker/unpacking.ts'
import { LINK } from '../../support/hosts/switch.ts'

/** Engines start here, and what failed is tried again after up to 30 s, on machines that may be doing other things. */
jest.setTimeout(300_000)

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
})

afterAll(() => cluster?.[Symbol.asyncDispose]())

/** As the engine's user would, in a container. */
async function fill(path: string, host: Cluster['hosts'][number]['host']): Promise<void> {
  const script = `
    cd /data && echo one > one.txt && ln one.txt other.txt && mkdir -p deep/er && ln one.txt deep/er/third.txt
    ln -s ../one.txt deep/link && ln -s /nowhere dangling && chmod 4750 one.txt && chown 999:998 deep .
    chmod 700 . && mkfifo pipe && mknod null c 1 3 && touch -t 200102030405.06 deep/er
    printf x | dd of=sparse bs=1 seek=300000000 2>/dev/null && touch "$(printf 'odd\\nname \\377')" -- -dash
    dd if=/dev/urandom of=random bs=1M count=8 2>/dev/null
  `
  await host.mustDocker([
    'run',
    '--rm',
    '--network',
    'none',
    '-v',
    `${path}:/data`,
    'busybox',
    'sh',
    '-c',
    script,
  ])
  const more = `cd "$1" && setfattr -n user.note -v kept one.txt && setfattr -n trusted.t -v 1 deep && setfattr -h -n trusted.l -v 2 deep/link`
  const told = await run('sh', ['-c', more, 'fill', path])
  if (told.exitCode !== 0) throw new Error(told.stderr)
}

/** Changes how fast the host sends to the other one. */
async function linkOf(
  host: Cluster['hosts'][number]['host'],
  change: 'add' | 'delete',
  how: readonly string[],
) {
  const told = await host.run('tc', ['qdisc', change, 'dev', LINK, ...how])
  if (told.exitCode !== 0) throw new Error(told.stderr)
}

test('a dataset is made where it is wanted, moves with everything it holds, and comes back', async () => {
  const { api, hosts } = cluster
  const [first, second] = hosts
  const id = await api.create(first.node, 'whole')
  const path = await api.usableOn(id, first.node)
  await fill(path, first.host)
  const before = await describeTree(first.host, path)
  expect(before).toContain('user.note')

  expect((await api.move(id, second.node)).status).toBe(200)
  const there = await api.usableOn(id, second.node)
  expect(await describeTree(second.host, there)).toBe(before)
  expect(there.startsWith(second.host.engine.dir)).toBe(true)
  const usage = await run('du', ['--block-size=1', `${there}/sparse`])
  expect(Number.parseInt(usage.stdout, 10)).toBeLessThan(1_000_000)

  // The old copy goes, and nothing of the way is left on either host.
  await eventually(
    async () => (await first.host.mustDocker(['volume', 'ls', '--quiet'])).includes(id),
    (listed) => !listed,
  )
  expect(await second.host.mustDocker(['volume', 'ls', '--quiet'])).toBe(`flocker-${id}`)

  await api.move(id, first.node)
  expect(await api.usableOn(id, first.node)).toBe(path)
  expect(await describeTree(first.host, path)).toBe(before)
})

test('a dataset that a running container uses stays, and the state says who uses it', async () => {
  const { api, hosts } = cluster
  const [first, second] = hosts
  const id = await api.create(first.node, 'used')
  const path = await api.usableOn(id, first.node)
  const { host } = first
  await host.mustDocker([
    'run',
    '-d',
    '--name',
    'user',
    '--network',
    'none',
    '-v',
    `${path}:/data`,
    'busybox',
    'sh',
    '-c',
    'echo mine > /data/file; exec sleep 1000',
  ])
  const read = async (at: string) => (await run('cat', [`${at}/file`])).stdout
  await eventually(
    () => read(path),
    (text) => text === 'mine\n',
  )

  await api.move(id, second.node)
  // Each time that it is tried again the move is no longer waiting, for a moment.
  const waiting = await api.until(
    () => api.state(id),
    (seen) => seen?.problem?.includes('in use') === true && seen.move?.phase === 'waiting',
  )
  expect(waiting).toMatchObject({
    primary: first.node,
    path,
    move: { from: first.node, to: second.node, phase: 'waiting' },
    problem: expect.stringContaining('in use on 10.214.0.1 by container user'),
  })

  await host.mustDocker(['rm', '-f', 'user'])
  const there = await api.usableOn(id, second.node)
  expect(await read(there)).toBe('mine\n')
})

test('a deleted dataset goes from its host, but not from under a container', async () => {
  const { api, hosts } = cluster
  const [first] = hosts
  const id = await api.create(first.node, 'gone')
  const path = await api.usableOn(id, first.node)
  await first.host.mustDocker([
    'run',
    '-d',
    '--name',
    'keeper',
    '--network',
    'none',
    '-v',
    `${path}:/data`,
    'busybox',
    'sleep',
    '1000',
  ])
  expect((await api.call('DELETE', `/configuration/datasets/${id}`)).body).toMatchObject({ deleted: true })
  await api.until(
    () => api.state(id),
    (seen) => seen?.problem?.includes('container keeper') === true,
  )
  expect((await run('test', ['-d', path])).exitCode).toBe(0)
  await first.host.mustDocker(['rm', '-f', 'keeper'])
  await api.until(
    () => api.state(id),
    (seen) => seen === undefined,
  )
  expect((await run('test', ['-e', path])).exitCode).not.toBe(0)
})

test('whoever changes their mind on the way has the data where it was', async () => {
  const { api, hosts } = cluster
  const [first, second] = hosts
  const id = await api.create(first.node, 'undecided')
  const path = await api.usableOn(id, first.node)
  await fillTree(first.host, path, 16)
  const before = await describeTree(first.host, path)
  for (const phase of ['copying', 'comparing']) {
    await api.move(id, second.node)
    await api.until(
      () => api.state(id),
      (seen) => seen?.move?.phase === phase || seen?.primary === second.node,
    )
    await api.move(id, first.node)
    expect(await api.usableOn(id, first.node)).toBe(path)
    expect(await describeTree(first.host, path)).toBe(before)
  }
  await eventually(
    () => second.host.mustDocker(['volume', 'ls', '--quiet']),
    (listed) => !listed.includes(id),
  )
})

test('what a killed agent has left unpacking is ended before the move goes on', async () => {
  const { api, hosts } = cluster
  const [first, second] = hosts
  const id = await api.create(first.node, 'orphan')
  const path = await api.usableOn(id, first.node)
  await fillTree(first.host, path, 200)
  const before = await describeTree(first.host, path)
  // The copy takes many seconds, so that whoever looks for its tar finds it at work.
  const slow = ['root', 'tbf', 'rate', '80mbit', 'burst', '256kb', 'latency', '50ms']
  await linkOf(first.host, 'add', slow)
  await api.move(id, second.node)
  const [tar] = await eventually(
    () => unpackingOf(id),
    (pids) => pids.length === 1,
  )
  // Held, so that it would write on whenever it pleases.
  process.kill(tar!, 'SIGSTOP')
  await second.agent.end('SIGKILL')
  expect(await unpackingOf(id)).toEqual([tar])
  await linkOf(first.host, 'delete', ['root'])
  await second.restartAgent()
  const there = await api.usableOn(id, second.node)
  expect(await unpackingOf(id)).toEqual([])
  expect(await describeTree(second.host, there)).toBe(before)
})

test('what is left of a copy whose removal was cut short is removed, and the data can come back', async () => {
  const { api, hosts } = cluster
  const [first, second] = hosts
  const id = await api.create(first.node, 'remains')
  const path = await api.usableOn(id, first.node)
  await fillTree(first.host, path, 8)
  const before = await describeTree(first.host, path)
  const volumes = () => first.host.mustDocker(['volume', 'ls', '--quiet'])
  await api.move(id, second.node)
  await api.usableOn(id, second.node)
  await eventually(volumes, (listed) => !listed.includes(id))

  // As an engine that was killed in the middle of it leaves it.
  await first.agent.end('SIGKILL')
  await first.host.mustDocker(['volume', 'create', `flocker-${id}`])
  const root = dirname(path)
  await mkdir(join(root, '_frozen', 'many'), { recursive: true })
  await writeFile(join(root, '_frozen', 'many', 'file'), 'of old')
  await writeFile(join(root, 'flocker.json'), '{"generation":1,"copy":"old","removing":true}\n')
  await first.restartAgent()
  await eventually(volumes, (listed) => !listed.includes(id))

  await api.move(id, first.node)
  expect(await describeTree(first.host, await api.usableOn(id, first.node))).toBe(before)
})

test('a target without room refuses with the reason, leaves the source as it is, and goes on when there is room', async () => {
  const { api, hosts } = cluster
  const [first, second] = hosts
  const id = await api.create(first.node, 'big')
  const path = await api.usableOn(id, first.node)
  await fillTree(first.host, path, 20)
  const before = await describeTree(first.host, path)
  const volumes = `${second.host.engine.dir}/data/volumes`
  const mount = async (...args: string[]) => {
    const told = await second.host.run('mount', args)
    if (told.exitCode !== 0) throw new Error(told.stderr)
  }
  await second.host.engine.kill()
  // Half the room; and then room enough, but not for so many files, which nobody can know before.
  await mount('-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', volumes)
  await second.host.engine.start()
  await api.move(id, second.node)
  const told = async (words: string) =>
    api.until(
      () => api.state(id),
      (seen) => seen?.problem?.includes(words) === true && seen.primary !== undefined,
    )
  expect(await told('there is no room for it on this node: it takes')).toMatchObject({
    primary: first.node,
    path,
  })
  await mount('-o', 'remount,size=100m,nr_inodes=40', volumes)
  expect(await told('the disk of this node is full')).toMatchObject({ primary: first.node, path })
  expect(await describeTree(first.host, path)).toBe(before)

  await mount('-o', 'remount,nr_inodes=10000', volumes)
  const there = await api.usableOn(id, second.node)
  expect(await describeTree(second.host, there)).toBe(before)
})
