import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from './hosts.ts'

/** Makes one Swarm of the hosts. The first is its manager; the others are what `role` says. */
export async function formSwarm(
  hosts: readonly Host[],
  role: 'worker' | 'manager' = 'worker',
): Promise<void> {
  const [manager, ...others] = hosts
  if (manager === undefined) throw new Error('a Swarm needs a host')
  await manager.mustDocker(['swarm', 'init', '--advertise-addr', manager.address])
  const token = await manager.mustDocker(['swarm', 'join-token', '--quiet', role])
  for (const other of others) {
    const where = ['--advertise-addr', other.address, '--token', token]
    const { exitCode, stderr } = await other.docker(['swarm', 'join', ...where, `${manager.address}:2377`])
    // After 20 s an engine says that it will go on in the background, and it does.
    if (exitCode !== 0 && !stderr.includes('continue in the background'))
      throw new Error(`${other.name} does not join: ${stderr.trim()}`)
    const state = () => other.mustDocker(['info', '--format', '{{.Swarm.LocalNodeState}}'])
    while ((await state()) !== 'active') await sleep(200)
  }
}
