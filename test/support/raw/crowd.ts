/** Many clients in a process of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Holding } from './hold-connections.ts'

export interface Crowd extends AsyncDisposable {
  /** Resolves when every connection has received the next mark. */
  marked(): Promise<void>
  /** SIGKILL, with all connections open; resolves when the process is gone. */
  kill(): Promise<void>
}

/** Resolves when all connections are open and have sent their request. */
export async function startCrowd(holding: Holding): Promise<Crowd> {
  const program = ['--import', 'tsx', 'test/support/raw/hold-connections.ts', JSON.stringify(holding)]
  const child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const lines = linesOf(child)
  const next = async () => {
    if ((await lines.next()).done === true) throw new Error(`the crowd ended with ${child.exitCode}`)
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  await next()
  return { marked: next, kill, [Symbol.asyncDispose]: kill }
}

function linesOf(child: ChildProcess): AsyncIterator<string> {
  return createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
}
