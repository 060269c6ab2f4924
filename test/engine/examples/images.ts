/** Images that readers get from a registry, made of what this machine has: no registry is asked. */
import { chmod, copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { docker, dockerCli, type Engine, providePackages } from '../../support/engine/index.ts'
import { mustRun } from '../../support/engine/run.ts'

/** The machine's own Node under the name of the official image, with a shell and a few tools of BusyBox. */
export async function importNode(engine: Engine, tag: string): Promise<void> {
  await importPrograms(engine, tag, { node: process.execPath })
}

/** A docker CLI, as in the image of that name. */
export async function importDockerCli(engine: Engine): Promise<void> {
  await importPrograms(engine, 'docker:cli', { docker: (await dockerCli('new')).bin })
}

async function importPrograms(
  engine: Engine,
  tag: string,
  programs: Readonly<Record<string, string>>,
): Promise<void> {
  await providePackages(['busybox-static'])
  const root = await mkdtemp(join(tmpdir(), 'image-'))
  try {
    for (const folder of ['bin', 'etc', 'opt', 'proc', 'root', 'run', 'sys', 'tmp', 'usr/bin'])
      await mkdir(join(root, folder), { recursive: true })
    await chmod(join(root, 'tmp'), 0o1777)
    await copyFile('/bin/busybox', join(root, 'bin/busybox'))
    for (const applet of ['sh', 'mkdir', 'chown', 'id']) await symlink('busybox', join(root, 'bin', applet))
    await writeFile(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/tmp:/bin/sh\n',
    )
    await writeFile(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n')
    for (const [name, program] of Object.entries(programs)) {
      await copyFile(program, join(root, 'usr/bin', name))
      for (const library of await librariesOf(program)) {
        await mkdir(join(root, dirname(library)), { recursive: true })
        await cp(library, join(root, library), { dereference: true })
      }
    }
    const archive = `${root}.tar`
    await mustRun('tar', ['--create', '--file', archive, '--directory', root, '.'])
    const ended = await docker(engine.host, ['import', archive, tag])
    await rm(archive)
    if (ended.exitCode !== 0) throw new Error(`${basename(archive)} could not be imported: ${ended.stderr}`)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** Paths in the answer of `ldd`, the loader's own included; a static program has none. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const told = await mustRun('ldd', [program]).catch(() => '')
  return [...told.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path]) => path!)
}
