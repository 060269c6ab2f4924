/** The docker command through a listener with mutual TLS, set up with the variables that Docker's own guide names. */
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  type Authorities,
  type Authority,
  type Issued,
  replaceCertificate,
  startAuthorities,
} from '../../support/certificates.ts'
import { ALONE, lingering } from '../../support/clients/index.ts'
import { describeEachEngine, docker, runLabel, spawnDocker } from '../../support/engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'

// Dozens of docker commands, on machines that may be doing other things.
jest.setTimeout(240_000)

let authority: Authority
let stranger: Authority
let server: Issued
let alice: Issued
let all: Authorities

beforeAll(async () => {
  all = await startAuthorities('powerstrip')
  ;({ authority, stranger, server, alice } = all)
})
afterAll(() => all[Symbol.asyncDispose]())

const certificates = ({ folder }: Issued) => ({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder })

describeEachEngine('docker with DOCKER_TLS_VERIFY', (engine) => {
  let proxy: Powerstrip

  beforeAll(async () => {
    proxy = await startPowerstrip({
      upstream: engine().host,
      args: ['--tlsverify', '--tlscacert', server.ca, '--tlscert', server.cert, '--tlskey', server.key],
    })
  })

  afterAll(() => proxy.stop())

  const asAlice = (args: readonly string[], stdin?: string) =>
    docker(proxy.tcp, args, { env: certificates(alice), ...(stdin === undefined ? {} : { stdin }) })

  test('F40 F10: echo hi | docker run -i', async () => {
    const cat = await asAlice(['run', '--rm', '-i', ...ALONE, 'busybox', ...lingering('cat')], 'hi\n')
    expect(cat).toEqual({ exitCode: 0, stdout: 'hi\n', stderr: '' })
    const script = 'wc -c; echo after; echo at last >&2; sleep 0.3; exit 3'
    const late = await asAlice(
      ['run', '--rm', '-i', ...ALONE, 'busybox', 'sh', '-c', script],
      'x'.repeat(100_000),
    )
    expect(late).toEqual({ exitCode: 3, stdout: '100000\nafter\n', stderr: 'at last\n' })
  })

  describe('in a running container', () => {
    let box: string

    beforeAll(async () => {
      const run = await asAlice(['run', '-d', ...ALONE, 'busybox', 'sleep', '1000000'])
      expect(run).toMatchObject({ exitCode: 0, stderr: '' })
      box = run.stdout.trim()
    })

    afterAll(() => docker(engine().host, ['rm', '-f', box]))

    test('F40 F11: exec -i prints what comes after the end of input', async () => {
      const sorted = await asAlice(['exec', '-i', box, 'sort'], 'b\na\n')
      expect(sorted).toEqual({ exitCode: 0, stdout: 'a\nb\n', stderr: '' })
    })

    test('F40 F12: exec, twenty times', async () => {
      for (let time = 1; time <= 20; time++)
        expect(await asAlice(['exec', box, 'echo', `${time}`])).toEqual({
          exitCode: 0,
          stdout: `${time}\n`,
          stderr: '',
        })
    })

    test('F40 F13: 5 MB out of an exec, and 3 MB into one', async () => {
      const out = await asAlice(['exec', box, 'sh', '-c', 'yes 1234567 | head -c 5000000'])
      expect([out.exitCode, out.stdout.length]).toEqual([0, 5_000_000])
      const into = await asAlice(['exec', '-i', box, 'wc', '-c'], 'x'.repeat(3_000_000))
      expect(into).toEqual({ exitCode: 0, stdout: '3000000\n', stderr: '' })
    })
  })

  test('docker build, which uploads its context', async () => {
    const context = await mkdtemp(join(tmpdir(), 'context-'))
    const tag = `tls-${process.pid}-${engine().kind}`
    try {
      await writeFile(join(context, 'Dockerfile'), `FROM busybox\nCOPY big /big\nLABEL ${runLabel()}\n`)
      await writeFile(join(context, 'big'), Buffer.alloc(4_000_000, 'x'))
      const built = await docker(proxy.tcp, ['build', '-q', '-t', tag, context], {
        env: { ...certificates(alice), DOCKER_BUILDKIT: '0' },
      })
      expect(built).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/) })
      const size = await asAlice(['run', '--rm', ...ALONE, tag, ...lingering('wc -c /big')])
      expect(size).toEqual({ exitCode: 0, stdout: '4000000 /big\n', stderr: '' })
    } finally {
      await docker(engine().host, ['rmi', '-f', tag])
      await rm(context, { recursive: true })
    }
  })

  test.each(['old', 'new'] as const)('F28 F40 docker build by BuildKit, with the %s CLI', async (cli) => {
    const context = await mkdtemp(join(tmpdir(), 'context-'))
    const tag = `tls-kit-${process.pid}-${engine().kind}-${cli}`
    try {
      await writeFile(
        join(context, 'Dockerfile'),
        `FROM busybox\nCOPY big /big\nRUN echo ran > /made\nLABEL ${runLabel()}\n`,
      )
      await writeFile(join(context, 'big'), Buffer.alloc(4_000_000, 'x'))
      const built = await docker(proxy.tcp, ['build', '--network', 'none', '--tag', tag, context], {
        cli,
        env: { ...certificates(alice), DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' },
      })
      expect(built).toMatchObject({ exitCode: 0 })
      const run = await asAlice(['run', '--rm', ...ALONE, tag, ...lingering('wc -c < /big; cat /made')])
      expect(run).toEqual({ exitCode: 0, stdout: '4000000\nran\n', stderr: '' })
      // Over HTTP/2 within the upgraded connection, which is not counted among what hooks could see.
      expect(proxy.log.filter(({ operation }) => operation === 'Session').length).toBeGreaterThan(0)
    } finally {
      await docker(engine().host, ['rmi', '-f', tag])
      await rm(context, { recursive: true })
    }
  })

  test('a client that is killed leaves nothing open', async () => {
    // Ended containers of the tests before: the first line says that the stream is there.
    const events = spawnDocker(proxy.tcp, ['events', '--since', '1'], { env: certificates(alice) })
    await linesOf(events.stdout!)()
    events.kill('SIGKILL')
    await proxy.logged((line) => line.msg === 'exchange' && line.operation === 'SystemEvents')
  })

  test.each<[string, () => Promise<Issued>, string]>([
    [
      'a certificate that has expired',
      () => authority.issue({ name: 'old', for: 'client', expired: true }),
      'the certificate of this client is not accepted: it has expired (PS-LISTEN-003)',
    ],
    [
      'a certificate of another CA',
      async () => {
        const issued = await stranger.issue({ name: 'alice', for: 'client' })
        return withCa(issued, authority)
      },
      // The command keeps a certificate back that none of the CAs has signed which the listener names.
      'this listener lets in only clients that show a certificate of its CA, and none was shown (PS-LISTEN-003)',
    ],
  ])('%s is refused, and the command says why', async (_what, issue, reason) => {
    const refused = await docker(proxy.tcp, ['ps'], { env: certificates(await issue()) })
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain(`Error response from daemon: `)
    expect(refused.stderr).toContain(reason)
    await proxy.logged(
      (line) => line.msg === 'a client was not let in' && reason.includes(String(line.reason)),
    )
  })

  test('no certificate is refused, and the command says so', async () => {
    const refused = await docker(proxy.tcp, ['ps'], { tls: { ca: authority.ca } })
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toContain(
      'this listener lets in only clients that show a certificate of its CA, and none was shown',
    )
  })

  test('a client that does not know the listener’s CA does not go on', async () => {
    const wary = await docker(proxy.tcp, ['ps'], {
      env: certificates(await stranger.issue({ name: 'eve', for: 'client' })),
    })
    expect(wary.exitCode).toBe(1)
    expect(wary.stderr).toMatch(/certificate signed by unknown authority/)
  })

  test('plain TCP gets nowhere', async () => {
    expect((await docker(proxy.tcp, ['ps'])).exitCode).toBe(1)
  })

  test('certificates are renewed while a client is connected, without a restart', async () => {
    const files = await authority.issue({ name: 'powerstrip', for: 'server' })
    await using own = await startPowerstrip({
      upstream: engine().host,
      args: ['--tlsverify', '--tlscacert', files.ca, '--tlscert', files.cert, '--tlskey', files.key],
    })
    const run = spawnDocker(own.tcp, ['run', '--rm', '-i', ...ALONE, 'busybox', ...lingering('cat')], {
      env: certificates(alice),
    })
    const ended = once(run, 'exit')
    const lines = linesOf(run.stdout!)
    run.stdin!.write('before\n')
    expect(await lines()).toBe('before')

    // From now on the listener is somebody whom only those who know the other CA believe.
    const other = await stranger.issue({ name: 'powerstrip', for: 'server' })
    await replaceCertificate(files, other)
    await own.logged((line) => line.msg === 'the certificates have changed and are in force')
    const doubting = await docker(own.tcp, ['version'], { env: certificates(alice) })
    expect(doubting.stderr).toMatch(/certificate signed by unknown authority/)
    const knowing = await docker(own.tcp, ['version', '--format', '{{.Server.Version}}'], {
      env: certificates(await withCa(alice, stranger)),
    })
    expect(knowing).toMatchObject({ exitCode: 0, stdout: `${engine().version}\n` })

    run.stdin!.end('after\n')
    expect(await lines()).toBe('after')
    expect(await ended).toEqual([0, null])
  })
})

/** The same certificate in a folder whose `ca.pem` is another one's: whom the client believes. */
async function withCa({ cert, key }: Issued, { ca }: Authority): Promise<Issued> {
  const folder = await mkdtemp(join(authority.folder, 'believing-'))
  await copyFile(ca, join(folder, 'ca.pem'))
  await copyFile(cert, join(folder, 'cert.pem'))
  await copyFile(key, join(folder, 'key.pem'))
  return { folder, ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
}

/** The lines that come, one a call. */
function linesOf(stream: NodeJS.ReadableStream): () => Promise<string> {
  const lines = createInterface({ input: stream })[Symbol.asyncIterator]()
  return async () => (await lines.next()).value as string
}
