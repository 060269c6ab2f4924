/** The image, and the two compose files, as docs/docker.md and the example's README say. */
import { readFileSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  docker,
  dockerCli,
  type Ended,
  type Engine,
  importLingeringBusybox,
  startEngine,
} from '../../support/engine/index.ts'
import { mustRun, run } from '../../support/engine/run.ts'
import { checkOut } from '../../support/images/checkout.ts'
import { importDockerCli, importNode } from '../../support/images/index.ts'
import { spawnMortal } from '../../support/mortal.ts'
import { COMMAND, startPowerstrip } from '../../support/powerstrip.ts'
import { together } from '../../support/together.ts'
import { fencesIn } from './fences.ts'

// An image is built and a whole stack comes up in some of these, on machines that may be doing other things.
jest.setTimeout(240_000)

let engine: Engine
let checkout: string

beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'checkout-'))
  engine = await startEngine({ kind: 'new', network: true })
  const [, base = ''] = /^ARG BASE=(.+)$/m.exec(readFileSync('Dockerfile', 'utf8')) ?? []
  await together([
    importLingeringBusybox(engine),
    importNode([engine], base),
    importDockerCli(engine),
    checkOut(checkout),
  ])
})

afterAll(async () => {
  await engine?.dispose()
  await rm(checkout, { recursive: true, force: true })
})

const page = fencesIn(readFileSync('docs/docker.md', 'utf8')).map(({ text }) => text)
const [making = '', running = '', , composing = ''] = page

/** Variables as the page has the reader set them, for this engine. */
function surroundings(): NodeJS.ProcessEnv {
  return { DOCKER_GID: `${statSync(engine.socket).gid}`, DOCKER_SOCKET: engine.socket }
}

function compose(file: string, ...args: readonly string[]): Promise<Ended> {
  return docker(engine.host, ['compose', '--file', join(checkout, file), ...args], {
    cli: 'new',
    env: surroundings(),
    timeoutMs: 240_000,
  })
}

async function mustCompose(file: string, ...args: readonly string[]): Promise<string> {
  const ended = await compose(file, ...args)
  if (ended.exitCode !== 0)
    throw new Error(`docker compose ${args.join(' ')}: ${ended.stderr}\n${ended.stdout}`)
  return ended.stdout
}

/** The log of a container may be a moment behind the container. */
async function logged(file: string, args: readonly string[], what: RegExp): Promise<void> {
  const late = performance.now() + LOG_PATIENCE_MS
  let log = ''
  do log = await mustCompose(file, ...args)
  while (!what.test(log) && performance.now() < late)
  expect(log).toMatch(what)
}

/** The engine needs no tenth of it. */
const LOG_PATIENCE_MS = 30_000

describe('the image', () => {
  test('is built without a network, small, and not for root', async () => {
    expect(making).toBe('npm ci\nnpm prune --omit=dev\ndocker build --tag powerstrip .\n')
    const built = await docker(engine.host, ['build', '--network', 'none', '--tag', 'powerstrip', checkout], {
      cli: 'new',
    })
    expect(built).toMatchObject({ exitCode: 0 })
    const asked = await docker(engine.host, [
      'image',
      'inspect',
      '--format',
      '{{.Config.User}} {{.Size}}',
      'powerstrip',
    ])
    const [user, size] = asked.stdout.trim().split(' ')
    const base = await docker(engine.host, [
      'image',
      'inspect',
      '--format',
      '{{.Size}}',
      'node:20-bookworm-slim',
    ])
    expect(user).toBe('1000:1000')
    expect(Number(size) - Number(base.stdout)).toBeLessThan(30_000_000)
  })

  test('runs as the page says, and relays', async () => {
    const script = running
      .replace('$(stat -c %g /var/run/docker.sock)', surroundings().DOCKER_GID!)
      .replace('/var/run/docker.sock:/var', `${engine.socket}:/var`)
    const started = await run('sh', ['-c', script], { env: { ...process.env, DOCKER_HOST: engine.host } })
    expect(started).toMatchObject({ exitCode: 0 })
    const client = [
      '--volume',
      'powerstrip-socket:/run/powerstrip',
      'docker:cli',
      'docker',
      '--host',
      'unix:///run/powerstrip/docker.sock',
    ]
    await listening('powerstrip')
    const ended = await docker(engine.host, [
      'run',
      '--rm',
      ...client,
      'run',
      '--rm',
      'busybox',
      'echo',
      'hello',
    ])
    expect(ended).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: '' })

    expect(await docker(engine.host, ['stop', 'powerstrip'])).toMatchObject({ exitCode: 0 })
    const state = await docker(engine.host, ['inspect', '--format', '{{.State.ExitCode}}', 'powerstrip'])
    expect(state.stdout).toBe('0\n')
  })
})

