/** Images that readers get from a registry, made of what this machine has: no registry is asked. */
import { chmod, copyFile, cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { LINGER } from '../engine/busybox.ts'
import { docker, dockerCli, type Engine, type PackageName, providePackages } from '../engine/index.ts'
import { mustRun } from '../engine/run.ts'

/** The machine's own Node under the name of the official image. */
export async function importNode(engines: readonly Engine[], tag: string): Promise<void> {
  await importPrograms(engines, { tag, programs: { node: process.execPath } })
}

/** The same with the tools of Debian that powerstrip's agent needs. */
export async function importNodeForAgents(engines: readonly Engine[], tag: string): Promise<void> {
  const { getfattr } = await debianPrograms({ getfattr: 'attr' })
  // Debian is never without the others.
  const tools = { tar: '/usr/bin/tar', sync: '/usr/bin/sync', du: '/usr/bin/du', rm: '/usr/bin/rm', getfattr }
  await importPrograms(engines, { tag, programs: { node: process.execPath, ...tools } })
}

/** A docker CLI, as in the image of that name. */
export async function importDockerCli(engine: Engine): Promise<void> {
  const programs = { docker: (await dockerCli('new')).bin }
  await importPrograms([engine], { tag: 'docker:cli', programs, entrypoint: LINGER })
}

/** Debian's Redis under the name of the official image. */
export async function importRedis(engines: readonly Engine[], tag: string): Promise<void> {
  const programs = await debianPrograms({ 'redis-server': 'redis-server', 'redis-cli': 'redis-tools' })
  await importPrograms(engines, {
    tag,
    programs,
    // The official image answers other containers; Debian's Redis would answer its own only.
    entrypoint: '[ "$1" = redis-server ] && set -- "$@" --protected-mode no\nexec "$@"\n',
    changes: ['VOLUME /data', 'WORKDIR /data', 'CMD ["redis-server"]'],
  })
}

/** Debian's etcd. */
export async function importEtcd(engines: readonly Engine[], tag: string): Promise<void> {
  const { etcd } = await debianPrograms({ etcd: 'etcd-server' })
  await importPrograms(engines, { tag, programs: { etcd }, changes: ['CMD ["etcd"]'] })
}

/** Where Debian's packages put some programs, after they are installed if they were not. */
async function debianPrograms<Name extends string>(
  packages: Readonly<Record<Name, PackageName>>,
): Promise<Readonly<Record<Name, string>>> {
  await providePackages(Object.values(packages))
  const found = Object.keys(packages).map(async (name) => [name, await realpath(`/usr/bin/${name}`)] as const)
  return Object.fromEntries(await Promise.all(found)) as Record<Name, string>
}

interface ProgramImage {
  readonly tag: string
  /** Paths on this machine, by the names that they get in `/usr/bin`. */
  readonly programs: Readonly<Record<string, string>>
  /** Lines of a shell script that every command goes through. */
  readonly entrypoint?: string
  /** As in a Dockerfile. */
  readonly changes?: readonly string[]
}

/** Programs with the libraries that they are linked to, a shell and a few tools of BusyBox. */
async function importPrograms(engines: readonly Engine[], image: ProgramImage): Promise<void> {
  await providePackages(['busybox-static'])
  const root = await mkdtemp(join(tmpdir(), 'image-'))
  const archive = `${root}.tar`
  try {
    await layOut(root, image.programs)
    if (image.entrypoint !== undefined)
      await writeFile(join(root, 'entrypoint.sh'), `#!/bin/sh\n${image.entrypoint}`, { mode: 0o755 })
    await mustRun('tar', ['--create', '--file', archive, '--directory', root, '.'])
    const entrypoint = image.entrypoint === undefined ? [] : ['ENTRYPOINT ["/entrypoint.sh"]']
    const changes = [...entrypoint, ...(image.changes ?? [])].flatMap((change) => ['--change', change])
    for (const engine of engines) {
      const ended = await docker(engine.host, ['import', ...changes, archive, image.tag])
      if (ended.exitCode !== 0) throw new Error(`${image.tag} could not be imported: ${ended.stderr}`)
    }
  } finally {
    await rm(archive, { force: true })
    await rm(root, { recursive: true, force: true })
  }
}

async function layOut(root: string, programs: ProgramImage['programs']): Promise<void> {
  for (const folder of ['bin', 'etc', 'opt', 'proc', 'root', 'run', 'sys', 'tmp', 'usr/bin'])
    await mkdir(join(root, folder), { recursive: true })
  await chmod(join(root, 'tmp'), 0o1777)
  await copyFile('/bin/busybox', join(root, 'bin/busybox'))
  for (const applet of ['sh', 'mkdir', 'chown', 'id']) await symlink('busybox', join(root, 'bin', applet))
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/tmp:/bin/sh\n')
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n')
  for (const [name, program] of Object.entries(programs)) {
    await copyFile(program, join(root, 'usr/bin', name))
    for (const library of await librariesOf(program)) {
      await mkdir(join(root, dirname(library)), { recursive: true })
      await cp(library, join(root, library), { dereference: true })
    }
  }
}

/** Paths in the answer of `ldd`, the loader's own included; a static program has none. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const told = await mustRun('ldd', [program]).catch(() => '')
  return [...told.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path]) => path!)
}
