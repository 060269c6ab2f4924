/** Plugs a container into the weave bridge, by argument vectors: nothing of a user's is ever read by a shell. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** The interface that the wait program waits for. */
export const INTERFACE = 'ethwe'

export interface Plug {
  readonly bridge: string
  /** A process of the container. */
  readonly pid: number
  /** Of the container. */
  readonly id: string
  /** `10.32.0.1/12` */
  readonly addresses: readonly string[]
}

/**
 * Idempotent: what is there stays, what is missing is added. The interface comes up last, with its addresses on it, for that is
 * what the container waits for.
 */
export async function plugIn({ bridge, pid, id, addresses }: Plug): Promise<void> {
  await makeBridge(bridge)
  const inside = (...args: string[]) => ip(pid, args)
  if (!(await succeeds(inside('link', 'show', 'dev', INTERFACE)))) await makePair(bridge, pid, id)
  const present = await inside('-oneline', '-4', 'address', 'show', 'dev', INTERFACE)
  for (const address of addresses) {
    if (present.includes(` ${address} `)) continue
    await inside('address', 'add', address, 'broadcast', '+', 'dev', INTERFACE)
  }
  await inside('link', 'set', 'dev', INTERFACE, 'up')
  await succeeds(inside('route', 'replace', '224.0.0.0/4', 'dev', INTERFACE))
}

async function makeBridge(bridge: string): Promise<void> {
  if (await succeeds(ip(undefined, ['link', 'show', 'dev', bridge]))) return
  // Two containers may start at once: one of them finds it made.
  const made = await succeeds(ip(undefined, ['link', 'add', 'name', bridge, 'type', 'bridge']))
  await ip(undefined, ['link', 'set', 'dev', bridge, 'up'])
  // The engine forbids what it did not connect itself. Where a router made the bridge, it saw to that.
  const within = ['FORWARD', '-i', bridge, '-o', bridge, '-j', 'ACCEPT']
  if (made) await succeeds(execute('iptables', ['-w', '-I', ...within], { timeout: COMMAND_LIMIT_MS }))
}

async function makePair(bridge: string, pid: number, id: string): Promise<void> {
  // At most 15 characters.
  const local = `vw${id.slice(0, 12)}`
  // Of a container that was just restarted the old pair may still be on its way out.
  await succeeds(ip(undefined, ['link', 'delete', 'dev', local]))
  const mtu = (await readFile(`/sys/class/net/${bridge}/mtu`, 'utf8').catch(() => '')).trim() || '1500'
  const peer = ['peer', 'name', INTERFACE, 'mtu', mtu, 'netns', `${pid}`]
  await ip(undefined, ['link', 'add', 'name', local, 'mtu', mtu, 'type', 'veth', ...peer])
  try {
    await ip(undefined, ['link', 'set', 'dev', local, 'master', bridge, 'up'])
  } catch (problem) {
    await succeeds(ip(undefined, ['link', 'delete', 'dev', local]))
    throw problem
  }
}

export interface Plugged {
  readonly mac: string
  readonly address: string
  readonly prefix: number
}

/** What is plugged in now. */
export async function lookAt(pid: number): Promise<Plugged | undefined> {
  const shown = await ip(pid, ['-oneline', 'address', 'show', 'dev', INTERFACE]).catch(() => '')
  const link = await ip(pid, ['-oneline', 'link', 'show', 'dev', INTERFACE]).catch(() => '')
  const [, address, prefix] = / inet ([0-9.]+)\/([0-9]+) /.exec(shown) ?? []
  const [, mac] = / link\/ether ([0-9a-f:]{17}) /.exec(link) ?? []
  return address === undefined || mac === undefined ? undefined : { mac, address, prefix: Number(prefix) }
}

/** `ip`, in the network namespace of a process or in this one's. */
async function ip(pid: number | undefined, args: readonly string[]): Promise<string> {
  const [program, all] =
    pid === undefined ? ['ip', args] : ['nsenter', ['--target', `${pid}`, '--net', '--', 'ip', ...args]]
  try {
    return (await execute(program as string, all as string[], { timeout: COMMAND_LIMIT_MS })).stdout
  } catch (problem) {
    const { stderr, message } = problem as Error & { stderr?: string }
    throw new Error(`ip ${args.join(' ')}: ${stderr?.trim() || message}`)
  }
}

/** Each takes milliseconds. */
const COMMAND_LIMIT_MS = 10_000

async function succeeds(done: Promise<unknown>): Promise<boolean> {
  return done.then(
    () => true,
    () => false,
  )
}
