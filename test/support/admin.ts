/** What an operator gets to see: pages of an admin listener, lines of a decision log, and a tap. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { Decision } from '../../src/telemetry/decision.ts'
import { Milestones } from './cases/milestones.ts'
import { COMMAND } from './powerstrip.ts'

export interface Page {
  readonly status: number
  readonly type: string
  readonly text: string
}

export async function page(socket: string, path: string): Promise<Page> {
  const asked = request({ socketPath: socket, path, agent: false })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part as Buffer)
  return {
    status: answer.statusCode ?? 0,
    type: answer.headers['content-type'] ?? '',
    text: Buffer.concat(parts).toString(),
  }
}

/** Samples by name and labels, as in `powerstrip_unwind_total{result="done"}`. */
export async function metrics(socket: string): Promise<Readonly<Record<string, number>>> {
  const { text } = await page(socket, '/metrics')
  const samples = text.split('\n').flatMap((line) => {
    const [, sample, value] = /^([a-z]\S*(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    return sample === undefined ? [] : [[sample, Number(value)] as const]
  })
  return Object.fromEntries(samples)
}

export function decisionsIn(file: string): readonly Decision[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  // Each line is whole.
  expect(lines.pop()).toBe('')
  return lines.map((line) => JSON.parse(line) as Decision)
}

export interface TapProcess extends AsyncDisposable {
  readonly process: ChildProcess
  readonly lines: readonly string[]
  /** The line of this number, counted from 1, among those that the test is after. */
  shown(accept: (line: string) => boolean, number?: number): Promise<string>
  readonly said: () => string
  exit(): Promise<unknown>
}

/** `powerstrip tap` as users start it; it watches by the time that this resolves, or has ended. */
export async function startTap(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<TapProcess> {
  const child = spawn(process.execPath, [COMMAND, 'tap', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  })
  const lines = new Milestones<string>()
  let rest = ''
  child.stdout!.on('data', (part) => {
    const parts = `${rest}${part}`.split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) lines.add(line)
  })
  let said = ''
  const exited = once(child, 'close').then(([code]) => code as unknown)
  await new Promise<void>((resolve) => {
    child.stderr!.on('data', (part) => {
      said += part
      if (said.startsWith('watching')) resolve()
    })
    void exited.then(() => resolve())
  })
  return {
    process: child,
    lines: lines.all,
    shown: (accept, number = 1) => lines.reached(number, accept),
    said: () => said,
    exit: () => exited,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
