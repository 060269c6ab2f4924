/**
 * A program: two agents whose datasets are plain directories. Prints their nodes as a line of JSON and stays.
 *
 *     directory-agents.ts CONTROL ROOT SCRIPT      SCRIPT is run in a copy of which all has been streamed, before it is set aside
 */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type * as AgentModule from '../../../src/flocker/agent/agent.ts'
import type * as ControlClientModule from '../../../src/flocker/agent/control-client.ts'
import type * as PeerModule from '../../../src/flocker/agent/peer.ts'
import type * as PeerServerModule from '../../../src/flocker/agent/peer-server.ts'
import type * as LogModule from '../../../src/flocker/log.ts'
import { Directories } from './directories.ts'

/** As built, for an agent's threads are started from there. */
async function built<Module>(name: string): Promise<Module> {
  return import(resolve('dist/src/flocker', name)) as Promise<Module>
}

const { Agent } = await built<typeof AgentModule>('agent/agent.js')
const { ControlClient } = await built<typeof ControlClientModule>('agent/control-client.js')
const { Peers } = await built<typeof PeerModule>('agent/peer.js')
const { peerServer } = await built<typeof PeerServerModule>('agent/peer-server.js')
const { flockerLog } = await built<typeof LogModule>('log.js')

const [control, root, script] = process.argv.slice(2) as [string, string, string]

async function startAgent(host: string): Promise<string> {
  const node = randomUUID()
  const server = peerServer(
    {
      offer: (dataset, to) => agent.offer(dataset, to),
      handOver: (dataset, to) => agent.handOver(dataset, to),
      frozen: (dataset, copy) => agent.frozen(dataset, copy),
      hasher: (dataset) => agent.hasher(dataset),
    },
    undefined,
  )
  await server.listen({ host: '127.0.0.1', port: 0 })
  const agent = new Agent({
    node,
    host,
    endpoint: `127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    backend: new Directories(join(root, host), async (cwd) => {
      await promisify(execFile)('sh', ['-c', script], { cwd })
    }),
    control: new ControlClient([control], undefined),
    peers: new Peers(undefined),
    log: flockerLog('info'),
  })
  await new Promise<void>((registered) => void agent.run(new AbortController().signal, registered))
  return node
}

console.log(JSON.stringify([await startAgent('one'), await startAgent('two')]))
