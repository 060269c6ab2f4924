/** `powerstrip flocker-control`: says who has which dataset, and who should. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Control } from '../flocker/control/control.ts'
import { controlServer } from '../flocker/control/server.ts'
import { flockerLog } from '../flocker/log.ts'
import { openFileStore } from '../flocker/store/file-store.ts'
import { serverTls } from '../flocker/tls.ts'
import type { LogLevel } from '../telemetry/log.ts'
import { VERSION } from '../version.ts'
import { loadTls, parseListen, type TlsFlags } from './flocker-options.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface FlockerControlOptions extends TlsFlags {
  readonly listen: string
  /** Path of the state file. */
  readonly state: string
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
  const store = await openFileStore(options.state)
  if (!store.ok) return fail(store.failure.message, 1)
  await using state = store.value

  const log = flockerLog(options.logLevel)
  const server = controlServer(new Control(state), tls.value && serverTls(tls.value))
  try {
    await server.listen(listen.value)
  } catch (problem) {
    return fail(
      `cannot listen on ${options.listen}: ${problem instanceof Error ? problem.message : problem}`,
      1,
    )
  }
  const { address, port } = server.server.address() as AddressInfo
  const host = address.includes(':') ? `[${address}]` : address
  const url = `${tls.value === undefined ? 'http' : 'https'}://${host}:${port}`
  log.info('listening', { address: url, state: options.state })
  around.out(
    [
      `powerstrip flocker-control ${VERSION} listening on ${url}, state in ${options.state}`,
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
