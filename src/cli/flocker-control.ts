/** `powerstrip flocker-control`: says who has which dataset, and who should. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Control } from '../flocker/control/control.ts'
import { controlServer } from '../flocker/control/server.ts'
import { flockerLog } from '../flocker/log.ts'
import { reasonOf } from '../flocker/reason.ts'
import { openEtcdStore } from '../flocker/store/etcd-store.ts'
import { openFileStore } from '../flocker/store/file-store.ts'
import type { StateStore, StoreTrouble } from '../flocker/store/state-store.ts'
import { serverTls, type TlsIdentity } from '../flocker/tls.ts'
import type { Result } from '../model/result.ts'
import type { LogLevel } from '../telemetry/log.ts'
import { VERSION } from '../version.ts'
import { isHttp, loadTls, parseListen, type TlsFlags } from './flocker-options.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface FlockerControlOptions extends TlsFlags {
  readonly listen: string
  /** Path of the state file, or `etcd`. */
  readonly state: string
  readonly etcdEndpoints: readonly string[]
  readonly etcdPrefix: string
  readonly logLevel: LogLevel
}

export async function runFlockerControl(
  options: FlockerControlOptions,
  around: Surroundings,
): Promise<ExitCode> {
  const fail = (problem: string, code: ExitCode): ExitCode => {
    around.err(`powerstrip flocker-control: ${problem}\n`)
    return code
  }
  const listen = parseListen(options.listen)
  if (!listen.ok) return fail(listen.failure, 2)
  const tls = await loadTls(options)
  if (!tls.ok) return fail(tls.failure, 2)
  const wrong = etcdUsage(options)
  if (wrong !== undefined) return fail(wrong, 2)
  const store = await openStore(options, tls.value)
  if (!store.ok) return fail(store.failure.message, 1)
  await using state = store.value

  const log = flockerLog(options.logLevel)
  const server = controlServer(new Control(state), tls.value && serverTls(tls.value))
  try {
    await server.listen(listen.value)
  } catch (problem) {
    return fail(`cannot listen on ${options.listen}: ${reasonOf(problem)}`, 1)
  }
  const { address, port } = server.server.address() as AddressInfo
  const host = address.includes(':') ? `[${address}]` : address
  const url = `${tls.value === undefined ? 'http' : 'https'}://${host}:${port}`
  const kept = options.state === 'etcd' ? `etcd at ${options.etcdEndpoints.join(', ')}` : options.state
  log.info('listening', { address: url, state: kept })
  around.out(
    [
      `powerstrip flocker-control ${VERSION} listening on ${url}, state in ${kept}`,
      'on each host:',
      `  powerstrip flocker-agent --control ${url} --listen ${host}:4524`,
      'for the flocker adapter:',
      `  FLOCKER_CONTROL_SERVICE_BASE_URL=${url}/v1`,
      '',
    ].join('\n'),
  )
  if (!around.stop.aborted) await once(around.stop, 'abort')
  await server.close()
  return 0
}

function openStore(
  { state, etcdEndpoints, etcdPrefix }: FlockerControlOptions,
  tls: TlsIdentity | undefined,
): Promise<Result<StateStore, StoreTrouble>> {
  if (state === 'etcd') return openEtcdStore({ endpoints: etcdEndpoints, prefix: etcdPrefix, tls })
  return openFileStore(state)
}

function etcdUsage({ state, etcdEndpoints }: FlockerControlOptions): string | undefined {
  if (state === 'etcd' && etcdEndpoints.length === 0)
    return '--state etcd needs --etcd-endpoints, as in http://10.0.0.1:2379'
  if (state !== 'etcd' && etcdEndpoints.length > 0) return '--etcd-endpoints goes with --state etcd'
  const wrong = etcdEndpoints.find((url) => !isHttp(url))
  return wrong === undefined
    ? undefined
    : `--etcd-endpoints: "${wrong}" is not an address; write http://10.0.0.1:2379`
}
