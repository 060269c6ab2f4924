/** Stream-hooks between an unmodified docker and a real engine: events, the progress of builds and loads, logs. */
import { join } from 'node:path'
import { ALONE, scratchFolder } from '../../support/clients/index.ts'
import { opened } from '../../support/clients/running-client.ts'
import { describeEachEngine, docker, runLabel } from '../../support/engine/index.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { type Behaviour, startTwo, type TwoAdapter } from '../../support/two/adapter.ts'

// biome-ignore lint/suspicious/noExplicitAny: events of all kinds, of which each test knows its own
type Event = any

/** Says for each message what becomes of it: nothing, `drop`, or another one in its place. */
const onEach =
  (judge: (event: Event) => undefined | 'drop' | object): Behaviour =>
  ({ message }) => ({
    Events: (message.Events as Event[]).flatMap((event, Index) => {
      const judged = judge(event)
      if (judged === undefined) return []
      return judged === 'drop' ? [{ Index, Action: 'drop' }] : [{ Index, Action: 'replace', Event: judged }]
    }),
  })

const LEGACY = { DOCKER_BUILDKIT: '0' }

describeEachEngine('docker beside stream-hooks', (engine) => {
  const scratch = scratchFolder()
  const named = (what: string) => `stream-${what}-${process.pid}-${Date.now().toString(36)}`
  const hooked = (adapter: TwoAdapter, operation: string) =>
    startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        version: 2,
        adapters: { a: { unix: adapter.socket, protocol: 2 } },
        endpoints: { [operation]: { stream: ['a'] } },
      }),
    })

  test('docker events: without those of networks, one of them rewritten, the others as the engine tells them', async () => {
    const name = named('events')
    await using adapter = await startTwo('a', {
      does: onEach((event) => {
        if (event.Type === 'network') return 'drop'
        if (event.Type !== 'container' || event.Action !== 'create') return undefined
        return {
          ...event,
          Actor: { ...event.Actor, Attributes: { ...event.Actor.Attributes, image: 'rewritten' } },
        }
      }),
    })
    await using powerstrip = await hooked(adapter, 'SystemEvents')
    const since = `${Math.floor(Date.now() / 1000) - 1}`
    const follow = ['events', '--since', since, '--format', '{{json .}}']
    using direct = opened(engine().host, follow, {})
    using shown = opened(powerstrip.unix, follow, {})
    // An engine that is asked for events of the past in the moment of an event may tell of it twice.
    await docker(engine().host, ['volume', 'create', '--label', runLabel(), name])
    await Promise.all([direct.shows(name), shown.shows(name)])
    const { stdout } = await docker(engine().host, ['create', '--name', name, ...ALONE, 'busybox', 'true'])
    const id = stdout.trim()
    await docker(engine().host, ['start', '--attach', id])
    await docker(engine().host, ['rm', id])
    await docker(engine().host, ['volume', 'rm', name])
    const gone = new RegExp(`"(?:status|Action)":"destroy"[^\\n]*${id}[^\\n]*\\n`)
    await Promise.all([direct.shows(gone), shown.shows(gone)])

    const about = (text: string) =>
      text
        .split('\n')
        .filter((line) => line.includes(id))
        .map((line) => JSON.parse(line) as Event)
    const told = about(direct.stdout)
    expect(told.map(({ Type }) => Type)).toContain('network')
    expect(about(shown.stdout)).toEqual(
      told
        .filter(({ Type }) => Type !== 'network')
        .map((event) =>
          event.Action === 'create'
            ? {
                ...event,
                Actor: { ...event.Actor, Attributes: { ...event.Actor.Attributes, image: 'rewritten' } },
              }
            : event,
        ),
    )
  })

  test('docker events ends with an adapter that breaks, and does not begin without it', async () => {
    let isBroken = false
    await using adapter = await startTwo('a', { does: () => (isBroken ? 'crash' : undefined) })
    await using powerstrip = await hooked(adapter, 'SystemEvents')
    const name = named('broken')
    using shown = opened(powerstrip.unix, ['events', '--since', `${Math.floor(Date.now() / 1000) - 1}`], {})
    await docker(engine().host, ['create', '--name', name, ...ALONE, 'busybox', 'true'])
    await shown.shows(`name=${name}`)
    isBroken = true
    await docker(engine().host, ['rm', name])
    const { exitCode } = await shown.ended
    expect(exitCode).not.toBe(0)
    const { exitCode: second, stderr } = await docker(powerstrip.unix, ['events'])
    expect([second, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^Error response from daemon: adapter "a" failed: .*; the engine had already answered 200\n$/,
      ),
    ])
  })

  test('docker build shows what the adapter lets through, and its failure as the engine’s', async () => {
    let isBroken = false
    await using adapter = await startTwo('a', {
      does: (call) => {
        const { Part, Events } = call.message
        if (Part === 'open') return { Insert: [{ Event: { stream: 'watched by a\n' } }] }
        if (isBroken && Events.some(({ stream }: Event) => stream?.includes('in the clear')))
          return { status: 500, text: 'no more' }
        return onEach(({ stream }) =>
          stream?.includes('secret') ? { stream: stream.replaceAll('secret', '******') } : undefined,
        )(call)
      },
    })
    await using powerstrip = await hooked(adapter, 'ImageBuild')
    const build = () =>
      docker(powerstrip.unix, ['build', '--no-cache', '--network', 'none', '--force-rm', '-'], {
        env: LEGACY,
        stdin: 'FROM busybox\nRUN echo "the secret word"; echo "in the clear"; sleep 0.3\n',
      })
    const good = await build()
    expect(good.stderr).not.toContain('failed')
    expect(good.exitCode).toBe(0)
    expect(good.stdout).toMatch(
      /watched by a\n(?:.*\n)*the \*{6} word\nin the clear\n(?:.*\n)*Successfully built [0-9a-f]{12}\n/,
    )
    expect(good.stdout).not.toContain('secret')
    await docker(engine().host, ['rmi', /Successfully built ([0-9a-f]+)/.exec(good.stdout)![1]!])

    isBroken = true
    const bad = await build()
    expect([bad.exitCode, bad.stderr]).toEqual([
      1,
      expect.stringContaining('adapter "a" failed: it answered 500: no more'),
    ])
    expect(bad.stdout).toContain('watched by a\n')
    expect(bad.stdout).not.toContain('in the clear')
  })

  test('docker load shows what the adapter makes of it', async () => {
    await using adapter = await startTwo('a', {
      does: onEach(({ stream }) =>
        stream?.startsWith('Loaded') ? { stream: 'Loaded and seen\n' } : undefined,
      ),
    })
    await using powerstrip = await hooked(adapter, 'ImageLoad')
    const file = join(scratch.path, 'busybox.tar')
    await docker(engine().host, ['save', '--output', file, 'busybox'])
    const { exitCode, stdout } = await docker(powerstrip.unix, ['load', '--input', file])
    expect([exitCode, stdout]).toEqual([0, 'Loaded and seen\n'])
  })

  test.each([
    ['without a terminal, both outputs in their places', [], 'OUT 1\nout 2\n', 'ERR é\n'],
    ['with a terminal', ['--tty'], 'OUT 1\r\nout 2\r\nERR é\r\n', ''],
  ])('docker logs -f %s', async (_what, options, stdout, stderr) => {
    const name = named('logs')
    await using adapter = await startTwo('a', {
      does: onEach(({ Body, BodyEncoding }) =>
        BodyEncoding === 'utf8' && Body.match(/out 1|err/)
          ? { Body: Body.replace('out 1', 'OUT 1').replace('err', 'ERR') }
          : undefined,
      ),
    })
    await using powerstrip = await hooked(adapter, 'ContainerLogs')
    // Its two outputs come to the engine on two ways, so each waits until the one before has been seen.
    const script =
      'echo out 1; echo out 2; until [ -e /told ]; do sleep 0.05; done; echo err é >&2; sleep 0.3'
    await docker(engine().host, [
      'run',
      '--detach',
      '--name',
      name,
      ...options,
      ...ALONE,
      'busybox',
      'sh',
      '-c',
      script,
    ])
    using logs = opened(powerstrip.unix, ['logs', '--follow', name], {})
    await logs.shows('out 2')
    await docker(engine().host, ['exec', name, 'touch', '/told'])
    expect(await logs.ended).toEqual({ exitCode: 0, stdout, stderr })
    await docker(engine().host, ['rm', '--force', name])
  })
})
