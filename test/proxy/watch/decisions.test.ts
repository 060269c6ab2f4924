/** The decision log of a real process: one line a request, whatever comes of it, and no secret in any. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type InForce, Lookout } from '../../../src/lookout.ts'
import type { Decision } from '../../../src/telemetry/decision.ts'
import { decisionsIn } from '../../support/admin.ts'
import { type EngineScript, sendJson, startEngine } from '../../support/cases/engine.ts'
import { COMMAND, type LogLine, type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { request } from '../../support/raw/box.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { replaceFile } from '../../support/replace-file.ts'
import { type Behaviour, startTwo } from '../../support/two/adapter.ts'
import { setTwo, type TwoScene, type TwoStage } from '../../support/two/stage.ts'
import { build } from '../../unit/cli/command.ts'

const CREATE = '/v1.45/containers/create?name=web'
const BODY = { Image: 'busybox', Env: ['PASSWORD=hunter2-and-more', 'PATH=/bin'], Labels: { a: '1' } }

let folder: string

beforeAll(() => build())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'decisions-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const script: EngineScript = ({ method }, response) =>
  method === 'POST'
    ? sendJson(response, 201, { Id: 'abc', Warnings: [] })
    : sendJson(response, 200, { ID: 'e' })

interface Scene extends AsyncDisposable {
  readonly powerstrip: Powerstrip
  readonly file: string
  /** Stops the proxy, which writes what it has to; then its lines. */
  lines(): Promise<readonly Decision[]>
  ask(method: string, target: string, body?: unknown): Promise<number>
}

async function scene(adapters: Readonly<Record<string, Behaviour>>, endpoints: object): Promise<Scene> {
  const engine = await startEngine(script)
  const started = await Promise.all(
    Object.entries(adapters).map(async ([name, does]) => [name, await startTwo(name, { does })] as const),
  )
  const file = join(folder, 'decisions.ndjson')
  const powerstrip = await startPowerstrip({
    upstream: `unix://${(engine.address as { path: string }).path}`,
    config: JSON.stringify({
      version: 2,
      adapters: Object.fromEntries(
        started.map(([name, { socket }]) => [name, { unix: socket, protocol: 2 }]),
      ),
      endpoints,
      log: { decisions: { file } },
    }),
  })
  let stopped: Promise<unknown> | undefined
  const stop = () => {
    stopped ??= powerstrip.stop()
    return stopped
  }
  return {
    powerstrip,
    file,
    async lines() {
      expect(await stop()).toBe(0)
      return decisionsIn(file)
    },
    async ask(method, target, body) {
      await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
      client.write(request(method, target, body))
      return (await client.answer(method)).status
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await Promise.all(started.map(([, adapter]) => adapter[Symbol.asyncDispose]()))
      await engine[Symbol.asyncDispose]()
    },
  }
}

interface Here extends AsyncDisposable {
  readonly stage: TwoStage
  /** Closes the log; then all its lines. */
  lines(): Promise<readonly Decision[]>
}

/** The same within this process, where nothing of the process itself is looked at. */
async function here(
  adapters: Readonly<Record<string, Behaviour>>,
  endpoints: NonNullable<TwoScene['endpoints']>,
  { engine = script, relayed = true }: { engine?: EngineScript; relayed?: boolean } = {},
): Promise<Here> {
  const file = join(folder, 'here.ndjson')
  const lookout = new Lookout({ log: () => {}, inForce: () => NOTHING_IN_FORCE, explain: () => '' })
  const prepared = await lookout.prepare({ decisions: { file, mask: [], relayed }, admin: undefined })
  if (!prepared.ok) throw new Error(prepared.failure)
  await prepared.value.use()
  const stage = await setTwo({ adapters, endpoints, engine, tell: lookout.tell })
  return {
    stage,
    async lines() {
      await stage.proxy.drain(0)
      await lookout.close()
      return decisionsIn(file)
    },
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  }
}

const NOTHING_IN_FORCE: InForce = {
  config: undefined,
  revision: undefined,
  adapters: [],
  engine: undefined,
  census: [],
  isStopping: false,
}

