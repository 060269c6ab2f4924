/**
 * Adapters of protocol 2 in front of real engines: what they warn of and refuse is told by an unmodified docker, with the adapter's
 * name; and what they reserved is undone wherever a chain of four fails.
 */
import { ALONE } from '../../support/clients/index.ts'
import {
  type CliKind,
  describeEachEngine,
  docker,
  type Engine,
  runLabel,
} from '../../support/engine/index.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { ask, request, runBox, signalled } from '../../support/raw/box.ts'
import { type Behaviour, type Said, type SeenCall, startTwo } from '../../support/two/adapter.ts'
import { setTwo, type TwoStage } from '../../support/two/stage.ts'

const CLIS = ['old', 'new'] as const satisfies readonly CliKind[]

function config(sockets: Readonly<Record<string, string>>, lists: object): string {
  const adapters = Object.entries(sockets).map(([name, unix]) => [name, { unix, protocol: 2 }])
  return JSON.stringify({
    version: 2,
    adapters: Object.fromEntries(adapters),
    endpoints: { ContainerCreate: lists },
  })
}

describeEachEngine('docker beside adapters of protocol 2', (engine) => {
  const named = (what: string) => `two-${what}-${process.pid}-${Date.now().toString(36)}`
  const create = async (host: string, name: string, cli: CliKind) => {
    const ended = await docker(host, ['create', '--name', name, ...ALONE, 'busybox', 'true'], { cli })
    await docker(engine().host, ['rm', '--force', name])
    return ended
  }

  test.each(CLIS)('V2-5.11: prints a warning, and goes on: the %s CLI', async (cli) => {
    const does: Behaviour = () => ({ Warnings: ['the image tag is mutable'] })
    await using adapter = await startTwo('policy', { does })
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: config({ policy: adapter.socket }, { validate: ['policy'] }),
    })
    const { exitCode, stdout, stderr } = await create(powerstrip.unix, named('warned'), cli)
    expect([exitCode, stderr.trim()]).toEqual([0, 'WARNING: adapter "policy": the image tag is mutable'])
    expect(stdout.trim()).toMatch(/^[0-9a-f]{64}$/)
  })

  test.each(CLIS)(
    'V2-5.14: prints a refusal, and what was reserved before it is undone: the %s CLI',
    async (cli) => {
      await using lease = await startTwo('lease', {
        does: ({ type }) => (type === 'pre-hook' ? { Compensate: true, Metadata: { lease: 7 } } : undefined),
      })
      await using policy = await startTwo('policy', {
        does: () => ({ Allowed: false, Status: { Message: 'the image is not signed' } }),
      })
      await using powerstrip = await startPowerstrip({
        upstream: engine().host,
        config: config(
          { lease: lease.socket, policy: policy.socket },
          { pre: ['lease'], validate: ['policy'] },
        ),
      })
      const name = named('refused')
      const { exitCode, stderr } = await create(powerstrip.unix, name, cli)
      expect([exitCode, stderr.split('\n')[0]]).toEqual([
        1,
        'Error response from daemon: denied by adapter "policy": the image is not signed',
      ])
      expect(lease.calls.map(({ type, message }) => [type, message.Metadata])).toEqual([
        ['pre-hook', undefined],
        ['unwind-hook', { lease: 7 }],
      ])
    },
  )

  test('the engine’s own refusal undoes what was reserved for it', async () => {
    await using lease = await startTwo('lease', {
      does: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
    })
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: config({ lease: lease.socket }, { pre: ['lease'] }),
    })
    const name = named('twice')
    const args = ['create', '--name', name, ...ALONE, 'busybox', 'true']
    const first = await docker(powerstrip.unix, args)
    const second = await docker(powerstrip.unix, args)
    await docker(engine().host, ['rm', '--force', name])
    expect([first.exitCode, second.exitCode]).toEqual([0, 1])
    expect(second.stderr).toContain('already in use')
    const [one, two, undone] = lease.calls
    expect([one!.type, two!.type, undone!.type]).toEqual(['pre-hook', 'pre-hook', 'unwind-hook'])
    expect(undone!.uid).toBe(two!.uid)
    expect(undone!.message).toMatchObject({
      Cause: { Phase: 'engine', Upstream: 'failed', Status: { Code: 409 } },
      ServerResponse: { Code: 409 },
    })
  })
})

const DENIES = { Allowed: false, Status: { Message: 'no start' } }

/** A client that hangs is what these tests are about; none of them takes a tenth of it. */
const PATIENCE_MS = 30_000

