import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import {
  duration,
  type EngineClient,
  engine,
  type OptionReader,
  options,
  type Result,
  text,
} from 'powerstrip/sdk'
import type { BringTerms, Here } from './bring.ts'
import { ControlService } from './control-service.ts'
import { Leases } from './leases.ts'
import { findThisNode, type ThisNode, unknownNode } from './this-node.ts'
import type { Trouble } from './trouble.ts'
import { Watch } from './watch.ts'

/** What one adapter works with. */
export interface Config {
  readonly control: ControlService
  readonly engine: EngineClient
  readonly leases: Leases
  /** `undefined`: there are no leases to care for. */
  readonly watch: Watch | undefined
  readonly terms: BringTerms
  /** By what was asked for, what had to be moved for it: to be told once the container is there. */
  readonly moved: Map<string, readonly Here[]>
  node(signal: AbortSignal): Promise<Result<ThisNode, Trouble>>
}

const NODE_RETRY_MS = 200

const readOptions = options({
  control: urls(),
  node: text(''),
  engine: engine(),
  leases: leasesWord(),
  hostUuid: text(''),
  deadline: duration('280s'),
  confirmWithin: duration('60s'),
  timeout: duration('10s'),
  // A program that is started over is back sooner, and a disk is not emptied by waiting.
  problemPatience: duration('15s'),
  ca: pem(),
  cert: pem(),
  key: pem(),
})

export function readConfig(value: unknown): Config {
  const given = readOptions(value)
  // The variables of 2015.
  const { FLOCKER_CONTROL_SERVICE_BASE_URL, MY_NETWORK_IDENTITY, MY_HOST_UUID } = process.env
  const where = given.control ?? (FLOCKER_CONTROL_SERVICE_BASE_URL ? [FLOCKER_CONTROL_SERVICE_BASE_URL] : [])
  if (where.length === 0) throw new TypeError('"control": is missing; write http://10.0.0.1:4523')
  const configured = given.node || MY_NETWORK_IDENTITY
  if (!configured)
    throw new TypeError(
      '"node": is missing; write the UUID or the host of this node, as GET /v1/state/nodes lists it',
    )
  if ((given.cert === undefined) !== (given.key === undefined))
    throw new TypeError('"cert" and "key" belong together')

  const { ca, cert, key } = given
  const control = new ControlService({
    urls: where,
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
    timeoutMs: given.timeout,
  })
  const leases = new Leases({ control, kind: given.leases, confirmWithinMs: given.confirmWithin })
  let found: ThisNode | undefined
  const node = async (signal: AbortSignal): Promise<Result<ThisNode, Trouble>> => {
    // An agent that has just been started is known in a moment.
    const untilMs = Date.now() + given.problemPatience
    while (found === undefined) {
      const asked = await findThisNode(control, configured, signal)
      if (!asked.ok) return asked
      if (asked.value !== undefined) found = asked.value
      else if (signal.aborted || Date.now() > untilMs) return unknownNode(control, configured, signal)
      else await pause(NODE_RETRY_MS, undefined, { signal }).catch(() => {})
    }
    return { ok: true, value: found }
  }
  return {
    control,
    engine: given.engine,
    leases,
    watch: given.leases === 'none' ? undefined : new Watch({ engine: given.engine, leases, node }),
    terms: {
      deadlineMs: given.deadline,
      hostUuid: given.hostUuid || MY_HOST_UUID || undefined,
      problemPatienceMs: given.problemPatience,
      watchWish: given.leases === 'none',
    },
    moved: new Map(),
    node,
  }
}

/** One address, or several. */
function urls(): OptionReader<readonly string[] | undefined> {
  return (value) => {
    const list = typeof value === 'string' ? [value] : value
    if (list === undefined) return undefined
    if (Array.isArray(list) && list.length > 0 && list.every((url) => typeof url === 'string' && url !== ''))
      return list
    throw new TypeError('is the address of a control service, or a list of such')
  }
}

function leasesWord(): OptionReader<'required' | 'none'> {
  return (value = 'required') => {
    if (value === 'required' || value === 'none') return value
    throw new TypeError('is required or none')
  }
}

/** The text of a file. */
function pem(): OptionReader<string | undefined> {
  return (path) => {
    if (path === undefined) return undefined
    if (typeof path !== 'string' || path === '') throw new TypeError('is the path of a PEM file')
    try {
      return readFileSync(path, 'utf8')
    } catch (problem) {
      throw new TypeError(`cannot be read: ${(problem as Error).message}`)
    }
  }
}
