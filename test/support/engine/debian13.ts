import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir } from './cache.ts'
import { withLock } from './lock.ts'
import { providePackages } from './packages.ts'
import { PINNED_PACKAGES, PINNED_SUITE, type PinnedPackage } from './pinned.ts'
import { tell, warn } from './progress.ts'
import { mustRun, run } from './run.ts'
import { type AptSource, parseDeb822, parseList, releaseSources, stanzaFor } from './sources.ts'

/** What was unpacked, beside the unpacked files: it may differ from the pins when the archive has moved on. */
const VERSIONS_FILE = 'versions.json'

/** The folder of the newer engine's programs, or undefined before anybody has fetched them. */
export function debian13IfFetched(): string | undefined {
  const dir = unpackedDir()
  // The folder is moved into place when it is complete, never before.
  return existsSync(join(dir, VERSIONS_FILE)) ? dir : undefined
}

/** The folder of the newer engine's programs; fetched into the cache on first use, by one process at a time. */
export async function debian13(): Promise<string> {
  return debian13IfFetched() ?? (await withLock(join(cacheDir(), 'debian13.lock'), fetchOnce))
}

function unpackedDir(): string {
  // Other pins, another folder: a newer checkout never runs what an older one fetched.
  const pins = createHash('sha256').update(JSON.stringify(PINNED_PACKAGES)).digest('hex').slice(0, 12)
  return join(cacheDir(), `debian13-${pins}`)
}

async function fetchOnce(): Promise<string> {
  const already = debian13IfFetched()
  if (already !== undefined) return already

  // We hold the lock, so whoever left these is dead.
  for (const name of await readdir(cacheDir())) {
    if (name.startsWith('fetch-')) await rm(join(cacheDir(), name), { recursive: true })
  }
  const work = await mkdtemp(join(cacheDir(), 'fetch-'))
  try {
    const debs = await download(work)
    const unpacked = join(work, 'unpacked')
    await mkdir(unpacked)
    for (const deb of debs) await mustRun('dpkg', ['-x', deb.file, unpacked])
    const versions = Object.fromEntries(debs.map((deb) => [deb.name, deb.version]))
    await writeFile(join(unpacked, VERSIONS_FILE), `${JSON.stringify(versions, null, 2)}\n`)
    await rename(unpacked, unpackedDir())
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return unpackedDir()
}

interface Deb {
  readonly name: string
  readonly version: string
  readonly file: string
}

async function download(work: string): Promise<Deb[]> {
  await providePackages(['ca-certificates'])
  const apt = await privateApt(work)
  const architecture = (await mustRun('dpkg', ['--print-architecture'])).trim()
  const debs: Deb[] = []
  for (const pinned of PINNED_PACKAGES) debs.push(await downloadOne(apt, pinned, architecture, work))
  return debs
}

async function downloadOne(
  apt: Apt,
  pinned: PinnedPackage,
  architecture: string,
  work: string,
): Promise<Deb> {
  const dir = join(work, `deb-${pinned.name}`)
  await mkdir(dir)
  tell(`fetching ${pinned.name} ${pinned.version}`)
  const asPinned = await apt(['download', `${pinned.name}=${pinned.version}`], dir)
  if (asPinned.exitCode !== 0) {
    const latest = await apt(['download', pinned.name], dir)
    if (latest.exitCode !== 0)
      throw new Error(`${pinned.name} cannot be had from this archive: ${latest.stderr}`)
  }

  const name = (await readdir(dir)).find((entry) => entry.endsWith('.deb'))
  if (name === undefined) throw new Error(`apt-get download ${pinned.name} brought nothing`)
  const file = join(dir, name)
  const version = (await mustRun('dpkg-deb', ['--field', file, 'Version'])).trim()
  if (version === pinned.version) await checkSum(file, pinned, architecture)
  return { name: pinned.name, version, file }
}

/** apt has checked the file against the archive's signature; this checks that it is the file we know. */
async function checkSum(file: string, pinned: PinnedPackage, architecture: string): Promise<void> {
  const expected = pinned.sha256[architecture]
  if (expected === undefined) {
    warn(
      `no checksum is pinned for ${pinned.name} on ${architecture}; trusting the archive's signature alone`,
    )
    return
  }
  const actual = createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
  if (actual !== expected) {
    throw new Error(
      `${pinned.name} ${pinned.version} is not the pinned file: sha256 ${actual}, pinned ${expected}`,
    )
  }
}

/** For whoever starts an engine with them: once a run, not once a client. */
export async function warnIfNotPinned(dir: string): Promise<void> {
  const versions = JSON.parse(await readFile(join(dir, VERSIONS_FILE), 'utf8')) as Record<string, string>
  for (const { name, version } of PINNED_PACKAGES) {
    if (versions[name] === version) continue
    warn(
      `${name} is ${versions[name]}, not the pinned ${version}: the archive has moved on, results may differ`,
    )
  }
}

/** Runs apt-get in a folder, on lists of its own that know the pinned suite. */
type Apt = (args: readonly string[], dir: string) => Promise<{ exitCode: number; stderr: string }>

/**
 * An apt beside the machine's own: other sources, lists and package state, but the machine's apt.conf.d, which may say
 * how a private mirror is reached.
 */
async function privateApt(work: string): Promise<Apt> {
  const dir = join(work, 'apt')
  for (const folder of ['parts', 'lists/partial', 'cache/archives/partial']) {
    await mkdir(join(dir, folder), { recursive: true })
  }
  await writeFile(join(dir, 'status'), '')

  const settings = {
    'Dir::Etc::SourceList': '/dev/null',
    'Dir::Etc::SourceParts': join(dir, 'parts'),
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State::Lists': join(dir, 'lists'),
    'Dir::State::status': join(dir, 'status'),
    'Dir::Cache': join(dir, 'cache'),
    'APT::Default-Release': PINNED_SUITE,
    // Without it a list that could not be fetched is a warning and exit 0.
    'APT::Update::Error-Mode': 'any',
    // apt otherwise fetches as a user who may not enter the cache.
    'APT::Sandbox::User': 'root',
    'Acquire::Retries': '3',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const apt: Apt = (args, cwd) => run('apt-get', [...options, ...args], { cwd })

  const complaints: string[] = []
  for (const source of await candidates()) {
    await writeFile(join(dir, 'parts', 'pinned.sources'), stanzaFor(source, PINNED_SUITE))
    const update = await apt(['update'], work)
    if (update.exitCode === 0) return apt
    complaints.push(update.stderr.trim())
  }
  throw new Error(
    `none of this machine's apt sources offers the suite ${PINNED_SUITE}\n${complaints.join('\n')}`.trim(),
  )
}

async function candidates(): Promise<AptSource[]> {
  const os = await readFile('/etc/os-release', 'utf8')
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(os)?.[1] ?? ''
  return releaseSources(await machineSources(), codename)
}

async function machineSources(): Promise<AptSource[]> {
  const parts = '/etc/apt/sources.list.d'
  const files = (await readdir(parts).catch(() => [])).sort().map((name) => join(parts, name))
  const found: AptSource[] = []
  for (const file of ['/etc/apt/sources.list', ...files]) {
    if (file.endsWith('.sources')) found.push(...parseDeb822(await readFile(file, 'utf8')))
    else if (file.endsWith('.list')) found.push(...parseList(await readFile(file, 'utf8').catch(() => '')))
  }
  return found
}
