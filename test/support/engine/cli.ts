import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir } from './cache.ts'
import { debian13, debian13IfFetched } from './debian13.ts'
import { providePackages } from './packages.ts'
import { findPrograms, OLD_VERSION } from './programs.ts'

/** A docker CLI of Debian 12, of Debian 13, or whichever comes first in PATH. */
export type CliKind = 'old' | 'new' | 'path'

export interface DockerCli {
  readonly bin: string
  /** Its DOCKER_CONFIG: private to this process, gone with it. */
  readonly configDir: string
}

const found = new Map<CliKind, DockerCli>()

/** A docker CLI, fetched or installed when it is missing. The 'new' one brings `compose` and `buildx`. */
export async function dockerCli(kind: CliKind): Promise<DockerCli> {
  const present = findCli(kind)
  if (present !== undefined) return present

  if (kind === 'new') await debian13()
  else await providePackages(['docker.io'])
  const provided = findCli(kind)
  if (provided !== undefined) return provided
  throw new Error('no docker CLI 20.10: it is neither in PATH nor what docker.io is here (Debian 12 has it)')
}

/** The CLI if it is on this machine already. */
export function findCli(kind: CliKind): DockerCli | undefined {
  const known = found.get(kind)
  if (known !== undefined) return known

  const bin = findBin(kind)
  if (bin === undefined) return undefined
  const cli = { bin, configDir: makeConfigDir(kind) }
  found.set(kind, cli)
  return cli
}

function findBin(kind: CliKind): string | undefined {
  if (kind === 'path') return findPrograms('docker')[0]
  if (kind === 'old') return findPrograms('docker').find(isOld)
  const root = debian13IfFetched()
  return root === undefined ? undefined : join(root, 'usr/bin/docker')
}

function isOld(bin: string): boolean {
  return OLD_VERSION.test(execFileSync(bin, ['--version'], { encoding: 'utf8' }))
}

/** Plugins of the new CLI; its own search finds only those installed system-wide. */
const PLUGINS = ['docker-compose', 'docker-buildx']

function makeConfigDir(kind: CliKind): string {
  const parent = join(cacheDir(), 'config')
  mkdirSync(parent, { recursive: true })
  removeOrphans(parent)
  const dir = join(parent, `${process.pid}-${kind}`)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir)
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))

  const root = debian13IfFetched()
  if (kind === 'new' && root !== undefined) {
    mkdirSync(join(dir, 'cli-plugins'))
    for (const plugin of PLUGINS) {
      symlinkSync(join(root, 'usr/libexec/docker/cli-plugins', plugin), join(dir, 'cli-plugins', plugin))
    }
  }
  return dir
}

/** A process that was killed could not remove its own. */
function removeOrphans(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = Number.parseInt(name, 10)
    if (!existsSync(`/proc/${pid}`)) rmSync(join(parent, name), { recursive: true, force: true })
  }
}
