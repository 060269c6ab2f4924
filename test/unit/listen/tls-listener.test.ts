/** Listeners with TLS: who is let in and as whom, what the others read, and certificates that change. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect as connectPlain } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Listener, type ListenerTold, listen } from '../../../src/listen/listener.ts'
import type { ClientIdentity } from '../../../src/model/client.ts'
import { type ListenerLimits, plainListener } from '../../../src/model/listener.ts'
import {
  type Authorities,
  type Authority,
  type Issued,
  replaceCertificate,
  startAuthorities,
} from '../../support/certificates.ts'
import { Peer } from '../../support/connect.ts'
import { replaceFile } from '../../support/replace-file.ts'

let authority: Authority
let stranger: Authority
let server: Issued
let client: Issued
let all: Authorities

beforeAll(async () => {
  all = await startAuthorities('server')
  ;({ authority, stranger, server, alice: client } = all)
})
afterAll(() => all[Symbol.asyncDispose]())

interface Open extends AsyncDisposable {
  readonly port: number
  readonly identities: readonly ClientIdentity[]
  /** What has been told so far. */
  readonly told: readonly ListenerTold[]
  until(kind: ListenerTold['kind'], count?: number): Promise<ListenerTold>
  dial(options?: ConnectionOptions): Promise<Peer>
  close(): Promise<void>
}

/** A listener whose connections say hello to whoever sends a byte, and say all that was sent when the client has ended. */
async function open(
  terms: { files?: Issued; clientAuth?: 'require' | 'none'; limits?: Partial<ListenerLimits> } = {},
): Promise<Open> {
  const { files = server, clientAuth = 'require' } = terms
  const identities: ClientIdentity[] = []
  const told: ListenerTold[] = []
  let heard = () => {}
  const plain = plainListener({ kind: 'tcp', host: '127.0.0.1', port: 0 }, { name: 'secure' })
  const opened = await listen(
    {
      ...plain,
      limits: { ...plain.limits, ...terms.limits },
      tls: { own: { cert: files.cert, key: files.key }, ca: authority.ca, clientAuth },
    },
    async (link, identity) => {
      identities.push(identity)
      let received = ''
      link.readInto({
        bytes(chunk) {
          received += chunk.toString()
          link.write(Buffer.from('hello'))
        },
        end() {
          link.write(Buffer.from(`, you said ${received}`))
          link.end()
        },
        drained() {},
        closed() {},
      })
      await new Promise((closed) => link.socket.once('close', closed))
    },
    (what) => {
      told.push(what)
      heard()
    },
  )
  if (!opened.ok) throw new Error(opened.failure)
  const listener: Listener = opened.value
  const { port } = listener.address as { port: number }
  const peers: Peer[] = []
  return {
    port,
    identities,
    told,
    async until(kind, count = 1) {
      const found = () => told.filter((what) => what.kind === kind)
      while (found().length < count)
        await new Promise<void>((resolve) => {
          heard = resolve
        })
      return found()[count - 1]!
    },
    async dial(options = {}) {
      const socket: TLSSocket = connect({
        host: '127.0.0.1',
        port,
        ca: readFileSync(authority.ca),
        allowHalfOpen: true,
        ...options,
      } as ConnectionOptions)
      const peer = new Peer(socket)
      peers.push(peer)
      await once(socket, 'secureConnect')
      return peer
    },
    close: () => listener.close(),
    async [Symbol.asyncDispose]() {
      for (const peer of peers) peer.leave()
      await listener.close()
    },
  }
}

const as = ({ cert, key }: Issued): ConnectionOptions => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
})

const PING = 'GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n'

