/** `powerstrip serve` as an operator meets it: where it listens, what it says, and how it stops. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../../src/model/address.ts'
import { VERSION } from '../../../src/version.ts'
import { eventually, head, PING, PONG, readError } from '../../proxy/stage.ts'
import { connect, type Peer } from '../../support/connect.ts'
import { type ScriptedEngine, startScriptedEngine } from '../../support/scripted-engine.ts'
import { build, Serving } from './command.ts'

const EVENTS = head('GET /v1.45/events HTTP/1.1', 'Host: docker')
const STREAM = head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')

let dir: string

beforeAll(() => build())

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'serve-'))
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

const socket = (name = 'ps.sock'): Address => ({ kind: 'unix', path: join(dir, name) })
const listenOn = (name = 'ps.sock') => ['--listen', `unix://${dir}/${name}`]

function url(address: Address): string {
  return address.kind === 'unix' ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`
}

/** At its start powerstrip asks the engine who it is. */
async function introduce(engine: ScriptedEngine): Promise<void> {
  const asked = await engine.accept()
  expect(await asked.until('\r\n\r\n')).toMatch(/^GET \/version HTTP\/1\.1\r\n/)
  const body = JSON.stringify({ Version: '26.1.5', ApiVersion: '1.45' })
  await asked.send(head('HTTP/1.1 200 OK', `Content-Length: ${body.length}`) + body)
}

/** Serving an engine that has said who it is. */
async function serve(engine: ScriptedEngine, args: readonly string[] = []): Promise<Serving> {
  const serving = new Serving([...listenOn(), '--upstream', url(engine.address), ...args])
  await introduce(engine)
  await serving.banner()
  return serving
}

/** A client whose events are under way. */
async function followEvents(
  engine: ScriptedEngine,
): Promise<{ readonly client: Peer; readonly served: Peer }> {
  const client = await connect(socket())
  await client.send(EVENTS)
  const served = await engine.accept()
  await served.until(EVENTS)
  await served.send(`${STREAM}2\r\n{}\r\n`)
  await client.until('{}')
  return { client, served }
}

async function ping(engine: ScriptedEngine): Promise<void> {
  await using client = await connect(socket())
  await client.send(PING)
  const served = await engine.accept()
  await served.until(PING)
  await served.send(PONG)
  expect(await client.until(PONG)).toBe(PONG)
}

