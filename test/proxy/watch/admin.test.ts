/** The admin listener of a real process: health, readiness, metrics, the configuration in force, and `powerstrip tap`. */

import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { openAdmin } from '../../../src/admin/server.ts'
import { metrics, page, startTap } from '../../support/admin.ts'
import { sendJson } from '../../support/cases/engine.ts'
import { connect } from '../../support/connect.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { request } from '../../support/raw/box.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { replaceFile } from '../../support/replace-file.ts'
import { type Behaviour, startTwo, type TwoAdapter } from '../../support/two/adapter.ts'
import { build, powerstripHere as command } from '../../unit/cli/command.ts'
import { eventually } from '../stage.ts'

const CREATE = '/v1.45/containers/create?name=web'
const BODY = { Image: 'busybox', Env: ['PASSWORD=hunter2-and-more'], Labels: { a: '1' } }

let folder: string
let admin: string
let socket: string

beforeAll(() => build())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'admin-'))
  admin = join(folder, 'admin.sock')
  socket = join(folder, 'docker.sock')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface StoppableEngine extends AsyncDisposable {
  stop(): Promise<void>
}

/** An engine that can be stopped, and another one started at the same place. */
async function engineAt(path: string): Promise<StoppableEngine> {
  const server = createServer((asked, answer) => {
    asked.resume()
    asked.once('end', () => {
      if (asked.url === '/version') return sendJson(answer, 200, { Version: '26.1.5', ApiVersion: '1.45' })
      if (asked.url?.includes('/export'))
        return void answer
          .writeHead(200, { 'Content-Type': 'application/x-tar', 'Content-Length': 4 })
          .end('tar\n')
      const isCreate = asked.method === 'POST'
      sendJson(answer, isCreate ? 201 : 200, isCreate ? { Id: 'abc', Warnings: [] } : { ID: 'e' })
    })
  })
  const streams = new Set<Duplex>()
  server.on('upgrade', (_asked, stream) => {
    streams.add(stream)
    stream.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
    stream.on('error', () => {})
  })
  server.keepAliveTimeout = 0
  server.listen(path)
  await once(server, 'listening')
  let stopped: Promise<unknown> | undefined
  const stop = async () => {
    stopped ??= once(server, 'close')
    server.close()
    server.closeAllConnections()
    for (const stream of streams) stream.destroy()
    await stopped
  }
  return { stop, [Symbol.asyncDispose]: stop }
}

function config(adapters: object, endpoints: object, more: object = {}): string {
  return JSON.stringify({ version: 2, adapters, endpoints, admin: { unix: admin }, ...more })
}

function start(text: string): Promise<Powerstrip> {
  return startPowerstrip({ upstream: `unix://${socket}`, config: text })
}

async function ask(powerstrip: Powerstrip, method: string, target: string, body?: unknown): Promise<number> {
  await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
  client.write(request(method, target, body))
  return (await client.answer(method)).status
}

const notReady = async () => JSON.parse((await page(admin, '/readyz')).text).notReady as string[]

/** Polled: nobody tells when a process has noticed that another one is there. */
async function becomesReady(): Promise<void> {
  while ((await page(admin, '/readyz')).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 20))
}

