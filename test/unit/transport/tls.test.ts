/** Calls over TLS. What a process trusts is settled when it starts, so each call is made by a process of its own. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { promisify } from 'node:util'

const run = promisify(execFile)

let folder: string
let server: Server
let url: string
const requests: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const whose = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await run('openssl', ['req', '-x509', ...how, ...whose, '-keyout', key, '-out', cert])
  server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (socket) => {
    // Those who do not trust the certificate leave with a reset.
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      requests.push(`${socket.servername} ${chunk.toString().split('\r\n')[0]}`)
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  url = `https://localhost:${(server.address() as AddressInfo).port}/a`
})

afterAll(async () => {
  await new Promise((closed) => server.close(closed))
  await rm(folder, { recursive: true })
})

test('an adapter with a trusted certificate is called', async () => {
  expect(await callOf(url, join(folder, 'cert.pem'))).toEqual({
    ok: true,
    value: { outcome: { kind: 'deny', status: 403, message: 'no' }, warnings: [] },
  })
  expect(requests).toEqual(['localhost POST /a HTTP/1.1'])
})

test.each([
  ['that nobody vouches for', () => callOf(url), expect.stringMatching(/^self-signed certificate/)],
  [
    'for another host',
    () => callOf(url.replace('localhost', '127.0.0.1'), join(folder, 'cert.pem')),
    expect.stringContaining('does not match'),
  ],
])('an adapter with a certificate %s is shown nothing', async (_what, call, cause) => {
  const before = requests.length
  expect(await call()).toEqual({ ok: false, failure: { kind: 'unreachable', cause } })
  expect(requests).toHaveLength(before)
})

/** What comes of a pre-hook in a process that trusts `certificate` besides those of the system. */
async function callOf(url: string, certificate = ''): Promise<unknown> {
  const script = `
    import { hookAt, REQUEST, staying } from ${JSON.stringify(resolve('test/support/adapters/call.ts'))}
    const hook = hookAt({ url: ${JSON.stringify(url)}, address: { via: 'https' } })
    console.log(JSON.stringify(await hook.pre(REQUEST, staying())))
  `
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate }
  return JSON.parse((await run(process.execPath, args, { env })).stdout)
}
