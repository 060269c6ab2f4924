import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { impossible } from '../../../src/model/result.ts'
import { debian13, warnIfNotPinned } from './debian13.ts'
import type { EngineKind } from './engine.ts'
import { providePackages } from './packages.ts'
import { run } from './run.ts'

/** What to start an engine of some age with. */
export interface EnginePrograms {
  readonly dockerd: string
  /** Where dockerd looks for its containerd, and that for its shims and runc. */
  readonly path: string
  readonly dockerProxy: string
  readonly dockerInit: string
}

export async function enginePrograms(kind: EngineKind): Promise<EnginePrograms> {
  switch (kind) {
    case 'old':
      return debian12Programs()
    case 'new':
      return debian13Programs()
    default:
      return impossible(kind)
  }
}

/** Debian keeps some of them where only root's PATH looks. */
export function searchPath(): string[] {
  const told = (process.env.PATH ?? '').split(delimiter).filter((dir) => dir !== '')
  return [...new Set([...told, '/usr/sbin', '/usr/bin', '/sbin', '/bin'])]
}

export function findPrograms(name: string): string[] {
  return searchPath()
    .map((dir) => join(dir, name))
    .filter((file) => existsSync(file))
}

export const OLD_VERSION = /\bversion 20\.10\./

async function debian12Programs(): Promise<EnginePrograms> {
  const dockerd = (await findOldDockerd()) ?? (await installOldDockerd())
  return {
    dockerd,
    path: searchPath().join(delimiter),
    dockerProxy: findPrograms('docker-proxy')[0] ?? '/usr/sbin/docker-proxy',
    dockerInit: findPrograms('docker-init')[0] ?? '/usr/bin/docker-init',
  }
}

async function findOldDockerd(): Promise<string | undefined> {
  for (const file of findPrograms('dockerd')) {
    if (OLD_VERSION.test((await run(file, ['--version'])).stdout)) return file
  }
  return undefined
}

async function installOldDockerd(): Promise<string> {
  await providePackages(['docker.io'])
  const dockerd = await findOldDockerd()
  if (dockerd !== undefined) return dockerd
  throw new Error('no dockerd 20.10: it is neither in PATH nor what docker.io is here (Debian 12 has it)')
}

async function debian13Programs(): Promise<EnginePrograms> {
  // The engine's own containerd, but the machine's runc and tini: Debian 13's want a newer C library.
  await providePackages(['runc', 'tini'])
  const root = await debian13()
  await warnIfNotPinned(root)
  return {
    dockerd: join(root, 'usr/sbin/dockerd'),
    path: [join(root, 'usr/bin'), join(root, 'usr/sbin'), ...searchPath()].join(delimiter),
    dockerProxy: join(root, 'usr/sbin/docker-proxy'),
    dockerInit: '/usr/bin/tini-static',
  }
}
