/** `powerstrip record` and `powerstrip replay`: real traffic becomes fixtures without secrets, and fixtures become calls. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runCommand } from '../../../src/cli/program.ts'
import { saying, startAdapter } from '../../support/cases/adapters.ts'
import { type CaseEngine, send, sendJson, startEngine } from '../../support/cases/engine.ts'
import { startByHand } from '../../support/conformance/by-hand.ts'
import { startTwo } from '../../support/two/adapter.ts'
import { powerstripHere } from './command.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'record-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const startDocker = () =>
  startEngine(({ method, target }, response) => {
    if (target.endsWith('/_ping')) return send(response, 200, 'text/plain', 'OK')
    if (target.includes('/containers/create')) return sendJson(response, 201, { Id: 'abc', Warnings: [] })
    if (target.endsWith('/containers/json')) return sendJson(response, 200, [{ Id: 'abc', Size: 1 }])
    if (target.endsWith('/secrets/create')) return sendJson(response, 201, { ID: 'secret-id' })
    if (method === 'DELETE') return void response.writeHead(204).end()
    return sendJson(response, 404, { message: 'No such container: web' })
  })

/** Records what `traffic` sends to the socket. */
async function recorded(
  args: readonly string[],
  traffic: (socket: string, engine: CaseEngine) => Promise<void>,
) {
  await using engine = await startDocker()
  const stop = new AbortController()
  const socket = join(folder, 'record.sock')
  let said = ''
  let listening = () => {}
  const ready = new Promise<void>((resolve) => {
    listening = resolve
  })
  const { path } = engine.address as { readonly path: string }
  const out = join(folder, 'fixtures')
  const ended = runCommand(
    [
      'record',
      '--out',
      out,
      '--listen',
      `unix://${socket}`,
      '--upstream',
      `unix://${path}`,
      '--log-level',
      'silent',
      ...args,
    ],
    {
      env: {},
      out: (text) => {
        if (text.includes('export DOCKER_HOST')) listening()
      },
      err: (text) => {
        said += text
      },
      stop: stop.signal,
    },
  )
  await Promise.race([
    ready,
    ended.then((code) => Promise.reject(new Error(`it ended with ${code}: ${said}`))),
  ])
  try {
    await traffic(socket, engine)
  } finally {
    stop.abort()
  }
  expect(await ended).toBe(0)
  return out
}

function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
  headers = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const fields =
      text === undefined
        ? headers
        : { ...headers, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }
    const asked = httpRequest(
      { socketPath, method, path, headers: { Host: 'docker', ...fields } },
      (response) => {
        response.resume().once('end', () => resolve(response.statusCode!))
      },
    )
    asked.once('error', reject)
    asked.end(text)
  })
}

async function linesOf(file: string): Promise<readonly string[]> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n')
}

const CREATE = {
  Image: 'busybox',
  Env: ['TOKEN=s3cr3t-value', 'LANG=C'],
  Labels: { note: 'the word is s3cr3t-value' },
}

test('what passes by is recorded: one file an operation and version, one exchange a line, no secrets', async () => {
  const out = await recorded([], async (socket) => {
    const auth = { 'X-Registry-Auth': 'bXktcmVnaXN0cnktcGFzc3dvcmQ=' }
    expect(await ask(socket, 'POST', '/v1.45/containers/create?name=web', CREATE, auth)).toBe(201)
    expect(await ask(socket, 'POST', '/v1.41/containers/create', { Image: 'x' })).toBe(201)
    expect(await ask(socket, 'GET', '/v1.45/containers/json')).toBe(200)
    expect(await ask(socket, 'GET', '/containers/web/json')).toBe(404)
    expect(await ask(socket, 'POST', '/v1.45/secrets/create', { Name: 'db', Data: 'aHVudGVyMg==' })).toBe(201)
    expect(await ask(socket, 'DELETE', '/v1.45/containers/web')).toBe(204)
  })
  expect(await readdir(out)).toEqual([
    'ContainerCreate-1.41.ndjson',
    'ContainerCreate-1.45.ndjson',
    'ContainerDelete-1.45.ndjson',
    'ContainerInspect-newest.ndjson',
    'ContainerList-1.45.ndjson',
    'SecretCreate-1.45.ndjson',
  ])
  const file = join(out, 'ContainerCreate-1.45.ndjson')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const [line] = await linesOf(file)
  expect(JSON.parse(line!)).toMatchObject({
    ClientRequest: {
      Method: 'POST',
      Request: '/v1.45/containers/create?name=web',
      Body: {
        Image: 'busybox',
        Env: ['TOKEN=***', 'LANG=***'],
        Labels: { note: 'the word is ***' },
      },
      BodyEncoding: 'json',
    },
    ServerResponse: { Code: 201, ContentType: 'application/json', Body: { Id: 'abc', Warnings: [] } },
  })
  const all = (await Promise.all((await readdir(out)).map((name) => readFile(join(out, name), 'utf8')))).join(
    '',
  )
  for (const secret of ['s3cr3t-value', 'bXktcmVnaXN0cnktcGFzc3dvcmQ', 'aHVudGVyMg'])
    expect(all).not.toContain(secret)
  const [gone] = await linesOf(join(out, 'ContainerDelete-1.45.ndjson'))
  expect(JSON.parse(gone!).ServerResponse).toMatchObject({ Code: 204, BodyEncoding: 'none' })
})

