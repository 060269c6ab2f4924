/**
 * The decision log as a file, or as one of the process's own outputs: lines are written behind the exchanges' backs, nobody waits
 * for them, and what cannot be written in time is counted and dropped.
 */
import { closeSync, fstatSync, openSync, type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { destination } from 'pino'
import type { EventSink } from '../model/event.ts'
import { failed, ok, type Result } from '../model/result.ts'

/** Lines that wait to be written, in bytes: some ten thousand of them. A disk that is behind by more is not going to catch up. */
const WAITING_LIMIT_BYTES = 8 * 1024 * 1024

/** Who asked for what is nobody else's business. */
const FILE_MODE = 0o600

/** How often it is looked at whether the file has been moved away, and how often drops are told of, in milliseconds. */
const LOOK_MS = 1_000

/** How long the last lines may take, in milliseconds. */
const LAST_WORDS_MS = 5_000

const OUTPUTS: Readonly<Record<string, number>> = { stdout: 1, stderr: 2 }

/** Whether a name means an output of the process. Any other is an absolute one. */
export function isOutput(file: string): boolean {
  return Object.hasOwn(OUTPUTS, file)
}

type Stream = ReturnType<typeof destination>

export class DecisionFile {
  readonly file: string
  readonly #stream: Stream
  readonly #tell: EventSink
  readonly #timer: NodeJS.Timeout
  /** The file that is open, whatever its name is by now. */
  #open: Pick<Stats, 'dev' | 'ino'> | undefined
  #dropped = 0
  #broken = false
  #reopening = false
  #gaveUp = false

  /** The failure is why it cannot be written. */
  static open(file: string, tell: EventSink): Result<DecisionFile, string> {
    if (isOutput(file)) return ok(new DecisionFile(file, undefined, tell))
    try {
      const there = statSync(file, { throwIfNoEntry: false })
      if (there !== undefined && !there.isFile())
        return failed(`${file} is not a file that could be appended to`)
      const descriptor = openSync(file, 'a', FILE_MODE)
      const opened = fstatSync(descriptor)
      closeSync(descriptor)
      return ok(new DecisionFile(file, opened, tell))
    } catch (problem) {
      return failed(`${file} cannot be written: ${(problem as Error).message}`)
    }
  }

  private constructor(file: string, opened: Stats | undefined, tell: EventSink) {
    this.file = file
    this.#open = opened
    this.#tell = tell
    this.#stream = destination({
      dest: OUTPUTS[file] ?? file,
      sync: false,
      append: true,
      mode: FILE_MODE,
      maxLength: WAITING_LIMIT_BYTES,
      // A pipe that nobody reads is tried again and again, until it is time to go.
      retryEAGAIN: () => !this.#gaveUp,
    })
    this.#stream.on('drop', () => {
      this.#dropped++
    })
    this.#stream.on('error', (problem: NodeJS.ErrnoException) => {
      this.#reopening = false
      if (this.#gaveUp) return
      if (!this.#broken) tell({ kind: 'decisions-broken', file, message: problem.message })
      this.#broken = true
    })
    this.#stream.on('write', () => {
      this.#broken = false
    })
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  /** Without its line break. */
  write(line: string): void {
    this.#stream.write(`${line}\n`)
  }

  /** Goes on in a file of the same name, which is made if it is not there. An output stays what it is. */
  reopen(): void {
    if (isOutput(this.file) || this.#reopening) return
    this.#reopening = true
    this.#stream.once('ready', () => {
      this.#reopening = false
      this.#open = statSync(this.file, { throwIfNoEntry: false })
      this.#tell({ kind: 'decisions-reopened', file: this.file })
    })
    this.#stream.reopen()
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    const ended = new Promise<'whole' | 'cut'>((resolve) => {
      this.#stream.once('close', () => resolve('whole'))
      this.#stream.once('error', () => resolve('cut'))
    })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'cut'>((resolve) => {
      timer = setTimeout(() => resolve('cut'), LAST_WORDS_MS)
    })
    this.#stream.end()
    const end = await Promise.race([ended, late])
    clearTimeout(timer)
    this.#tellDropped()
    if (end === 'whole') return
    const message = 'the last lines could not be written and are lost'
    this.#tell({ kind: 'decisions-broken', file: this.file, message })
    // Otherwise it would try once more while the process exits.
    this.#gaveUp = true
    this.#stream.destroy()
  }

  #look(): void {
    this.#tellDropped()
    if (isOutput(this.file)) return
    stat(this.file).then(
      ({ dev, ino }) => {
        if (dev !== this.#open?.dev || ino !== this.#open.ino) this.reopen()
      },
      (problem: NodeJS.ErrnoException) => {
        if (problem.code === 'ENOENT') this.reopen()
      },
    )
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return
    const lines = this.#dropped
    this.#dropped = 0
    this.#tell({ kind: 'decisions-dropped', file: this.file, lines })
  }
}
