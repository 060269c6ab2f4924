import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Runs `work` while no other process holds the lock on `file`.
 *
 * `flock(1)` holds it for us until its input ends, so a process that dies gives the lock back by dying.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true })
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(holder, 'close')
  const locked = await Promise.race([once(holder.stdout, 'data'), ended.then(() => undefined)])
  if (locked === undefined) throw new Error(`no lock on ${file}`)
  try {
    return await work()
  } finally {
    holder.stdin.end()
    await ended
  }
}
