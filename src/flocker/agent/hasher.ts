/** Takes manifests in a thread of its own, so that the agent goes on reporting meanwhile. Remembers what it has hashed. */
import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import { decodeManifest, type Manifest } from './manifest.ts'

export type HasherQuestion = { readonly id: number } & HasherTask

type HasherTask =
  | { readonly what: 'manifest'; readonly directory: string }
  | { readonly what: 'hash-ahead'; readonly directory: string; readonly untouchedSinceMs: number }

export type HasherAnswer = { readonly id: number } & (
  | { readonly kind: 'lines'; readonly lines: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }
)

/** As built: the agent runs from there. */
const THREAD = new URL('./hasher-thread.js', import.meta.url)

export class Hasher {
  readonly #thread = new Worker(THREAD)
  readonly #ended = new AbortController()
  #last = 0

  constructor() {
    this.#thread.setMaxListeners(0)
    this.#thread.unref()
    this.#thread.once('error', (problem) => this.#ended.abort(problem))
    this.#thread.once('exit', () => this.#ended.abort(new Error('the manifest was given up')))
  }

  /** The manifest as lines of JSON, in pieces. */
  lines(directory: string): AsyncGenerator<string> {
    return this.#ask({ what: 'manifest', directory })
  }

  /** The thread takes one question after another, so nothing is hashed twice. */
  async *#ask(task: HasherTask): AsyncGenerator<string> {
    this.#ended.signal.throwIfAborted()
    const question: HasherQuestion = { id: ++this.#last, ...task }
    const answers = on(this.#thread, 'message', { signal: this.#ended.signal })
    this.#thread.postMessage(question)
    for await (const [answer] of answers as AsyncIterable<[HasherAnswer]>) {
      if (answer.id !== question.id) continue
      if (answer.kind === 'done') return
      if (answer.kind === 'failed') throw new Error(answer.message)
      yield answer.lines
    }
  }

  async manifest(directory: string): Promise<Manifest> {
    let text = ''
    for await (const lines of this.lines(directory)) text += lines
    return decodeManifest(text)
  }

  /** Hashes files ahead of being asked, while they are in memory anyway: those that nobody has changed since that time. */
  async hashAhead(directory: string, untouchedSinceMs: number): Promise<void> {
    for await (const _lines of this.#ask({ what: 'hash-ahead', directory, untouchedSinceMs }));
  }

  /** Its thread has ended, or broken down. */
  get over(): boolean {
    return this.#ended.signal.aborted
  }

  close(): void {
    this.#ended.abort(new Error('the manifest was given up'))
    void this.#thread.terminate()
  }
}
