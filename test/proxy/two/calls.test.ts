/** Protocol 2, sections 2, 4, 9 and 11, over real sockets: how adapters are found out about, called, and trusted. */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { signatureOf } from '../../../src/transport/auth.ts'
import { saying, startAdapter } from '../../support/cases/adapters.ts'
import { answering, type EngineScript, sendJson, startEngine } from '../../support/cases/engine.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { request } from '../../support/raw/box.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { replaceFile } from '../../support/replace-file.ts'
import { holdLimits } from '../../support/time-limits.ts'
import { type Behaviour, type SeenCall, startTwo, V2 } from '../../support/two/adapter.ts'
import { CREATE, created, messageOf, setTwo } from '../../support/two/stage.ts'

const allow: Behaviour = () => undefined
const PRE = { ContainerCreate: { pre: ['a'] } }

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'calls-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function selfSigned(path: string, name: string) {
  const [key, cert] = [join(path, `${name}.key`), join(path, `${name}.pem`)]
  const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const whose = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await promisify(execFile)('openssl', ['req', '-x509', ...how, ...whose, '-keyout', key, '-out', cert])
  return { key, cert }
}

describe('2: the handshake', () => {
  test('V2-2.2: asks with OPTIONS, without a body, for the media type', async () => {
    await using scene = await setTwo({ adapters: { a: allow }, endpoints: PRE })
    const headers = await scene.adapter('a').asked()
    expect(headers.accept).toBe(V2)
    expect(headers['content-length']).toBeUndefined()
  })

  test.each([
    ['a bare URL', (url: string) => url],
    ['a map that says so', (url: string) => ({ url, protocol: 1 })],
  ])('V2-2.1: %s is protocol 1, and nobody asks the adapter', async (_what, written) => {
    await using old = await startAdapter(saying(403, 'old'))
    await using scene = await setTwo({ adapters: { a: written(old.url) }, endpoints: PRE })
    expect((await scene.create()).status).toBe(403)
    expect(old.calls.map(({ message }) => message.PowerstripProtocolVersion)).toEqual([1])
  })

  test.each([404, 405, 501])('V2-2.3: auto: %d means protocol 1', async (status) => {
    await using dir = await folder()
    const socket = join(dir.path, 'a.sock')
    await using adapter = await startTwo('a', { does: () => ({ status: 403, text: 'as of old' }), socket })
    adapter.optionsStatus = status
    await using scene = await setTwo({ adapters: { a: { unix: socket, protocol: 'auto' } }, endpoints: PRE })
    // A 403 refuses in protocol 1, and would be a failure in protocol 2.
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([403, 'denied by adapter "a": as of old'])
    expect(adapter.calls[0]!.message.PowerstripProtocolVersion).toBe(1)
  })

  test('V2-2.3: protocol 2: the same is an error when the configuration is loaded', async () => {
    await using dir = await folder()
    const socket = join(dir.path, 'a.sock')
    await using adapter = await startTwo('a', { does: allow, socket })
    adapter.optionsStatus = 404
    await expect(setTwo({ adapters: { a: { unix: socket, protocol: 2 } }, endpoints: PRE })).rejects.toThrow(
      'speaks protocol 1 only',
    )
  })

  test('V2-2.6: a hook type that the adapter does not implement is an error when the configuration is loaded', async () => {
    await expect(
      setTwo({ adapters: { a: { does: allow, abilities: { Implements: ['post-hook'] } } }, endpoints: PRE }),
    ).rejects.toThrow('it implements no pre-hook')
  })

  test('V2-2.5: Operations narrow what the configuration asks for', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: allow, abilities: { Operations: ['ContainerStart'] } } },
      endpoints: { '*': { pre: ['a'] } },
    })
    await scene.create()
    await scene.ask('POST', '/containers/web/start')
    expect(scene.timeline.map(({ message }) => message.Operation)).toEqual(['ContainerStart'])
  })

  test('V2-2.4: the proxy listens at once; hooks of an adapter that is not there fail until it is', async () => {
    await using dir = await folder()
    const socket = join(dir.path, 'late.sock')
    await using scene = await setTwo({ adapters: { a: { unix: socket, protocol: 2 } }, endpoints: PRE })
    expect(messageOf(await scene.create())).toContain('adapter not ready')
    await using adapter = await startTwo('a', { does: allow, socket })
    await adapter.asked()
    let status = 0
    while (status !== 201) status = (await scene.create()).status
    expect(adapter.calls).not.toEqual([])
  })

  test('V2-2.7: a reply with another ISTag, and an OptionsTtl that is over, make it ask again', async () => {
    let tag = 'one'
    await using scene = await setTwo({
      adapters: {
        a: {
          does: () => ({ status: 204, headers: { 'Powerstrip-ISTag': tag } }),
          abilities: { ISTag: 'one' },
        },
      },
      endpoints: PRE,
    })
    const adapter = scene.adapter('a')
    await scene.create()
    expect(adapter.questions).toHaveLength(1)
    tag = 'two'
    adapter.abilities = { ...adapter.abilities, ISTag: 'two', OptionsTtl: 1 }
    await scene.create()
    await adapter.asked(2)
    const told = performance.now()
    while (adapter.questions.length < 3) await scene.create()
    expect(performance.now() - told).toBeGreaterThan(900)
  })
})

