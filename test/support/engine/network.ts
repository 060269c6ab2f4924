import { mustRun, run } from './run.ts'

/**
 * Joins an engine's network namespace with the machine by a veth pair, and gives the engine a default route, which
 * Swarm wants to see. No forwarding and no NAT is set up on the machine: containers reach it, and by our doing nobody else.
 *
 * Both ends go when the namespace goes. Returns the engine's address.
 */
export async function connectToMachine(pid: number): Promise<string> {
  const link = `ps${pid}`
  await mustRun('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${pid}`])
  const [machine, engine] = await freePair(pid)
  await mustRun('ip', ['address', 'add', `${machine}/30`, 'dev', link])
  await mustRun('ip', ['link', 'set', link, 'up'])
  await raiseInside(pid, 'eth0', engine)
  await ipInside(pid, ['route', 'add', 'default', 'via', machine])
  return engine
}

async function raiseInside(pid: number, link: string, address: string): Promise<void> {
  await ipInside(pid, ['address', 'add', `${address}/30`, 'dev', link])
  await ipInside(pid, ['link', 'set', link, 'up'])
}

/** Runs `ip` in the network namespace of a process. */
export function ipInside(pid: number, args: readonly string[]): Promise<string> {
  return mustRun('nsenter', ['--target', `${pid}`, '--net', 'ip', ...args])
}

/** A /16 in blocks of four addresses. Process ids are unique, so engines meet only where the ids wrap. */
const BLOCKS = 2 ** 14

function pairIn(prefix: string, number: number): readonly [string, string] {
  const block = number % BLOCKS
  const [high, low] = [block >> 6, (block & 63) * 4]
  return [`${prefix}.${high}.${low + 1}`, `${prefix}.${high}.${low + 2}`]
}

async function freePair(pid: number): Promise<readonly [string, string]> {
  for (let number = pid; ; number++) {
    const pair = pairIn('10.213', number)
    const taken = await run('ip', ['-oneline', 'address', 'show', 'to', `${pair[0]}/30`])
    if (taken.stdout === '') return pair
  }
}
