/**
 * A tar that was started by an agent which was killed goes on unpacking: it reads from its own connection. Nothing else
 * may be done in its directory before it has ended.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Between two looks whether it is gone, in milliseconds. */
const LOOK_AGAIN_MS = 10

export async function endLeftoverTars(directory: string): Promise<void> {
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name) || !(await isTarIn(name, directory))) continue
    try {
      process.kill(Number(name), 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
    while (await isTarIn(name, directory)) await sleep(LOOK_AGAIN_MS)
  }
}

/** A process that has ended has no directory. */
async function isTarIn(pid: string, directory: string): Promise<boolean> {
  const [program, where] = await Promise.all([
    readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''),
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
  ])
  return program === 'tar\n' && (where === directory || where.startsWith(`${directory}/`))
}
