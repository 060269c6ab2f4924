import { once } from 'node:events'
import { Agent, type AgentOptions } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import Dockerode from 'dockerode'
import {
  everyWay,
  fingerprint,
  fingerprintTree,
  lingering,
  randomFile,
  scratchFolder,
  type Way,
} from '../../support/clients/index.ts'
import { describeEachEngine, runLabel } from '../../support/engine/index.ts'
import { mustRun } from '../../support/engine/run.ts'

const [LABEL, RUN] = runLabel().split('=') as [string, string]
const ALONE = { HostConfig: { NetworkMode: 'none' }, Labels: { [LABEL]: RUN } }

const CONVERSATION = 'while read line; do echo "you said $line"; done; echo over >&2; exit 8'

describeEachEngine('dockerode', (engine) => {
  const ways = everyWay(engine)
  const scratch = scratchFolder()
  beforeAll(() => ways.each((way) => way.box('box')))
  // Of a request that was refused while its stdin was open, dockerode neither ends the body nor closes the connection.
  afterEach(() => {
    for (const agent of agents) agent.destroy()
    agents.clear()
  })

  test('creates a container with options in the query and in the body, runs it and removes it', async () => {
    const seen = await ways.same(async (way) => {
      const container = await client(way).createContainer({
        name: way.named('options'),
        Image: 'busybox',
        Cmd: [...lingering('echo "$WORD"', 5)],
        Env: ['WORD=told'],
        ...ALONE,
      })
      await container.start()
      const wait = (await container.wait()) as unknown
      const { Name, Config, State } = await container.inspect()
      const logs = (await container.logs({ stdout: true, stderr: true })) as Buffer
      await container.remove({ v: true })
      const gone = await refusal(container.inspect())
      return { wait, Name, Env: Config.Env[0], exitCode: State.ExitCode, logs: logs.toString('latin1'), gone }
    })
    expect(seen).toMatchObject({
      wait: { StatusCode: 5 },
      Name: '/(way)-options',
      Env: 'WORD=told',
      exitCode: 5,
      logs: '\x01\0\0\0\0\0\0\x05told\n',
      gone: { statusCode: 404 },
    })
  })

  test('F11 exec over a hijacked connection takes stdin, its end, and what comes after it', async () => {
    const seen = await ways.same(async (way) => {
      const docker = client(way)
      const exec = await docker.getContainer(way.named('box')).exec({
        ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true },
        Cmd: ['sh', '-c', CONVERSATION],
      })
      const stream = await exec.start({ hijack: true, stdin: true })
      const output = demuxed(docker, stream)
      stream.end('one\ntwo\n')
      return { ...(await output), exitCode: (await exec.inspect()).ExitCode }
    })
    expect(seen).toEqual({ stdout: 'you said one\nyou said two\n', stderr: 'over\n', exitCode: 8 })
  })

  test('F14 exec without a hijack gets its output to the end', async () => {
    const seen = await ways.same(async (way) => {
      const docker = client(way)
      const exec = await docker
        .getContainer(way.named('box'))
        .exec({ AttachStdout: true, AttachStderr: true, Cmd: ['seq', '1', '20000'] })
      const { stdout, stderr } = await demuxed(docker, await exec.start({}))
      return { stdout: fingerprint(stdout), stderr }
    })
    const counted = Array.from({ length: 20_000 }, (_, at) => `${at + 1}\n`).join('')
    expect(seen).toEqual({ stdout: fingerprint(counted), stderr: '' })
  })

  test('F18 exec start says what is wrong with an unknown exec', async () => {
    const seen = await ways.same((way) =>
      refusal(client(way).getExec('0'.repeat(64)).start({ hijack: true, stdin: true })),
    )
    expect(seen).toMatchObject({ statusCode: 404 })
  })

  test.each([
    { name: 'F20 with a hijack', hijack: true },
    { name: 'F15 without one', hijack: false },
  ])('attach $name takes stdin and gives both outputs', async ({ hijack }) => {
    const seen = await ways.same(async (way) => {
      const docker = client(way)
      const container = await docker.createContainer({
        name: way.named(`attach-${hijack}`),
        Image: 'busybox',
        Cmd: [...lingering('read line; echo "you said $line"; echo over >&2')],
        OpenStdin: true,
        StdinOnce: true,
        ...ALONE,
      })
      const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack })
      const output = demuxed(docker, stream)
      await container.start()
      stream.write('hello\n')
      const said = await output
      return { ...said, wait: (await container.wait()) as unknown }
    })
    expect(seen).toMatchObject({ stdout: 'you said hello\n', stderr: 'over\n', wait: { StatusCode: 0 } })
  })

  test('F17 attach says what is wrong with an unknown container', async () => {
    const seen = await ways.same((way) =>
      refusal(
        client(way).getContainer(way.named('nobody')).attach({ stream: true, hijack: true, stdin: true }),
      ),
    )
    expect(seen).toMatchObject({ statusCode: 404 })
  })

  test('follows logs until the container ends', async () => {
    const seen = await ways.same(async (way) => {
      const docker = client(way)
      const script = 'echo one; until [ -e /told ]; do sleep 0.05; done; echo two; echo err >&2'
      const box = await way.box('logs', lingering(script))
      const stream = await docker.getContainer(box).logs({ follow: true, stdout: true, stderr: true })
      const output = demuxed(docker, stream)
      await once(stream, 'data')
      // The box may be gone before the command in it has ended, so how that ended says nothing.
      await way.docker(['exec', box, 'touch', '/told'])
      return await output
    })
    expect(seen).toEqual({ stdout: 'one\ntwo\n', stderr: 'err\n' })
  })

  test('hears events when they happen, and lets go of them', async () => {
    const seen = await ways.same(async (way) => {
      const docker = client(way)
      const volume = way.named('live')
      const since = Math.floor(Date.now() / 1000) - 60
      const events = await docker.getEvents({ since, filters: { volume: [volume] } })
      // The engine sends its head a moment before it listens, and then looks up what it has missed among its last 256 events.
      await docker.createVolume({ Name: volume, Labels: { [LABEL]: RUN } })
      const heard: unknown[] = []
      for await (const line of linesOf(events)) {
        const { Type, Action, Actor } = JSON.parse(line) as Record<string, Record<string, string>>
        heard.push({ Type, Action, id: Actor?.ID })
        if (heard.length === 2) break
        await docker.getVolume(volume).remove()
      }
      return heard
    })
    expect(seen).toEqual([
      { Type: 'volume', Action: 'create', id: '(way)-live' },
      { Type: 'volume', Action: 'destroy', id: '(way)-live' },
    ])
  })

  test('F27 puts an archive of 10 MB and gets it back', async () => {
    const blob = await randomFile(join(scratch.path, 'blob'), 10_000_000)
    const archive = join(scratch.path, 'blob.tar')
    await mustRun('tar', ['--create', '--file', archive, '--directory', scratch.path, 'blob'])
    const seen = await ways.same(async (way) => {
      const container = client(way).getContainer(way.named('box'))
      await container.putArchive(archive, { path: '/tmp' })
      const back = await buffer(await container.getArchive({ path: '/tmp/blob' }))
      const unpacked = join(scratch.path, way.named('unpacked'))
      await mustRun('mkdir', [unpacked])
      await mustRun('tar', ['--extract', '--directory', unpacked], { stdin: back })
      const same = await mustRun('cmp', [blob, join(unpacked, 'blob')])
      const missing = await refusal(container.putArchive(archive, { path: '/no/such/place' }))
      return { same, missing }
    })
    expect(seen).toMatchObject({ same: '', missing: { statusCode: 404 } })
  })

  test('F39 follows the progress of a build, and finds the error in it', async () => {
    const good = 'FROM busybox\nRUN echo trying; sleep 0.3\n'
    const bad = 'FROM busybox\nRUN echo trying; sleep 0.3; exit 23\n'
    const seen = await ways.same(async (way) => {
      const docker = client(way)
      const build = async (dockerfile: string) => {
        const context = Readable.from([await archiveOf(join(scratch.path, way.named('context')), dockerfile)])
        const options = { nocache: true, forcerm: true, networkmode: 'none', t: way.named('built') }
        const stream = await docker.buildImage(context, { ...options, labels: { [LABEL]: RUN } })
        return new Promise<unknown>((resolve) => {
          docker.modem.followProgress(stream, (error, lines) =>
            resolve({
              error: error?.message,
              lines: lines.map(({ stream, errorDetail }) => ({ stream, errorDetail })),
            }),
          )
        })
      }
      return { good: await build(good), bad: await build(bad) }
    })
    expect(seen).toMatchObject({
      good: { error: undefined, lines: expect.arrayContaining([{ stream: 'trying\n' }]) },
      bad: {
        lines: expect.arrayContaining([
          { stream: 'trying\n' },
          { errorDetail: expect.objectContaining({ code: 23 }) },
        ]),
      },
    })
  })

  test('F27 saves an image and loads it with its progress', async () => {
    const seen = await ways.same(async (way) => {
      const docker = client(way)
      const saved = await buffer(await docker.getImage('busybox').get())
      const progress = await text(await docker.loadImage(Readable.from([saved]), { quiet: false }))
      const unpacked = join(scratch.path, way.named('saved'))
      await mustRun('mkdir', [unpacked])
      await mustRun('tar', ['--extract', '--directory', unpacked], { stdin: saved })
      // Not the archive itself: some of its dates are those of the saving.
      return { saved: await fingerprintTree(unpacked), lines: progress.trim().split('\r\n') }
    })
    expect(JSON.parse(seen.lines.at(-1)!)).toEqual({ stream: 'Loaded image: busybox:latest\n' })
  })

  test('F44 pulls, though its body repeats the query', async () => {
    const seen = await ways.same((way) =>
      refusal(client(way).createImage({ fromImage: '127.0.0.1:9/nothing', tag: 'here' })),
    )
    expect(seen).toMatchObject({ statusCode: 500, message: expect.stringContaining('127.0.0.1:9') })
  })

  test('reads stats, one frame or one after the other', async () => {
    const seen = await ways.same(async (way) => {
      const container = client(way).getContainer(way.named('box'))
      const one = await container.stats({ stream: false })
      const stream = await container.stats({ stream: true })
      const frames: string[] = []
      for await (const line of linesOf(stream)) {
        frames.push(nameIn(line))
        if (frames.length === 2) break
      }
      return { one: one.pids_stats?.current, frames }
    })
    expect(seen).toEqual({ one: 1, frames: ['/(way)-box', '/(way)-box'] })
  })

  test('F35 sends 150 requests over one kept connection', async () => {
    const seen = await ways.same(async (way) => {
      const agent = new CountingAgent({ keepAlive: true, maxSockets: 1 })
      const docker = client(way, agent)
      const answers = new Set<string>()
      for (let turn = 0; turn < 30; turn += 1) {
        const name = (await docker.getContainer(way.named('box')).inspect()).Name
        const missing = await refusal(docker.getContainer(way.named('nobody')).inspect())
        for (let ping = 0; ping < 3; ping += 1)
          answers.add(`${await docker.ping()} ${name} ${missing.statusCode}`)
      }
      return { answers: [...answers], connections: agent.connections }
    })
    expect(seen).toEqual({ answers: ['OK /(way)-box 404'], connections: 1 })
    // 600 requests, 150 of them with two hooks each before and behind, one after the other on each way.
  }, 240_000)
})