describe('4: a hook request', () => {
  test('V2-4.1, V2-4.2: is a POST with a length on a connection that is kept, and says in its head what it is', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: allow, with: { owner: 'platform' }, originalRequest: true, timeout: '5s' } },
      endpoints: PRE,
    })
    for (let n = 0; n < 3; n++) await scene.create({ Image: 'x' })
    expect(scene.adapter('a').connections).toBe(1)
    const { headers, message, text } = scene.timeline[2]!
    expect(headers).toMatchObject({
      'content-type': V2,
      accept: V2,
      'content-length': String(Buffer.byteLength(text)),
      'powerstrip-hook': 'pre-hook',
      'powerstrip-operation': 'ContainerCreate',
      'powerstrip-timeout-ms': String(message.TimeoutMs),
      'webhook-id': message.Uid,
      'x-request-id': message.RequestId,
      via: expect.stringMatching(/^1\.1 powerstrip-./),
    })
    expect(headers['transfer-encoding']).toBeUndefined()
    expect(message).toMatchObject({
      PowerstripProtocolVersion: 2,
      Attempt: 1,
      DryRun: false,
      ApiVersion: '1.45',
      Query: { name: ['web'] },
      User: { Name: null, AuthenticationMethod: null, PeerAddress: null },
      Listener: 'default',
      AdapterConfig: { owner: 'platform' },
      OriginalClientRequest: { Body: { Image: 'x' } },
    })
    expect(message.TimeoutMs).toBeLessThanOrEqual(5000)
  })
})

describe('4: what a call says of the request', () => {
  test('V2-4.4: operation, version, parameters and query; null for what no API description has', async () => {
    await using scene = await setTwo({ adapters: { a: allow }, endpoints: { '*': { pre: ['a'] } } })
    await scene.ask('POST', '/v1.41/containers/we%62/rename?name=y%20z')
    await scene.ask('GET', '/containers/json')
    await scene.ask('GET', '/v1.45/not/docker?a=1&a=%20')
    const shown = scene.timeline.map(({ message, headers }) => [
      message.Operation,
      message.ApiVersion,
      message.PathParams,
      message.Query,
      headers['powerstrip-operation'],
    ])
    expect(shown).toEqual([
      ['ContainerRename', '1.41', { id: 'web' }, { name: ['y z'] }, 'ContainerRename'],
      ['ContainerList', null, {}, {}, 'ContainerList'],
      [null, '1.45', {}, { a: ['1', ' '] }, 'unknown'],
    ])
  })

  test('V2-4.5: the configuration of each place; what the client sent only where it is asked for', async () => {
    await using scene = await setTwo({
      adapters: {
        a: () => ({ Patch: [{ op: 'add', path: '/A', value: 1 }] }),
        b: { does: allow, with: { owner: 'platform' } },
      },
      endpoints: {
        ContainerCreate: { pre: ['a', 'b', { use: 'b', originalRequest: true, with: { owner: 'me' } }] },
      },
    })
    await scene.create({ Image: 'x' })
    const [, plain, asking] = scene.timeline.map(({ message }) => message)
    expect(plain).toMatchObject({ AdapterConfig: { owner: 'platform' }, ClientRequest: { Body: { A: 1 } } })
    expect(plain).not.toHaveProperty('OriginalClientRequest')
    expect(asking).toMatchObject({
      AdapterConfig: { owner: 'me' },
      ClientRequest: { Body: { Image: 'x', A: 1 } },
      OriginalClientRequest: { Body: { Image: 'x' } },
    })
    expect(asking.OriginalClientRequest.Body).not.toHaveProperty('A')
  })

  test('V2-4.9: post-hooks are shown the request as the engine was sent it', async () => {
    await using scene = await setTwo({
      adapters: {
        a: ({ type }) =>
          type === 'pre-hook'
            ? {
                Patch: [{ op: 'add', path: '/A', value: 1 }],
                ModifiedClientRequest: { Request: `${CREATE}2` },
              }
            : undefined,
      },
      endpoints: { ContainerCreate: { pre: ['a'], post: ['a'] } },
    })
    await scene.create({ Image: 'x' })
    const { target, body } = scene.engine.onlyRequest
    const { ClientRequest } = scene.timeline[1]!.message
    expect([ClientRequest.Request, ClientRequest.Body]).toEqual([target, JSON.parse(body)])
    expect([target, JSON.parse(body)]).toEqual([`${CREATE}2`, { Image: 'x', A: 1 }])
  })

  test.each<[string, object, EngineScript]>([
    ['json', { BodyEncoding: 'json', Body: { a: 1 } }, answering(200, 'application/json', '{"a":1}')],
    ['utf8', { BodyEncoding: 'utf8', Body: '{"a":1}' }, answering(200, 'text/plain', '{"a":1}')],
    ['none', { BodyEncoding: 'none', Body: null }, (_request, response) => response.writeHead(204).end()],
  ])('V2-4.7: an answer in the encoding %s', async (_encoding, expected, engine) => {
    await using scene = await setTwo({
      adapters: { a: allow },
      endpoints: { ContainerInspect: { post: ['a'] } },
      engine,
    })
    await scene.ask('GET', '/containers/web/json')
    expect(scene.timeline[0]!.message.ServerResponse).toMatchObject(expected)
  })
})