describeEachEngine('a start that is refused', (engine) => {
  const named = (what: string) => `start-${what}-${process.pid}-${Date.now().toString(36)}`
  const stateOf = async (name: string) => {
    const { status, body } = await ask(engine(), 'GET', `/containers/${name}/json`)
    return status === 404 ? 'gone' : (JSON.parse(body.toString()).State.Status as string)
  }
  const refusing = (place: 'pre' | 'validate', protocol: 1 | 2, socket: string) =>
    startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        version: 2,
        adapters: { policy: { unix: socket, protocol, ...(protocol === 1 ? { path: '/' } : {}) } },
        endpoints: { ContainerStart: { [place]: ['policy'] } },
      }),
    })

  test.each(
    CLIS.flatMap((cli) => [
      { cli, place: 'pre' as const, protocol: 2 as const, says: DENIES },
      { cli, place: 'validate' as const, protocol: 2 as const, says: DENIES },
      { cli, place: 'pre' as const, protocol: 1 as const, says: { status: 500 } },
    ]),
  )(
    'docker run --rm ends, and nothing is left of its container: $place, protocol $protocol, the $cli CLI',
    async ({ cli, place, protocol, says }) => {
      const name = named('rm')
      let volume = ''
      await using adapter = await startTwo('policy', {
        does: async () => {
          const { body } = await ask(engine(), 'GET', `/containers/${name}/json`)
          volume = JSON.parse(body.toString()).Mounts[0].Name
          return says
        },
      })
      await using powerstrip = await refusing(place, protocol, adapter.socket)
      const args = ['run', '--rm', '--name', name, '--volume', '/data', ...ALONE, 'busybox', 'true']
      const { exitCode, stderr } = await docker(powerstrip.unix, args, { cli, timeoutMs: PATIENCE_MS })
      expect(stderr).toContain('adapter "policy"')
      expect(stderr).not.toContain('killed after')
      expect([0, 124]).not.toContain(exitCode)
      expect(volume).toMatch(/^[0-9a-f]{64}$/)
      expect(await stateOf(name)).toBe('gone')
      expect((await ask(engine(), 'GET', `/volumes/${volume}`)).status).toBe(404)
    },
  )

  test('leaves alone what was to stay, what runs and what has run', async () => {
    await using adapter = await startTwo('policy', { does: () => DENIES })
    await using powerstrip = await refusing('pre', 2, adapter.socket)
    const refused = async (...args: string[]) => {
      const { exitCode, stderr } = await docker(powerstrip.unix, args, { timeoutMs: PATIENCE_MS })
      expect([exitCode === 0, stderr]).toEqual([false, expect.stringContaining('denied by adapter "policy"')])
    }
    const name = named('stays')
    await refused('run', '--name', name, ...ALONE, 'busybox', 'true')
    expect(await stateOf(name)).toBe('created')
    await ask(engine(), 'DELETE', `/containers/${name}?force=1`)

    const fields = { HostConfig: { NetworkMode: 'none', AutoRemove: true } }
    await using running = await runBox(engine(), ['sleep', '600'], { fields })
    await refused('start', running.name)
    expect(await stateOf(running.name)).toBe('running')

    await using ended = await runBox(engine(), ['true'])
    expect((await ask(engine(), 'POST', `/containers/${ended.id}/wait`)).status).toBe(200)
    await refused('start', ended.name)
    expect(await stateOf(ended.name)).toBe('exited')
  })
})

const PLACES = ['a', 'b', 'c', 'd'] as const
type Place = (typeof PLACES)[number]
/** Those that are undone, the latest first. */
const back = (upTo: Place, self: boolean) =>
  PLACES.slice(0, PLACES.indexOf(upTo) + (self ? 1 : 0)).toReversed()
const ALL = PLACES.toReversed()

interface Fault {
  /** What hooks of a type say instead, at one place. */
  readonly at?: Place
  readonly type?: 'pre-hook' | 'validate-hook' | 'post-hook'
  readonly says?: Said
  /** Called when that hook is asked. */
  readonly meanwhile?: () => void
}

/** Long enough for the call to arrive on a busy machine: one that was given up before it had is not one that hangs. */
const LATE = '1s'

