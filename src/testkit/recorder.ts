/** The built-in adapter `record`: told how exchanges ended, it writes each as a fixture, without secrets. */
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { AdapterAbilities, HookReply, ObserveCall } from '../model/call.ts'
import type { AdapterDefinition } from '../sdk/define-adapter.ts'
import { options, text } from '../sdk/options.ts'
import { fixtureLine } from './fixture.ts'

/** `out`: the folder that the files go to. */
const readOptions = options({ out: text() })

const ABILITIES: AdapterAbilities = {
  name: 'record',
  version: '1.0.0',
  protocols: [2],
  implements: ['observe-hook'],
  operations: undefined,
  sideEffects: 'NoneOnDryRun',
  idempotent: false,
  maxBodyBytes: undefined,
  maxConnections: undefined,
  optionsTtlS: undefined,
  isTag: undefined,
}

const NOTED: HookReply = { outcome: { kind: 'pass' } }

const definition: AdapterDefinition = {
  name: 'record',
  version: '1.0.0',
  create(configured = {}) {
    const { out } = readOptions(configured)
    // One write after the other: two at once could end up within each other.
    let writing = Promise.resolve()
    return {
      name: 'record',
      abilities: ABILITIES,
      async answer(call) {
        if (call.type !== 'observe-hook' || call.dryRun) return NOTED
        writing = writing.catch(() => {}).then(() => write(call, out))
        await writing
        return NOTED
      },
      pre: onlyObserves,
      post: onlyObserves,
    }
  },
}

export default definition

async function onlyObserves(): Promise<never> {
  throw new Error('it only observes, which protocol 1 has no word for')
}

async function write(call: ObserveCall, out: string): Promise<void> {
  await mkdir(out, { recursive: true })
  const { operation, apiVersion, original, response } = call
  const fixture = { request: original ?? call.request, response: response ?? undefined }
  const line = fixtureLine(fixture, operation ?? undefined)
  // What is written came from clients of one machine: nobody else need read it.
  await appendFile(join(out, fileName(operation, apiVersion)), `${line}\n`, { mode: 0o600 })
}

/** `ContainerCreate-1.45.ndjson`: one file for each operation and API version. */
function fileName(operation: string | null, apiVersion: string | null): string {
  return `${operation ?? 'unknown'}-${apiVersion ?? 'newest'}.ndjson`
}
