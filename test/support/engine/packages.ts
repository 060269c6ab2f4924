import { existsSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDir } from './cache.ts'
import { withLock } from './lock.ts'
import { tell } from './progress.ts'
import { mustRun, run } from './run.ts'

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
  if (!(await hasLists())) await updateLists()
  tell(`installing ${names.join(', ')}`)
  const args = ['install', '--yes', '--no-install-recommends', ...APT_PATIENCE, ...names]
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const first = await run('apt-get', args, { env })
  if (first.exitCode === 0) return
  // Lists from an older state of the archive name files that are gone.
  await updateLists()
  await mustRun('apt-get', args, { env })
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