test('large integers survive, and other operations are left out where some are named', async () => {
  const out = await recorded(['--operations', 'ContainerCreate'], async (socket) => {
    await new Promise<void>((resolve) => {
      const text = '{"Image":"x","HostConfig":{"Memory":9007199254740993}}'
      const headers = { Host: 'docker', 'Content-Type': 'application/json', 'Content-Length': text.length }
      const asked = httpRequest(
        { socketPath: socket, method: 'POST', path: '/v1.45/containers/create', headers },
        (answer) => {
          answer.resume().once('end', () => resolve())
        },
      )
      asked.end(text)
    })
    await ask(socket, 'GET', '/v1.45/containers/json')
  })
  expect(await readdir(out)).toEqual(['ContainerCreate-1.45.ndjson'])
  expect(await readFile(join(out, 'ContainerCreate-1.45.ndjson'), 'utf8')).toContain(
    '"Memory":9007199254740993',
  )
})

describe('with a configuration', () => {
  const fixturesIn = async (out: string) =>
    (await linesOf(join(out, 'ContainerCreate-1.45.ndjson'))).map((line) => {
      const { ClientRequest, ServerResponse } = JSON.parse(line)
      return [ClientRequest.Body, ServerResponse?.Code]
    })
  const create = (socket: string, body: object) => ask(socket, 'POST', '/v1.45/containers/create', body)

  test('its hooks are called, and what the client sent and was answered is recorded', async () => {
    const labelled = { Image: 'busybox', Labels: { owner: 'infra' } }
    await using adapter = await startTwo('record', {
      does: ({ message: { ClientRequest } }) =>
        ClientRequest.Body.HostConfig === undefined
          ? { PatchType: 'JSONMergePatch', Patch: labelled }
          : { Allowed: false },
    })
    const file = join(folder, 'adapters.yml')
    // Even where it has an adapter of that name, and observes something itself.
    const adapters = {
      record: { unix: adapter.socket },
      log: { use: 'record', with: { out: join(folder, 'own') } },
    }
    const endpoints = { ContainerCreate: { pre: ['record'], observe: ['log'] } }
    await writeFile(file, JSON.stringify({ version: 2, adapters, endpoints }))
    const bad = { Image: 'busybox', HostConfig: { Privileged: true } }
    const out = await recorded(['--config', file], async (socket, engine) => {
      expect(await create(socket, { Image: 'busybox' })).toBe(201)
      const [seen] = engine.requests.filter(({ target }) => target.includes('/containers/create'))
      expect(JSON.parse(seen!.body)).toEqual(labelled)
      expect(await create(socket, bad)).toBe(403)
    })
    // The engine has no part in a refusal.
    const refused = [bad, undefined]
    expect(await fixturesIn(out)).toEqual([[{ Image: 'busybox' }, 201], refused])
    expect(await fixturesIn(join(folder, 'own'))).toEqual([[labelled, 201], refused])
  })

  test('of version 1 it goes on when the file has changed', async () => {
    await using judge = await startAdapter(saying(403, 'never'))
    const file = join(folder, 'adapters.yml')
    const write = (pre: readonly string[]) =>
      writeFile(
        file,
        JSON.stringify({
          endpoints: { 'POST /*/containers/create': { pre } },
          adapters: { judge: judge.url },
        }),
      )
    await write(['judge'])
    let between = 0
    const out = await recorded(['--config', file, '--operations', 'ContainerCreate'], async (socket) => {
      expect(await create(socket, { Image: 'first' })).toBe(403)
      await write([])
      let status = 403
      for (; status === 403; between++) {
        status = await create(socket, { Image: 'more' })
        if (status === 403) await sleep(50)
      }
      expect(await create(socket, { Image: 'last' })).toBe(201)
    })
    // What was observed before the change and after it is written by two, in no order.
    const fixtures = await fixturesIn(out)
    expect(fixtures).toHaveLength(1 + between + 1)
    expect(fixtures).toEqual(
      expect.arrayContaining([
        [{ Image: 'first' }, undefined],
        [{ Image: 'more' }, 201],
        [{ Image: 'last' }, 201],
      ]),
    )
    expect(await readdir(out)).toEqual(['ContainerCreate-1.45.ndjson'])
  })
})

