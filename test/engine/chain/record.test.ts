/** `powerstrip record` in front of real engines, with real docker commands, and what it wrote played at an adapter. */
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { defineAdapter, serve } from 'powerstrip/sdk'
import { type Played, readRecorded, replay, targetAt } from 'powerstrip/testkit'
import { ALONE, lingering } from '../../support/clients/index.ts'
import { describeEachEngine, docker } from '../../support/engine/index.ts'
import { spawnMortal } from '../../support/mortal.ts'
import { COMMAND } from '../../support/powerstrip.ts'

const noShells = defineAdapter({
  name: 'no-shells',
  pre: {
    ContainerCreate: ({ body, deny }) =>
      JSON.stringify(body.Cmd).includes('sh') ? deny('no shells') : undefined,
  },
  post: {
    ContainerList: (ctx) => {
      if (Array.isArray(ctx.body)) ctx.body = []
    },
  },
})

describeEachEngine('recorded docker commands', (engine) => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recorded-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('are as they were for docker, hold no secrets, and show what an adapter would do', async () => {
    const name = `recorded-${process.pid}-${engine().kind}`
    const socket = join(folder, 'ps.sock')
    const out = join(folder, 'fixtures')
    const recording = spawnMortal(
      process.execPath,
      [
        COMMAND,
        'record',
        '--log-level',
        'silent',
        '--out',
        out,
        '--upstream',
        engine().host,
        '--listen',
        `unix://${socket}`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const ended = once(recording, 'exit')
    for await (const line of createInterface({ input: recording.stdout! }))
      if (line.includes('DOCKER_HOST')) break

    const host = `unix://${socket}`
    const secret = ['--env', 'PASSWORD=hunter2-hunter2']
    const ran = await docker(host, [
      'run',
      '--rm',
      '--name',
      name,
      ...ALONE,
      ...secret,
      'busybox',
      ...lingering('echo hello'),
    ])
    expect(ran).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: '' })
    await docker(host, ['create', '--name', name, ...ALONE, 'busybox', 'true'])
    expect(
      (await docker(host, ['ps', '--all', '--filter', `name=${name}`, '--format', '{{.Names}}'])).stdout,
    ).toBe(`${name}\n`)
    expect((await docker(host, ['rm', name])).exitCode).toBe(0)
    recording.kill('SIGTERM')
    expect(await ended).toEqual([0, null])

    const files = await readdir(out)
    for (const operation of [
      'ContainerCreate',
      'ContainerStart',
      'ContainerWait',
      'ContainerList',
      'ContainerDelete',
    ])
      expect(files).toContainEqual(expect.stringMatching(new RegExp(`^${operation}-1\\.[0-9]+\\.ndjson$`)))
    const texts = await Promise.all(files.map((file) => readFile(join(out, file), 'utf8')))
    expect(texts.join('')).not.toContain('hunter2')

    const recorded = await readRecorded(out)
    if (!recorded.ok) throw new Error(recorded.failure)
    const served = await serve(noShells, { listen: 'http://127.0.0.1:0' })
    const played = await replay(targetAt(served.address), recorded.value)
    await served.close()
    if (!played.ok) throw new Error(played.failure)
    const did = (operation: string, hook: Played['hook']) =>
      played.value
        .filter((one) => one.hook === hook && one.place.includes(`/${operation}-`))
        .map((one) => one.did.kind)
    expect(did('ContainerCreate', 'pre-hook')).toEqual(['refused', 'unchanged'])
    expect(did('ContainerList', 'post-hook')).toEqual(['changed'])
    expect(played.value.filter((one) => one.did.kind === 'failed')).toEqual([])
  })
})
