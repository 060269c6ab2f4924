/** D1 to D10 of protocol 1: what people do with `docker`, beside adapters that change nothing or are not there. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type CaseAdapter, echo, saying, startAdapter } from '../../support/cases/adapters.ts'
import { besideDirect } from '../../support/cases/beside.ts'
import { ALONE, fingerprint, lingering } from '../../support/clients/index.ts'
import { describeEachEngine, docker, runLabel } from '../../support/engine/index.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'

// Dozens of docker commands each, on machines that may be doing other things.
jest.setTimeout(240_000)

const TALK = 'echo ready; while read line; do echo "you said $line"; [ "$line" = bye ] && exit 4; done'
const TALKING = [{ expect: 'ready' }, { type: 'hi\n' }, { expect: 'you said hi' }, { type: 'bye\n' }]

/**
 * Typed, with the terminal still open behind it. A container of `run -d -i` keeps its input when a client's ends; the engine
 * closes that client's outputs instead, at once, whatever is still to come on them (moby, `container/stream/attach.go`).
 */
function typing(text: string): Readable {
  const keyboard = new Readable({ read() {} })
  keyboard.push(text)
  return keyboard
}

/** Of an adapter that nobody runs. */
const DEAD = 'http://127.0.0.1:1/'

describeEachEngine('beside a dead post-hook on attach, docker', (engine) => {
  const beside = besideDirect(engine, () =>
    JSON.stringify({
      endpoints: { 'POST /*/containers/*/attach': { post: ['dead'] } },
      adapters: { dead: DEAD },
    }),
  )

  test('D1, D2: run echo', async () => {
    expect(await beside.same((side) => side.run([], lingering('echo hello')))).toEqual({
      exitCode: 0,
      stdout: 'hello\n',
      stderr: '',
    })
  })

  test('D3, D4: run -ti', async () => {
    const seen = await beside.same((side) =>
      side.terminal(['run', '--rm', '-ti', ...ALONE, 'busybox', 'sh', '-c', TALK], TALKING),
    )
    expect(seen).toMatchObject({ exitCode: 4, screen: expect.stringContaining('you said bye') })
  })

  test('D5: logs of 10,000 lines', async () => {
    const seen = await beside.same(async (side) => {
      const name = side.named('logs')
      await side.docker(['run', '--name', name, ...ALONE, 'busybox', ...lingering('seq 10000')])
      const { exitCode, stdout } = await side.docker(['logs', name])
      return { exitCode, lines: stdout.split('\n').length, print: fingerprint(stdout) }
    })
    expect(seen).toMatchObject({ exitCode: 0, lines: 10_001 })
  })

  test('D10: run -i ends with its input', async () => {
    const seen = await beside.same((side) => side.run(['-i'], lingering('cat'), { stdin: 'hello\n' }))
    expect(seen).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: '' })
  })

  test('D2: the dead hook was never asked', () => {
    const skipped = beside.powerstrip.log.filter(({ kind }) => kind === 'post-hooks-skipped')
    expect(skipped).not.toEqual([])
    expect(beside.powerstrip.log.filter(({ fate }) => fate === 'post-failed')).toEqual([])
  })
})

