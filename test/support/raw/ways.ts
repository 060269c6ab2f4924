/** The ways to an engine: directly, and through powerstrip's two listeners. */
import { describeEachEngine, type Engine } from '../engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../powerstrip.ts'
import type { Door } from './door.ts'

export interface Ways {
  readonly direct: Door
  readonly unix: Door
  readonly tcp: Door
}

export function waysTo(socket: string, powerstrip: Powerstrip): Ways {
  return {
    direct: { kind: 'unix', path: socket },
    unix: { kind: 'unix', path: powerstrip.socket },
    tcp: { kind: 'tcp', port: powerstrip.port },
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

    beforeAll(async () => {
      powerstrip = await startPowerstrip({ upstream: engine().host })
    })

    afterAll(async () => {
      await powerstrip.stop()
    })

    body(() => ({ engine: engine(), powerstrip, ways: waysTo(engine().socket, powerstrip) }))
  })
}

/** Powerstrip's two listeners. */
export const LISTENERS = ['unix', 'tcp'] as const

/**
 * Makes one observation directly and then through each listener, and expects the same of all three. What it returns was
 * seen directly: the test still has to say what that must be, or both could be wrong alike.
 */
export async function sameEveryWay<T>(
  ways: Ways,
  observe: (door: Door, way: keyof Ways) => Promise<T>,
): Promise<T> {
  const direct = await observe(ways.direct, 'direct')
  for (const way of LISTENERS) {
    const seen = await observe(ways[way], way)
    expect({ way, seen }).toEqual({ way, seen: direct })
  }
  return direct
}
