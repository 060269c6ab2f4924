/** An engine behind TLS, and one powerstrip with a listener for each group of clients. */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Authority, type Issued, startAuthority } from '../../support/certificates.ts'
import { ALONE, lingering } from '../../support/clients/index.ts'
import {
  describeEachEngine,
  docker,
  type Engine,
  importBusybox,
  startEngine,
} from '../../support/engine/index.ts'
import { freePort } from '../../support/free-port.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'

// An engine starts, on machines that may be doing other things.
jest.setTimeout(240_000)

describe('a real engine behind TLS', () => {
  let authority: Authority
  let client: Issued
  let engine: Engine
  let url: string

  beforeAll(async () => {
    authority = await startAuthority()
    const server = await authority.issue({ name: 'engine', for: 'server' })
    client = await authority.issue({ name: 'powerstrip', for: 'client' })
    // The engine takes no port 0.
    url = `tcp://localhost:${await freePort()}`
    engine = await startEngine({
      kind: 'new',
      extraHosts: [url.replace('localhost', '127.0.0.1')],
      tls: server,
    })
    await importBusybox(engine)
  })

  afterAll(async () => {
    await engine.dispose()
    await authority[Symbol.asyncDispose]()
  })

  test('as the configuration says', async () => {
    await using proxy = await startPowerstrip({
      config: `
        version: 2
        upstream: { url: "${url}", tls: { ca: "${client.ca}", cert: "${client.cert}", key: "${client.key}" } }
        adapters: {}
        endpoints: {}
      `,
    })
    const cat = await docker(
      proxy.unix,
      ['run', '--rm', '-i', ...ALONE, 'busybox', ...lingering('cat; echo after')],
      {
        stdin: 'hi\n',
      },
    )
    expect(cat).toEqual({ exitCode: 0, stdout: 'hi\nafter\n', stderr: '' })
    const out = await docker(proxy.tcp, [
      'run',
      '--rm',
      ...ALONE,
      'busybox',
      ...lingering('yes 1234567 | head -c 5000000'),
    ])
    expect([out.exitCode, out.stdout.length]).toEqual([0, 5_000_000])
  })

  test('as Docker’s own variables say', async () => {
    await using proxy = await startPowerstrip({
      env: { DOCKER_HOST: url, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: client.folder },
    })
    const version = await docker(proxy.unix, ['version', '--format', '{{.Server.Version}}'])
    expect(version).toEqual({ exitCode: 0, stdout: `${engine.version}\n`, stderr: '' })
  })

  test('is not believed without its CA, not asked without a certificate, and found as soon as that is mended', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'upstream-'))
    try {
      await using stranger = await startAuthority('another authority')
      await copyFile(stranger.ca, join(folder, 'ca.pem'))
      await using proxy = await startPowerstrip({ upstream: url, args: ['--upstream-tls', folder] })
      const version = () => docker(proxy.unix, ['version', '--format', '{{.Server.Version}}'])
      expect((await version()).stderr).toContain(`the Docker Engine at ${url} cannot be reached`)
      await copyFile(client.ca, join(folder, 'ca.pem'))
      const refused = await version()
      expect(refused.exitCode).toBe(1)
      expect(refused.stderr).not.toContain('self')
      expect(await proxy.stop()).toBe(0)

      for (const part of ['cert', 'key'] as const) await copyFile(client[part], join(folder, `${part}.pem`))
      await using again = await startPowerstrip({ upstream: url, args: ['--upstream-tls', folder] })
      expect((await docker(again.unix, ['version', '--format', '{{.Server.Version}}'])).stdout).toBe(
        `${engine.version}\n`,
      )
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describeEachEngine('one powerstrip, several listeners', (engine) => {
  test('each with its own chain, none at all, and others while it runs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'listeners-'))
    const at = (name: string) => `unix://${folder}/${name}.sock`
    const config = (listeners: string) => `
version: 2
upstream: { unix: ${engine().socket} }
adapters:
  ours: { use: restrict-image, with: { allow: [_] } }
  none: { use: restrict-image, with: { allow: [nothing] } }
endpoints:
  ContainerCreate: { pre: [ours] }
listeners:
  default: { unix: ${folder}/default.sock, mode: "0600" }
${listeners}`
    const create = (host: string) =>
      docker(host, ['create', '--name', `listener-${process.pid}`, ...ALONE, 'busybox', 'true'])
    const remove = () => docker(engine().host, ['rm', '-f', `listener-${process.pid}`])
    try {
      await using proxy = await startPowerstrip({
        listen: false,
        config: config(`
  strict: { unix: ${folder}/strict.sock, endpoints: { ContainerCreate: { pre: [none] } } }
  bypass: { unix: ${folder}/bypass.sock, hooks: false }`),
      })
      expect(proxy.addresses).toEqual(['default', 'strict', 'bypass'].map(at))

      for (const open of ['default', 'bypass']) {
        expect(await create(at(open))).toMatchObject({ exitCode: 0 })
        await remove()
      }
      const refused = await create(at('strict'))
      expect(refused.exitCode).toBe(1)
      expect(refused.stderr).toContain('denied by adapter "none"')

      await writeFile(
        proxy.configFile!,
        config(`
  strict: { unix: ${folder}/strict.sock, hooks: false }
  late: { unix: ${folder}/late.sock, endpoints: { ContainerCreate: { pre: [none] } } }`),
      )
      await proxy.logged((line) => line.msg === 'the configuration has changed and is in force')
      expect(await create(at('strict'))).toMatchObject({ exitCode: 0 })
      await remove()
      expect((await create(at('late'))).stderr).toContain('denied by adapter "none"')
      expect((await docker(at('bypass'), ['ps'])).exitCode).toBe(1)
    } finally {
      await remove()
      await rm(folder, { recursive: true })
    }
  })
})