describe('at the start', () => {
  test('it says what it is, in front of what, and where', async () => {
    await using engine = await startScriptedEngine()
    await using serving = new Serving([
      ...listenOn(),
      ...listenOn('other.sock'),
      ...['--listen', 'tcp://127.0.0.1:0', '--upstream', url(engine.address)],
    ])
    await introduce(engine)
    expect(await serving.banner()).toEqual([
      `powerstrip ${VERSION} in front of ${url(engine.address)} (Docker Engine 26.1.5, API 1.45)`,
      'no configuration: every request is relayed unchanged',
      `listening on unix://${dir}/ps.sock`,
      `listening on unix://${dir}/other.sock`,
      expect.stringMatching(/^listening on tcp:\/\/127\.0\.0\.1:[1-9][0-9]*$/),
      `  export DOCKER_HOST=unix://${dir}/ps.sock`,
      '',
    ])
    // Two outputs of a process come in no order.
    await serving.logged(({ msg }) => msg === 'engine found')
    expect(serving.log.map(({ msg }) => msg)).toEqual(['listening', 'listening', 'listening', 'engine found'])
  })

  test('DOCKER_HOST names the engine, and XDG_RUNTIME_DIR the place of the socket', async () => {
    await using engine = await startScriptedEngine()
    await using serving = new Serving([], { DOCKER_HOST: url(engine.address), XDG_RUNTIME_DIR: dir })
    await introduce(engine)
    const [first, , listening] = await serving.banner()
    expect(first).toContain(`in front of ${url(engine.address)} (`)
    expect(listening).toBe(`listening on unix://${dir}/powerstrip.sock`)
    expect(existsSync(join(dir, 'powerstrip.sock'))).toBe(true)
  })

  test('--upstream goes before DOCKER_HOST, and an empty DOCKER_HOST is none', async () => {
    await using engine = await startScriptedEngine()
    await using named = new Serving([...listenOn('a.sock'), '--upstream', url(engine.address)], {
      DOCKER_HOST: 'tcp://127.0.0.1:1',
    })
    await introduce(engine)
    expect((await named.banner())[0]).toContain(`in front of ${url(engine.address)} (`)
    await using usual = new Serving(listenOn('b.sock'), { DOCKER_HOST: '' })
    expect((await usual.banner())[0]).toContain('in front of unix:///var/run/docker.sock (')
  })

  test('a socket has the mode and the group that were asked for', async () => {
    await using engine = await startScriptedEngine()
    const group = process.getgid?.() ?? 0
    await using serving = await serve(engine, ['--socket-mode', '606', '--socket-group', String(group)])
    const { mode, gid } = statSync(join(dir, 'ps.sock'))
    expect([(mode & 0o777).toString(8), gid]).toEqual(['606', group])
    expect(serving.process.exitCode).toBe(null)
  })

  test('an engine that is down is no reason not to start: clients get 502 until it is up', async () => {
    const upstream: Address = { kind: 'unix', path: join(dir, 'docker.sock') }
    await using serving = new Serving([...listenOn(), '--upstream', url(upstream)])
    expect((await serving.banner())[0]).toBe(
      `powerstrip ${VERSION} in front of ${url(upstream)} (not answering yet)`,
    )
    expect(await serving.logged(({ level }) => level === 40)).toMatchObject({
      msg: 'the engine does not answer; clients get 502 until it does',
      address: url(upstream),
    })

    await using client = await connect(socket())
    await client.send(PING)
    expect(readError(await client.end())).toEqual({
      status: 502,
      message: expect.stringContaining(`the Docker Engine at ${url(upstream)} cannot be reached`),
    })

    await using engine = await startScriptedEngine(upstream)
    await ping(engine)
  })
})

describe('told to stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s, it removes its sockets and ends with 0',
    async (signal) => {
      await using engine = await startScriptedEngine()
      await using serving = await serve(engine, listenOn('other.sock'))
      await ping(engine)
      serving.signal(signal)
      expect(await serving.exit()).toBe(0)
      expect([existsSync(join(dir, 'ps.sock')), existsSync(join(dir, 'other.sock'))]).toEqual([false, false])
    },
  )

  test('it lets a running stream go on, takes no new clients, and ends with the stream', async () => {
    await using engine = await startScriptedEngine()
    await using serving = await serve(engine, ['--grace', '3600'])
    const { client, served } = await followEvents(engine)
    serving.signal('SIGTERM')
    expect(await serving.logged(({ msg }) => msg === 'draining')).toMatchObject({
      connections: 1,
      graceMs: 3_600_000,
    })
    await expect(connect(socket())).rejects.toThrow('ENOENT')

    await served.send('7\r\n{"a":1}\r\n0\r\n\r\n')
    expect(await client.end()).toBe(`${STREAM}2\r\n{}\r\n7\r\n{"a":1}\r\n0\r\n\r\n`)
    client.finish()
    expect(await serving.exit()).toBe(0)
  })

  test('it ends a stream that goes on when the time is over', async () => {
    await using engine = await startScriptedEngine()
    await using serving = await serve(engine, ['--grace', '0.2'])
    const { client, served } = await followEvents(engine)
    serving.signal('SIGTERM')
    expect(await serving.exit()).toBe(0)
    expect(await client.close()).toBe(`${STREAM}2\r\n{}\r\n`)
    await served.close()
  })

  test('twice, it ends at once', async () => {
    await using engine = await startScriptedEngine()
    await using serving = await serve(engine, ['--grace', '3600'])
    const { client } = await followEvents(engine)
    serving.signal('SIGTERM')
    await serving.logged(({ msg }) => msg === 'draining')
    serving.signal('SIGTERM')
    expect(await serving.exit()).toBe(1)
    await client.close()
  })

  test('while it still waits for a word from the engine, it does not wait any longer', async () => {
    await using engine = await startScriptedEngine()
    await using serving = new Serving([...listenOn(), '--upstream', url(engine.address)])
    // It listens before it asks, and this engine never answers.
    await engine.accept()
    serving.signal('SIGTERM')
    expect(await serving.exit()).toBe(0)
    // Having waited, it would have said that no answer came in time.
    expect(serving.log).toContainEqual(
      expect.objectContaining({ reason: expect.stringContaining('told to stop') }),
    )
    expect(existsSync(join(dir, 'ps.sock'))).toBe(false)
  })
})

