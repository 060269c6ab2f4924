/** `examples/flocker-weave/README.md`, typed on two hosts word for word. */
import { statSync } from 'node:fs'
import { chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustCallApi } from '../../support/engine/api.ts'
import { dockerCli, type Ended, importLingeringBusybox } from '../../support/engine/index.ts'
import { run } from '../../support/engine/run.ts'
import { eventually } from '../../support/flocker/cluster.ts'
import { type Host, type Hosts, startHosts } from '../../support/hosts/index.ts'
import { checkOut } from '../../support/images/checkout.ts'
import { importNodeForAgents, importRedis } from '../../support/images/index.ts'
import { together } from '../../support/together.ts'
import { type Fence, fencesIn } from './fences.ts'

/** Images are built and containers wait for each other, on machines that may be doing other things. */
jest.setTimeout(600_000)

const PATIENCE_MS = 300_000

const EXAMPLE = 'examples/flocker-weave'

let hosts: Hosts
let first: Host
let second: Host
let checkout: string
let fences: readonly Fence[]

beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'checkout-'))
  fences = fencesIn(await readFile(join(EXAMPLE, 'README.md'), 'utf8'))
  await together([
    startHosts({ kinds: ['new', 'new'] }).then((started) => {
      hosts = started
    }),
    checkOut(checkout),
  ])
  ;[first, second] = hosts.all as [Host, Host]
  const engines = hosts.all.map(({ engine }) => engine)
  await together(engines.map(importLingeringBusybox))
  await importNodeForAgents(engines, 'node:20-bookworm-slim')
  await importRedis(engines, 'redis:7')
  await together(hosts.all.map(prepare))
})
afterAll(async () => {
  await hosts?.dispose()
  await rm(checkout, { recursive: true, force: true })
})

/** What the page takes for granted, and what needs a registry or Debian's archive. */
async function prepare(host: Host): Promise<void> {
  await host.mustDocker(['build', '--quiet', '--tag', 'powerstrip', checkout])
  await host.mustDocker(['build', '--quiet', '--tag', 'powerstrip-agent', '-'], {
    stdin: 'FROM powerstrip\nUSER root\n',
  })
  await mkdir(folderOf(host))
  await chown(folderOf(host), 1000, 1000)
}

function folderOf(host: Host): string {
  return join(host.engine.dir, 'powerstrip')
}

/** Lines of the page for a shell on a host; only addresses and paths that this machine shares are put elsewhere. */
async function type(host: Host, lines: string): Promise<Ended> {
  const cli = await dockerCli('new')
  const script = lines
    .replaceAll('10.0.0.1', first.address)
    .replaceAll('10.0.0.2', second.address)
    .replaceAll('/srv/powerstrip', folderOf(host))
    .replace('$(stat -c %g /var/run/docker.sock)', `${statSync(host.engine.socket).gid}`)
    // The agent's image is here already: its package would come from Debian's archive.
    .replace(' --detach --build', ' --detach')
    .replace(/ *#.*/g, '')
  return run('sh', ['-c', `cd ${EXAMPLE}\n${script}`], {
    timeoutMs: 300_000,
    env: {
      PATH: `${cli.bin.replace(/\/docker$/, '')}:${process.env.PATH}`,
      DOCKER_CONFIG: cli.configDir,
      DOCKER_HOST: host.engine.host,
      DOCKER_BUILDKIT: '0',
      DOCKER_SOCKET: host.engine.socket,
      DOCKER_VOLUMES: join(host.engine.dir, 'data/volumes'),
      POWERSTRIP_DIR: folderOf(host),
    },
  })
}

async function mustType(host: Host, lines: string): Promise<string> {
  const ended = await type(host, lines)
  if (ended.exitCode !== 0) throw new Error(`${lines}: ${ended.stderr}`)
  return ended.stdout
}

/** The shell fences below a heading, in order. */
function shell(section: string): readonly string[] {
  return fences
    .filter((fence) => fence.section === section && fence.language === 'sh')
    .map(({ text }) => text)
}

/** What a reader has in their shell from then on. */
const through = 'export DOCKER_HOST=unix:///srv/powerstrip/docker.sock\n'

test('the hosts come up', async () => {
  const [, swarm = '', onFirst = '', onSecond = '', onBoth = ''] = shell('The hosts')
  const joining = await mustType(first, swarm)
  await mustType(
    second,
    /docker swarm join --token \S+ \S+/.exec(joining.split('To add a manager').at(-1)!)![0],
  )
  await mustType(first, onFirst)
  await mustType(second, onSecond)
  expect(onBoth).toContain(through)
  for (const host of hosts.all) {
    while ((await type(host, `${through}docker version`)).exitCode !== 0);
    await mustType(host, onBoth)
  }
})

test('the site runs on the first host', async () => {
  const [site = ''] = shell('The site')
  const lines = site.trim().split('\n')
  await mustType(first, through + lines.slice(0, 2).join('\n'))
  expect(await visit(first, lines[2]!)).toContain('the site’s number')
})

test('its data and its address stay where they are used', async () => {
  const refusals = fences.filter((fence) => fence.section === 'The site' && fence.language === 'console')
  expect(refusals).toHaveLength(2)
  for (const { text } of refusals) {
    const [command = '', prints = ''] = text.trimEnd().split('\n')
    let ended: Ended
    // A lease knows that its container has started when the engine's event has come.
    do ended = await type(second, through + command.replace('$ ', ''))
    while (/which is not started yet/.test(ended.stderr))
    expect(ended.exitCode).toBe(125)
    const [before = '', after = ''] = prints.replace('10.0.0.1', first.address).split('…')
    expect(ended.stderr).toContain(before)
    expect(ended.stderr).toContain(after)
  }
  // Nobody waits for a lease to run out.
  await mustType(first, `${through}docker run --rm --volume /flocker/fresh:/data busybox true`)
})

test('the site moves, and knows its visitors', async () => {
  const [away = '', here = ''] = shell('The move')
  const ask = shell('The site')[0]!.trim().split('\n')[2]!
  const [, count] = /the site’s number ([0-9]+)/.exec(await visit(first, ask))!
  await mustType(first, through + away)
  await given(['10.2.1.1', '10.2.1.2'])
  await mustType(second, through + here)
  const page = await visit(second, ask)
  expect(page).toContain('<dt>Address</dt><dd><code>10.2.1.1</code></dd>')
  expect(Number(/the site’s number ([0-9]+)/.exec(page)![1])).toBeGreaterThan(Number(count))
})

/** Until the Swarm has seen that addresses are free. weave waits for that too, as long as people would, and a busy machine may take longer. */
async function given(addresses: readonly string[]): Promise<void> {
  const filters = { runtime: ['attachment', 'container', ''], 'desired-state': ['running'] }
  const tasks = `/tasks?filters=${encodeURIComponent(JSON.stringify(filters))}`
  await eventually(
    () => mustCallApi(first.engine.socket, 'GET', tasks),
    (listed) => addresses.every((address) => !listed.includes(`"${address}/`)),
    PATIENCE_MS,
  )
}

/** A site that has just been started may not have found its database yet, and the last visitor's address not be free. */
async function visit(host: Host, command: string): Promise<string> {
  for (;;) {
    const ended = await type(host, through + command)
    // An engine may lose all that a container has said that ends at once.
    if (ended.exitCode === 0 && ended.stdout !== '') return ended.stdout
    if (
      ended.exitCode !== 0 &&
      !/503|refused|timed out|No route to host|the address 10\.2\.1\.9 .* is in use/.test(ended.stderr)
    )
      throw new Error(ended.stderr)
  }
}
