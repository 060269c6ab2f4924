/** The real command, as users start it, in a process of its own. */
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { spawnMortal } from './mortal.ts'

export interface PowerstripOptions {
  /** Text of a configuration file. */
  readonly config?: string
  /** More arguments for `serve`. */
  readonly args?: readonly string[]
  /** `false`: where to listen is left to the configuration; `addresses` tells. */
  readonly listen?: false
  /** The engine's address: `unix:///…` or `tcp://…`. Nothing where the configuration or `env` names it. */
  readonly upstream?: string
  readonly env?: Readonly<Record<string, string>>
  /** How the process is started: on this machine unless told, or inside a host (`Host.spawn`). */
  readonly spawn?: (program: string, args: readonly string[], options: SpawnOptions) => ChildProcess
}

export interface Powerstrip extends AsyncDisposable {
  /** For `DOCKER_HOST`. */
  readonly unix: string
  readonly tcp: string
  /** Path of the unix socket. */
  readonly socket: string
  /** Port on 127.0.0.1. */
  readonly port: number
  /** All of them, in order. */
  readonly addresses: readonly string[]
  readonly pid: number
  /** Path of the configuration file, if there is one. */
  readonly configFile: string | undefined
  /** Log lines so far, parsed. */
  readonly log: readonly LogLine[]
  /** Lines on standard output so far: the banner, and what adapters inside it say. */
  readonly output: readonly string[]
  /** What it has said on standard error beside the log: why it ended, if it did. */
  readonly words: string
  /** Resolves with the first log line, past or to come, that the test accepts. */
  logged(accept: (line: LogLine) => boolean): Promise<LogLine>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

export type LogLine = Readonly<Record<string, unknown>>

/** Built by `npm run build`, which the jest set-up of the suites that use this runs first. */
export const COMMAND = resolve('dist/src/main.js')

/** Starts `powerstrip serve` on a unix socket and on a TCP port of its choosing; ready when this resolves. */
export async function startPowerstrip(options: PowerstripOptions): Promise<Powerstrip> {
  const dir = await mkdtemp(join(tmpdir(), 'ps-'))
  const socket = join(dir, 'ps.sock')
  const configFile = options.config === undefined ? undefined : join(dir, 'adapters.yml')
  if (configFile !== undefined) await writeFile(configFile, options.config ?? '')
  const child = (options.spawn ?? spawnMortal)(
    process.execPath,
    [
      COMMAND,
      'serve',
      ...(options.upstream === undefined ? [] : ['--upstream', options.upstream]),
      ...(options.listen === false ? [] : ['--listen', `unix://${socket}`, '--listen', 'tcp://127.0.0.1:0']),
      ...['--log-level', 'debug', '--grace', '2'],
      ...(configFile === undefined ? [] : ['--config', configFile]),
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } },
  )
  const log = new Log(child)
  const output: string[] = []
  const addresses = await bannerAddresses(child, log, output)
  const port = Number(/^tcp:.*:([0-9]+)$/.exec(addresses.find((each) => each.startsWith('tcp:')) ?? '')?.[1])
  // Not before its last words are read.
  const exited = once(child, 'close') as Promise<[number | null]>

  const stop = async () => {
    child.kill('SIGTERM')
    const [code] = await exited
    await rm(dir, { recursive: true, force: true })
    return code
  }
  return {
    unix: `unix://${socket}`,
    tcp: `tcp://127.0.0.1:${port}`,
    socket,
    port,
    addresses,
    pid: child.pid!,
    configFile,
    log: log.lines,
    get words() {
      return log.text
    },
    output,
    logged: (accept) => log.first(accept),
    stop,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    [Symbol.asyncDispose]: async () => {
      await stop()
    },
  }
}

class Log {
  readonly lines: LogLine[] = []
  readonly #waiting = new Set<(line: LogLine) => void>()
  /** What was not NDJSON: messages for people. */
  text = ''

  constructor(child: ChildProcess) {
    createInterface({ input: child.stderr! }).on('line', (text) => {
      const line = parsed(text)
      if (line === undefined) this.text += `${text}\n`
      else this.lines.push(line)
      if (line !== undefined) for (const tell of this.#waiting) tell(line)
    })
  }

  first(accept: (line: LogLine) => boolean): Promise<LogLine> {
    const past = this.lines.find(accept)
    if (past !== undefined) return Promise.resolve(past)
    return new Promise((resolve) => {
      const tell = (line: LogLine) => {
        if (!accept(line)) return
        this.#waiting.delete(tell)
        resolve(line)
      }
      this.#waiting.add(tell)
    })
  }
}

function parsed(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return undefined
  }
}

function bannerAddresses(child: ChildProcess, log: Log, output: string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const addresses: string[] = []
    createInterface({ input: child.stdout! }).on('line', (line) => {
      output.push(line)
      const match = /^listening on (\S+)/.exec(line)
      if (match !== null) addresses.push(match[1]!)
      // The last line of the banner: all listeners are open by then.
      if (line.includes('export DOCKER_HOST=')) resolve(addresses)
    })
    child.once('close', (code) =>
      reject(new Error(`powerstrip serve ended with ${code} before it listened:\n${log.text}`)),
    )
    child.once('error', reject)
  })
}
