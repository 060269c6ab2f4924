/**
 * The ledger in a file beside the one control service. Reports of nodes are in memory: agents repeat them every second.
 *
 * The file is replaced as a whole: a new one is written beside it and synced, renamed over it, and the directory is synced.
 * Whenever the process or the machine dies, the file is the ledger before a change or the one after it, and a change was
 * answered only after it was in the file.
 */
import { EventEmitter, once } from 'node:events'
import { mkdir, readFile, realpath } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { failed, ok, type Result } from '../../model/result.ts'
import { writeFileDurably } from '../durable.ts'
import { EMPTY_LEDGER, type Ledger } from '../ledger/ledger.ts'
import { decodeLedger, encodeLedger } from '../ledger/text.ts'
import { reasonOf } from '../reason.ts'
import type { NodeReport } from '../wire/messages.ts'
import {
  NODE_LIFE_MS,
  type Replaced,
  type StateStore,
  type StoreTrouble,
  type Versioned,
} from './state-store.ts'

export async function openFileStore(file: string): Promise<Result<StateStore, StoreTrouble>> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    const path = join(await realpath(dirname(file)), basename(file))
    const lock = await takeLock(path)
    if (lock === undefined)
      return failed({ message: `${path} is in use by another flocker-control on this machine` })
    const text = await readFile(path, 'utf8').catch((problem: NodeJS.ErrnoException) => {
      if (problem.code === 'ENOENT') return undefined
      throw problem
    })
    const stored = text === undefined ? ok({ ledger: EMPTY_LEDGER, revision: 0 }) : decode(text)
    if (stored.ok) return ok(new FileStore(path, lock, stored.value))
    lock.close()
    return failed({ message: `${path} cannot be read: ${stored.failure}` })
  } catch (problem) {
    return failed({ message: `${file} cannot be used: ${reasonOf(problem)}` })
  }
}

class FileStore implements StateStore {
  readonly #file: string
  readonly #lock: Server
  #ledger: Ledger
  #revision: number
  #writing: Promise<unknown> = Promise.resolve()
  readonly #reports = new Map<string, { readonly report: NodeReport; readonly untilMs: number }>()
  readonly #changes = new EventEmitter().setMaxListeners(0)

  constructor(file: string, lock: Server, stored: Versioned) {
    this.#file = file
    this.#lock = lock
    this.#ledger = stored.ledger
    this.#revision = stored.revision
  }

  async ledger(): Promise<Result<Versioned, StoreTrouble>> {
    return ok({ ledger: this.#ledger, revision: this.#revision })
  }

  replace(next: Ledger, revision: number): Promise<Result<Replaced, StoreTrouble>> {
    const turn = this.#writing.then(() => this.#replace(next, revision))
    this.#writing = turn
    return turn
  }

  async #replace(next: Ledger, revision: number): Promise<Result<Replaced, StoreTrouble>> {
    if (revision !== this.#revision) return ok({ kind: 'stale' })
    try {
      await writeFileDurably(this.#file, encode({ ledger: next, revision: this.#revision + 1 }))
    } catch (problem) {
      return failed({ message: `${this.#file} cannot be written: ${reasonOf(problem)}` })
    }
    this.#ledger = next
    this.#revision++
    this.#changes.emit('change')
    return ok({ kind: 'stored', revision: this.#revision })
  }

  async changed(revision: number, signal: AbortSignal): Promise<void> {
    while (this.#revision <= revision && !signal.aborted)
      await once(this.#changes, 'change', { signal }).catch(() => undefined)
  }

  async keepReport(report: NodeReport): Promise<Result<undefined, StoreTrouble>> {
    this.#reports.set(report.node, { report, untilMs: performance.now() + NODE_LIFE_MS })
    return ok(undefined)
  }

  async reports(): Promise<Result<readonly NodeReport[], StoreTrouble>> {
    const nowMs = performance.now()
    for (const [node, { untilMs }] of this.#reports) if (untilMs <= nowMs) this.#reports.delete(node)
    return ok([...this.#reports.values()].map(({ report }) => report))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
    this.#lock.close()
  }
}

/** Two lines: the revision, the ledger. */
function encode({ ledger, revision }: Versioned): string {
  return `${revision}\n${encodeLedger(ledger)}`
}

function decode(text: string): Result<Versioned, string> {
  const [, revision, rest] = /^([0-9]+)\n(.*)$/s.exec(text) ?? []
  if (revision === undefined || rest === undefined) return failed('it does not begin with a revision')
  const ledger = decodeLedger(rest)
  return ledger.ok ? ok({ ledger: ledger.value, revision: Number(revision) }) : ledger
}

/** A name that the kernel gives to one process at a time, and takes back whenever that process ends. */
function takeLock(file: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const lock = createServer()
    lock.once('error', (problem: NodeJS.ErrnoException) => {
      if (problem.code === 'EADDRINUSE') resolve(undefined)
      else reject(problem)
    })
    // An abstract socket's name holds 107 bytes; the end of a path is what differs.
    lock.listen({ path: `\0powerstrip-flocker:${file.slice(-80)}` }, () => {
      lock.unref()
      resolve(lock)
    })
  })
}
