/** An authority of a test's own, and one certificate of it that is good for servers and clients. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readTls, type TlsFiles, type TlsIdentity } from '../../../src/flocker/tls.ts'
import { mustRun } from '../engine/run.ts'

/** Named as Docker names them: ca.pem, cert.pem, key.pem. */
export async function makeCertificates(dir: string, addresses: readonly string[]): Promise<TlsFiles> {
  await mkdir(dir, { recursive: true })
  const at = (name: string) => join(dir, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const authority = ['-x509', '-days', '2', '-subj', '/CN=test authority']
  await mustRun('openssl', ['req', ...authority, ...key, '-keyout', at('ca-key.pem'), '-out', at('ca.pem')])
  await mustRun('openssl', [
    'req',
    ...key,
    '-subj',
    '/CN=flocker',
    '-keyout',
    at('key.pem'),
    '-out',
    at('csr.pem'),
  ])
  const names = addresses.map((address) => `IP:${address}`).join(',')
  await writeFile(at('ext'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`)
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca-key.pem'), '-CAcreateserial', '-days', '2']
  await mustRun('openssl', [
    'x509',
    '-req',
    '-in',
    at('csr.pem'),
    ...signed,
    '-extfile',
    at('ext'),
    '-out',
    at('cert.pem'),
  ])
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') }
}

export async function identityOf(files: TlsFiles): Promise<TlsIdentity> {
  const read = await readTls(files)
  if (read.ok) return read.value
  throw new Error(read.failure)
}