describe('the log', () => {
  test('at debug has one line for each exchange', async () => {
    await using engine = await startScriptedEngine()
    await using serving = await serve(engine, ['--log-level', 'debug'])
    await ping(engine)
    await using bad = await connect(socket())
    const request = head('GET /containers/json HTTP/1.1', 'Host: a', 'Host: b')
    await bad.send(request)
    const refusal = await bad.end()
    await serving.logged(({ fate }) => fate === 'ambiguous')

    const exchanges = serving.log.filter(({ msg }) => msg === 'exchange')
    expect(exchanges).toEqual([
      {
        level: 20,
        time: expect.stringMatching(/^20[0-9-]+T[0-9:.]+Z$/),
        msg: 'exchange',
        method: 'GET',
        target: '/_ping',
        operation: 'SystemPing',
        listener: 'default',
        status: 200,
        requestBytes: PING.length,
        responseBytes: PONG.length,
        durationMs: expect.any(Number),
        fate: 'relayed',
      },
      expect.objectContaining({
        status: 400,
        requestBytes: request.length,
        responseBytes: refusal.length,
        fate: 'ambiguous',
        detail: expect.stringContaining('PS-FRAME-005'),
      }),
    ])
  })

  test('at info has none, at silent has nothing', async () => {
    await using engine = await startScriptedEngine()
    await using usual = await serve(engine)
    await ping(engine)
    usual.signal('SIGTERM')
    await usual.exit()
    expect(usual.log.map(({ msg }) => msg)).not.toContain('exchange')

    await using silent = await serve(engine, ['--log-level', 'silent'])
    await ping(engine)
    silent.signal('SIGTERM')
    await silent.exit()
    expect(silent.stderr).toBe('')
  })

  test('whose reader is gone is no reason to stop serving', async () => {
    await using engine = await startScriptedEngine()
    await using serving = await serve(engine, ['--log-level', 'debug'])
    serving.process.stderr!.destroy()
    serving.process.stdout!.destroy()
    for (let i = 0; i < 3; i++) await ping(engine)
    expect(serving.process.exitCode).toBe(null)
  })
})

test('more clients than the process may have files open do not end it', async () => {
  await using engine = await startScriptedEngine()
  // Node itself opens a hundred modules at once while it starts.
  await using serving = new Serving([...listenOn(), '--upstream', url(engine.address)], {}, 256)
  await introduce(engine)
  await serving.banner()

  const clients: Peer[] = []
  // Some wait in the kernel's queue or are closed; none of them may bring the process down.
  for (let i = 0; i < 400; i++) clients.push(await connect(socket()))
  await eventually(() => clients.some((client) => client.ended || client.closed))
  for (const client of clients) client.leave()

  // Room comes back when it has noticed that they left.
  const served = engine.accept()
  let client = await connect(socket())
  let through: Peer | string = ''
  while (typeof through === 'string') {
    client.leave()
    client = await connect(socket())
    await client.send(PING).catch(() => {})
    through = await Promise.race([served, client.close()])
  }
  await through.until(PING)
  await through.send(PONG)
  expect(await client.until(PONG)).toBe(PONG)
  client.leave()
  expect(serving.process.exitCode).toBe(null)
})