describe('12: what a configuration means', () => {
  test.each([
    ['POST', '/containers/create'],
    ['POST', '/v1.24/containers/create?name=x'],
    ['POST', '/v1.45/containers/create'],
    ['POST', '/v1.45/containers/cr%65ate'],
    ['POST', '/v1.45/%63ontainers/create'],
  ])('V2-12.5: ContainerCreate is %s %s', async (method, target) => {
    await using scene = await setTwo({ adapters: { a: () => ({ Allowed: false }) }, endpoints: PRE })
    expect((await scene.ask(method, target, { Image: 'x' })).status).toBe(403)
    expect(scene.timeline).toHaveLength(1)
  })

  test('V2-2.7, V2-9.6, V2-12.8: a changed file asks adapters anew; a listener without hooks calls none', async () => {
    await using dir = await folder()
    await using engine = await startEngine(created)
    await using adapter = await startTwo('a', { does: () => ({ Allowed: false }) })
    const bypass = join(dir.path, 'bypass.sock')
    const config = (more: object = {}) =>
      JSON.stringify({
        version: 2,
        listeners: {
          default: { unix: join(dir.path, 'ps.sock') },
          bypass: { unix: bypass, hooks: false },
        },
        adapters: { a: { unix: adapter.socket, protocol: 2 } },
        endpoints: PRE,
        ...more,
      })
    if (engine.address.kind !== 'unix') throw new Error('the engine was to listen on a unix socket')
    await using powerstrip = await startPowerstrip({
      upstream: `unix://${engine.address.path}`,
      config: config(),
      listen: false,
    })
    const statusAt = async (path: string) => {
      await using client = await RawPeer.connect({ kind: 'unix', path })
      client.write(request('POST', CREATE, { Image: 'x' }))
      return (await client.answer('POST')).status
    }
    const both = async () => [await statusAt(join(dir.path, 'ps.sock')), await statusAt(bypass)]
    expect(await both()).toEqual([403, 201])
    expect(adapter.questions).toHaveLength(1)
    replaceFile(powerstrip.configFile!, config({ unknown: 1 }))
    await powerstrip.logged(({ msg }) => String(msg).includes('the last good one stays in force'))
    expect(await both()).toEqual([403, 201])
    replaceFile(powerstrip.configFile!, config({ defaults: { timeout: '5s' } }))
    await powerstrip.logged(({ msg }) => String(msg).includes('has changed and is in force'))
    expect(await both()).toEqual([403, 201])
    expect(adapter.questions).toHaveLength(2)
    expect(adapter.calls.map(({ message }) => message.TimeoutMs > 5_000)).toEqual([true, true, false])
  })
})

