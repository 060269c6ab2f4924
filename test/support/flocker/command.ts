/** `powerstrip flocker-control` and `powerstrip flocker-agent`, as users start them. */
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { spawnMortal } from '../mortal.ts'
import { COMMAND } from '../powerstrip.ts'

export type LogLine = Readonly<Record<string, unknown>>

/** As `spawn`; a host's own starts programs inside it. */
export type Start = (program: string, args: readonly string[], options: SpawnOptions) => ChildProcess

/** A command that runs until it is told to stop. */
export class Running implements AsyncDisposable {
  readonly child: ChildProcess
  readonly banner: readonly string[]
  readonly log: LogLine[]
  readonly #exited: Promise<unknown[]>
  readonly #logged: ReturnType<typeof createInterface>

  private constructor(
    child: ChildProcess,
    banner: string[],
    log: LogLine[],
    exited: Promise<unknown[]>,
    logged: ReturnType<typeof createInterface>,
  ) {
    this.child = child
    this.banner = banner
    this.log = log
    this.#exited = exited
    this.#logged = logged
  }

  /** Ready when it has said what to paste next. `start`: where it runs, a host's `spawn` say. */
  static async start(args: readonly string[], start: Start = spawnMortal): Promise<Running> {
    const child = start(process.execPath, [COMMAND, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    })
    const exited = once(child, 'exit')
    const banner: string[] = []
    const log: LogLine[] = []
    let said = ''
    const logged = createInterface({ input: child.stderr! })
    logged.on('line', (line) => {
      if (line.startsWith('{')) log.push(JSON.parse(line) as LogLine)
      else said += `${line}\n`
    })
    const lines = createInterface({ input: child.stdout! })
    lines.on('line', (line) => banner.push(line))
    while (!banner.some((line) => line.includes('for the flocker adapter')))
      if (await Promise.race([once(lines, 'line').then(() => false), exited.then(() => true)]))
        throw new Error(`powerstrip ${args.join(' ')} ended before it was ready: ${said}`)
    return new Running(child, banner, log, exited, logged)
  }

  get pid(): number {
    return this.child.pid!
  }

  async logged(accept: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const line = this.log.find(accept)
      if (line !== undefined) return line
      await once(this.#logged, 'line')
    }
  }

  /** Sends a signal and waits for the end: an exit code, or the signal that killed it. */
  async end(signal: NodeJS.Signals): Promise<unknown> {
    this.child.kill(signal)
    const [code, by] = await this.#exited
    return code ?? by
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
  }
}