test('is not ready while the engine, an adapter or the configuration is not, and is when they are', async () => {
  const policy = { unix: join(folder, 'policy.sock'), protocol: 2 }
  const old = 'unix:///run/old.sock'
  const good = config({ policy, old }, { ContainerCreate: { validate: ['policy'], pre: ['old'] } })
  await using powerstrip = await start(good)
  expect(await page(admin, '/healthz')).toMatchObject({ status: 200, text: expect.stringContaining('"ok"') })
  expect(statSync(admin).mode & 0o777).toBe(0o660)
  expect((await page(admin, '/readyz')).status).toBe(503)
  expect(await notReady()).toEqual([
    expect.stringMatching(/^engine: connect ENOENT/),
    'adapter policy: no such socket',
  ])

  await using engine = await engineAt(socket)
  await using _adapter = await startTwo('policy', { does: () => undefined, socket: policy.unix })
  await becomesReady()
  expect(JSON.parse((await page(admin, '/readyz')).text)).toMatchObject({
    ready: true,
    notReady: [],
    engine: { ready: true, address: `unix://${socket}`, version: '26.1.5', apiVersion: '1.45' },
    adapters: { policy: { ready: true, protocol: 2 } },
    config: { ready: true, revision: expect.stringMatching(/^[0-9a-f]{12}$/) },
  })

  await engine.stop()
  expect(await notReady()).toEqual([expect.stringMatching(/^engine: connect ENOENT/)])
  await using _again = await engineAt(socket)
  expect((await page(admin, '/readyz')).status).toBe(200)

  replaceFile(powerstrip.configFile!, `${good.slice(0, -1)},"nonsense":1}`)
  await powerstrip.logged(({ problems }) => problems !== undefined)
  expect(await notReady()).toEqual([expect.stringMatching(/^config: .*adapters\.yml:1:\d+ .*"nonsense"/)])
  expect(await metrics(admin)).toMatchObject({ powerstrip_config_last_reload_successful: 0 })
  replaceFile(powerstrip.configFile!, `${good}\n`)
  await powerstrip.logged(({ msg }) => msg === 'the configuration has changed and is in force')
  expect(await notReady()).toEqual([])
  expect(await metrics(admin)).toMatchObject({ powerstrip_config_last_reload_successful: 1 })
})

test('metrics tell what was done, no more and no less', async () => {
  await using _engine = await engineAt(socket)
  const adapters: TwoAdapter[] = []
  const cast = async (name: string, does: Behaviour) => {
    const adapter = await startTwo(name, { does })
    adapters.push(adapter)
    return { unix: adapter.socket, protocol: 2 }
  }
  const text = config(
    {
      labels: await cast('labels', () => ({ ModifiedClientRequest: { Body: { Image: 'x' } } })),
      policy: await cast('policy', ({ message }) =>
        message.Query.name?.[0] === 'bad' ? { Allowed: false, Status: { Message: 'no' } } : undefined,
      ),
      lease: await cast('lease', ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined)),
      broken: {
        ...(await cast('broken', () => ({ status: 500 }))),
        circuitBreaker: { failures: 1, pause: '10m' },
      },
      audit: await cast('audit', () => undefined),
    },
    {
      ContainerCreate: {
        pre: ['labels', 'lease', { use: 'broken', onError: 'ignore' }],
        validate: ['policy'],
        observe: ['audit'],
      },
      ContainerExport: { post: ['audit'] },
    },
  )
  await using powerstrip = await start(text)
  for (const name of ['a', 'b', 'bad'])
    await ask(powerstrip, 'POST', `/v1.45/containers/create?name=${name}`, BODY)
  for (let n = 0; n < 5; n++) await ask(powerstrip, 'GET', '/v1.45/info')
  await ask(powerstrip, 'GET', '/v1.45/containers/web/export')
  await ask(powerstrip, 'GET', '/v1.45//info')
  await adapters[4]!.called(3, 'observe-hook')
  await using open = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
  open.write(
    request('POST', '/v1.45/containers/web/attach?stream=1', undefined, [
      'Connection: Upgrade',
      'Upgrade: tcp',
    ]),
  )
  await open.head()

  const seen = await metrics(admin)
  expect(seen).toMatchObject({
    'powerstrip_requests_total{operation="ContainerCreate",fate="changed",status="2xx"}': 2,
    'powerstrip_requests_total{operation="ContainerCreate",fate="denied",status="4xx"}': 1,
    'powerstrip_requests_total{operation="SystemInfo",fate="relayed",status="2xx"}': 5,
    'powerstrip_requests_total{operation="ContainerExport",fate="unchanged",status="2xx"}': 1,
    'powerstrip_requests_total{operation="unknown",fate="ambiguous",status="4xx"}': 1,
    'powerstrip_request_duration_seconds_count{operation="SystemInfo"}': 5,
    'powerstrip_hook_calls_total{adapter="labels",phase="pre",outcome="replace"}': 3,
    'powerstrip_hook_calls_total{adapter="lease",phase="pre",outcome="pass"}': 3,
    'powerstrip_hook_calls_total{adapter="lease",phase="unwind",outcome="done"}': 1,
    'powerstrip_hook_calls_total{adapter="broken",phase="pre",outcome="failed"}': 3,
    'powerstrip_hook_calls_total{adapter="policy",phase="validate",outcome="pass"}': 2,
    'powerstrip_hook_calls_total{adapter="policy",phase="validate",outcome="deny"}': 1,
    'powerstrip_hook_calls_total{adapter="audit",phase="observe",outcome="done"}': 3,
    'powerstrip_hook_calls_total{adapter="audit",phase="post",outcome="skipped"}': 1,
    'powerstrip_hook_duration_seconds_count{adapter="labels",phase="pre"}': 3,
    'powerstrip_hook_fail_open_total{adapter="broken",phase="pre"}': 3,
    'powerstrip_post_hooks_skipped_total{adapter="audit",reason="binary"}': 1,
    'powerstrip_unwind_total{result="done"}': 1,
    'powerstrip_connections{listener="default"}': 1,
    'powerstrip_streams{listener="default"}': 1,
    'powerstrip_adapter_ready{adapter="labels"}': 1,
    'powerstrip_adapter_breaker_open{adapter="broken"}': 1,
    'powerstrip_adapter_breaker_open{adapter="policy"}': 0,
    powerstrip_config_last_reload_successful: 1,
  })
  const requests = Object.entries(seen).filter(([name]) => name.startsWith('powerstrip_requests_total'))
  expect(requests.reduce((sum, [, count]) => sum + count, 0)).toBe(10)
  // Labels are words of ours, never a client's.
  expect(Object.keys(seen).join('\n')).not.toMatch(/\/v1|web/)
  await Promise.all(adapters.map((adapter) => adapter[Symbol.asyncDispose]()))
  open.destroy()
})

