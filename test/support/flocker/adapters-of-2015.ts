/** The adapters of 2015 as they were, faults included: `of_2015.py` has them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Surroundings {
  /** Base URL of the control service, with `/v1`. */
  readonly CONTROL: string
  readonly NODE: string
  /** Path of the engine's socket. */
  readonly ENGINE: string
  /** File in which attached addresses are noted. */
  readonly ATTACHED: string
  /** How long slowreq waits, in seconds. */
  readonly DELAY: number
}

export interface AdaptersOf2015 extends AsyncDisposable {
  readonly urls: Readonly<Record<'flocker' | 'weave' | 'debug' | 'slowreq', string>>
}

export async function startAdaptersOf2015(around: Surroundings): Promise<AdaptersOf2015> {
  // -B: no compiled files in the source tree.
  const child = spawn('python3', ['-B', 'test/support/flocker/of_2015.py', JSON.stringify(around)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const at = (path: string) => `http://127.0.0.1:${port}${path}`
  return {
    urls: {
      flocker: at('/flocker-adapter'),
      weave: at('/weave-adapter'),
      debug: at('/debug'),
      slowreq: at('/slowreq-adapter'),
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}