describe('9: time, repetition, concurrency', () => {
  test.each(['a', 'b', 'c', 'd'])(
    'V2-9.2: a deadline that is over while %s is asked is 504, whoever that is; what was done is undone',
    async (at) => {
      using limits = holdLimits()
      const does: Behaviour = ({ adapter, type }) => {
        if (type !== 'pre-hook') return undefined
        return adapter === at ? 'silence' : { Compensate: true }
      }
      const names = ['a', 'b', 'c', 'd']
      await using scene = await setTwo({
        adapters: Object.fromEntries(names.map((name) => [name, { does, timeout: '2h' }])),
        endpoints: { ContainerCreate: { pre: names } },
        more: { chain: { deadline: '1h' } },
      })
      const answered = scene.create()
      await scene.adapter(at).called()
      limits.end()
      const answer = await answered
      expect([answer.status, scene.engine.requests]).toEqual([504, []])
      expect(messageOf(answer)).toContain(`adapter "${at}"`)
      const asked = scene.timeline.filter(({ type }) => type === 'pre-hook').map(({ adapter }) => adapter)
      expect(asked).toEqual(names.slice(0, names.indexOf(at) + 1))
      const undone = scene.timeline.filter(({ type }) => type === 'unwind-hook').map(({ adapter }) => adapter)
      expect(undone).toEqual(asked.reverse())
    },
  )

  test('V2-9.2: there is none with an adapter of protocol 1 among the hooks', async () => {
    await using old = await startAdapter(async () => {
      await new Promise((resolve) => setTimeout(resolve, 400))
      return { text: '{}' }
    })
    await using scene = await setTwo({
      adapters: { old: old.url, a: allow },
      endpoints: { ContainerCreate: { pre: ['old', 'a'] } },
      more: { chain: { deadline: '200ms' } },
    })
    expect((await scene.create()).status).toBe(201)
  })

  test('V2-9.2: the engine’s own time is not counted', async () => {
    await using scene = await setTwo({
      adapters: { a: allow },
      endpoints: { ContainerCreate: { pre: ['a'], post: ['a'] } },
      more: { chain: { deadline: '4s' } },
      engine: (_request, response) => void setTimeout(() => sendJson(response, 201, { Id: 'abc' }), 4_200),
    })
    expect((await scene.create()).status).toBe(201)
  })

  test('V2-9.3, V2-6.3: a call that reached nobody is made again under the same Uid, and no more than twice', async () => {
    await using dir = await folder()
    const socket = join(dir.path, 'a.sock')
    const away = `${socket}.away`
    await using adapter = await startTwo('a', { does: allow, socket })
    await using scene = await setTwo({
      adapters: { a: { unix: socket, protocol: 2, concurrency: 1 } },
      endpoints: PRE,
    })
    await scene.create()
    // Its name is taken away for as long as the first try takes to fail, and its kept connection is closed.
    let repeated: SeenCall | undefined
    while (repeated === undefined) {
      await rename(socket, away)
      adapter.hangUp()
      const asked = scene.create()
      await new Promise((resolve) => setTimeout(resolve, 30))
      await rename(away, socket)
      await asked
      repeated = adapter.calls.find(({ message }) => message.Attempt > 1)
    }
    expect(adapter.calls.filter(({ uid }) => uid === repeated.uid)).toHaveLength(1)
    expect(repeated.message.Attempt).toBeLessThanOrEqual(3)
    await rename(socket, away)
    adapter.hangUp()
    expect((await scene.create()).status).toBe(502)
    await rename(away, socket)
  })

  test('V2-9.3: a call that an adapter has seen on a new connection is not made again', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: () => 'crash', retries: 2 } },
      endpoints: PRE,
    })
    scene.adapter('a').hangUp()
    expect((await scene.create()).status).toBe(502)
    expect(scene.timeline.map(({ type }) => type)).toEqual(['pre-hook', 'unwind-hook'])
  })

  test('PS-ADAPTER-002, V2-9.4: as many calls as concurrency says, as many waiting as maxQueue says, and further ones fail', async () => {
    let open = () => {}
    const gate = new Promise<undefined>((resolve) => {
      open = () => resolve(undefined)
    })
    await using scene = await setTwo({
      adapters: {
        a: { does: () => gate, abilities: { MaxConnections: 5 }, concurrency: 2, maxQueue: 3 },
      },
      endpoints: PRE,
    })
    const asked = Array.from({ length: 6 }, () => scene.create())
    const first = await Promise.race(asked)
    expect([first.status, messageOf(first)]).toEqual([
      502,
      expect.stringContaining('too many calls are waiting'),
    ])
    await scene.adapter('a').called(2)
    expect(scene.timeline).toHaveLength(2)
    open()
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.sort()).toEqual([201, 201, 201, 201, 201, 502])
  })

  test('PS-ADAPTER-002, V2-9.5: a call in hand ends when the client leaves', async () => {
    await using scene = await setTwo({
      adapters: { a: ({ type }) => (type === 'pre-hook' ? 'silence' : undefined) },
      endpoints: PRE,
    })
    const client = await scene.connect()
    client.write(request('POST', CREATE, {}))
    const { hungUp } = await scene.adapter('a').called()
    await client[Symbol.asyncDispose]()
    await hungUp
    expect((await scene.ended()).fate).toBe('aborted')
  })

  test('PS-ADAPTER-002, V2-9.2: the chain’s deadline is shared by its hooks', async () => {
    using limits = holdLimits()
    const slow: Behaviour = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      return undefined
    }
    await using scene = await setTwo({
      adapters: {
        a: { does: slow, timeout: '2h' },
        b: { does: ({ type }) => (type === 'pre-hook' ? 'silence' : undefined), timeout: '2h' },
      },
      endpoints: { ContainerCreate: { pre: ['a', 'b'] } },
      more: { chain: { deadline: '1h' } },
    })
    const asked = scene.create()
    const { message } = await scene.adapter('b').called()
    expect(message.TimeoutMs).toBeLessThanOrEqual(3_600_000 - 280)
    limits.end()
    expect((await asked).status).toBe(504)
  })

  test('V2-9.3: 429 and 503 are repeated under the same Uid, as configured, where the adapter is idempotent', async () => {
    await using scene = await setTwo({
      adapters: {
        a: {
          does: ({ message }) =>
            message.Attempt < 3 ? { status: message.Attempt === 1 ? 429 : 503 } : undefined,
          abilities: { Idempotent: true },
          retries: 2,
        },
      },
      endpoints: PRE,
    })
    expect((await scene.create()).status).toBe(201)
    expect(scene.timeline.map(({ message }) => message.Attempt)).toEqual([1, 2, 3])
    expect(new Set(scene.timeline.map(({ uid }) => uid)).size).toBe(1)
  })

  test('V2-9.3: they are not where it does not say so', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: () => ({ status: 503 }), retries: 2 } },
      endpoints: PRE,
    })
    expect((await scene.create()).status).toBe(502)
    expect(scene.timeline).toHaveLength(1)
  })

  test('V2-9.4: no more calls at one time than MaxConnections; further ones wait', async () => {
    let running = 0
    let most = 0
    let meet = () => {}
    const two = new Promise<void>((resolve) => {
      meet = resolve
    })
    await using scene = await setTwo({
      adapters: {
        a: {
          does: async () => {
            most = Math.max(most, ++running)
            if (most === 2) meet()
            await two
            await new Promise((resolve) => setTimeout(resolve, 20))
            running--
            return undefined
          },
          abilities: { MaxConnections: 2 },
        },
      },
      endpoints: PRE,
    })
    const answers = await Promise.all(Array.from({ length: 10 }, () => scene.create()))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201))
    expect(most).toBe(2)
  })

  test('the circuit breaker stops calling an adapter that fails every time, and tries again', async () => {
    let broken = true
    await using scene = await setTwo({
      adapters: {
        a: {
          does: () => (broken ? { status: 500 } : undefined),
          circuitBreaker: { failures: 2, pause: '1h' },
        },
      },
      endpoints: PRE,
    })
    const messages = [await scene.create(), await scene.create(), await scene.create()].map(messageOf)
    expect(messages[2]).toContain('the last 2 calls failed')
    expect(scene.timeline).toHaveLength(2)
    broken = false
    expect(messageOf(await scene.create())).toContain('the last 2 calls failed')
    const now = performance.now.bind(performance)
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000)
    expect((await scene.create()).status).toBe(201)
    clock.mockRestore()
    expect(scene.timeline).toHaveLength(3)
  })
})

