/** `powerstrip flocker-agent`: makes its host what the control service wants it to be. */
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { Agent } from '../flocker/agent/agent.ts'
import { ControlClient } from '../flocker/agent/control-client.ts'
import { DockerEngine } from '../flocker/agent/docker.ts'
import { DockerVolumes } from '../flocker/agent/docker-volumes.ts'
import { nodeIdentity } from '../flocker/agent/identity.ts'
import { Peers } from '../flocker/agent/peer.ts'
import { type Custodian, peerServer } from '../flocker/agent/peer-server.ts'
import { missingTools } from '../flocker/agent/tools.ts'
import { flockerLog } from '../flocker/log.ts'
import { reasonOf } from '../flocker/reason.ts'
import { serverTls } from '../flocker/tls.ts'
import { parseAddress } from '../model/parse-address.ts'
import type { LogLevel } from '../telemetry/log.ts'
import { VERSION } from '../version.ts'
import { isHttp, loadTls, parseListen, type TlsFlags } from './flocker-options.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface FlockerAgentOptions extends TlsFlags {
  readonly control: readonly string[]
  readonly docker: string
  readonly listen: string
  /** What other hosts call this one; without it, the address it listens on. */
  readonly hostname: string | undefined
  /** Directory that keeps the id of the node. */
  readonly state: string
  readonly logLevel: LogLevel
}

export async function runFlockerAgent(options: FlockerAgentOptions, around: Surroundings): Promise<ExitCode> {
  const fail = (problem: string, code: ExitCode): ExitCode => {
    around.err(`powerstrip flocker-agent: ${problem}\n`)
    return code
  }
  const listen = parseListen(options.listen)
  if (!listen.ok) return fail(listen.failure, 2)
  const docker = parseAddress(options.docker)
  if (!docker.ok) return fail(`--docker: ${docker.failure}`, 2)
  const wrong = options.control.find((url) => !isHttp(url))
  if (wrong !== undefined)
    return fail(`--control: "${wrong}" is not the address of a control service; write http://HOST:4523`, 2)
  const tls = await loadTls(options)
  if (!tls.ok) return fail(tls.failure, 2)
  const missing = missingTools()
  if (missing.length > 0) return fail(`these programs are missing on this host: ${missing.join(', ')}`, 1)
  const node = await nodeIdentity(options.state)
  if (!node.ok) return fail(node.failure.message, 1)

  const log = flockerLog(options.logLevel)
  await using engine = new DockerEngine(docker.value)
  await using control = new ControlClient(options.control, tls.value)
  await using peers = new Peers(tls.value)
  // The server has to listen before the agent can say where; it is asked for nothing before the agent has reported.
  let agent: Agent | undefined
  const custodian: Custodian = {
    offer: (dataset, to) => agent!.offer(dataset, to),
    handOver: (dataset, to) => agent!.handOver(dataset, to),
    frozen: (dataset, copy) => agent!.frozen(dataset, copy),
    hasher: (dataset) => agent!.hasher(dataset),
  }
  const server = peerServer(custodian, tls.value && serverTls(tls.value))
  try {
    await server.listen(listen.value)
  } catch (problem) {
    return fail(`cannot listen on ${options.listen}: ${reasonOf(problem)}`, 1)
  }
  const { port } = server.server.address() as AddressInfo
  const host = options.hostname ?? (isWildcard(listen.value.host) ? hostname() : listen.value.host)
  const endpoint = `${host.includes(':') ? `[${host}]` : host}:${port}`
  agent = new Agent({
    node: node.value,
    host,
    endpoint,
    backend: new DockerVolumes(engine),
    control,
    peers,
    log,
  })
  const version = await engine.version()
  if (!version.ok) log.warn('the engine does not answer yet', { reason: version.failure.message })
  around.out(
    [
      `powerstrip flocker-agent ${VERSION} for ${options.docker} (${version.ok ? `Docker Engine ${version.value}` : 'not answering yet'})`,
      `node ${node.value}, called ${host}, serving other agents on ${endpoint}`,
      'for the flocker adapter on this host:',
      `  FLOCKER_CONTROL_SERVICE_BASE_URL=${options.control[0]!.replace(/\/(v1\/?)?$/, '')}/v1`,
      `  MY_NETWORK_IDENTITY=${host}`,
      `  MY_HOST_UUID=${node.value}`,
      '',
    ].join('\n'),
  )
  let greeted = false
  await agent.run(around.stop, () => {
    if (greeted) return
    greeted = true
    log.info('registered', { node: node.value, control: options.control })
  })
  await server.close()
  return 0
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