test('a chain of every phase: who was asked, what it changed and said, and how it ended', async () => {
  await using set = await scene(
    {
      lease: () => ({
        Compensate: true,
        Metadata: { lease: 7, password: 'hunter2-and-more' },
        PatchType: 'JSONPatch',
        Patch: [{ op: 'add', path: '/Env/-', value: 'LEASE=secret-of-lease' }],
      }),
      labels: () => ({
        ModifiedClientRequest: {
          Request: '/v1.45/containers/create?name=web2',
          Body: { ...BODY, Labels: { a: '2' } },
        },
        Warnings: ['hunter2-and-more is a poor password'],
        AuditAnnotations: { signature: 'missing' },
      }),
      policy: () => undefined,
      late: () => ({ ModifiedServerResponse: { Code: 200 } }),
    },
    { ContainerCreate: { pre: ['lease', 'labels'], validate: ['policy'], post: ['late'] } },
  )
  expect(await set.ask('POST', CREATE, BODY)).toBe(200)
  const [line, ...more] = await set.lines()
  expect(more).toEqual([])
  expect(line).toEqual({
    id: expect.stringMatching(/^[0-9A-Z]{26}$/),
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[0-9:.]+Z$/),
    durationMs: expect.any(Number),
    request: { method: 'POST', path: CREATE, operation: 'ContainerCreate', apiVersion: '1.45' },
    user: { name: null, authenticationMethod: null, peerAddress: null },
    listener: 'default',
    hooks: [
      {
        adapter: 'lease',
        phase: 'pre',
        outcome: 'replace',
        durationMs: expect.any(Number),
        uid: expect.stringMatching(/^[0-9A-Z]{26}$/),
        metadata: { lease: 7, password: '***' },
        changed: { patch: [{ op: 'add', path: '/Env/-', value: 'LEASE=***' }] },
      },
      {
        adapter: 'labels',
        phase: 'pre',
        outcome: 'replace',
        durationMs: expect.any(Number),
        uid: expect.any(String),
        warnings: ['*** is a poor password'],
        annotations: { signature: 'missing' },
        changed: {
          path: { from: CREATE, to: '/v1.45/containers/create?name=web2' },
          patch: [
            { op: 'remove', path: '/Env/2', was: 'LEASE=***' },
            { op: 'replace', path: '/Labels/a', value: '2', was: '1' },
          ],
        },
      },
      {
        adapter: 'policy',
        phase: 'validate',
        outcome: 'pass',
        durationMs: expect.any(Number),
        uid: expect.any(String),
      },
      {
        adapter: 'late',
        phase: 'post',
        outcome: 'replace',
        durationMs: expect.any(Number),
        uid: expect.any(String),
        changed: { status: { from: 201, to: 200 } },
      },
    ],
    unwound: [],
    fate: 'changed',
    status: 200,
    engineStatus: 201,
    bytes: { received: expect.any(Number), sent: expect.any(Number) },
    revision: expect.stringMatching(/^[0-9a-f]{12}$/),
  })
  expect(statSync(set.file).mode & 0o777).toBe(0o600)
})

test('a refusal, and what was undone for it, a failure of undoing too', async () => {
  await using set = await here(
    {
      one: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
      two: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : { status: 500 }),
      policy: () => ({ Allowed: false, Status: { Message: 'not with hunter2-and-more' } }),
    },
    { ContainerCreate: { pre: ['one', 'two'], validate: ['policy'] } },
  )
  expect((await set.stage.create(BODY)).status).toBe(403)
  const [line] = await set.lines()
  expect(line).toMatchObject({
    fate: 'denied',
    status: 403,
    detail: 'denied by adapter "policy": not with ***',
    hooks: [
      { adapter: 'one', outcome: 'pass' },
      { adapter: 'two', outcome: 'pass' },
      { adapter: 'policy', phase: 'validate', outcome: 'deny', detail: 'not with ***' },
    ],
    unwound: [
      { adapter: 'two', result: 'failed' },
      { adapter: 'one', result: 'done' },
    ],
  })
  expect(line).not.toHaveProperty('engineStatus')
  expect(line!.unwound.map(({ uid }) => uid)).toEqual([line!.hooks[1]!.uid, line!.hooks[0]!.uid])
})

test('what is undone behind the client’s back stands in the one line too', async () => {
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  await using set = await here(
    {
      lease: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
      slow: async () => {
        begin()
        return 'silence'
      },
    },
    { ContainerCreate: { pre: ['lease', 'slow'] } },
  )
  const client = await set.stage.connect()
  client.write(request('POST', CREATE, BODY))
  await begun
  await client[Symbol.asyncDispose]()
  const lines = await set.lines()
  expect(lines).toMatchObject([
    { fate: 'aborted', status: null, unwound: [{ adapter: 'slow' }, { adapter: 'lease', result: 'done' }] },
  ])
})