describe('11: authentication', () => {
  test('V2-11.1: a unix socket that is open to every user is not called', async () => {
    await using dir = await folder()
    const socket = join(dir.path, 'a.sock')
    await using adapter = await startTwo('a', { does: allow, socket })
    await chmod(socket, 0o777)
    await using scene = await setTwo({ adapters: { a: { unix: socket, protocol: 2 } }, endpoints: PRE })
    expect(messageOf(await scene.create())).toContain('open to every user')
    expect(adapter.connections).toBe(0)
  })

  test('V2-11.3: a bearer token is read again when its file changes', async () => {
    await using dir = await folder()
    const file = join(dir.path, 'token')
    await writeFile(file, 'first\n')
    await using scene = await setTwo({
      adapters: { a: { does: allow, auth: { bearer: { file } } } },
      endpoints: PRE,
    })
    await scene.create()
    await writeFile(`${file}.new`, 'second\n')
    await rename(`${file}.new`, file)
    await scene.create()
    expect(scene.timeline.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer first',
      'Bearer second',
    ])
    expect((await scene.adapter('a').asked()).authorization).toBe('Bearer first')
  })

  test.each(['a b', 'naïve', 'two\u0007bells'])(
    'V2-11.5: the token %j cannot stand in a header, and is not sent',
    async (token) => {
      await using dir = await folder()
      const file = join(dir.path, 'token')
      await writeFile(file, 'good\n')
      await using scene = await setTwo({
        adapters: { a: { does: allow, auth: { bearer: { file } } } },
        endpoints: PRE,
      })
      await writeFile(`${file}.new`, `${token}\n`)
      await rename(`${file}.new`, file)
      expect(messageOf(await scene.create())).toContain('its bearer token cannot stand in a header')
      expect(scene.timeline).toEqual([])
    },
  )

  test('V2-11.2: https is checked against tls.ca, and a certificate of somebody else is shown nothing', async () => {
    await using dir = await folder()
    const [own, other] = await Promise.all([selfSigned(dir.path, 'own'), selfSigned(dir.path, 'other')])
    let asked = 0
    const server = createTlsServer(
      { key: await readFile(own.key), cert: await readFile(own.cert) },
      (call, reply) => {
        if (call.method === 'POST') asked++
        const abilities = { PowerstripProtocolVersion: 2, Name: 'a', Implements: ['pre-hook'] }
        if (call.method === 'OPTIONS')
          reply.writeHead(200, { 'Content-Type': V2 }).end(JSON.stringify(abilities))
        else reply.writeHead(204).end()
      },
    )
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const url = `https://localhost:${(server.address() as AddressInfo).port}/hook`
    for (const [ca, status] of [
      [own.cert, 201],
      [other.cert, 502],
    ] as const) {
      await using scene = await setTwo({ adapters: { a: { url, protocol: 2, tls: { ca } } }, endpoints: PRE })
      expect((await scene.create()).status).toBe(status)
    }
    expect(asked).toBe(1)
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })

  describe('HMAC in the form of Standard Webhooks', () => {
    const KEYS = ['whsec_bmV3IHNlY3JldA==', 'old secret']
    const signing = (key: string) => (uid: string, body: string) => {
      const timestamp = String(Math.floor(Date.now() / 1000))
      return {
        'webhook-id': uid,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatureOf(key, uid, timestamp, body),
      }
    }

    test.each<[string, string, number]>([
      ['the new secret', KEYS[0]!, 201],
      ['the old one, while secrets are changed', KEYS[1]!, 201],
      ['another', 'forged', 502],
    ])(
      'PS-ADAPTER-006, V2-11.6: calls are signed with each secret; a reply that is signed with %s',
      async (_what, key, status) => {
        await using dir = await folder()
        const file = join(dir.path, 'secrets')
        await writeFile(file, `${KEYS.join('\n')}\n`)
        await using scene = await setTwo({
          adapters: { a: { does: allow, auth: { hmac: { file } }, replyHeaders: signing(key) } },
          endpoints: PRE,
        })
        expect((await scene.create()).status).toBe(status)
        const { headers, text, uid } = scene.timeline[0]!
        const timestamp = String(headers['webhook-timestamp'])
        expect(headers['webhook-signature']).toBe(
          KEYS.map((secret) => signatureOf(secret, uid, timestamp, text)).join(' '),
        )
      },
    )

    test('a signature as another implementation makes it', () => {
      expect(
        signatureOf(
          'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
          'msg_p5jXN8AQM9LWM0D4loKWxJek',
          '1614265330',
          '{"test": 2432232314}',
        ),
      ).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
    })
  })
})
