import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ipInside } from '../engine/network.ts'

/**
 * What the hosts are plugged into: a bridge in a network namespace of its own, held by a small process that ends when
 * its input does. The namespace takes the bridge and every cable with it, so a test process that dies leaves nothing.
 */
export interface Switch {
  /** Joins a network namespace, named by one of its processes, to all others that are plugged in. */
  plug(port: string, pid: number, address: string): Promise<void>
  /** From now on nothing passes this port, and nobody is told: as when a cable is cut far away. */
  cut(port: string): Promise<void>
  restore(port: string): Promise<void>
  dispose(): Promise<void>
}

/** Known inside the joined namespaces only, so every switch may use the same. */
const PREFIX_LENGTH = 24
const BRIDGE = 'switch'

/** What the cable is called inside a host. */
export const LINK = 'link0'

const HOLD = `
ip link add ${BRIDGE} type bridge stp_state 0 forward_delay 0 &&
ip link set ${BRIDGE} up &&
echo ready && exec cat
`

export async function startSwitch(): Promise<Switch> {
  const child = spawn('unshare', ['--net', 'sh', '-c', HOLD], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const gone = once(child, 'exit')
  const ready = await Promise.race([once(child.stdout, 'data'), gone.then(() => undefined)])
  const { pid } = child
  if (ready === undefined || pid === undefined)
    throw new Error(`the switch between the hosts could not be made (exit ${child.exitCode}); are you root?`)
  child.unref()
  for (const stream of [child.stdin, child.stdout])
    if ('unref' in stream) (stream as { unref(): void }).unref()

  return {
    async plug(port, host, address) {
      const peer = ['type', 'veth', 'peer', 'name', LINK, 'netns', `${host}`]
      await ipInside(pid, ['link', 'add', port, ...peer])
      await ipInside(pid, ['link', 'set', port, 'master', BRIDGE, 'up'])
      await ipInside(host, ['address', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', LINK])
      await ipInside(host, ['link', 'set', LINK, 'up'])
    },
    async cut(port) {
      await ipInside(pid, ['link', 'set', port, 'nomaster'])
    },
    async restore(port) {
      await ipInside(pid, ['link', 'set', port, 'master', BRIDGE])
    },
    async dispose() {
      child.ref()
      child.stdin.end()
      await gone
    },
  }
}