/** Four adapters, in every phase, each of which reserves something in its pre-hook. */
function chainBefore(engine: Engine, operation: string, fault: Fault = {}): Promise<TwoStage> {
  const cast = PLACES.map((name) => {
    const does: Behaviour = ({ type }) => {
      const usual = type === 'pre-hook' ? { Compensate: true, Metadata: { of: name } } : undefined
      if (name !== fault.at || type !== (fault.type ?? 'pre-hook')) return usual
      fault.meanwhile?.()
      return fault.says
    }
    return [name, { does, timeout: '60s' }] as const
  })
  /** Nothing but the hook that is meant to be late can be. */
  const places = (type: Fault['type']) =>
    PLACES.map((use) => {
      const isLate = use === fault.at && type === (fault.type ?? 'pre-hook') && fault.says === 'silence'
      return isLate && fault.meanwhile === undefined ? { use, timeout: LATE } : use
    })
  return setTwo({
    adapters: Object.fromEntries(cast),
    endpoints: {
      [operation]: {
        pre: places('pre-hook'),
        validate: places('validate-hook'),
        post: places('post-hook'),
      },
    },
    more: { chain: { deadline: '120s' } },
    engine: { kind: 'unix', path: engine.socket },
  })
}

/** Everything has been undone that will be; fails where a call has not exactly one last word. */
async function undoneOf(scene: TwoStage): Promise<string[]> {
  await scene.ended()
  await scene.proxy.drain(0)
  const of = (type: string) => scene.timeline.filter((call) => call.type === type)
  const firstTries = of('unwind-hook').filter(({ message }) => message.Attempt === 1)
  const pres = of('pre-hook').filter(({ message }) => message.Attempt === 1)
  expect(new Set(firstTries.map(({ uid }) => uid)).size).toBe(firstTries.length)
  for (const { uid, adapter } of firstTries) {
    expect(pres.find((call) => call.uid === uid)?.adapter).toBe(adapter)
    expect(lastWord(scene.timeline, adapter)).toBe('unwind-hook')
  }
  return firstTries.map(({ adapter }) => adapter)
}

function lastWord(timeline: readonly SeenCall[], adapter: string): string | undefined {
  return timeline.filter((call) => call.adapter === adapter && call.type !== 'validate-hook').at(-1)?.type
}