test('the configuration in force is shown without secrets, and what it does to a request', async () => {
  const text = config(
    { policy: { url: 'http://127.0.0.1:1/hook?key=hunter2', with: { token: 'hunter2', size: 3 } } },
    { ContainerCreate: { validate: ['policy'] } },
    { log: { decisions: { file: join(folder, 'd.ndjson') } } },
  )
  await using _powerstrip = await start(text)
  const shown = await page(admin, '/config')
  expect(shown.text).not.toContain('hunter2')
  expect(JSON.parse(shown.text)).toMatchObject({
    version: 2,
    adapters: {
      policy: { url: 'http://127.0.0.1:1/hook?***', with: { token: '***', size: 3 }, timeoutMs: 10_000 },
    },
    endpoints: [{ endpoint: 'ContainerCreate', line: 1, validate: [{ adapter: 'policy' }] }],
    admin: { address: `unix://${admin}`, socket: { mode: '0660' } },
  })
  const path = encodeURIComponent('/v1.45/containers/create?name=web')
  expect((await page(admin, `/explain?method=POST&path=${path}`)).text).toMatch(
    /^operation {2}ContainerCreate[\s\S]*validate +policy\n/,
  )
  expect(await page(admin, '/explain?method=POST')).toMatchObject({ status: 400 })
  expect(await page(admin, '/nothing')).toMatchObject({
    status: 404,
    text: expect.stringContaining('/metrics'),
  })
})

test('it is moved, and taken away, while powerstrip runs; a bad address changes nothing; on TCP web pages are kept out', async () => {
  await using _engine = await engineAt(socket)
  const other = join(folder, 'other.sock')
  await using powerstrip = await start(config({}, {}))
  const change = async (text: string, number: number) => {
    replaceFile(powerstrip.configFile!, text)
    let seen = 0
    await powerstrip.logged(
      ({ msg }) => String(msg).startsWith('the configuration has changed') && ++seen === number,
    )
  }
  await change(config({}, {}, { admin: { unix: other, mode: '0600' } }), 1)
  expect(existsSync(admin)).toBe(false)
  expect(statSync(other).mode & 0o777).toBe(0o600)
  await change(config({}, {}, { admin: { unix: other, mode: '0640' } }), 2)
  expect(statSync(other).mode & 0o777).toBe(0o640)
  await change(config({}, {}, { admin: { unix: join(folder, 'missing', 'a.sock') } }), 3)
  expect(JSON.parse((await page(other, '/readyz')).text).notReady).toEqual([
    expect.stringMatching(/^config: .*the admin listener cannot listen on .*does not exist/),
  ])
  await change(config({}, {}, { admin: undefined }), 4)
  expect(existsSync(other)).toBe(false)

  await change(config({}, {}, { admin: { tcp: '127.0.0.1:0' } }), 5)
  const { address } = await powerstrip.logged(
    ({ address: at }) => String(at).startsWith('tcp://127.0.0.1:') && at !== powerstrip.tcp,
  )
  const port = Number(/:(\d+)$/.exec(String(address))![1])
  const say = async (...fields: string[]) => {
    await using peer = await connect({ kind: 'tcp', host: '127.0.0.1', port })
    await peer.send(`GET /healthz HTTP/1.1\r\n${fields.join('\r\n')}\r\nConnection: close\r\n\r\n`)
    return await peer.until('}')
  }
  expect(await say('Host: localhost')).toMatch(/^HTTP\/1\.1 200 /)
  expect(await say('Host: rebound.example')).toMatch(/^HTTP\/1\.1 403 [\s\S]*PS-LISTEN-004/)
  expect(await say('Host: localhost', 'Origin: http://page.example')).toMatch(/^HTTP\/1\.1 403 /)
})

