/** Whether clients can be served as the configuration says, part by part. */
import type { Readiness } from './admin/server.ts'
import type { AdapterState } from './hook-rules.ts'
import { describeAddress, type EngineTarget } from './model/address.ts'
import { dialler } from './plane/dial.ts'
import { type EngineIdentity, probeEngine } from './plane/probe.ts'

export interface Parts {
  /** Nothing while powerstrip starts. */
  readonly engine: EngineTarget | undefined
  readonly adapters: readonly AdapterState[]
  /** Of the configuration in force. */
  readonly revision: string | undefined
  /** Why what stands in the configuration file is not in force. */
  readonly configProblem: string | undefined
  readonly isStopping: boolean
}

interface Part {
  readonly ready: boolean
  readonly problem?: string
  readonly [fact: string]: unknown
}

export async function readinessOf(parts: Parts): Promise<Readiness> {
  const { engine, adapters, revision, configProblem, isStopping } = parts
  const asked = engine === undefined ? undefined : await engineState(engine)
  const states = adapters.map(
    ({ adapter, problem, protocol }) => [adapter, part(problem, { protocol })] as const,
  )
  const config = part(configProblem, { revision })
  const isUp = !isStopping && engine !== undefined
  const all: readonly (readonly [string, Part])[] = [
    ['powerstrip', part(isUp ? undefined : isStopping ? 'it is stopping' : 'it is starting')],
    ...(asked === undefined ? [] : [['engine', asked] as const]),
    ...states.map(([name, state]) => [`adapter ${name}`, state] as const),
    ['config', config],
  ]
  const notReady = all.filter(([, { ready }]) => !ready).map(([name, { problem }]) => `${name}: ${problem}`)
  return {
    ready: notReady.length === 0,
    notReady,
    ...(asked === undefined ? {} : { engine: asked }),
    adapters: Object.fromEntries(states),
    config,
  }
}

function part(problem: string | undefined, facts: Readonly<Record<string, unknown>> = {}): Part {
  return { ready: problem === undefined, ...(problem === undefined ? {} : { problem }), ...facts }
}

async function engineState(engine: EngineTarget): Promise<Part> {
  const found = await probeEngine(dialler(engine), NEVER)
  const identity: Partial<EngineIdentity> = found.ok ? found.value : {}
  return part(found.ok ? undefined : found.failure.message, {
    address: describeAddress(engine.address),
    ...identity,
  })
}

/** A question to the engine has a time limit of its own. */
const NEVER = new AbortController().signal
