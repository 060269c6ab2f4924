/** The real command as users start it, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { runCommand } from '../../../src/cli/program.ts'
import { withLock } from '../../support/engine/lock.ts'
import { type Ended, mustRun, run } from '../../support/engine/run.ts'

const COMMAND = resolve('dist', 'src', 'main.js')

/** `npm test` builds first; jest alone does not. Test files of several workers may want it at once. Nothing new costs a second. */
export function build(): Promise<void> {
  return withLock(join('node_modules', '.cache', 'powerstrip-build.lock'), async () => {
    await mustRun('npm', ['run', '--silent', 'build'])
  })
}

/** Nothing of this machine's own settings: no DOCKER_HOST, no runtime directory. */
const PLAIN = { PATH: process.env.PATH }

type Env = Readonly<Record<string, string>>

/** A command that ends by itself. */
export function powerstrip(args: readonly string[], env: Env = {}): Promise<Ended> {
  return run(process.execPath, [COMMAND, ...args], { env: { ...PLAIN, ...env }, timeoutMs: 30_000 })
}

/** The same command line in this process: tables of them would take their time otherwise. */
export async function powerstripHere(args: readonly string[], env: Env = {}): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  const exitCode = await runCommand(args, {
    env,
    out(text) {
      stdout += text
    },
    err(text) {
      stderr += text
    },
    stop: AbortSignal.timeout(30_000),
  })
  return { exitCode, stdout, stderr }
}

export type LogLine = Readonly<Record<string, unknown>>

/** `powerstrip serve`, running. */
export class Serving implements AsyncDisposable {
  readonly process: ChildProcess
  stdout = ''
  stderr = ''
  readonly #exited: Promise<unknown[]>

  /** With `files` the process may have no more than that many files and sockets open. */
  constructor(args: readonly string[], env: Env = {}, files?: number) {
    const command = [process.execPath, COMMAND, 'serve', ...args]
    const [program, ...rest] =
      files === undefined ? command : ['sh', '-c', `ulimit -n ${files}; exec "$@"`, 'sh', ...command]
    this.process = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...PLAIN, ...env } })
    this.process.stdout!.on('data', (part) => {
      this.stdout += part
    })
    this.process.stderr!.on('data', (part) => {
      this.stderr += part
    })
    this.#exited = once(this.process, 'close')
  }

  /** The lines that say where it serves; it does by then. */
  async banner(): Promise<string[]> {
    await this.#until(this.process.stdout!, () => this.stdout.includes('export DOCKER_HOST='), 'its banner')
    return this.stdout.split('\n')
  }

  /** Log lines so far. Anything else on standard error fails here. */
  get log(): LogLine[] {
    return this.stderr
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine)
  }

  async logged(accept: (line: LogLine) => boolean): Promise<LogLine> {
    await this.#until(this.process.stderr!, () => this.log.some(accept), 'a log line')
    return this.log.find(accept)!
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name)
  }

  /** How it ended: an exit code, or the signal that killed it. */
  async exit(): Promise<unknown> {
    const [code, signal] = await this.#exited
    return code ?? signal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL')
    await this.#exited
  }

  async #until(stream: NodeJS.EventEmitter, seen: () => boolean, what: string): Promise<void> {
    while (!seen()) {
      const over = await Promise.race([once(stream, 'data').then(() => false), this.#exited.then(() => true)])
      if (over && !seen()) throw new Error(`it ended before ${what} came:\n${this.stdout}${this.stderr}`)
    }
  }
}