describe('trouble at the admin listener stays there (PS-LISTEN-005)', () => {
  const line = (text: string) => `${text}\r\nHost: x\r\nConnection: close\r\n`
  const DOCKER = [
    'GET /v1.45/info',
    'GET /_ping',
    'HEAD /_ping',
    'DELETE /v1.45/containers/web',
    'OPTIONS /info',
  ].map((request) => `${line(`${request} HTTP/1.1`)}\r\n`)
  const create = JSON.stringify(BODY)
  const ATTACKS: readonly string[] = [
    ...DOCKER,
    `${line('POST /v1.45/containers/create?name=web HTTP/1.1')}Content-Type: application/json\r\nContent-Length: ${create.length}\r\n\r\n${create}`,
    `${line('POST /v1.45/containers/web/attach?stream=1 HTTP/1.1')}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    ...['POST /config', 'PUT /healthz', 'DELETE /tap', 'PATCH /readyz', 'TRACE /metrics'].map(
      (request) => `${line(`${request} HTTP/1.1`)}Content-Length: 2\r\n\r\n{}`,
    ),
    `${line('GET http://docker/v1.45/info HTTP/1.1')}\r\n`,
    `${line('CONNECT docker:2375 HTTP/1.1')}\r\n`,
    `${line('GET /metrics HTTP/1.1')}X: ${'x'.repeat(100_000)}\r\n\r\n`,
    `${line('GET /metrics HTTP/1.1')}${'X: y\r\n'.repeat(3_000)}\r\n`,
    `${line(`GET /${'x'.repeat(100_000)} HTTP/1.1`)}\r\n`,
    `${line('POST /config HTTP/1.1')}Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n${'{'.repeat(200_000)}`,
    `${line('GET /explain?method=GET&path=%00 HTTP/1.1')}\r\n`,
    `${line('GET /explain?method=POST&path=/../../etc/passwd HTTP/1.1')}\r\n`,
    `${line('GET /..%2f..%2fetc/passwd HTTP/1.1')}\r\n`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    `GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'GET /healthz HTTP/1.1\nHost: x\n\n',
  ]

  test('nothing that is sent there reaches engine or adapters, and no secret comes out', async () => {
    await using _engine = await engineAt(socket)
    await using policy = await startTwo('policy', { does: () => undefined })
    await using powerstrip = await start(
      config(
        { policy: { unix: policy.socket, protocol: 2, with: { token: 'hunter2-of-the-operator' } } },
        { '*': { pre: ['policy'] } },
      ),
    )
    const auth = [
      `X-Registry-Auth: ${Buffer.from('{"password":"hunter2-of-the-client"}').toString('base64')}`,
    ]
    const tap = await connect({ kind: 'unix', path: admin })
    await tap.send('GET /tap HTTP/1.1\r\nHost: x\r\n\r\n')
    await tap.until('\r\n\r\n')
    await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
    client.write(request('POST', CREATE, BODY, auth))
    expect((await client.answer('POST')).status).toBe(201)
    await tap.until('"fate"')
    // The tap and the log are two ways, and either may be the faster one.
    await powerstrip.logged(({ operation }) => operation === 'ContainerCreate')
    const judged = policy.calls.length
    const done = powerstrip.log.filter(({ msg }) => msg === 'exchange').length

    const heard: string[] = [tap.text]
    for (const attack of ATTACKS) {
      const peer = await connect({ kind: 'unix', path: admin })
      await peer.send(attack).catch(() => undefined)
      peer.finish()
      await new Promise((over) => (peer.closed ? over(0) : peer.socket.once('close', over)))
      heard.push(peer.text)
    }
    for (const path of [
      '/healthz',
      '/readyz',
      '/metrics',
      '/config',
      '/explain?method=POST&path=/containers/create',
    ])
      heard.push((await page(admin, path)).text)
    expect(
      heard
        .slice(1, 1 + ATTACKS.length)
        .filter(
          (text) =>
            !/^(HTTP\/1\.1 (4|501)|$)/.test(text) &&
            !/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain/.test(text),
        ),
    ).toEqual([])
    expect(heard.join('\n')).not.toMatch(/hunter2|aHVudGVy/)

    expect(policy.calls).toHaveLength(judged)
    client.write(request('GET', '/v1.45/info'))
    expect((await client.answer()).status).toBe(200)
    await powerstrip.logged(({ operation }) => operation === 'SystemInfo')
    expect(powerstrip.log.filter(({ msg }) => msg === 'exchange')).toHaveLength(done + 1)
    expect(powerstrip.log.filter(({ err }) => err !== undefined)).toEqual([])
    tap.socket.destroy()
  })

  test('however many come, it lets in a few, and clients of Docker notice nothing', async () => {
    await using _engine = await engineAt(socket)
    await using powerstrip = await start(config({}, {}))
    const crowd = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const peer = await connect({ kind: 'unix', path: admin })
        await peer.send('GET /metr').catch(() => undefined)
        return peer
      }),
    )
    // Those that are turned away are closed at once.
    await eventually(() => crowd.filter(({ closed }) => closed).length >= 300 - 64)
    expect(crowd.filter(({ closed }) => !closed).length).toBeGreaterThan(0)
    await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
    for (let turn = 0; turn < 20; turn++) {
      client.write(request('GET', '/v1.45/info'))
      expect((await client.answer()).status).toBe(200)
    }
    for (const peer of crowd) peer.socket.destroy()
    while ((await page(admin, '/healthz').catch(() => undefined))?.status !== 200)
      await new Promise((resolve) => setTimeout(resolve, 10))
  })

  test('who does not come to the point is answered and dropped', async () => {
    const opened = await openAdmin(
      {
        address: { kind: 'unix', path: admin },
        socket: { mode: 0o600, owner: undefined, group: undefined },
        insecure: false,
      },
      {
        version: '1',
        ready: async () => ({ ready: true }),
        metrics: async () => ({ type: 'text/plain', text: '' }),
        config: () => ({}),
        explain: () => '',
        tap: () => () => {},
      },
      { connections: 4, requestTimeoutMs: 200 },
    )
    if (!opened.ok) throw new Error(opened.failure)
    const slow = await Promise.all(
      [
        '',
        'GET ',
        'GET /healthz HTTP/1.1\r\nHost: x\r\n',
        'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{',
      ].map(async (begun) => {
        const peer = await connect({ kind: 'unix', path: admin })
        if (begun !== '') await peer.send(begun)
        return peer
      }),
    )
    // By a reset where what it had begun with was not even read in that time.
    for (const peer of slow) await peer.close()
    expect((await page(admin, '/healthz')).status).toBe(200)
    await opened.value.close()
  })
})