test('a failure that is passed over, a hook that is not called, and one whose answer it cannot see', async () => {
  await using set = await here(
    { broken: () => ({ status: 500, text: 'no' }), picky: () => undefined },
    {
      ContainerCreate: {
        pre: [
          { use: 'broken', onError: 'ignore' },
          { use: 'picky', when: 'body.Image == "other"' },
        ],
      },
      ContainerExport: { post: ['picky'] },
    },
    {
      engine: ({ method }, response) =>
        method === 'POST'
          ? sendJson(response, 201, { Id: 'abc', Warnings: [] })
          : response
              .writeHead(200, { 'Content-Type': 'application/x-tar', 'Content-Length': 4 })
              .end('tar\n'),
    },
  )
  await set.stage.create(BODY)
  await set.stage.ask('GET', '/v1.45/containers/web/export')
  expect(await set.lines()).toMatchObject([
    {
      fate: 'unchanged',
      hooks: [
        { adapter: 'picky', outcome: 'skipped', detail: 'its condition does not hold' },
        { adapter: 'broken', outcome: 'failed', failOpen: true },
      ],
    },
    {
      fate: 'unchanged',
      hooks: [{ adapter: 'picky', phase: 'post', outcome: 'skipped', detail: 'the answer is binary' }],
    },
  ])
})

describe('requests that no hook asked for', () => {
  const some = async (set: Here) => {
    await set.stage.ask('GET', '/v1.45/info')
    await set.stage.ask('GET', '/v1.45/containers/../info')
    await set.stage.create(BODY)
  }
  const endpoints = { ContainerCreate: { pre: ['labels'] } }

  test('have a line without hooks, and refused ones as well', async () => {
    await using set = await here({ labels: () => undefined }, endpoints)
    await some(set)
    expect(await set.lines()).toMatchObject([
      { fate: 'relayed', status: 200, hooks: [], request: { operation: 'SystemInfo', path: '/v1.45/info' } },
      { fate: 'ambiguous', status: 400, hooks: [], detail: expect.stringContaining('PS-PATH-003') },
      { fate: 'unchanged', status: 201, hooks: [{ adapter: 'labels' }] },
    ])
  })

  test('have none with "relayed: false", but what is refused has', async () => {
    await using set = await here({ labels: () => undefined }, endpoints, { relayed: false })
    await some(set)
    expect((await set.lines()).map(({ fate }) => fate)).toEqual(['ambiguous', 'unchanged'])
  })
})

test('1,000 requests are 1,000 lines, each of its own', async () => {
  await using set = await here({ labels: () => undefined }, { ContainerCreate: { pre: ['labels'] } })
  const clients = Array.from({ length: 10 }, async (_, client) => {
    await using peer = await set.stage.connect()
    for (let n = 0; n < 100; n++) {
      const isCreate = n % 2 === 0
      peer.write(
        isCreate
          ? request('POST', `/v1.45/containers/create?name=c${client}-${n}`, BODY)
          : request('GET', `/v1.45/info?c${client}-${n}`),
      )
      await peer.answer('GET')
    }
  })
  await Promise.all(clients)
  const lines = await set.lines()
  expect(lines).toHaveLength(1_000)
  expect(new Set(lines.map(({ id }) => id)).size).toBe(1_000)
  expect(new Set(lines.map(({ request: { path } }) => path)).size).toBe(1_000)
  expect(lines.filter(({ hooks }) => hooks.length === 1)).toHaveLength(500)
})

