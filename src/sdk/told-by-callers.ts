/**
 * An adapter that is a service may be told its options twice: where it is started, and by a proxy's configuration, whose `with`
 * comes along with each call. The nearer one counts: what a caller brings stands in the place of what the adapter was started with.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Adapter } from '../model/hook.ts'
import type { AdapterDefinition } from './define-adapter.ts'
import type { AdapterLog } from './log.ts'

/**
 * How many sets of options are remembered at a time. A proxy has one for each use that says `with`, and another when its
 * configuration changes; one that is forgotten is read again when it next comes.
 */
const REMEMBERED = 16

/** The adapter for what a call says under `AdapterConfig`. Throws what is wrong with it. */
export function adaptersByConfig(
  definition: AdapterDefinition,
  started: Adapter,
  startedWith: unknown,
  log: AdapterLog,
): (config: string) => Adapter {
  const made = new Map<string, Adapter>()
  const make = (config: string): Adapter => {
    const told: unknown = JSON.parse(config)
    if (isDeepStrictEqual(told, startedWith ?? {})) return started
    // Its background follows one set of options, and nobody would end that of a caller who is gone.
    if (started.background !== undefined)
      throw new TypeError(
        `"${definition.name}" is told its options where it is started (--with), and the configuration says others under "with"`,
      )
    return definition.create(told, { log })
  }
  return (config) => {
    if (config === '{}') return started
    const adapter = made.get(config) ?? make(config)
    made.delete(config)
    made.set(config, adapter)
    const [oldest] = made.keys()
    if (made.size > REMEMBERED) made.delete(oldest!)
    return adapter
  }
}
