/** What Linux tells about a process and its sockets. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Open file descriptors by what they lead to; those that close while one looks are left out. */
function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      return []
    }
  })
}

/** How many file descriptors of any kind a process has open. */
export function openFiles(pid: number): number {
  return descriptors(pid).length
}

/**
 * Connections to a listening unix socket that are open at both ends. Only the kernel's socket diagnosis knows the other
 * end of a unix socket, so ss(8) is asked. (dockerd is slow to close its end of an attach whose client is gone, with
 * nothing in between as well; that end stands alone, and is not counted.)
 */
export function connectionsTo(path: string): number {
  const listed = execFileSync('ss', ['--unix', '--all', '--numeric', '--no-header'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  // Columns: kind, state, two queues, path, inode, path and inode of the other end.
  const sockets = listed.split('\n').map((line) => line.split(/ +/))
  return sockets.filter(([, state, , , at, , , peer]) => state === 'ESTAB' && at === path && peer !== '0')
    .length
}

/** Memory in use now, in bytes. */
export function residentBytes(pid: number): number {
  return memory(pid, 'VmRSS')
}

/** The most memory in use since `forgetPeak`, in bytes. */
export function peakResidentBytes(pid: number): number {
  return memory(pid, 'VmHWM')
}

/** Starts the peak anew from what is in use now (proc(5), clear_refs). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function memory(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  if (line === null) throw new Error(`/proc/${pid}/status has no ${field}`)
  return Number(line[1]) * 1024
}

/** Bytes a process has read from anywhere so far, sockets included. */
export function bytesRead(pid: number): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

const LOOK_AGAIN_MS = 20

/**
 * Looks until what is seen is accepted or the time is over, and returns what was seen last: the test compares that, so a
 * failure shows the value and not only that time ran out.
 */
export async function settled<T>(
  look: () => T | Promise<T>,
  accept: (seen: T) => boolean,
  patienceMs: number,
): Promise<T> {
  const late = Date.now() + patienceMs
  for (;;) {
    const seen = await look()
    if (accept(seen) || Date.now() > late) return seen
    await sleep(LOOK_AGAIN_MS)
  }
}

/** How often a figure must be seen unchanged, 20 ms apart, to be taken for still. */
const STILL_LOOKS = 15

/** A figure once it no longer moves, or after a long time the last one seen. */
export async function still(look: () => number | Promise<number>): Promise<number> {
  let last = Number.NaN
  let times = 0
  return await settled(
    look,
    (seen) => {
      times = seen === last ? times + 1 : 0
      last = seen
      return times >= STILL_LOOKS
    },
    30_000,
  )
}

/** What a process runs, once it is `program`: an engine says that it has started a container a moment before runc becomes what it runs. */
export function programOf(pid: number, program: string): Promise<string> {
  return settled(
    () => readlinkSync(`/proc/${pid}/exe`),
    (seen) => seen === program,
    30_000,
  )
}