test('a client with a certificate is let in, and known by it', async () => {
  await using at = await open()
  const alice = await at.dial(as(client))
  await alice.send('hi')
  await alice.until('hello')
  expect(at.identities).toEqual([
    {
      listener: 'secure',
      transport: 'tls',
      peerAddress: '127.0.0.1',
      certificate: {
        commonName: 'alice',
        subject: 'O=powerstrip tests, CN=alice',
        fingerprint: expect.stringMatching(/^[0-9A-F]{2}(?::[0-9A-F]{2}){31}$/),
      },
    },
  ])
  expect(at.told).toEqual([])
})

test('a client that ends its side still gets what comes after', async () => {
  await using at = await open()
  const alice = await at.dial(as(client))
  alice.socket.end('hi')
  expect(await alice.end()).toBe('hello, you said hi')
})

describe('a client that is not let in reads why, in the first answer', () => {
  test.each<[string, () => Promise<ConnectionOptions>, string]>([
    [
      'no certificate',
      async () => ({}),
      'this listener lets in only clients that show a certificate of its CA, and none was shown',
    ],
    [
      'a certificate that has expired',
      async () => as(await authority.issue({ name: 'old', for: 'client', expired: true })),
      'the certificate of this client is not accepted: it has expired',
    ],
    [
      'a certificate of another CA',
      async () => as(await stranger.issue({ name: 'alice', for: 'client' })),
      'the certificate of this client is not accepted: another CA has signed it than the one of this listener',
    ],
    [
      'the certificate of a server',
      async () => as(server),
      'the certificate of this client is not accepted: it is not one for clients (extendedKeyUsage without clientAuth)',
    ],
  ])('%s', async (_what, options, reason) => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      await using at = await open()
      const peer = await at.dial({ ...(await options()), minVersion: version, maxVersion: version })
      await peer.send(PING)
      const answer = await peer.end()
      expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
      expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual({
        message: `${reason} (PS-LISTEN-003)`,
      })
      expect(at.identities).toEqual([])
      expect(at.told).toEqual([{ kind: 'refused', peerAddress: '127.0.0.1', reason }])
    }
  })

  test('without a body where it asked with HEAD, as the docker command does first', async () => {
    await using at = await open()
    const peer = await at.dial()
    await peer.send(PING.replace('GET', 'HEAD'))
    expect(await peer.end()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n(?:[A-Za-z-]+: [^\r\n]+\r\n)+\r\n$/)
  })

  test('and one that never asks is dropped', async () => {
    // The handshake has to fit into it.
    await using at = await open({ limits: { headTimeoutMs: 2_000 } })
    const peer = await at.dial()
    await peer.end()
    expect(peer.text).toBe('')
  })
})

test('without client certificates everybody is let in, and is nobody', async () => {
  await using at = await open({ clientAuth: 'none' })
  const peer = await at.dial(as(client))
  await peer.send('hi')
  await peer.until('hello')
  expect(at.identities).toMatchObject([{ transport: 'tls', certificate: undefined }])
})

