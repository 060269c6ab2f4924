/** `examples/swarm-stack.yml`, deployed on two hosts as its README says. */
import { statSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dockerCli, type Ended, importLingeringBusybox } from '../../support/engine/index.ts'
import { type Host, type Hosts, startHosts } from '../../support/hosts/index.ts'
import { checkOut } from '../../support/images/checkout.ts'
import { importEtcd, importNode } from '../../support/images/index.ts'
import { COMMAND } from '../../support/powerstrip.ts'
import { together } from '../../support/together.ts'
import { fencesIn } from './fences.ts'

jest.setTimeout(240_000)

/** Where every node has its engine and its powerstrip: each host has a `/run/docker` of its own. */
const ENGINE = '/run/docker/engine.sock'
const FOLDER = '/run/docker/powerstrip'

let hosts: Hosts
let manager: Host
let checkout: string
/** The README's commands, by who types them. */
let operator: readonly string[]
let user: readonly string[]

beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'checkout-'))
  const [, deploying = '', using = ''] = fencesIn(await readFile('examples/swarm/README.md', 'utf8')).map(
    ({ text }) => text,
  )
  operator = deploying.split('\n').filter((line) => line.startsWith('docker '))
  user = [...using.matchAll(/^\$ (docker .*)$/gm)].map(([, command]) => command!)
  await together([
    startHosts({ kinds: ['old', 'new'], swarm: true }).then((started) => {
      hosts = started
    }),
    checkOut(checkout),
  ])
  manager = hosts.all[0]!
  const engines = hosts.all.map(({ engine }) => engine)
  await together(engines.map(importLingeringBusybox))
  await importNode(engines, 'node:20-bookworm-slim')
  await importEtcd(engines, 'quay.io/coreos/etcd:v3.4.23')
  await together(hosts.all.map(prepare))
})
afterAll(async () => {
  await hosts?.dispose()
  await rm(checkout, { recursive: true, force: true })
})

async function prepare(host: Host): Promise<void> {
  await host.mustDocker(['build', '--quiet', '--tag', 'powerstrip', checkout])
  const made = await host.run('sh', [
    '-c',
    `touch ${ENGINE} && mount --bind ${host.engine.socket} ${ENGINE} && install --directory --owner 1000 ${FOLDER}`,
  ])
  expect(made).toMatchObject({ exitCode: 0, stderr: '' })
}

/** A command of the README on a manager, by way of its engine. */
function onManager(command: string): Promise<string> {
  const env = {
    DOCKER_GID: `${statSync(manager.engine.socket).gid}`,
    DOCKER_SOCKET: ENGINE,
    POWERSTRIP_DIR: FOLDER,
  }
  return manager.mustDocker(command.split(' ').slice(1), { env })
}

/** A command on a node, through its powerstrip. */
async function through(host: Host, command: string): Promise<Ended> {
  const cli = await dockerCli('path')
  return host.run(cli.bin, ['--host', `unix://${FOLDER}/docker.sock`, ...command.split(' ').slice(1)], {
    env: { PATH: process.env.PATH, DOCKER_CONFIG: cli.configDir },
  })
}

test('the stack comes up: a powerstrip on every node, and two of each adapter', async () => {
  const [deploy = '', services = ''] = operator
  expect(operator).toEqual([
    'docker stack deploy --compose-file examples/swarm-stack.yml powerstrip',
    'docker stack services powerstrip',
  ])
  // Nobody here could say which image is the newest.
  await onManager(deploy.replace('deploy', 'deploy --resolve-image never'))
  const format = ' --format={{.Name}}={{.Mode}}={{.Replicas}}'
  let listed = ''
  do {
    await new Promise((resolve) => setTimeout(resolve, 200))
    listed = await onManager(services + format)
  } while (!listed.split('\n').every((line) => /=([1-9])\/\1\b/.test(line)))
  expect(listed.split('\n').sort()).toEqual([
    'powerstrip_debug=replicated=2/2',
    'powerstrip_etcd=replicated=1/1',
    expect.stringMatching(/^powerstrip_flocker-control=replicated=2\/2/),
    'powerstrip_powerstrip=global=2/2',
    'powerstrip_restrict-image=replicated=2/2',
  ])
})

test.each([0, 1])('a command through the powerstrip of node %i is shown to the adapters', async (at) => {
  const [hello = '', evil = ''] = user
  const host = hosts.all[at]!
  expect(await through(host, hello)).toMatchObject({ exitCode: 0, stdout: 'hello\n' })
  expect(await through(host, `docker run --rm busybox echo ${host.name}`)).toMatchObject({ exitCode: 0 })
  const refused = await through(host, evil)
  expect(refused.exitCode).toBe(125)
  expect(refused.stderr).toContain(
    'denied by adapter "restrict-image": the image "evil/web" is not allowed here',
  )
  // The log comes from whichever node the adapter is on, and may be a moment behind.
  let shown = ''
  while (!shown.includes(host.name)) shown = await onManager('docker service logs --raw powerstrip_debug')
  expect(shown).toMatch(
    new RegExp(`pre   POST /v[0-9.]+/containers/create  ContainerCreate  .*"${host.name}"`),
  )
})

test('the control services on both nodes have one state', async () => {
  const urls = hosts.all.map(({ address }) => `http://${address}:4523`)
  const agent = manager.spawn(
    process.execPath,
    [
      ...[COMMAND, 'flocker-agent', '--docker', manager.engine.host, '--listen', `${manager.address}:4524`],
      ...['--state', join(manager.engine.dir, 'agent'), ...urls.flatMap((url) => ['--control', url])],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  for await (const part of agent.stderr!) {
    said += part
    if (said.includes('"registered"')) break
  }
  const wish = JSON.stringify({ primary: manager.address, metadata: { name: 'shared' } })
  const headers = `{ 'content-type': 'application/json' }`
  const made = await ask(
    `fetch('${urls[0]}/v1/configuration/datasets', { method: 'POST', headers: ${headers}, body: '${wish}' })`,
  )
  expect(made).toMatchObject({ metadata: { name: 'shared' } })
  expect(await ask(`fetch('${urls[1]}/v1/configuration/datasets')`)).toEqual([made])
  agent.kill()
})

/** The JSON that a request from within a host is answered with. */
async function ask(request: string): Promise<unknown> {
  const asked = await manager.run(process.execPath, [
    '-e',
    `${request}.then((r) => r.text()).then(console.log)`,
  ])
  return JSON.parse(asked.stdout)
}

test('the stack is removed, and powerstrip with it', async () => {
  await onManager('docker stack rm powerstrip')
  let left = ''
  do left = await onManager('docker ps --quiet')
  while (left !== '')
  expect(await through(manager, 'docker version')).not.toMatchObject({ exitCode: 0 })
})
