/** Certificate authorities and certificates, made by the openssl command as Docker's own guide makes them. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { replaceFile } from './replace-file.ts'

const run = promisify(execFile)

export interface Authority extends AsyncDisposable {
  /** The certificate of the authority. */
  readonly ca: string
  /** Where everything is kept. */
  readonly folder: string
  /** A folder with `ca.pem`, `cert.pem` and `key.pem`, for `DOCKER_CERT_PATH`. */
  issue(terms: CertificateTerms): Promise<Issued>
}

export interface CertificateTerms {
  /** The common name of the subject. */
  readonly name: string
  readonly for: 'server' | 'client'
  /** Of a server. */
  readonly hosts?: readonly string[]
  /** It is no longer valid. */
  readonly expired?: boolean
}

export interface Issued {
  readonly folder: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Elliptic curves: an RSA key takes openssl a second. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export async function startAuthority(name = 'test authority'): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'ca-'))
  const [ca, caKey] = [join(folder, 'ca.pem'), join(folder, 'ca-key.pem')]
  await run('openssl', [
    'req',
    '-x509',
    ...NEW_KEY,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    caKey,
    '-out',
    ca,
  ])
  return {
    ca,
    folder,
    async issue(terms) {
      const into = await mkdtemp(join(folder, 'issued-'))
      const issued = { folder: into, ca, cert: join(into, 'cert.pem'), key: join(into, 'key.pem') }
      const request = join(into, 'request.pem')
      const extensions = join(into, 'extensions')
      await run('openssl', [
        'req',
        ...NEW_KEY,
        '-subj',
        `/O=powerstrip tests/CN=${terms.name}`,
        '-keyout',
        issued.key,
        '-out',
        request,
      ])
      await writeFile(extensions, extensionsOf(terms))
      const signing = [
        'x509',
        '-req',
        '-in',
        request,
        '-CA',
        ca,
        '-CAkey',
        caKey,
        '-CAcreateserial',
        '-extfile',
        extensions,
      ]
      // A negative number of days is refused by some releases of openssl; a certificate of the past is not.
      const validity = terms.expired
        ? ['-not_before', '20200101000000Z', '-not_after', '20200102000000Z']
        : ['-days', '2']
      await signed([...signing, '-out', issued.cert], validity, terms.expired === true)
      await run('cp', [ca, join(into, 'ca.pem')])
      return issued
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** An authority with a server and a client of its own, and another one that nobody here believes. */
export interface Authorities extends AsyncDisposable {
  readonly authority: Authority
  readonly stranger: Authority
  readonly server: Issued
  readonly alice: Issued
}

export async function startAuthorities(serverName: string): Promise<Authorities> {
  const authority = await startAuthority()
  const stranger = await startAuthority('another authority')
  return {
    authority,
    stranger,
    server: await authority.issue({ name: serverName, for: 'server' }),
    alice: await authority.issue({ name: 'alice', for: 'client' }),
    async [Symbol.asyncDispose]() {
      await authority[Symbol.asyncDispose]()
      await stranger[Symbol.asyncDispose]()
    },
  }
}

/** Releases of openssl before 3.4 have no `-not_before`; there the clock of the signer is another one. */
async function signed(args: readonly string[], validity: readonly string[], expired: boolean): Promise<void> {
  try {
    await run('openssl', [...args, ...validity])
  } catch (problem) {
    if (!expired) throw problem
    await run('openssl', [...args, '-days', '-1'])
  }
}

/** Puts another certificate and key in place of those of `before`, each by renaming, as tools that renew them do. */
export async function replaceCertificate(before: Issued, after: Issued): Promise<void> {
  for (const part of ['key', 'cert'] as const) replaceFile(before[part], await readFile(after[part], 'utf8'))
}

function extensionsOf({ for: purpose, hosts = ['localhost', '127.0.0.1'] }: CertificateTerms): string {
  if (purpose === 'client') return 'extendedKeyUsage=clientAuth\n'
  const names = hosts.map((host) => `${/^[0-9.]+$|:/.test(host) ? 'IP' : 'DNS'}:${host}`)
  return `subjectAltName=${names.join(',')}\nextendedKeyUsage=serverAuth\n`
}
