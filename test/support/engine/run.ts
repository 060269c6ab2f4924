import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'

/** How a program ended, and everything it wrote. */
export interface Ended {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Exactly these variables; without it, the ones of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** The folder that it runs in; without it, that of this process. */
  readonly cwd?: string | undefined
  /** Written to standard input, which then ends. Without it the program reads an end at once. */
  readonly stdin?: string | Buffer | Readable | undefined
  /** After this long the program and its children are killed. Without it there is no limit. */
  readonly timeoutMs?: number | undefined
}

/** What `timeout(1)` exits with when it had to kill. */
const TIMED_OUT = 124

/**
 * Runs a program to its end. A non-zero exit is a value; only a program that cannot be started is thrown.
 *
 * It gets a process group of its own, so that a timeout takes its children along: `docker compose` is a child of
 * `docker`, and outlives it otherwise.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    env: options.env ?? process.env,
    cwd: options.cwd,
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  feed(child, options.stdin)

  let timedOut = false
  const limit =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true
          killGroup(child)
        }, options.timeoutMs)

  try {
    const [stdout, stderr, exitCode] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      exitCodeOf(child),
    ])
    if (!timedOut) return { exitCode, stdout, stderr }
    const said = `killed after ${options.timeoutMs} ms: ${[program, ...args].join(' ')}\n`
    return { exitCode: TIMED_OUT, stdout, stderr: stderr + said }
  } finally {
    clearTimeout(limit)
  }
}

/** As `run`, for steps that have to work: anything but exit 0 is thrown with what the program said. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const ended = await run(program, args, options)
  if (ended.exitCode === 0) return ended.stdout
  const said = (ended.stderr || ended.stdout).trim()
  throw new Error(`${[program, ...args].join(' ')} ended with ${ended.exitCode}: ${said}`)
}

function feed(child: ChildProcess, stdin: RunOptions['stdin']): void {
  if (stdin === undefined || child.stdin === null) return
  // A program may end without reading its input to the end; its exit code says whether that was right.
  child.stdin.on('error', () => undefined)
  if (typeof stdin === 'string' || Buffer.isBuffer(stdin)) child.stdin.end(stdin)
  else stdin.pipe(child.stdin)
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It ended by itself between the alarm and the shot.
  }
}

async function textOf(stream: Readable | null): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream ?? []) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

function exitCodeOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      // As a shell reports it: a death by signal is 128 and the signal's number.
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}
