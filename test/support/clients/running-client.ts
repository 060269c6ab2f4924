import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type ClientOptions, type Ended, spawnDocker } from '../engine/index.ts'

/** A docker CLI that a scenario talks to while it runs. Killed at the end of the block that holds it. */
export interface RunningClient extends Disposable {
  readonly child: ChildProcess
  /** What it has written to standard output so far. */
  readonly stdout: string
  /** Resolves when standard output holds this; an end before that is thrown, with everything the client said. */
  shows(what: string | RegExp): Promise<void>
  type(text: string): void
  /** Resolves when it has ended by itself, or by a signal: then the code is null. */
  readonly ended: Promise<Omit<Ended, 'exitCode'> & { readonly exitCode: number | null }>
}

export function opened(host: string, args: readonly string[], options: ClientOptions): RunningClient {
  const child = spawnDocker(host, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]!.setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text
      for (const look of watchers) look()
    })
  }
  // A client may end without reading all its input; how it ended is what is looked at.
  child.stdin!.on('error', () => undefined)
  const ended = (once(child, 'close') as Promise<[number | null]>).then(([exitCode]) => ({
    exitCode,
    ...said,
  }))

  return {
    child,
    get stdout() {
      return said.stdout
    },
    shows(what) {
      const holds = () => (typeof what === 'string' ? said.stdout.includes(what) : what.test(said.stdout))
      if (holds()) return Promise.resolve()
      return new Promise((resolve, reject) => {
        const look = () => {
          if (!holds()) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        void ended.then((end) =>
          reject(new Error(`docker ${args.join(' ')} never showed ${what}: ${JSON.stringify(end)}`)),
        )
      })
    },
    type(text) {
      child.stdin!.write(text)
    },
    ended,
    [Symbol.dispose]() {
      child.kill('SIGKILL')
    },
  }
}
