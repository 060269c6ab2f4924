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
    await other.mustDocker(['swarm', 'join', ...where, `${manager.address}:2377`])
  }
}
