import type { Host } from './hosts.ts'

/** Makes one Swarm of the hosts. The first is its manager. */
export async function formSwarm(hosts: readonly Host[]): Promise<void> {
  const [manager, ...workers] = hosts
  if (manager === undefined) throw new Error('a Swarm needs a host')
  await manager.mustDocker(['swarm', 'init', '--advertise-addr', manager.address])
  const token = await manager.mustDocker(['swarm', 'join-token', '--quiet', 'worker'])
  for (const worker of workers) {
    const where = ['--advertise-addr', worker.address, '--token', token]
    await worker.mustDocker(['swarm', 'join', ...where, `${manager.address}:2377`])
  }
}
