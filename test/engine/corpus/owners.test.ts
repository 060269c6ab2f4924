/** Two groups of clients on one engine, each with everything that people do, and neither in the other's way. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Stage, setStage } from '../../support/cases/stage.ts'
import { lingering } from '../../support/clients/index.ts'
import { type DockerOptions, describeEachEngine, docker, dockerCli } from '../../support/engine/index.ts'
import { COMMAND, startPowerstrip } from '../../support/powerstrip.ts'

describeEachEngine('two owners', (engine) => {
  const tag = `o${randomBytes(3).toString('hex')}-x`
  let stages: Readonly<Record<'a' | 'b', Stage>>
  let folder: string

  const start = (owner: string) =>
    setStage({
      engine: { kind: 'unix', path: engine().socket },
      adapters: {
        sandbox: { use: 'sandbox', with: { preset: 'ci', owner, engine: engine().host, mounts: [folder] } },
      },
      version: 2,
      endpoints: { '* *': { pre: ['sandbox'], validate: ['sandbox'] } },
    })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'owners-'))
    stages = { a: await start(`${tag}a`), b: await start(`${tag}b`) }
  })
  afterAll(async () => {
    for (const stage of Object.values(stages)) await stage[Symbol.asyncDispose]()
    const { stdout } = await docker(engine().host, ['ps', '--all', '--quiet', '--filter', `name=${tag}`])
    const left = stdout.split('\n').filter((id) => id !== '')
    if (left.length > 0) await docker(engine().host, ['rm', '--force', '--volumes', ...left])
    await rm(folder, { recursive: true, force: true })
  })

  /** Runs a command as one of the owners; it has to work. */
  async function must(who: 'a' | 'b', args: readonly string[], options?: DockerOptions): Promise<string> {
    const { exitCode, stdout, stderr } = await docker(`unix://${stages[who].socket}`, args, options)
    if (exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr || stdout}`)
    return stdout
  }

  /** What an owner is told when it is refused. */
  async function refusal(who: 'a' | 'b', args: readonly string[]): Promise<string> {
    const { exitCode, stderr } = await docker(`unix://${stages[who].socket}`, args)
    expect(exitCode).not.toBe(0)
    return stderr
  }

  const run = (name: string, ...more: string[]) =>
    [
      'run',
      '--detach',
      '--network',
      'none',
      '--name',
      `${tag}-${name}`,
      ...more,
      'busybox',
      'sleep',
      '1000000',
    ] as const

  test('containers: a whole life, seen by nobody else', async () => {
    await must('a', run('life', '--volume', `${tag}-data:/data`, '--volume', `${folder}:/host`))
    expect(await must('a', ['exec', `${tag}-life`, ...lingering('echo hi > /data/f; cat /data/f')])).toBe(
      'hi\n',
    )
    expect(await must('a', ['ps', '--format', '{{.Names}}'])).toBe(`${tag}-life\n`)
    expect(await must('b', ['ps', '--all', '--format', '{{.Names}}'])).toBe('')
    expect(await must('a', ['volume', 'ls', '--quiet'])).toBe(`${tag}-data\n`)
    expect(await must('b', ['volume', 'ls', '--quiet'])).toBe('')
    for (const args of [
      ['exec', `${tag}-life`, 'true'],
      ['logs', `${tag}-life`],
      ['rm', '--force', `${tag}-life`],
      ['volume', 'rm', `${tag}-data`],
      run('thief', '--volumes-from', `${tag}-life`),
      run('thief', '--volume', `${tag}-data:/data`),
    ])
      expect(await refusal('b', args)).toMatch(/PS-[A-Z]+-[0-9]{3}: .* does not belong to/)
    await must('a', ['cp', `${tag}-life:/data/f`, `${folder}/f`])
    await must('a', ['update', '--memory', '64m', '--memory-swap', '64m', `${tag}-life`])
    await must('a', ['rename', `${tag}-life`, `${tag}-renamed`])
    await must('a', ['restart', '--time', '0', `${tag}-renamed`])
    const id = await must('a', ['ps', '--quiet'])
    await must('a', ['rm', '--force', id.trim()])
    await must('a', ['volume', 'rm', `${tag}-data`])
  })

  test('what is not there is told in the engine’s words', async () => {
    expect(await refusal('a', ['inspect', `${tag}-none`])).toMatch(/No such object/)
    expect(await refusal('a', ['rm', `${tag}-none`])).toMatch(/No such container/)
    expect(await refusal('a', ['volume', 'rm', `${tag}-none`])).toMatch(/no such volume/i)
  })

  test('a prune removes one’s own', async () => {
    for (const who of ['a', 'b'] as const) {
      await must(who, ['create', '--network', 'none', '--name', `${tag}-prune-${who}`, 'busybox', 'true'])
      await must(who, ['network', 'create', '--internal', `${tag}-net-${who}`])
    }
    await must('a', ['container', 'prune', '--force'])
    await must('a', ['network', 'prune', '--force'])
    const names = await docker(engine().host, [
      'ps',
      '--all',
      '--format',
      '{{.Names}}',
      '--filter',
      `name=${tag}-prune`,
    ])
    expect(names.stdout).toBe(`${tag}-prune-b\n`)
    const networks = await docker(engine().host, [
      'network',
      'ls',
      '--format',
      '{{.Name}}',
      '--filter',
      `name=${tag}-net`,
    ])
    expect(networks.stdout).toBe(`${tag}-net-b\n`)
    await must('b', ['rm', `${tag}-prune-b`])
    await must('b', ['network', 'rm', `${tag}-net-b`])
  })

  test('a start that is refused removes only what its client might remove itself', async () => {
    const box = `${tag}-unstarted`
    const state = async () => {
      const args = ['inspect', '--format', '{{.State.Status}} {{.HostConfig.AutoRemove}}', box]
      return (await docker(engine().host, args)).stdout.trim()
    }
    await must('a', ['create', '--rm', '--network', 'none', '--name', box, 'busybox', 'true'])
    expect(await refusal('b', ['start', box])).toMatch(/does not belong to/)
    expect(await state()).toBe('created true')

    const all = { pre: ['sandbox'], validate: ['sandbox'] }
    const sandbox = (preset: string) => ({
      use: 'sandbox',
      with: { preset, owner: `${tag}a`, engine: engine().host },
    })
    const scene = { engine: { kind: 'unix', path: engine().socket }, version: 2 } as const
    const start = (stage: Stage) => docker(`unix://${stage.socket}`, ['start', box])
    await using readonly = await setStage({
      ...scene,
      adapters: { sandbox: sandbox('readonly') },
      endpoints: { '* *': all },
    })
    expect((await start(readonly)).stderr).toMatch(/PS-ACCESS-001/)
    expect(await state()).toBe('created true')

    // For its owner it is removed, under the eyes of the sandbox.
    await using failing = await setStage({
      ...scene,
      adapters: { sandbox: sandbox('ci'), policy: { does: () => ({ status: 500, text: '' }), protocol: 1 } },
      endpoints: { '* *': all, ContainerStart: { pre: ['policy'] } },
    })
    expect((await start(failing)).stderr).toContain('adapter "policy" failed')
    expect(await state()).toBe('')
  })

  test('images that one has built are one’s own', async () => {
    const image = `${tag}-image`
    await must('a', ['build', '--tag', image, '-'], {
      stdin: 'FROM busybox\nENV A=b\n',
      env: { DOCKER_BUILDKIT: '0' },
    })
    const images = async (who: 'a' | 'b') =>
      (await must(who, ['images', '--format', '{{.Repository}}'])).split('\n')
    expect(await images('a')).toEqual(expect.arrayContaining([image, 'busybox']))
    expect(await images('b')).toContain('busybox')
    expect(await images('b')).not.toContain(image)
    expect(await must('a', ['run', '--rm', '--network', 'none', image, ...lingering('echo $A')])).toBe('b\n')
    expect(await refusal('b', ['run', '--rm', '--network', 'none', image, 'true'])).toMatch(/PS-IMAGE-001/)
    expect(await refusal('b', ['save', image])).toMatch(/PS-READ-001/)
    expect(await refusal('b', ['tag', 'busybox', image])).toMatch(/PS-IMAGE-004/)
    await must('a', ['rmi', image])
  })

  test.each([1, 2])('served on its own, as the README has it, for protocol %i', async (protocol) => {
    const readme = await readFile('adapters/sandbox/README.md', 'utf8')
    const [, command = ''] = /^\$ powerstrip (adapter sandbox .*)$/m.exec(readme) ?? []
    const socket = join(folder, `sandbox-${protocol}.sock`)
    const args = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
    const at = args.indexOf('--listen') + 1
    expect(args[at]).toMatch(/^unix:/)
    const served = spawn(process.execPath, [COMMAND, ...args.with(at, `unix://${socket}`)], {
      env: { ...process.env, DOCKER_HOST: engine().host },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(served, 'exit')
    try {
      await once(createInterface({ input: served.stdout }), 'line')
      await using proxy = await startPowerstrip({
        upstream: engine().host,
        config: JSON.stringify({
          version: 2,
          adapters: { sandbox: { unix: socket, path: '/', protocol } },
          endpoints: { '* *': { pre: ['sandbox'], ...(protocol === 2 ? { validate: ['sandbox'] } : {}) } },
        }),
      })
      const as = async (...words: string[]) => await docker(proxy.unix, words)
      const box = `${tag}-served-${protocol}`
      const strong = await as('run', '--rm', '--network', 'none', '--privileged', 'busybox', 'true')
      expect(strong.stderr).toContain('denied by adapter "sandbox": PS-PRIV-001: a privileged container')
      expect(await as('create', '--network', 'none', '--name', box, 'busybox', 'true')).toMatchObject({
        exitCode: 0,
      })
      expect((await as('ps', '--all', '--format', '{{.Names}}')).stdout).toContain(box)
      const owner = await as(
        'inspect',
        '--format',
        '{{index .Config.Labels "powerstrip.sandbox.owner"}}',
        box,
      )
      expect(owner.stdout).toBe('ci\n')
      expect((await as('rm', `${tag}-none`)).stderr).toMatch(/No such container/)
      expect(await as('rm', box)).toMatchObject({ exitCode: 0 })
    } finally {
      served.kill()
      await ended
    }
  })

  test('compose, from up to down', async () => {
    await dockerCli('new')
    const file = join(folder, 'compose.yml')
    const service = (command: string) =>
      `    image: busybox\n    network_mode: none\n    init: true\n    command: ${command}\n    volumes: ["kept:/kept"]\n`
    await writeFile(
      file,
      `services:\n  one:\n${service('sleep 1000000')}  two:\n${service('sleep 1000000')}volumes:\n  kept:\n`,
    )
    const compose = ['compose', '--project-name', tag, '--file', file]
    const as = { cli: 'new' } as const
    await must('a', [...compose, 'up', '--detach'], as)
    expect((await must('a', [...compose, 'ps', '--quiet'], as)).trim().split('\n')).toHaveLength(2)
    expect(await must('b', [...compose, 'ps', '--quiet'], as)).toBe('')
    await writeFile(file, `services:\n  one:\n${service('sleep 2000000')}volumes:\n  kept:\n`)
    await must('a', [...compose, 'up', '--detach', '--remove-orphans', '--timeout', '0'], as)
    await must('a', [...compose, 'exec', '-T', 'one', 'true'], as)
    await must('a', [...compose, 'down', '--volumes', '--timeout', '0'], as)
    expect(await must('a', ['volume', 'ls', '--quiet'])).toBe('')
  })
})