describeEachEngine('a chain of four of which each place fails in turn', (engine) => {
  let made = 0
  const container = () => {
    const name = `four-${process.pid}-${Date.now().toString(36)}-${made++}`
    const [key, run] = runLabel().split('=') as [string, string]
    const body = {
      Image: 'busybox',
      Cmd: ['true'],
      Labels: { [key]: run },
      HostConfig: { NetworkMode: 'none' },
    }
    return { name, target: `/v1.41/containers/create?name=${name}`, body }
  }
  const exists = async (name: string) =>
    (await ask(engine(), 'GET', `/containers/${name}/json`)).status === 200
  const remove = (name: string) => ask(engine(), 'DELETE', `/containers/${name}?force=1`)

  const REFUSES = { Allowed: false, Status: { Message: 'no' } }
  const FAILS = { status: 500 }
  interface Row {
    readonly at: Place
    readonly what: string
    readonly says: Said
    /** What the client gets. */
    readonly status: number
    /** Nobody knows what the hook has done. */
    readonly isUnknown: boolean
  }
  const FAULTS: Omit<Row, 'at'>[] = [
    { what: 'refuses', says: REFUSES, status: 403, isUnknown: false },
    { what: 'answers 500', says: FAILS, status: 502, isUnknown: false },
    { what: 'breaks off in mid-call', says: 'crash', status: 502, isUnknown: true },
  ]
  const LATE_ROWS = PLACES.map((at): Row => ({ at, what: '', says: 'silence', status: 504, isUnknown: true }))

  /** The late ones at once: each takes its time. */
  const eachFails = (title: string, type: NonNullable<Fault['type']>, fails: (row: Row) => Promise<void>) => {
    test.each(PLACES.flatMap((at) => FAULTS.map((fault) => ({ at, ...fault }))))(
      title.replace('TYPE', `the ${type} at $at $what`),
      fails,
    )
    test(title.replace('TYPE', `the ${type} at a, b, c, d does not answer in time`), async () => {
      await Promise.all(LATE_ROWS.map(fails))
    })
  }

  eachFails('V2-6.2: TYPE', 'pre-hook', async ({ at, says, status, isUnknown }) => {
    await using scene = await chainBefore(engine(), 'ContainerCreate', { at, says })
    const { name, target, body } = container()
    expect((await scene.ask('POST', target, body)).status).toBe(status)
    expect(await undoneOf(scene)).toEqual(back(at, isUnknown))
    expect(await exists(name)).toBe(false)
  })

  eachFails('V2-6.1: TYPE', 'validate-hook', async ({ at, says, status }) => {
    await using scene = await chainBefore(engine(), 'ContainerCreate', { at, type: 'validate-hook', says })
    const { name, target, body } = container()
    expect((await scene.ask('POST', target, body)).status).toBe(status)
    expect(await undoneOf(scene)).toEqual(ALL)
    expect(await exists(name)).toBe(false)
  })

  eachFails('V2-6.1: TYPE: the engine has acted', 'post-hook', async ({ at, says, status }) => {
    await using scene = await chainBefore(engine(), 'ContainerCreate', { at, type: 'post-hook', says })
    const { name, target, body } = container()
    expect((await scene.ask('POST', target, body)).status).toBe(status)
    expect(await undoneOf(scene)).toEqual(ALL)
    expect(scene.timeline.at(-1)!.message).toMatchObject({
      Cause: { Phase: 'post', Adapter: at, Upstream: 'completed' },
      ServerResponse: { Code: 201 },
    })
    expect(await exists(name)).toBe(true)
    await remove(name)
  })

  const leftWhile = async (at: Place, type: NonNullable<Fault['type']>) => {
    let asked = () => {}
    const here = new Promise<void>((resolve) => {
      asked = resolve
    })
    await using scene = await chainBefore(engine(), 'ContainerCreate', {
      at,
      type,
      says: 'silence',
      meanwhile: () => asked(),
    })
    const { name, target, body } = container()
    const client = await scene.connect()
    client.write(request('POST', target, body))
    await here
    await client[Symbol.asyncDispose]()
    expect(await undoneOf(scene)).toEqual(type === 'pre-hook' ? back(at, true) : ALL)
    expect(scene.timeline.at(-1)!.message.Cause).toMatchObject({
      Phase: 'client',
      Upstream: type === 'post-hook' ? 'completed' : 'not-called',
    })
    expect((await scene.ended()).fate).toBe('aborted')
    expect(await exists(name)).toBe(type === 'post-hook')
    if (type === 'post-hook') await remove(name)
  }

  // At once: it takes half a second to be sure that a client has left.
  test.each(['pre-hook', 'validate-hook', 'post-hook'] as const)(
    'V2-6.1, V2-6.2: the client leaves while the %s at a, b, c, d is asked',
    async (type) => {
      await Promise.all(PLACES.map((at) => leftWhile(at, type)))
    },
  )

  test('V2-6.8: all goes well, and each has its post-hook as the last word', async () => {
    await using scene = await chainBefore(engine(), 'ContainerCreate')
    const { name, target, body } = container()
    expect((await scene.ask('POST', target, body)).status).toBe(201)
    expect(await undoneOf(scene)).toEqual([])
    for (const place of PLACES) expect(lastWord(scene.timeline, place)).toBe('post-hook')
    await remove(name)
  })

  test('V2-6.1: the engine answers with an error of its own', async () => {
    await using scene = await chainBefore(engine(), 'ContainerCreate')
    const { target, body } = container()
    const answer = await scene.ask('POST', target, { ...body, Image: 'nothing-of-that-name' })
    expect(answer.status).toBe(404)
    expect(await undoneOf(scene)).toEqual(ALL)
    expect(scene.timeline.at(-1)!.message).toMatchObject({
      Cause: { Phase: 'engine', Upstream: 'failed', Status: { Code: 404 } },
      ServerResponse: { Code: 404, Body: JSON.parse(answer.body.toString()) },
    })
  })

  test('V2-6.8: a post-hook makes a success of the engine’s error, which keeps everything', async () => {
    await using scene = await chainBefore(engine(), 'ContainerCreate', {
      at: 'c',
      type: 'post-hook',
      says: { ModifiedServerResponse: { Code: 200, Body: '{"Id":"other"}' } },
    })
    const { target, body } = container()
    expect((await scene.ask('POST', target, { ...body, Image: 'nothing-of-that-name' })).status).toBe(200)
    expect(await undoneOf(scene)).toEqual([])
    for (const place of PLACES) expect(lastWord(scene.timeline, place)).toBe('post-hook')
  })

  test('V2-6.1: the client leaves while the engine works', async () => {
    // The first process of a container passes over what it has no handler for, so the engine waits.
    await using box = await runBox(engine(), ['sleep', '600'])
    await using scene = await chainBefore(engine(), 'ContainerStop')
    const client = await scene.connect()
    client.write(request('POST', `/v1.41/containers/${box.id}/stop?t=300`))
    await scene.adapter('d').called(1, 'validate-hook')
    await signalled(engine(), box)
    await client[Symbol.asyncDispose]()
    expect(await undoneOf(scene)).toEqual(ALL)
    expect(scene.timeline.at(-1)!.message.Cause).toMatchObject({ Phase: 'client', Upstream: 'unknown' })
  })
})