test('an adapter of init-adapter is an image upon that one, and its hooks fire under docker run', async () => {
  const folder = join(checkout, 'team-label')
  await mustRun(process.execPath, [COMMAND, 'init-adapter', folder])
  const page = fencesIn(readFileSync(join(folder, 'README.md'), 'utf8'))
  const [script, yaml] = page.filter(({ section }) => section === 'As a container')
  const cli = await dockerCli('new')
  const env = { ...process.env, DOCKER_HOST: engine.host, DOCKER_CONFIG: cli.configDir }
  await mustRun('sh', ['-e', '-c', script!.text.replaceAll('docker ', `${cli.bin} `)], { cwd: folder, env })
  await listening('team-label')

  const adapters = readFileSync(join(folder, 'adapters.yml'), 'utf8')
  // The port is published within the engine's network.
  const inside = ['--target', `${engine.pid}`, '--net', '--']
  await using powerstrip = await startPowerstrip({
    upstream: engine.host,
    config: adapters.replace(/^ {2}team-label: .*\n/m, yaml!.text),
    spawn: (program, args, options) => spawnMortal('nsenter', [...inside, program, ...args], options),
  })
  const box = ['run', '--rm', '--detach', '--name', 'labelled', 'busybox', 'sleep', '60']
  expect(await docker(powerstrip.unix, box)).toMatchObject({ exitCode: 0 })
  const label = ['inspect', '--format', '{{.Config.Labels.team}}', 'labelled']
  expect(await docker(engine.host, label)).toMatchObject({ stdout: 'infra\n' })
  expect((await docker(powerstrip.unix, ['run', '--privileged', 'busybox', 'true'])).stderr).toContain(
    'denied by adapter "team-label": privileged containers are not allowed here',
  )
  await docker(engine.host, ['rm', '--force', 'labelled'])
  // It ends by itself when it is told to, and did not crash before.
  await docker(engine.host, ['stop', 'team-label'])
  const state = await docker(engine.host, ['inspect', '--format', '{{.State.ExitCode}}', 'team-label'])
  expect(state.stdout).toBe('0\n')
})

/** Resolves when the container's log says so; a container that ends before is an error. */
async function listening(container: string): Promise<void> {
  for (;;) {
    const { stdout } = await docker(engine.host, ['logs', container])
    if (stdout.includes('listening on')) return
    const { stdout: state } = await docker(engine.host, [
      'inspect',
      '--format',
      '{{.State.Status}}',
      container,
    ])
    if (state.trim() !== 'running')
      throw new Error(`${container} is ${state}: ${(await docker(engine.host, ['logs', container])).stderr}`)
  }
}

describe('docker-compose.yml', () => {
  const FILE = 'docker-compose.yml'
  const commands = composing.split('\n').map((line) => line.replace(/^docker compose /, ''))
  afterAll(() => mustCompose(FILE, 'down', '--volumes', '--timeout', '5'))

  test('comes up as the page says, and the client goes through it', async () => {
    expect(commands.slice(0, 4)).toEqual([
      'export DOCKER_GID=$(stat -c %g /var/run/docker.sock)',
      'up --detach --build',
      'run --rm client docker run --rm busybox echo hello',
      'logs debug',
    ])
    await mustCompose(FILE, 'up', '--detach', '--build')
    const ended = await compose(FILE, ...commands[2]!.split(' '))
    expect(ended).toMatchObject({ exitCode: 0, stdout: 'hello\n' })
    await logged(FILE, ['logs', 'debug'], /pre {3}POST \/v1\.45\/containers\/create {2}ContainerCreate/)
  })

  test('refuses what the rule does not allow', async () => {
    const ended = await compose(FILE, ...'run --rm client docker run --rm evil/web'.split(' '))
    expect(ended.exitCode).toBe(125)
    expect(ended.stderr).toContain(
      'denied by adapter "restrict-image": the image "evil/web" is not allowed here',
    )
  })

  test('runs powerstrip and the adapters as a user without rights', async () => {
    for (const service of ['powerstrip', 'restrict-image', 'debug'])
      expect(await mustCompose(FILE, 'exec', '-T', service, 'id', '-u')).toBe('1000\n')
  })

  test('an adapter that is down stops what it should judge, until it is back', async () => {
    await mustCompose(FILE, 'stop', 'restrict-image')
    // Without --no-deps compose would start it again.
    const args = commands[2]!.replace('--rm', '--rm --no-deps').split(' ')
    const refused = await compose(FILE, ...args)
    expect(refused.stderr).toContain('adapter "restrict-image" failed')
    await mustCompose(FILE, 'up', '--detach', '--wait', 'restrict-image')
    expect(await compose(FILE, ...args)).toMatchObject({ exitCode: 0, stdout: 'hello\n' })
  })

  test('all of it ends well when it is stopped', async () => {
    await mustCompose(FILE, 'stop')
    const services = ['powerstrip', 'restrict-image', 'debug'].map((service) => `powerstrip-${service}-1`)
    const codes = await docker(engine.host, ['inspect', '--format', '{{.State.ExitCode}}', ...services])
    expect(codes.stdout).toBe('0\n0\n0\n')
  })
})

describe('examples/06-adapters-yml-of-2015', () => {
  const FILE = 'examples/06-adapters-yml-of-2015/docker-compose.yml'
  afterAll(() => mustCompose(FILE, 'down', '--volumes', '--timeout', '5'))

  test('works as its README says', async () => {
    const [readme] = fencesIn(readFileSync('examples/06-adapters-yml-of-2015/README.md', 'utf8'))
    const [, up, hello, logs] = readme!.text
      .split('\n')
      .map((line) => line.replace(/^docker compose /, '').split(' '))
    await mustCompose(FILE, ...up!)
    const begun = performance.now()
    expect(await compose(FILE, ...hello!)).toMatchObject({ exitCode: 0, stdout: 'hello\n' })
    expect(performance.now() - begun).toBeGreaterThan(1998)
    await logged(FILE, logs!, /pre {3}POST \/v1\.45\/containers\/[0-9a-f]{64}\/start {2}ContainerStart/)
  })
})
