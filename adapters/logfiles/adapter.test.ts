import { once } from 'node:events'
import { mkdtemp, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallParts, type HookReply as HookAnswer, makeCall, parseJson } from 'powerstrip/sdk'
import { type HookReply, serveForTest } from '../../test/support/hook-calls.ts'
import logfiles from './adapter.ts'

const CREATE = '/v1.45/containers/create'
const ID = 'ab'.repeat(32)

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'logfiles-'))
})
afterEach(() => rm(root, { recursive: true }))

/** An engine that knows one container. */
async function engineWith(environment: readonly string[]) {
  const server = createServer((request, response) => {
    response.statusCode = request.url === `/containers/${ID}/json` ? 200 : 404
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ Config: { Env: environment } }))
  })
  const socket = join(root, 'engine.sock')
  server.listen(socket)
  await once(server, 'listening')
  return {
    engine: `unix://${socket}`,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

/** The body that goes on to the engine. */
function bodyIn({ modified = {} }: HookReply): Created {
  return modified.Body as Created
}

interface Created {
  readonly Env: readonly string[]
  readonly HostConfig: { readonly Binds: readonly string[]; readonly Memory?: number }
}

describe('before a container is created', () => {
  test('each folder of LOGS is made on the host and bound into the container', async () => {
    await using adapter = await serveForTest(logfiles, { root })
    const reply = await adapter.pre(CREATE, {
      Image: 'x',
      Env: ['A=1', 'LOGS=/var/log,/srv/app/log'],
      HostConfig: { Memory: 5, Binds: ['/data:/data'] },
    })
    const { Env, HostConfig } = bodyIn(reply)
    const [token] = await readdir(join(root, 'original'))
    expect(Env).toEqual(['A=1', 'LOGS=/var/log,/srv/app/log', `POWERSTRIP_TOKEN__=${token}`])
    expect(HostConfig).toEqual({
      Memory: 5,
      Binds: [
        '/data:/data',
        `${root}/original/${token}/var/log:/var/log`,
        `${root}/original/${token}/srv/app/log:/srv/app/log`,
      ],
    })
    expect((await stat(join(root, 'original', token!, 'srv/app/log'))).isDirectory()).toBe(true)
  })

  test('two containers never share a folder', async () => {
    await using adapter = await serveForTest(logfiles, { root })
    const binds = await Promise.all(
      [1, 2].map(async () => {
        return bodyIn(await adapter.pre(CREATE, { Env: ['LOGS=/a'] })).HostConfig.Binds[0]
      }),
    )
    expect(new Set(binds).size).toBe(2)
  })

  test.each([
    ['no variables', { Image: 'x' }],
    ['null for variables', { Image: 'x', Env: null, HostConfig: null }],
    ['other variables', { Env: ['LOGSX=/a', 'XLOGS=/a', 'LOGS'] }],
    ['an empty LOGS', { Env: ['LOGS='] }],
  ])('%s: nothing is touched', async (_what, body) => {
    await using adapter = await serveForTest(logfiles, { root })
    const { modified } = await adapter.pre(CREATE, body)
    expect(modified?.Body).toEqual(body)
    expect(await readdir(root)).toEqual([])
  })

  test('a folder that is named twice is bound once', async () => {
    await using adapter = await serveForTest(logfiles, { root })
    const { HostConfig } = bodyIn(await adapter.pre(CREATE, { Env: ['LOGS=/a,/a'] }))
    expect(HostConfig.Binds).toHaveLength(1)
  })

  test.each(['/../etc', '/a/../../etc', '/a/./b', '/a//b', 'a', './a', '/a/', '/', '/a:/etc:rw', '/a\nb'])(
    'LOGS=%j is refused, and nothing is made',
    async (path) => {
      await using adapter = await serveForTest(logfiles, { root })
      const { status, message } = await adapter.pre(CREATE, { Env: [`LOGS=/fine,${path}`] })
      expect(status).toBe(400)
      expect(message).toContain(`LOGS names "${path}"`)
      expect(await readdir(root)).toEqual([])
    },
  )
})

describe('after a container is created', () => {
  const token = '0f8fad5b-d9cb-469f-a165-70867728950e'
  const body = { Env: ['LOGS=/a'] }

  test('its folders are linked under its id by the time the client is answered', async () => {
    await using engine = await engineWith(['LOGS=/a', `POWERSTRIP_TOKEN__=${token}`])
    await using adapter = await serveForTest(logfiles, { root, engine: engine.engine })
    const { status, modified } = await adapter.post(CREATE, body, { code: 201, body: { Id: ID } })
    expect(status).toBe(200)
    expect(modified?.Body).toEqual({ Id: ID })
    expect(await readlink(join(root, 'containers', ID))).toBe(`../original/${token}`)
  })

  test.each([
    ['the container was not created', body, { code: 409, body: { message: 'in use' } }],
    ['it has no LOGS', { Env: ['A=1'] }, { code: 201, body: { Id: ID } }],
  ])('%s: the engine is not asked and nothing is linked', async (_what, sent, answer) => {
    await using adapter = await serveForTest(logfiles, { root, engine: 'unix:///nowhere.sock' })
    expect((await adapter.post(CREATE, sent, answer)).status).toBe(200)
    expect(await readdir(root)).toEqual([])
  })

  test('an engine that cannot be asked is a failure', async () => {
    await using adapter = await serveForTest(logfiles, { root, engine: `unix://${root}/nowhere.sock` })
    expect((await adapter.post(CREATE, body, { code: 201, body: { Id: ID } })).status).toBe(500)
  })

  test('a token that is a path is not followed', async () => {
    await using engine = await engineWith(['POWERSTRIP_TOKEN__=../../etc'])
    await using adapter = await serveForTest(logfiles, { root, engine: engine.engine })
    const { status, message } = await adapter.post(CREATE, body, { code: 201, body: { Id: ID } })
    expect(status).toBe(500)
    expect(message).toContain('no token')
  })

  test('an id that is a path is not followed', async () => {
    await using adapter = await serveForTest(logfiles, { root, engine: 'unix:///nowhere.sock' })
    const { status, message } = await adapter.post(CREATE, body, { code: 201, body: { Id: '../../x' } })
    expect(status).toBe(500)
    expect(message).toContain('without the id')
  })
})

describe('in protocol 2', () => {
  const signal = new AbortController().signal
  const body = { Env: ['LOGS=/a/b,/a'] }
  const create = (parts: CallParts = {}) =>
    makeCall('pre-hook', { operation: 'ContainerCreate', body, ...parts })
  const tokenIn = (reply: HookAnswer) => (parseJson(reply.remarks!.metadata!) as { token: string }).token

  test('the token travels with the request, so the engine need not be asked', async () => {
    const adapter = logfiles.create({ root, engine: 'unix:///nowhere.sock' })
    const metadata = { token: tokenIn(await adapter.answer(create(), signal)) }
    const response = { code: 201, body: { Id: ID } }
    const post = makeCall('post-hook', { operation: 'ContainerCreate', body, response, metadata })
    expect(await adapter.answer(post, signal)).toEqual({ outcome: { kind: 'pass' } })
    expect(await readlink(join(root, 'containers', ID))).toBe(`../original/${metadata.token}`)
  })

  test('its folders go when the container does not come to be, as often as that is asked for', async () => {
    const adapter = logfiles.create({ root })
    const reply = await adapter.answer(create(), signal)
    expect(reply.remarks).toMatchObject({ compensate: true })
    const undo = makeCall('unwind-hook', {
      operation: 'ContainerCreate',
      body,
      metadata: { token: tokenIn(reply) },
    })
    expect(await readdir(join(root, 'original'))).toHaveLength(1)
    await adapter.answer(undo, signal)
    await adapter.answer(undo, signal)
    expect(await readdir(join(root, 'original'))).toEqual([])
  })

  test('a folder with something in it stays', async () => {
    const adapter = logfiles.create({ root })
    const token = tokenIn(await adapter.answer(create(), signal))
    await writeFile(join(root, 'original', token, 'a', 'web.log'), 'hello')
    await adapter.answer(
      makeCall('unwind-hook', { operation: 'ContainerCreate', body, metadata: { token } }),
      signal,
    )
    expect(await readdir(join(root, 'original', token, 'a'))).toEqual(['web.log'])
  })

  test('an undoing that knows of nothing does nothing', async () => {
    const undo = makeCall('unwind-hook', { operation: 'ContainerCreate', body })
    expect(await logfiles.create({ root }).answer(undo, signal)).toEqual({ outcome: { kind: 'pass' } })
  })

  test('a dry run makes no folders', async () => {
    await logfiles.create({ root }).answer(create({ dryRun: true }), signal)
    expect(await readdir(root)).toEqual([])
  })
})

test.each([
  {},
  { root: 'relative' },
  { root: '/a:b' },
  { root: '/a/..' },
  { root: '/a', engine: 'ssh://host' },
])('is not made of %j', (configured) => {
  expect(() => logfiles.create(configured)).toThrow(TypeError)
})