describe('powerstrip tap', () => {
  const labelling: Behaviour = () => ({
    PatchType: 'JSONPatch',
    Patch: [
      { op: 'add', path: '/Labels/owner', value: 'platform' },
      { op: 'replace', path: '/Image', value: 'busybox:1' },
      { op: 'add', path: '/Env/-', value: 'TOKEN=secret-of-adapter' },
    ],
  })

  test('shows what each adapter changed as a diff, and with filters only that', async () => {
    await using _engine = await engineAt(socket)
    await using labels = await startTwo('labels', { does: labelling })
    await using policy = await startTwo('policy', {
      does: () => ({ Allowed: false, Status: { Message: 'not signed' } }),
    })
    await using powerstrip = await start(
      config(
        { labels: { unix: labels.socket, protocol: 2 }, policy: { unix: policy.socket, protocol: 2 } },
        { ContainerCreate: { pre: ['labels'] }, ContainerStart: { validate: ['policy'] } },
      ),
    )
    await using tap = await startTap(['--config', powerstrip.configFile!])
    await using coloured = await startTap(['--admin', `unix://${admin}`, '--operation', 'ContainerStart'], {
      FORCE_COLOR: '1',
    })
    await using json = await startTap(['--admin', `unix://${admin}`, '--json', '--adapter', 'labels'])
    await ask(powerstrip, 'GET', '/v1.45/info')
    await ask(powerstrip, 'POST', CREATE, BODY)
    await ask(powerstrip, 'POST', '/v1.45/containers/web/start')

    await tap.shown((line) => line.includes('policy'))
    const told = tap.lines.map((line) => line.replace(/^[0-9:.]{12}/, 'TIME').replaceAll(/[0-9.]+ ms/g, 'MS'))
    const isDiff = (line: string) => line.startsWith('        ')
    expect(told.filter((line) => !isDiff(line))).toEqual([
      'TIME  GET /v1.45/info  SystemInfo  200 relayed  MS',
      'TIME  POST /v1.45/containers/create?name=web  ContainerCreate  201 changed  MS',
      '    pre      labels  replace  MS',
      'TIME  POST /v1.45/containers/web/start  ContainerStart  403 denied  MS  denied by adapter "policy": not signed',
      '    validate policy  deny  MS  not signed',
    ])
    expect(told.filter(isDiff).toSorted()).toEqual([
      '        + /Env/- "TOKEN=***"',
      '        + /Labels/owner "platform"',
      '        ~ /Image "busybox" → "busybox:1"',
    ])

    await coloured.shown((line) => line.includes('policy'))
    expect(coloured.lines).toHaveLength(2)
    expect(coloured.lines[1]).toContain('\u001b[31mdeny\u001b[0m')
    const only = JSON.parse(await json.shown(() => true))
    expect(only).toMatchObject({
      fate: 'changed',
      hooks: [{ adapter: 'labels', changed: { patch: expect.any(Array) } }],
    })

    await powerstrip.stop()
    expect(await tap.exit()).toBe(1)
    expect(tap.said()).toMatch(/the proxy has ended/)
    expect(json.lines).toHaveLength(1)
  })

  test('one that does not read misses lines, and is told how many; the exchanges go on', async () => {
    await using _engine = await engineAt(socket)
    await using powerstrip = await start(config({}, {}))
    const peer = await connect({ kind: 'unix', path: admin })
    peer.socket.pause()
    await peer.send('GET /tap HTTP/1.1\r\nHost: x\r\n\r\n')
    while ((await metrics(admin)).powerstrip_taps !== 1)
      await new Promise((resolve) => setTimeout(resolve, 10))
    const long = 'x'.repeat(8_000)
    await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
    for (let n = 0; n < 300; n++) {
      client.write(request('GET', `/v1.45/info?${n}${long}`))
      await client.answer('GET')
    }
    peer.socket.resume()
    const told = await peer.until('"missed":')
    expect(told.match(/"fate":"relayed"/g)!.length).toBeGreaterThan(50)
    peer.socket.destroy()
  })

  test('says what to add where there is no admin listener', async () => {
    const file = join(folder, 'adapters.yml')
    writeFileSync(file, 'version: 2\nadapters: {}\nendpoints: {}\n')
    const none = await command(['tap', '--config', file])
    expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('has no admin listener.') })
    expect(none.stderr).toContain('admin: { unix: /run/powerstrip/admin.sock }')
    const nobody = await command(['tap', '--admin', `unix://${admin}`])
    expect(nobody).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('nobody listens there (ENOENT)'),
    })
    expect(nobody.stderr).toContain('admin: { unix: /run/powerstrip/admin.sock }')
    const strange = await command(['tap', '--operation', 'ContainerCraete'])
    expect(strange).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('did you mean "ContainerCreate"'),
    })
  })
})
