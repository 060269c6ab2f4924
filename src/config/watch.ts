import { type FSWatcher, watch as watchDirectory } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type FileText, readText } from './file-text.ts'
import type { FileGround } from './parse.ts'
import { judgeText, type LoadedConfig, type OtherFiles, type RefusedConfig } from './read-file.ts'

/** How often the file is looked at when nothing tells us of a change: network mounts and bind mounts are silent. */
const POLL_MS = 250

/** From a sign of change to a look at the file, so that a busy directory cannot keep us looking without pause. */
const NOTICE_MS = 20

/** How long new content must have stayed as it is. An editor that truncates and writes is between the two for less. */
const SETTLE_MS = 100

/** In a file that never rests, content that is valid is taken after this long: a change is to be live within a second. */
const UNREST_MS = 500

/** The clock of a file system may tick this rarely; until then two changes may bear the same time. */
const CLOCK_TICK_MS = 2000

export interface ConfigWatch extends FileGround {
  /**
   * The text that the caller has already, so that no change is missed between reading the file and watching it. Without
   * it the content that is found first is reported, too.
   */
  readonly from?: string
  /** The other files that came with it. */
  readonly others?: OtherFiles
  readonly onGood: (loaded: LoadedConfig) => void
  /** What was good last stays with the caller: a broken file takes nothing away. */
  readonly onBad: (refused: RefusedConfig) => void
}

/**
 * Follows a configuration file and those that it includes or takes values from: edits in place, replacement by rename, symlinks that are swapped above it, deletion and
 * return. Each new content is reported once, in order; a state that lasts only a moment may be passed over, the last one
 * never is. Nothing is reported after the disposal has been asked for, and nothing here keeps the process alive.
 */
export function watchConfig(file: string, watch: ConfigWatch): AsyncDisposable {
  const alarm = new Alarm()
  const directory = watchEntries(dirname(file), () => alarm.ringWithin(NOTICE_MS))
  const following = follow(file, watch, alarm)
  return {
    async [Symbol.asyncDispose]() {
      directory?.close()
      alarm.close()
      await following
    },
  }
}

/** Content that has been seen and not been reported yet. */
interface Pending {
  readonly content: string
  readonly seenAt: number
  /** When the file began to change. */
  readonly restlessSince: number
}

async function follow(file: string, watch: ConfigWatch, alarm: Alarm): Promise<void> {
  const sources = new FileSources()
  let others = watch.others ?? NO_OTHERS
  let reported = watch.from === undefined ? undefined : contentOf({ ok: true, value: watch.from }, others)
  let pending: Pending | undefined

  for (; !alarm.closed; await alarm.rung(pending === undefined ? POLL_MS : SETTLE_MS)) {
    const read = await sources.read(file)
    const content = contentOf(read, await sources.readAll(others.keys()))
    if (alarm.closed) return

    if (content === reported) {
      pending = undefined
      continue
    }
    const now = performance.now()
    if (pending?.content !== content) {
      pending = { content, seenAt: now, restlessSince: pending?.restlessSince ?? now }
    }
    const isSettled = now - pending.seenAt >= SETTLE_MS
    if (!isSettled && now - pending.restlessSince < UNREST_MS) continue

    const judged = await judgeText(file, read, watch, (name) => sources.read(name))
    if (alarm.closed) return
    if (!isSettled && !judged.ok) continue
    others = judged.ok ? judged.value.others : judged.failure.others
    reported = contentOf(read, others)
    pending = undefined
    if (judged.ok) watch.onGood(judged.value)
    else watch.onBad(judged.failure)
  }
}

/** Equal for what would be reported alike. */
function contentOf(read: FileText, others: OtherFiles): string {
  const one = (text: FileText) => (text.ok ? `text ${text.value}` : `problem ${text.failure.message}`)
  return JSON.stringify([one(read), ...[...others].map(([name, other]) => [name, one(other)])])
}

const NO_OTHERS: OtherFiles = new Map()

/** Every file that has been looked at. */
class FileSources {
  readonly #sources = new Map<string, FileSource>()

  read(file: string): Promise<FileText> {
    const source = this.#sources.get(file) ?? new FileSource(file)
    this.#sources.set(file, source)
    return source.read()
  }

  async readAll(files: Iterable<string>): Promise<OtherFiles> {
    const texts = new Map<string, FileText>()
    for (const file of files) texts.set(file, await this.read(file))
    return texts
  }
}

/** Reads a file again only when it may have changed. */
class FileSource {
  readonly #file: string
  #last: { readonly stamp: string; readonly read: FileText } | undefined

  constructor(file: string) {
    this.#file = file
  }

  async read(): Promise<FileText> {
    const stamp = await this.#stamp()
    if (stamp !== undefined && stamp === this.#last?.stamp) return this.#last.read
    const read = await readText(this.#file)
    this.#last = stamp === undefined ? undefined : { stamp, read }
    return read
  }

  /** What changes whenever the file does, or nothing where that cannot be relied on. */
  async #stamp(): Promise<string | undefined> {
    try {
      const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = await stat(this.#file, { bigint: true })
      const isFresh = Date.now() - Number(ctimeMs) < CLOCK_TICK_MS
      return isFresh ? undefined : [dev, ino, size, mtimeNs, ctimeNs].join(' ')
    } catch {
      // Reading it will tell what is wrong.
      return undefined
    }
  }
}

/** Calls `onChange` at each sign of life in a directory. Where the system cannot watch it, polling has to do. */
function watchEntries(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watchDirectory(directory, { persistent: false }, onChange)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}

/** A wait that can be cut short, also by what happens before it begins. */
class Alarm {
  #closed = false
  #dueAt = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined

  get closed(): boolean {
    return this.#closed
  }

  /** Waits at most this long. */
  rung(withinMs: number): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = resolve
      this.ringWithin(withinMs)
      this.#wind()
    })
  }

  ringWithin(delayMs: number): void {
    const dueAt = performance.now() + delayMs
    if (dueAt >= this.#dueAt) return
    this.#dueAt = dueAt
    if (this.#wake !== undefined) this.#wind()
  }

  close(): void {
    this.#closed = true
    this.#ring()
  }

  #wind(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#ring(), Math.ceil(this.#dueAt - performance.now())).unref()
  }

  #ring(): void {
    clearTimeout(this.#timer)
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#wake?.()
    this.#wake = undefined
  }
}
