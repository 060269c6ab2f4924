import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { everyWay, scratchFolder, type Way } from '../../support/clients/index.ts'
import { type DockerOptions, describeEachEngine, runLabel } from '../../support/engine/index.ts'

const PROJECT = `
services:
  talker:
    image: busybox
    network_mode: none
    stop_grace_period: 0s
    labels: [${runLabel()}]
    command: ["sh", "-c", "echo ready; until [ -e /told ]; do sleep 0.05; done; echo told; exec sleep 1000000"]
    volumes: ["kept:/kept"]
  brief:
    image: busybox
    network_mode: none
    labels: [${runLabel()}]
    command: ["sh", "-c", "echo done; echo badly >&2; until [ -e /told ]; do sleep 0.05; done; exit 6"]
volumes:
  kept:
    labels: [${runLabel()}]
`

const BUILT = `
services:
  built:
    build: { context: ., network: none }
    image: WAY-built
    network_mode: none
    labels: [${runLabel()}]
`

describeEachEngine('docker compose', (engine) => {
  const ways = everyWay(engine)
  const scratch = scratchFolder()

  // The container may be gone before the command in it has ended, so how that ended says nothing.
  const tell = (way: Way, container: string) => way.docker(['exec', container, 'touch', '/told'])

  /** Runs compose in a project that only this way has. */
  const projectOf = async (way: Way, name: string, text: string) => {
    const folder = join(scratch.path, way.named(name))
    await mkdir(folder)
    await writeFile(join(folder, 'compose.yml'), text.replaceAll('WAY', way.named(name)))
    await writeFile(
      join(folder, 'Dockerfile'),
      'FROM busybox\nRUN echo built > /file\nCMD cat /file; sleep 0.3\n',
    )
    const flags = ['compose', '--project-directory', folder, '--project-name', way.named(name)]
    return {
      compose: (args: readonly string[], options?: DockerOptions) => way.docker([...flags, ...args], options),
      open: (args: readonly string[]) => way.open([...flags, ...args]),
      container: (service: string) => `${way.named(name)}-${service}-1`,
    }
  }

  test('F29 up, ps, logs, exec, run and down', async () => {
    const seen = await ways.same(
      async (way) => {
        const { compose, open, container } = await projectOf(way, 'project', PROJECT)
        const up = await compose(['up', '--detach'])
        let said = { stdout: '', stderr: '' }
        while (said.stdout === '' || said.stderr === '') said = await way.docker(['logs', container('brief')])
        await tell(way, container('brief'))
        const wait = await way.docker(['wait', container('brief')])
        // Who waits is answered before the list of containers is brought up to date; who inspects, after.
        await way.must(['inspect', container('brief')])
        const ps = await compose(['ps', '--all', '--format', '{{.Service}} {{.State}} {{.ExitCode}}'])
        using logs = open(['logs', '--follow', '--no-color', '--no-log-prefix', 'talker'])
        await logs.shows('ready\n')
        const told = await compose(['exec', '-T', 'talker', 'touch', '/told'])
        await logs.shows('told\n')
        const brief = await compose(['logs', '--no-log-prefix', 'brief'])
        const exec = await compose(['exec', '-T', 'talker', 'sh', '-c', 'sort; exit 4'], { stdin: 'b\na\n' })
        const run = await compose(['run', '--rm', '-T', 'brief', 'sh', '-c', 'echo once; sleep 0.3'])
        const down = await compose(['down', '--volumes'])
        const { stdout } = await logs.ended
        return {
          up: { ...up, stderr: sorted(up.stderr) },
          wait,
          ps: { ...ps, stdout: sorted(ps.stdout) },
          told,
          brief: { ...brief, stdout: sorted(brief.stdout.replaceAll('\x1b[2K', '')) },
          exec,
          run,
          down: { ...down, stderr: sorted(down.stderr) },
          logs: stdout.replaceAll('\x1b[2K', '').replace(/^.* exited with code \d+\n/m, ''),
        }
      },
      { cli: 'new' },
    )
    expect(seen).toMatchObject({
      up: { exitCode: 0, stderr: expect.arrayContaining([' Container (way)-project-talker-1  Started']) },
      wait: { exitCode: 0, stdout: '6\n' },
      ps: { exitCode: 0, stdout: ['', 'brief exited 6', 'talker running 0'] },
      told: { exitCode: 0, stdout: '', stderr: '' },
      brief: { exitCode: 0, stdout: ['', 'badly', 'done'] },
      exec: { exitCode: 4, stdout: 'a\nb\n', stderr: '' },
      run: { exitCode: 0, stdout: 'once\n' },
      down: { exitCode: 0, stderr: expect.arrayContaining([' Volume (way)-project_kept  Removed']) },
      logs: 'ready\ntold\n',
    })
  })

  test('F29 up in the foreground ends with its container', async () => {
    const seen = await ways.same(
      async (way) => {
        const { compose, open, container } = await projectOf(way, 'front', PROJECT)
        using front = open([
          'up',
          '--no-color',
          '--abort-on-container-exit',
          '--exit-code-from',
          'brief',
          'brief',
        ])
        // What a container has said goes unprinted where compose hears of its end first: they come on two connections.
        await front.shows('brief-1  | done\n')
        await tell(way, container('brief'))
        const up = await front.ended
        const down = await compose(['down', '--volumes'])
        return {
          up: { exitCode: up.exitCode, stdout: sorted(up.stdout.replaceAll('\x1b[2K', '')) },
          down: down.exitCode,
        }
      },
      { cli: 'new' },
    )
    expect(seen).toMatchObject({ up: { exitCode: 6 }, down: 0 })
    expect(seen.up.stdout).toContain('brief-1  | done')
  })

  test('F29 build hands the project to BuildKit', async () => {
    const seen = await ways.same(
      async (way) => {
        const { compose } = await projectOf(way, 'built', BUILT)
        const build = await compose(['build', '--no-cache'])
        const run = await compose(['run', '--rm', '-T', 'built'])
        return { build: build.exitCode, run, down: (await compose(['down', '--rmi', 'all'])).exitCode }
      },
      { cli: 'new', inTurn: true },
    )
    expect(seen).toEqual({ build: 0, run: { exitCode: 0, stdout: 'built\n', stderr: '' }, down: 0 })
  })
})

/** The lines of services that work side by side, whose order varies. */
function sorted(text: string): string[] {
  return text.split('\n').sort()
}
