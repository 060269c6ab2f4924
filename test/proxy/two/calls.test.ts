/** Protocol 2, sections 2, 4, 9 and 11, over real sockets: how adapters are found out about, called, and trusted. */
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signatureOf } from '../../../src/transport/auth.ts'
import { saying, startAdapter } from '../../support/cases/adapters.ts'
import { type Behaviour, startTwo, V2 } from '../../support/two/adapter.ts'
import { messageOf, setTwo } from '../../support/two/stage.ts'

const allow: Behaviour = () => undefined
const PRE = { ContainerCreate: { pre: ['a'] } }

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'calls-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

describe('2: the handshake', () => {
  test('asks with OPTIONS, without a body, for the media type', async () => {
    await using scene = await setTwo({ adapters: { a: allow }, endpoints: PRE })
    const headers = await scene.adapter('a').asked()
    expect(headers.accept).toBe(V2)
    expect(headers['content-length']).toBeUndefined()
  })

  test('an adapter that the configuration names by its URL is never asked, and speaks protocol 1', async () => {
    await using old = await startAdapter(saying(403, 'old'))
    await using scene = await setTwo({ adapters: { a: { url: old.url, protocol: 1 } }, endpoints: PRE })
    expect((await scene.create()).status).toBe(403)
    expect(old.calls.map(({ message }) => message.PowerstripProtocolVersion)).toEqual([1])
  })

  test.each([404, 405, 501])('auto: %d means protocol 1', async (status) => {
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

  test('protocol 2: the same is an error when the configuration is loaded', async () => {
    await using dir = await folder()
    const socket = join(dir.path, 'a.sock')
    await using adapter = await startTwo('a', { does: allow, socket })
    adapter.optionsStatus = 404
    await expect(setTwo({ adapters: { a: { unix: socket, protocol: 2 } }, endpoints: PRE })).rejects.toThrow(
      'speaks protocol 1 only',
    )
  })

  test('a hook type that the adapter does not implement is an error when the configuration is loaded', async () => {
    await expect(
      setTwo({ adapters: { a: { does: allow, abilities: { Implements: ['post-hook'] } } }, endpoints: PRE }),
    ).rejects.toThrow('it implements no pre-hook')
  })

  test('Operations narrow what the configuration asks for', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: allow, abilities: { Operations: ['ContainerStart'] } } },
      endpoints: { '*': { pre: ['a'] } },
    })
    await scene.create()
    await scene.ask('POST', '/containers/web/start')
    expect(scene.timeline.map(({ message }) => message.Operation)).toEqual(['ContainerStart'])
  })

  test('the proxy listens at once; hooks of an adapter that is not there fail until it is', async () => {
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

  test('a reply with another ISTag, and an OptionsTtl that is over, make it ask again', async () => {
    let tag = 'one'
    await using scene = await setTwo({
      adapters: {
        a: {
          does: () => ({ status: 204, headers: { 'Powerstrip-ISTag': tag } }),
          abilities: { ISTag: 'one', OptionsTtl: 1 },
        },
      },
      endpoints: PRE,
    })
    const adapter = scene.adapter('a')
    await scene.create()
    expect(adapter.questions).toHaveLength(1)
    tag = 'two'
    adapter.abilities = { ...adapter.abilities, ISTag: 'two' }
    await scene.create()
    await adapter.asked(2)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await scene.create()
    await adapter.asked(3)
  })
})

describe('4: a hook request', () => {
  test('is a POST with a length on a connection that is kept, and says in its head what it is', async () => {
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

describe('9: time, repetition, concurrency', () => {
  test('the chain’s deadline is shared by its hooks, the engine’s own time is not counted', async () => {
    const slow: Behaviour = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      return undefined
    }
    await using scene = await setTwo({
      adapters: { a: slow, b: () => 'silence' },
      endpoints: { ContainerCreate: { pre: ['a', 'b'] } },
      more: { chain: { deadline: '1s' } },
    })
    expect((await scene.create()).status).toBe(504)
    expect(scene.timeline[1]!.message.TimeoutMs).toBeLessThanOrEqual(720)
  })

  test('429 and 503 are repeated under the same Uid, as configured, where the adapter is idempotent', async () => {
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

  test('they are not where it does not say so', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: () => ({ status: 503 }), retries: 2 } },
      endpoints: PRE,
    })
    expect((await scene.create()).status).toBe(502)
    expect(scene.timeline).toHaveLength(1)
  })

  test('no more calls at one time than MaxConnections; further ones wait', async () => {
    let running = 0
    let most = 0
    await using scene = await setTwo({
      adapters: {
        a: {
          does: async () => {
            most = Math.max(most, ++running)
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
          circuitBreaker: { failures: 2, pause: '1s' },
        },
      },
      endpoints: PRE,
    })
    const messages = [await scene.create(), await scene.create(), await scene.create()].map(messageOf)
    expect(messages[2]).toContain('the last 2 calls failed')
    expect(scene.timeline).toHaveLength(2)
    broken = false
    let status = 0
    while (status !== 201) status = (await scene.create()).status
    expect(scene.timeline).toHaveLength(3)
  })
})

describe('11: authentication', () => {
  test('a unix socket that is open to every user is not called', async () => {
    await using dir = await folder()
    const socket = join(dir.path, 'a.sock')
    await using adapter = await startTwo('a', { does: allow, socket })
    await chmod(socket, 0o777)
    await using scene = await setTwo({ adapters: { a: { unix: socket, protocol: 2 } }, endpoints: PRE })
    expect(messageOf(await scene.create())).toContain('open to every user')
    expect(adapter.connections).toBe(0)
  })

  test('a bearer token is read again when its file changes', async () => {
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
    ])('calls are signed with each secret; a reply that is signed with %s', async (_what, key, status) => {
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
    })

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