class CountingAgent extends Agent {
  connections = 0

  override createConnection(
    options: AgentOptions,
    opened: Parameters<Agent['createConnection']>[1],
  ): ReturnType<Agent['createConnection']> {
    this.connections += 1
    return super.createConnection(options, opened)
  }
}

const agents = new Set<Agent>()

/** On connections of its own; kept ones unless told, as Node's own agent keeps them. */
function client(way: Way, agent = new Agent({ keepAlive: true })): Dockerode {
  agents.add(agent)
  const { protocol, hostname, port, pathname } = new URL(way.host)
  const address = protocol === 'unix:' ? { socketPath: pathname } : { host: hostname, port: Number(port) }
  // docker-modem takes an agent, of which the types know nothing.
  const options: Dockerode.DockerOptions & { agent: Agent } = { ...address, agent }
  return new Dockerode(options)
}

/** Both outputs of a container without a terminal, taken apart, to their end. */
async function demuxed(
  docker: Dockerode,
  stream: NodeJS.ReadableStream,
): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  docker.modem.demuxStream(stream, stdout, stderr)
  const texts = Promise.all([text(stdout), text(stderr)])
  await once(stream, 'end')
  stdout.end()
  stderr.end()
  const [out, err] = await texts
  return { stdout: out, stderr: err }
}

/** JSON of an endless stream, a value a line: a reader that is late finds several of them in one piece. The stream is let go of with the last. */
async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string, void, void> {
  try {
    yield* createInterface({ input: stream })
  } finally {
    ;(stream as Readable).destroy()
  }
}

/** How a call was refused; one that was not is a finding. */
async function refusal(call: Promise<unknown>): Promise<{ statusCode: unknown; message: string }> {
  try {
    await call
  } catch (cause) {
    const { statusCode, message } = cause as Error & { statusCode?: unknown }
    return { statusCode, message }
  }
  throw new Error('the call was not refused')
}

function nameIn(frame: string): string {
  return (JSON.parse(frame) as { name: string }).name
}

/** A build context with nothing but a Dockerfile. */
async function archiveOf(folder: string, dockerfile: string): Promise<Buffer> {
  await mustRun('mkdir', ['--parents', folder])
  await mustRun('tee', [join(folder, 'Dockerfile')], { stdin: dockerfile })
  return Buffer.from(await mustRun('tar', ['--create', '--directory', folder, 'Dockerfile']), 'latin1')
}
