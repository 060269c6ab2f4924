import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'

/** Below it, services of the machine have their ports. */
const LOWEST = 10_000

/**
 * A port of 127.0.0.1 for a program that has to be told one. Not of those that the kernel gives to outgoing connections
 * and to whoever listens on port 0: such a one may be somebody else's before the program has begun.
 */
export async function freePort(): Promise<number> {
  const [kernels = 0] = (await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))
    .split(/\s+/)
    .map(Number)
  for (;;) {
    const port = kernels > LOWEST ? randomInt(LOWEST, kernels) : 0
    const server = createServer()
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
      throw problem
    }
    const { port: free } = server.address() as { readonly port: number }
    server.close()
    await once(server, 'close')
    return free
  }
}
