/** The ways to an engine: directly, through powerstrip's two listeners, and through hooks that change nothing. */
import { CLIENTS_POLICY, type NullHooks, startNullHooks } from '../cases/null-hooks.ts'
import { describeEachEngine, type Engine } from '../engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../powerstrip.ts'
import type { Door } from './door.ts'

export interface Ways {
  readonly direct: Door
  readonly unix: Door
  readonly tcp: Door
  /** Where a test has opened it. */
  readonly hooked?: Door
}

export function waysTo(socket: string, powerstrip: Powerstrip, hooked?: Powerstrip): Ways {
  return {
    direct: { kind: 'unix', path: socket },
    unix: { kind: 'unix', path: powerstrip.socket },
    tcp: { kind: 'tcp', port: powerstrip.port },
    ...(hooked === undefined ? {} : { hooked: { kind: 'unix', path: hooked.socket } }),
  }
}

/** One engine of the run and the powerstrip in front of it. */
export interface Setting {
  readonly engine: Engine
  readonly powerstrip: Powerstrip
  readonly ways: Ways
}

/** A describe block for each engine of the run, with a powerstrip of its own. `at` may be called inside tests and hooks. */
export function describeEveryWay(name: string, body: (at: () => Setting) => void): void {
  describeEachEngine(name, (engine) => {
    let powerstrip: Powerstrip
    let nothing: NullHooks

    beforeAll(async () => {
      powerstrip = await startPowerstrip({ upstream: engine().host })
      nothing = await startNullHooks(engine().host, CLIENTS_POLICY)
    })

    afterAll(async () => {
      await powerstrip.stop()
      await nothing[Symbol.asyncDispose]()
    })

    body(() => ({
      engine: engine(),
      powerstrip,
      ways: waysTo(engine().socket, powerstrip, nothing.powerstrip),
    }))
  })
}

/**
 * Without the hooks, for what they may change: an answer that was shown gets one length, and a request body that is shown
 * must be JSON.
 */
export function relayed({ direct, unix, tcp }: Ways): Ways {
  return { direct, unix, tcp }
}

/** Powerstrip's two listeners. */
export const LISTENERS = ['unix', 'tcp'] as const

/**
 * Makes one observation directly and then on each other way, and expects the same of all. What it returns was
 * seen directly: the test still has to say what that must be, or both could be wrong alike.
 */
export async function sameEveryWay<T>(
  ways: Ways,
  observe: (door: Door, way: keyof Ways) => Promise<T>,
): Promise<T> {
  const direct = await observe(ways.direct, 'direct')
  for (const way of [...LISTENERS, 'hooked'] as const) {
    const door = ways[way]
    if (door === undefined) continue
    const seen = await observe(door, way)
    expect({ way, seen }).toEqual({ way, seen: direct })
  }
  return direct
}
