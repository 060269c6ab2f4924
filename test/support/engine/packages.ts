import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cacheDir } from './cache.ts'
import { withLock } from './lock.ts'
import { tell } from './progress.ts'
import { mustRun, type RunOptions, run } from './run.ts'

/**
 * Debian packages as `dpkg` names them. All that an engine of either kind, its networks and its image need, what the
 * benchmark compares and measures with, and what datasets are compared and remembered with.
 */
export type PackageName =
  | 'docker.io'
  | 'runc'
  | 'tini'
  | 'iptables'
  | 'iproute2'
  | 'busybox-static'
  | 'ca-certificates'
  | 'haproxy'
  | 'nginx-light'
  | 'wrk'
  | 'attr'
  | 'netcat-openbsd'
  | 'redis-server'
  | 'redis-tools'
  | 'etcd-server'

/** Installs those of the packages that are missing. Nothing they bring is started as a service. */
export async function providePackages(names: readonly PackageName[]): Promise<void> {
  if ((await missing(names)).length === 0) return
  await withLock(join(cacheDir(), 'apt.lock'), async () => {
    const wanted = await missing(names)
    if (wanted.length === 0) return
    if (process.getuid?.() !== 0)
      throw new Error(`${wanted.join(', ')} missing, and only root can install packages`)
    await withoutServices(() => install(wanted))
  })
}

/**
 * The files of one of this Debian's packages, in a folder of the cache: for a program whose package would make a service
 * of it, to be started with every boot. It has to run with the libraries that the machine has.
 */
export async function unpackPackage(name: 'docker-registry'): Promise<string> {
  const dir = join(cacheDir(), 'unpacked', name)
  if (existsSync(dir)) return dir
  await withLock(join(cacheDir(), 'apt.lock'), async () => {
    if (existsSync(dir)) return
    const work = await mkdtemp(join(cacheDir(), 'unpack-'))
    try {
      tell(`fetching ${name}`)
      await refreshing(['download', name], { cwd: work })
      const debs = (await readdir(work)).filter((file) => file.endsWith('.deb'))
      await mkdir(dirname(dir), { recursive: true })
      await mustRun('dpkg', ['-x', join(work, debs[0]!), join(work, 'files')])
      await rename(join(work, 'files'), dir)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
  return dir
}

async function missing(names: readonly PackageName[]): Promise<PackageName[]> {
  const told = await run('dpkg-query', [
    '--show',
    '--showformat',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
    '${Package} ${db:Status-Status}\n',
    ...names,
  ])
  const installed = new Set(
    told.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  )
  return names.filter((name) => !installed.has(name))
}

async function install(names: readonly PackageName[]): Promise<void> {
  tell(`installing ${names.join(', ')}`)
  await refreshing(['install', '--yes', '--no-install-recommends', ...names], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

/** Runs apt-get on lists that are there, and on fresh ones when it fails: those of an older archive name files that are gone. */
async function refreshing(args: readonly string[], options: RunOptions): Promise<void> {
  if (!(await hasLists())) await updateLists()
  const patient = [...args, ...APT_PATIENCE]
  if ((await run('apt-get', patient, options)).exitCode === 0) return
  await updateLists()
  await mustRun('apt-get', patient, options)
}

/** Another apt on the machine, an unattended upgrade say, is waited for. */
const APT_PATIENCE = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']

async function updateLists(): Promise<void> {
  tell('apt-get update')
  await mustRun('apt-get', ['update', ...APT_PATIENCE])
}

async function hasLists(): Promise<boolean> {
  const files = await readdir('/var/lib/apt/lists').catch(() => [])
  return files.some((file) => file.includes('_Packages'))
}

const POLICY = '/usr/sbin/policy-rc.d'

/** Debian asks this file whether a package may start its service; 101 means no. A file already there is left alone. */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  if (existsSync(POLICY)) return work()
  await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await work()
  } finally {
    await rm(POLICY, { force: true })
  }
}