test('an operation that there is not is told before anything is served', async () => {
  const args = ['record', '--out', join(folder, 'fixtures'), '--operations', 'ContainerCreat']
  expect(await powerstripHere(args)).toEqual({
    exitCode: 2,
    stdout: '',
    stderr:
      'powerstrip record: --operations: there is no operation "ContainerCreat"; did you mean "ContainerCreate"?\n',
  })
  expect(await readdir(folder)).toEqual([])
})

test('recordings are played at an adapter: it is told what it would do, and whether that is as it was', async () => {
  const out = await recorded([], async (socket) => {
    await ask(socket, 'POST', '/v1.45/containers/create?name=web', { Image: 'busybox', Labels: { a: 'b' } })
    await ask(socket, 'POST', '/v1.45/containers/create?name=bad', {
      Image: 'busybox',
      HostConfig: { Privileged: true },
    })
    await ask(socket, 'GET', '/v1.45/containers/json')
  })
  await using adapter = await startByHand()
  const expectations = join(folder, 'expected.ndjson')
  const first = await powerstripHere(['replay', out, adapter.url, '--write', expectations])
  expect(first).toMatchObject({ exitCode: 0, stderr: '' })
  const file = join(out, 'ContainerCreate-1.45.ndjson')
  expect(first.stdout).toContain(
    `${file}:1  pre-hook  POST /v1.45/containers/create?name=web\n  + /Labels/owner "infra"\n`,
  )
  expect(first.stdout).toContain(
    `${file}:2  pre-hook  POST /v1.45/containers/create?name=bad\n  refused with 403: privileged containers are not allowed here\n`,
  )
  expect(first.stdout).toContain('9 calls: 7 unchanged, 1 changed, 1 refused, 0 answered, 0 failed\n')
  expect(await linesOf(expectations)).toHaveLength(9)

  expect(await powerstripHere(['replay', out, adapter.url, '--expect', expectations])).toMatchObject({
    exitCode: 0,
  })

  await using other = await startByHand({
    answer: (call, good) => (call.Type === 'pre-hook' ? { status: 204 } : good()),
  })
  const changed = await powerstripHere(['replay', out, '--endpoint', other.url, '--expect', expectations])
  expect(changed.exitCode).toBe(1)
  expect(changed.stderr).toContain(
    'otherwise than expected:\n  expected: {"fixture":"ContainerCreate-1.45.ndjson:1","hook":"pre-hook","kind":"changed"',
  )
  expect(changed.stderr).toContain(
    'came:     {"fixture":"ContainerCreate-1.45.ndjson:1","hook":"pre-hook","kind":"unchanged"}',
  )
})

test('an adapter of a file, or one of ours, is shown fixtures without being served', async () => {
  const file = join(folder, 'one.json')
  const fixture = {
    ClientRequest: { Method: 'POST', Request: '/v1.45/containers/create', Body: { Image: 'evil/x:1' } },
  }
  await writeFile(file, JSON.stringify(fixture, undefined, 2))
  const args = ['adapter', 'restrict-image', '--with', '{"allow":["_"]}', '--receive', file]
  const ended = await powerstripHere(args)
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
  expect(ended.stdout).toContain(
    `${file}:1  pre-hook  POST /v1.45/containers/create\n  refused with 403: the image "evil/x:1"`,
  )
  const none = await powerstripHere(['adapter', 'restrict-image', '--receive', file])
  expect(none).toMatchObject({ exitCode: 2, stderr: 'powerstrip adapter: "allow": is missing\n' })
  const nowhere = await powerstripHere(['adapter', 'debug', '--receive', join(folder, 'none.json')])
  expect(nowhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('ENOENT') })
})

test('an adapter that fails ends a replay with 1, whatever is expected', async () => {
  const file = join(folder, 'one.ndjson')
  await writeFile(file, '{"ClientRequest":{"Method":"GET","Request":"/v1.45/containers/json"}}\n')
  await using adapter = await startByHand({ answer: () => ({ status: 500, body: { message: 'KeyError' } }) })
  const ended = await powerstripHere(['replay', file, adapter.url])
  expect(ended).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('  failed: it answered 500: KeyError'),
  })
})

test.each([
  ['a line that is no JSON', '{\n', /one\.ndjson:1: it is not JSON/],
  [
    'a line that is no fixture',
    '{"ClientRequest":{"Method":"GET"}}\n',
    /one\.ndjson:1: its ClientRequest has no Method and Request/,
  ],
  [
    'an answer without a code',
    '\n{"ClientRequest":{"Method":"GET","Request":"/"},"ServerResponse":{}}',
    /one\.ndjson:2: the Code/,
  ],
  ['nothing', '\n', /holds no fixtures/],
])('ends with 2 and says where: %s', async (_what, text, message) => {
  const file = join(folder, 'one.ndjson')
  await writeFile(file, text)
  const ended = await powerstripHere(['replay', file, 'http://127.0.0.1:1'])
  expect(ended).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(message) })
})