test('rotated by SIGHUP or moved away alone, not a line is lost', async () => {
  await using set = await scene({ labels: () => undefined }, { ContainerCreate: { pre: ['labels'] } })
  const isReopened = ({ msg }: LogLine) => msg === 'the decision log goes on in a new file'
  /** Once more than it had been before `act`. */
  const reopened = async (act: () => void) => {
    let left = set.powerstrip.log.filter(isReopened).length + 1
    act()
    await set.powerstrip.logged((line) => isReopened(line) && --left === 0)
  }
  await set.ask('GET', '/v1.45/info?one')
  renameSync(set.file, `${set.file}.2`)
  await set.ask('GET', '/v1.45/info?two')
  await reopened(() => process.kill(set.powerstrip.pid, 'SIGHUP'))
  await set.ask('GET', '/v1.45/info?three')
  // Nobody says so this time. Until it is noticed, lines go into the file that was moved.
  renameSync(set.file, `${set.file}.1`)
  const later: string[] = []
  while (!existsSync(set.file) || statSync(set.file).size === 0) {
    later.push(`later-${later.length}`)
    await set.ask('GET', `/v1.45/info?${later.at(-1)}`)
    await sleep(20)
  }

  const last = await set.lines()
  const pathsIn = (lines: readonly Decision[]) => lines.map(({ request: { path } }) => path.split('?')[1])
  // Either of them may have noticed first.
  const moved = [`${set.file}.2`, `${set.file}.1`].flatMap((file) => pathsIn(decisionsIn(file)))
  expect([...moved, ...pathsIn(last)]).toEqual(['one', 'two', 'three', ...later])
  expect(moved.slice(0, 3)).toEqual(['one', 'two', 'three'])
  expect(statSync(set.file).mode & 0o777).toBe(0o600)
})

test('another file and other masks are taken up while it runs; a file that cannot be written changes nothing', async () => {
  await using set = await scene({ labels: () => undefined }, { ContainerCreate: { pre: ['labels'] } })
  const config = (decisions: object) =>
    JSON.stringify({ version: 2, adapters: {}, endpoints: {}, log: { decisions } })
  await set.ask('GET', '/v1.45/info?name=one')
  const other = join(folder, 'other.ndjson')
  replaceFile(set.powerstrip.configFile!, config({ file: other, mask: ['name'] }))
  await set.powerstrip.logged(({ msg }) => msg === 'the configuration has changed and is in force')
  await set.ask('GET', '/v1.45/info?name=two')

  const bad = config({ file: join(folder, 'missing', 'x.ndjson') })
  replaceFile(set.powerstrip.configFile!, bad)
  const told = await set.powerstrip.logged(({ problems }) => problems !== undefined)
  expect(told.problems).toMatch(/log\.decisions: .*missing.* cannot be written/)
  await set.ask('GET', '/v1.45/info?name=three')

  const [one, ...more] = await set.lines()
  expect([one!.request.path, more]).toEqual(['/v1.45/info?name=one', []])
  const later = decisionsIn(other)
  expect(later.map(({ request: { path } }) => path)).toEqual(['/v1.45/info?name=***', '/v1.45/info?name=***'])
  expect(later[0]!.revision).not.toBe(one!.revision)

  const start = startPowerstrip({ upstream: 'unix:///nowhere.sock', config: bad })
  await expect(start).rejects.toThrow(/ended with 1 .*\n.*log\.decisions: .* cannot be written/)
})

test('on standard output, which then has nothing else; one that nobody reads costs lines and no time', async () => {
  await using engine = await startEngine(script)
  const socket = join(folder, 'ps.sock')
  const config = join(folder, 'adapters.yml')
  writeFileSync(
    config,
    JSON.stringify({ version: 2, adapters: {}, endpoints: {}, log: { decisions: { file: 'stdout' } } }),
  )
  const upstream = `unix://${(engine.address as { path: string }).path}`
  const args = ['serve', '--config', config, '--listen', `unix://${socket}`, '--upstream', upstream]
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (part) => {
    said += part
  })
  const saying = async (part: string) => {
    while (!said.includes(part)) await once(child.stderr, 'data')
  }
  await saying('export DOCKER_HOST=')
  await using client = await RawPeer.connect({ kind: 'unix', path: socket })
  // More than may wait.
  const long = 'x'.repeat(12_000)
  for (let n = 0; n < 800; n++) {
    client.write(request('GET', `/v1.45/info?${n}${long}`))
    expect((await client.answer('GET')).status).toBe(200)
  }
  await saying('the decision log was written too slowly, and misses lines')
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (part) => {
    output += part
  })
  // At the end it has five seconds for what waits, and whoever reads it may not have their turn in that time.
  const lines = () => output.split('\n').slice(0, -1)
  const missed = () =>
    [...said.matchAll(/"lines":(\d+)/g)].reduce((total, [, count]) => total + Number(count), 0)
  while (lines().length + missed() < 800) await sleep(20)
  child.kill('SIGTERM')
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code).toBe(0)
  for (const line of lines()) expect(JSON.parse(line)).toMatchObject({ fate: 'relayed', status: 200 })
  expect(lines().length + missed()).toBe(800)
})