describeEachEngine('beside null adapters on everything, docker', (engine) => {
  let one: CaseAdapter
  let two: CaseAdapter
  let folder: string
  beforeAll(async () => {
    one = await startAdapter(echo)
    two = await startAdapter(echo)
    folder = await mkdtemp(join(tmpdir(), 'chain-'))
    await writeFile(join(folder, 'Dockerfile'), 'FROM busybox\nCOPY data /data\nRUN cat /data\n')
    await writeFile(join(folder, 'data'), 'some data\n')
    await writeFile(
      join(folder, 'compose.yml'),
      `services:\n  one:\n    image: busybox\n    network_mode: none\n    labels: ["${runLabel()}"]\n    command: [sh, -c, echo composed; sleep 0.3]\n`,
    )
  })
  afterAll(async () => {
    await Promise.all([one, two].map((adapter) => adapter[Symbol.asyncDispose]()))
    await rm(folder, { recursive: true, force: true })
  })
  const beside = besideDirect(engine, () =>
    JSON.stringify({
      endpoints: { '* *': { pre: ['one', 'two'], post: ['one', 'two'] } },
      adapters: { one: one.url, two: two.url },
    }),
  )

  test.each(['old', 'new'] as const)('D6, D7: run, run -i and run -ti, with the %s CLI', async (cli) => {
    const seen = await beside.same(
      async (side) => ({
        run: await side.run([], ['sh', '-c', 'echo out; echo err >&2; sleep 0.3; exit 7']),
        cat: await side.run(['-i'], lingering('cat'), { stdin: 'hello\n' }),
        terminal: await side.terminal(['run', '--rm', '-ti', ...ALONE, 'busybox', 'sh', '-c', TALK], TALKING),
      }),
      cli,
    )
    expect(seen).toMatchObject({
      run: { exitCode: 7, stdout: 'out\n', stderr: 'err\n' },
      cat: { exitCode: 0, stdout: 'hello\n' },
      terminal: { exitCode: 4 },
    })
  })

  test('exec, attach, logs, cp, inspect and diff', async () => {
    const seen = await beside.same(async (side) => {
      const name = side.named('box')
      await side.docker([
        'run',
        '-d',
        '-i',
        '--name',
        name,
        ...ALONE,
        'busybox',
        'sh',
        '-c',
        'read x; echo "got $x"; sleep 0.3; exit 5',
      ])
      return {
        exec: await side.docker(['exec', name, 'sh', '-c', 'echo out; echo err >&2; exit 3']),
        execStdin: await side.docker(['exec', '-i', name, 'cat'], { stdin: 'typed\n' }),
        detached: await side.docker(['exec', '-d', name, 'true']),
        copiedIn: await side.docker(['cp', join(folder, 'data'), `${name}:/copied`]),
        copied: await side.docker(['exec', name, 'cat', '/copied']),
        copiedOut: await side.docker(['cp', `${name}:/copied`, '-']),
        attach: await side.docker(['attach', name], { stdin: typing('word\n') }),
        wait: await side.docker(['wait', name]),
        logs: await side.docker(['logs', name]),
        followed: await side.docker(['logs', '--follow', name]),
        state: await side.docker([
          'inspect',
          '--format',
          '{{.State.Status}} {{.State.ExitCode}} {{.Config.Cmd}}',
          name,
        ]),
        diff: await side.docker(['diff', name]),
        missing: await side.docker(['start', side.named('none')]),
      }
    })
    expect(seen).toMatchObject({
      exec: { exitCode: 3, stdout: 'out\n', stderr: 'err\n' },
      execStdin: { exitCode: 0, stdout: 'typed\n' },
      copied: { stdout: 'some data\n' },
      attach: { exitCode: 5, stdout: 'got word\n' },
      logs: { exitCode: 0, stdout: 'got word\n' },
      wait: { stdout: '5\n' },
    })
  })

  test('D8: pull of an image that is nowhere, and load, which shows progress', async () => {
    const archive = join(folder, 'busybox.tar')
    const seen = await beside.same(async (side) => {
      const tag = `${side.named('image')}:1`
      await side.docker(['tag', 'busybox', tag])
      const saved = await side.docker(['save', '--output', archive, tag])
      const removed = (await side.docker(['image', 'rm', tag])).exitCode
      const loaded = await side.docker(['load', '--input', archive])
      const pulled = await side.docker(['pull', `localhost:1/${side.named('none')}`])
      return { saved, removed, loaded, pulled: pulled.exitCode }
    })
    expect(seen).toMatchObject({
      saved: { exitCode: 0 },
      loaded: { exitCode: 0, stdout: expect.stringContaining('Loaded image') },
      pulled: 1,
    })
  })

  test('D9: build, the classic way', async () => {
    const seen = await beside.same(async (side) => {
      const tag = `${side.named('classic')}:1`
      const args = ['build', '--network', 'none', '-q', '-t', tag, folder]
      const built = await side.docker(args, { env: { DOCKER_BUILDKIT: '0' } })
      const ran = await side.docker(['run', '--rm', ...ALONE, tag, ...lingering('cat /data')])
      return { exitCode: built.exitCode, ran }
    }, 'old')
    expect(seen).toMatchObject({ exitCode: 0, ran: { stdout: 'some data\n' } })
  })

  test('D9: build, with buildx', async () => {
    const seen = await beside.same(async (side) => {
      const tag = `${side.named('buildx')}:1`
      const built = await side.docker([
        'buildx',
        'build',
        '--load',
        '--progress',
        'plain',
        '--network',
        'none',
        '-t',
        tag,
        folder,
      ])
      const ran = await side.docker(['run', '--rm', ...ALONE, tag, ...lingering('cat /data')])
      return { exitCode: built.exitCode, ran, why: built.exitCode === 0 ? '' : built.stderr }
    }, 'new')
    expect(seen).toMatchObject({ why: '', exitCode: 0, ran: { stdout: 'some data\n' } })
  })

  test('compose', async () => {
    const seen = await beside.same(async (side) => {
      const project = ['compose', '-p', side.named('app'), '-f', join(folder, 'compose.yml')]
      const up = await side.docker([...project, 'up', '--no-color'])
      const down = await side.docker([...project, 'down'])
      return { up: up.exitCode, composed: up.stdout.includes('composed'), down: down.exitCode }
    }, 'new')
    expect(seen).toEqual({ up: 0, composed: true, down: 0 })
  })
})

describeEachEngine('what adapters refuse is told by docker', (engine) => {
  test.each([
    [
      'a denial',
      'pre',
      saying(403, 'only after four'),
      'Error response from daemon: denied by adapter "judge": only after four',
    ],
    [
      'a failure',
      'pre',
      saying(500, 'out of paper'),
      'Error response from daemon: adapter "judge" failed: out of paper',
    ],
    [
      'a late denial',
      'post',
      saying(403, 'seen it'),
      'Error response from daemon: denied by adapter "judge": seen it; the engine had already answered 201',
    ],
  ] as const)('%s in the %s-hook of create', async (_what, phase, does, expected) => {
    await using judge = await startAdapter(does)
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        endpoints: { 'POST /*/containers/create': { [phase]: ['judge'] } },
        adapters: { judge: judge.url },
      }),
    })
    const name = `judged-${process.pid}-${Date.now().toString(36)}`
    const ended = await docker(powerstrip.unix, ['create', '--name', name, ...ALONE, 'busybox', 'true'])
    await docker(engine().host, ['rm', '--force', name])
    expect([ended.exitCode, ended.stderr.split('\n')[0]]).toEqual([1, expected])
  })
})
