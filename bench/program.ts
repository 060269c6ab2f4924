/** A contender's process, from its start to its end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { mustPing } from './answers.ts'
import type { Where } from './client/client.ts'
import type { Contender } from './contenders/contender.ts'
import { ProcessTree } from './process-tree.ts'

export interface Program {
  readonly port: number
  readonly socket: string
  readonly processes: ProcessTree
  end(): Promise<void>
}

const START_LIMIT_MS = 30_000
const END_LIMIT_MS = 5_000
const PAUSE_MS = 20

/** Starts a contender in front of the engine and waits until it answers on both addresses. */
export async function startProgram(
  contender: Contender,
  engineSocket: string,
  dir: string,
  signal: AbortSignal,
): Promise<Program> {
  await mkdir(dir)
  const port = await freePort()
  const socket = `${dir}/docker.sock`
  const { program, args, files } = contender.launch({ engineSocket, port, socket, dir })
  for (const [name, text] of Object.entries(files)) await writeFile(`${dir}/${name}`, text)

  const log = await open(`${dir}/output.log`, 'a')
  // setpriv becomes the program. Should the benchmark be killed, the kernel ends the program for it. A group of its
  // own: an interrupt on the terminal reaches the benchmark, which ends what it started in order.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', program, ...args], {
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  })
  await once(child, 'spawn')
  await log.close()
  const end = async () => {
    await endProcess(child)
    await rm(dir, { recursive: true, force: true })
  }
  try {
    for (const where of [port, socket]) await answering(where, child, signal)
  } catch (error) {
    const said = await readFile(`${dir}/output.log`, 'utf8')
    await end()
    signal.throwIfAborted()
    throw new Error(`${contender.title} does not start: ${(error as Error).message}\n${said}`)
  }
  return { port, socket, processes: new ProcessTree(child.pid!), end }
}

async function answering(where: Where, child: ChildProcess, signal: AbortSignal): Promise<void> {
  const late = Date.now() + START_LIMIT_MS
  for (;;) {
    try {
      return await mustPing(where, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (hasEnded(child)) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`)
      if (Date.now() > late) throw error
      await sleep(PAUSE_MS)
    }
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const alarm = setTimeout(() => child.kill('SIGKILL'), END_LIMIT_MS)
  await gone
  clearTimeout(alarm)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** A port on 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
