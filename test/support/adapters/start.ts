/** Adapters written with nothing but Python's standard library, as people write them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { RemoteAddress } from '../../../src/transport/destination.ts'

/** What a hook needs to know of an adapter's place. */
export interface AdapterPlace {
  readonly url: string
  readonly address: RemoteAddress
}

export interface PythonAdapters extends AsyncDisposable {
  /** `path` names what the adapter does; the program has the list. */
  at(via: 'http' | 'unix', path: string): AdapterPlace
}

export async function startAdapters(
  program: 'answering.py' | 'misbehaving.py' | '../conformance/old.py',
): Promise<PythonAdapters> {
  const folder = await mkdtemp(join(tmpdir(), 'adapters-'))
  const socketPath = join(folder, 'adapter.sock')
  // -B: no compiled files in the source tree.
  const child = spawn('python3', ['-B', join('test/support/adapters', program), socketPath], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const port = await Promise.race([
    once(lines, 'line').then(([line]) => Number(line)),
    exited.then(() => Promise.reject(new Error(`${program} ended before it listened`))),
  ])

  return {
    at(via, path) {
      return via === 'http'
        ? { url: `http://127.0.0.1:${port}${path}`, address: { via } }
        : { url: `unix://${socketPath}:${path}`, address: { via, socketPath, path } }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}