test('PS-UPGRADE-005, PS-LISTEN-003: HTTP/2 is not offered, and TLS 1.1 not spoken', async () => {
  await using at = await open()
  const peer = await at.dial({ ...as(client), ALPNProtocols: ['h2', 'http/1.1'] })
  expect((peer.socket as TLSSocket).alpnProtocol).toBe('http/1.1')
  await expect(at.dial({ ...as(client), ALPNProtocols: ['h2'] })).rejects.toThrow()
  await expect(
    at.dial({ ...as(client), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  ).rejects.toThrow()
  expect(at.identities).toHaveLength(1)
})

test('no session is resumed: each connection shows its certificate', async () => {
  await using at = await open()
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const sessions: Buffer[] = []
    const first = await at.dial({ ...as(client), minVersion: version, maxVersion: version })
    first.socket.on('session', (session: Buffer) => sessions.push(session))
    await first.send('hi')
    await first.until('hello')
    const session = sessions[0] ?? (first.socket as TLSSocket).getSession()
    const again = await at.dial({
      ...as(client),
      minVersion: version,
      maxVersion: version,
      ...(session ? { session } : {}),
    })
    expect((again.socket as TLSSocket).isSessionReused()).toBe(false)
    // Let in at the other end too: who leaves before is waited for until the time for a handshake is over.
    await again.send('hi')
    await again.until('hello')
  }
})

test('plain HTTP is refused and told of', async () => {
  await using at = await open()
  const plain = new Peer(connectPlain({ host: '127.0.0.1', port: at.port }))
  await plain.send(PING)
  await plain.end()
  expect(await at.until('refused')).toMatchObject({ reason: 'it spoke plain HTTP to a listener with TLS' })
})

test('who begins no handshake is dropped, and no more than may are connected, those in a handshake included', async () => {
  await using at = await open({ limits: { headTimeoutMs: 2_000, connections: 1 } })
  const silent = new Peer(connectPlain({ host: '127.0.0.1', port: at.port }))
  await once(silent.socket, 'connect')
  await expect(at.dial(as(client))).rejects.toThrow()
  expect(await at.until('full')).toEqual({ kind: 'full' })
  await silent.end()
  expect(await at.until('refused')).toMatchObject({ reason: 'it did not finish the handshake in time' })

  const alice = await at.dial(as(client))
  await expect(at.dial(as(client))).rejects.toThrow()
  alice.leave()
  await once(alice.socket, 'close')
  for (;;) {
    const next = await at.dial(as(client)).catch(() => undefined)
    if (next !== undefined) break
  }
})

test('a listener that closes lets go of who is in a handshake, and keeps who is in', async () => {
  await using at = await open({ limits: { headTimeoutMs: 3_600_000 } })
  await using silent = new Peer(connectPlain({ host: '127.0.0.1', port: at.port }))
  await once(silent.socket, 'connect')
  const alice = await at.dial(as(client))
  await alice.send('hi')
  await alice.until('hello')
  await at.close()
  await silent.close()
  await alice.send('still here')
  await alice.until('hello', 'hello'.length)
  expect(at.told).toEqual([])
})

describe('certificates that change', () => {
  test('are in force for connections from then on, without a restart', async () => {
    const files = await authority.issue({ name: 'server', for: 'server' })
    await using at = await open({ files })
    const before = await at.dial(as(client))
    const other = await authority.issue({ name: 'renewed', for: 'server' })
    await replaceCertificate(files, other)
    await at.until('certificates-changed')
    const after = await at.dial(as(client))
    expect((before.socket as TLSSocket).getPeerCertificate().subject.CN).toBe('server')
    expect((after.socket as TLSSocket).getPeerCertificate().subject.CN).toBe('renewed')
    await before.send('hi')
    await before.until('hello')
  })

  test('and make no sense leave the last good ones in force, told once', async () => {
    const files = await authority.issue({ name: 'server', for: 'server' })
    await using at = await open({ files })
    const other = await authority.issue({ name: 'renewed', for: 'server' })
    replaceFile(files.cert, readFileSync(other.cert, 'utf8'))
    expect(await at.until('certificates-broken')).toMatchObject({
      message: expect.stringContaining(files.cert),
    })
    const meanwhile = await at.dial(as(client))
    expect((meanwhile.socket as TLSSocket).getPeerCertificate().subject.CN).toBe('server')
    replaceFile(files.key, readFileSync(other.key, 'utf8'))
    await at.until('certificates-changed')
    expect(at.told.map(({ kind }) => kind)).toEqual(['certificates-broken', 'certificates-changed'])
  })

  test('are of no use from the start, and nothing is opened', async () => {
    const files = await authority.issue({ name: 'server', for: 'server' })
    await writeFile(files.key, 'no key')
    await expect(open({ files })).rejects.toThrow(`${files.key} is not a PEM file`)
    await expect(open({ files: { ...files, cert: '/nowhere/cert.pem' } })).rejects.toThrow(
      '/nowhere/cert.pem cannot be read: there is no such file',
    )
  })
})
