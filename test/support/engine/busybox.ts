import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callApi, mustCallApi } from './api.ts'
import type { Engine } from './engine.ts'
import { providePackages } from './packages.ts'
import { warn } from './progress.ts'
import { mustRun } from './run.ts'

const IMAGE = 'busybox:latest'

/** Makes `busybox:latest` out of Debian's static binary: no registry is asked. An engine that has it is left alone. */
export async function importBusybox(engine: Engine): Promise<void> {
  if ((await callApi(engine.socket, 'GET', `/images/${IMAGE}/json`)).status === 200) return
  await importUntilItWorks(engine, [COMMAND])
}

/**
 * As `importBusybox`, with a moment behind every command: for commands that are typed as a page has them. Engine 26.1 itself
 * loses the output of some containers that end at once.
 */
export async function importLingeringBusybox(engine: Engine): Promise<void> {
  await importUntilItWorks(engine, [COMMAND, 'ENTRYPOINT ["/bin/linger"]'])
}

/** As in a Dockerfile. */
const COMMAND = 'CMD ["sh"]'

/** What stands before a command that is to linger. */
export const LINGER = '"$@"\nexit_code=$?\nbusybox sleep 0.3\nexit $exit_code\n'

async function importUntilItWorks(engine: Engine, changes: readonly string[]): Promise<void> {
  const archive = await busyboxTar()
  for (let tries = 1; ; tries++)
    try {
      return await importOnce(archive, changes, engine.socket)
    } catch (problem) {
      // An engine that had just started has closed in the middle of the archive, once. Why, it will say here.
      warn(`${engine.dir}: ${(problem as Error).message}`)
      if (tries === TRIES) throw problem
    }
}

const TRIES = 3

async function importOnce(archive: Buffer, changes: readonly string[], socket: string): Promise<void> {
  const [repo = '', tag = ''] = IMAGE.split(':')
  const query = new URLSearchParams({ fromSrc: '-', repo, tag })
  for (const change of changes) query.append('changes', change)
  const told = await mustCallApi(socket, 'POST', `/images/create?${query}`, archive)
  // The engine says 200 before it reads the archive, and what went wrong in a line of its own.
  if (told.includes('"error"')) throw new Error(`${IMAGE} could not be imported: ${told}`)
}

const BINARY = '/bin/busybox'

async function busyboxTar(): Promise<Buffer> {
  await providePackages(['busybox-static'])
  const root = await mkdtemp(join(tmpdir(), 'busybox-'))
  try {
    for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'var'])
      await mkdir(join(root, folder))
    await chmod(join(root, 'tmp'), 0o1777)
    await copyFile(BINARY, join(root, 'bin/busybox'))
    for (const applet of (await mustRun(BINARY, ['--list'])).trim().split('\n')) {
      if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet))
    }
    await writeFile(join(root, 'bin/linger'), `#!/bin/sh\n${LINGER}`, { mode: 0o755 })
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
    await writeFile(join(root, 'etc/group'), 'root:x:0:\n')
    const archive = join(root, 'busybox.tar')
    await mustRun('tar', [
      '--create',
      '--file',
      archive,
      '--directory',
      root,
      '--exclude',
      './busybox.tar',
      '.',
    ])
    return await readFile(archive)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
