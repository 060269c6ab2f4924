import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ALONE, lingering } from '../clients/index.ts'
import { programOf } from '../raw/proc.ts'
import {
  describeEachEngine,
  docker,
  ENGINE_KINDS,
  type Engine,
  type EngineKind,
  importBusybox,
  runLabel,
  spawnDocker,
  startEngine,
} from './index.ts'

// Two engines start and stop in most of these, on machines that may be doing other things.
jest.setTimeout(240_000)

const VERSIONS = { old: /^20\.10\./, new: /^26\./ } as const

describeEachEngine('a shared engine', (engine) => {
  test('is of the version its kind promises', () => {
    expect(engine().version).toMatch(VERSIONS[engine().kind])
  })

  test.each(['old', 'new', 'path'] as const)('runs a container for the %s CLI', async (cli) => {
    const args = ['run', '--rm', ...ALONE, 'busybox', ...lingering('echo hi')]
    expect(await docker(engine().host, args, { cli })).toEqual({ exitCode: 0, stdout: 'hi\n', stderr: '' })
  })

  test('keeps the signals of a container as the container was told', async () => {
    // A process started in the background of a shell ignores SIGINT, and so would everything below it.
    // The exit code tells: of a container that ends at once an engine that is very busy may lose the output.
    const grep = ['grep', '^SigIgn:.0000000000000000$', '/proc/self/status']
    const ended = await docker(engine().host, ['run', '--rm', '--network', 'none', 'busybox', ...grep])
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
  })

  test('is let go of by a client that does not end in time', async () => {
    const ended = await docker(engine().host, ['events'], { timeoutMs: 500 })
    expect(ended.exitCode).toBe(124)
    expect(ended.stderr).toContain('killed after 500 ms')
  })

  test('serves a client that a test holds as a process', async () => {
    const child = spawnDocker(engine().host, ['run', '--rm', '-i', '--network', 'none', 'busybox', 'cat'])
    child.stdin!.write('hello')
    const [first] = await once(child.stdout!, 'data')
    child.stdin!.end()
    const [exitCode] = await once(child, 'exit')
    expect([String(first), exitCode]).toEqual(['hello', 0])
  })

  test('is not stopped by a test file', async () => {
    await expect(engine().kill()).rejects.toThrow('shared by all test files')
    await engine().dispose()
    expect((await docker(engine().host, ['version'])).exitCode).toBe(0)
  })
})

describe('the docker CLI', () => {
  test.each(['compose', 'buildx'])('of the new kind has the plugin %s', async (plugin) => {
    const ended = await docker('unix:///nowhere', [plugin, 'version'], { cli: 'new' })
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
  })

  test('of the old kind is 20.10, of the new kind 26', async () => {
    const versions = await Promise.all(
      (['old', 'new'] as const).map((cli) => docker('unix:///nowhere', ['--version'], { cli })),
    )
    expect(versions.map(({ stdout }) => /version (\d+)/.exec(stdout)?.[1])).toEqual(['20', '26'])
  })
})

