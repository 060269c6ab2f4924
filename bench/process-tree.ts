/** What the kernel has counted for a process and everything it has started. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Times in /proc are in ticks. Linux shows user space a hundred of them a second on every architecture Node runs on. */
const TICK_US = 10_000

export class ProcessTree {
  readonly #root: number

  constructor(root: number) {
    this.#root = root
  }

  /** User and system time so far, in microseconds. */
  cpuUs(): number {
    return sum(this.#pids(), (pid) => {
      const fields = statFields(pid)
      return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_US
    })
  }

  /** Resident memory now, in bytes. */
  residentBytes(): number {
    return sum(this.#pids(), (pid) => statusBytes(pid, 'VmRSS'))
  }

  /** The most resident memory since `forgetPeak`, in bytes: the kernel's own mark, so that no peak falls between samples. */
  peakBytes(): number {
    return sum(this.#pids(), (pid) => statusBytes(pid, 'VmHWM'))
  }

  forgetPeak(): void {
    // proc(5): 5 resets the peak resident set size to what is resident now.
    for (const pid of this.#pids()) writeFileSync(`/proc/${pid}/clear_refs`, '5')
  }

  #pids(): number[] {
    const children = new Map<number, number[]>()
    for (const entry of readdirSync('/proc')) {
      if (!/^[0-9]+$/.test(entry)) continue
      const parent = Number(statFields(Number(entry))[PPID])
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    }
    const pids = [this.#root]
    for (const pid of pids) pids.push(...(children.get(pid) ?? []))
    return pids
  }
}

// Positions behind the program's name in /proc/PID/stat, whose third field is the first here.
const PPID = 1
const UTIME = 11
const STIME = 12

/** Empty for a process that is gone. */
function statFields(pid: number): string[] {
  const stat = textOf(`/proc/${pid}/stat`)
  // The name is in parentheses and may hold any character, a parenthesis too.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function statusBytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const match = new RegExp(`^${field}:\\s+([0-9]+) kB`, 'm').exec(textOf(`/proc/${pid}/status`))
  return match === null ? 0 : Number(match[1]) * 1024
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + of(pid), 0)
}