describe.each(ENGINE_KINDS)('a private %s engine', (kind) => {
  test('comes back with its data after it was killed', async () => {
    await using engine = await startedEngine(kind)
    await docker(engine.host, ['volume', 'create', 'kept'])
    const before = engine.pid
    await expect(engine.start()).rejects.toThrow('is running')

    await engine.kill()
    expect(existsSync(`/proc/${before}/exe`)).toBe(false)
    expect((await docker(engine.host, ['version'])).exitCode).not.toBe(0)

    await engine.start()
    expect(engine.pid).not.toBe(before)
    expect((await docker(engine.host, ['volume', 'ls', '--quiet'])).stdout).toBe('kept\n')
  })

  test('leaves nothing when it is disposed of with a container running', async () => {
    const engine = await startedEngine(kind)
    await docker(engine.host, [
      'run',
      '-d',
      '--network',
      'none',
      '--restart',
      'always',
      'busybox',
      'sleep',
      '1000000',
    ])
    expect(tracesOf(engine.dir)).not.toEqual([])

    await engine.dispose()
    expect(tracesOf(engine.dir)).toEqual([])
  })

  test('leaves nothing when the process that started it is killed', async () => {
    const holder = spawn(process.execPath, ['--import', 'tsx', 'test/support/engine/hold-engine.ts', kind], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    // Closed once nobody holds the streams any more; the keeper holds the last of them until it has finished.
    const allGone = once(holder, 'close')
    const [line] = await once(holder.stdout, 'data')
    const held = JSON.parse(String(line)) as { dir: string; engine: number; container: number }
    expect(await programOf(held.container, '/bin/busybox')).toBe('/bin/busybox')

    holder.kill('SIGKILL')
    await allGone
    expect(tracesOf(held.dir)).toEqual([])
    expect([held.engine, held.container].filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([])
  })
})

test('engines with networks run side by side, each with a default bridge of its own', async () => {
  const engines = await Promise.all(ENGINE_KINDS.map((kind) => startedEngine(kind, true)))
  try {
    for (const { host } of engines) {
      const ping = await docker(host, ['run', '--rm', 'busybox', 'sh', '-c', GATEWAY_PING])
      expect(ping).toMatchObject({ exitCode: 0, stderr: '' })
    }
    for (const { host, address } of engines) {
      await docker(host, ['run', '--detach', '--publish', '8080:80', 'busybox', 'sh', '-c', WEB_SERVER])
      const fetchPage = `until wget -q -O - http://${address}:8080/page; do sleep 0.1; done`
      expect((await docker(host, ['run', '--rm', 'busybox', ...lingering(fetchPage)])).stdout).toBe(
        'served\n',
      )
    }
  } finally {
    await Promise.all(engines.map((engine) => engine.dispose()))
  }
})

const GATEWAY_PING = "ping -c 1 $(ip route | awk '/^default/ { print $3 }')"
const WEB_SERVER = 'mkdir /www; echo served > /www/page; exec httpd -f -h /www'

test('a lent engine keeps all that does not carry the label of this run', async () => {
  await using own = await startedEngine('old')
  const make = async (name: string, ...labels: string[]) => {
    await docker(own.host, ['volume', 'create', ...labels, name])
    await docker(own.host, ['create', '--network', 'none', '--name', name, ...labels, 'busybox', 'true'])
  }
  const before = process.env.POWERSTRIP_TEST_ENGINE
  process.env.POWERSTRIP_TEST_ENGINE = own.socket
  try {
    const lent = await startEngine({ kind: 'new' })
    expect(lent).toMatchObject({ socket: own.socket, version: own.version })
    await make('theirs')
    await make('ours', '--label', runLabel())
    await expect(lent.kill()).rejects.toThrow('not ours')
    await expect(lent.start()).rejects.toThrow('not ours')

    await lent.dispose()
  } finally {
    if (before === undefined) delete process.env.POWERSTRIP_TEST_ENGINE
    else process.env.POWERSTRIP_TEST_ENGINE = before
  }
  expect((await docker(own.host, ['volume', 'ls', '--quiet'])).stdout).toBe('theirs\n')
  expect((await docker(own.host, ['ps', '--all', '--format', '{{.Names}}'])).stdout).toBe('theirs\n')
})

async function startedEngine(kind: EngineKind, network = false): Promise<Engine> {
  const engine = await startEngine({ kind, network })
  await importBusybox(engine)
  return engine
}

/** Whatever on this machine still shows that there was an engine in this folder. */
function tracesOf(dir: string): string[] {
  const name = dir.split('/').at(-1)!
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && mentions(pid, name))
  const cgroups = spawnSync('find', ['/sys/fs/cgroup', '-name', name], { encoding: 'utf8' }).stdout
  return [
    ...(existsSync(dir) ? [dir] : []),
    ...processes.map((pid) => `process ${pid}`),
    ...cgroups.split('\n').filter((path) => path !== ''),
  ]
}

/** By its command line or its cgroup; a process may end while it is looked at. */
function mentions(pid: string, name: string): boolean {
  try {
    if (!existsSync(join('/proc', pid, 'exe'))) return false
    return ['cmdline', 'cgroup'].some((file) => readFileSync(join('/proc', pid, file), 'utf8').includes(name))
  } catch {
    return false
  }
}
