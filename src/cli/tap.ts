/** `powerstrip tap`: shows each exchange as it ends, with what each adapter changed, until it is told to stop. */
import { createInterface } from 'node:readline'
import { Client } from 'undici'
import { BUILT_IN_NAMES } from '../built-ins.ts'
import { readConfigFile } from '../config/read-file.ts'
import { nearest, suggest } from '../config/spelling.ts'
import { type Address, describeAddress } from '../model/address.ts'
import { parseAddress } from '../model/parse-address.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { OPERATION_IDS } from '../route/operation-pattern.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'
import { tapText } from './tap-text.ts'

export interface TapOptions {
  /** Address of an admin listener. */
  readonly admin: string | undefined
  /** A configuration that names it. */
  readonly config: string | undefined
  readonly operation: readonly string[]
  readonly adapter: readonly string[]
  /** The lines as they come. */
  readonly json: boolean
}

const USUAL_ADDRESS: Address = { kind: 'unix', path: '/run/powerstrip/admin.sock' }

const ADVICE = [
  'A proxy shows what passes through it on its admin listener. Add one to its configuration (version 2):',
  `  admin: { unix: ${USUAL_ADDRESS.path} }`,
  'and name the address with --admin, or the configuration with --config.',
  '',
].join('\n')

export async function runTap(options: TapOptions, around: Surroundings): Promise<ExitCode> {
  const strange = options.operation.find((id) => id !== 'unknown' && !OPERATION_IDS.includes(id))
  if (strange !== undefined) {
    const meant = suggest(nearest(strange, OPERATION_IDS), [], 'operations')
    around.err(`powerstrip tap: there is no operation "${strange}"${meant}\n`)
    return 2
  }
  const address = await addressOf(options, around)
  if (!address.ok) {
    around.err(`powerstrip tap: ${address.failure}\n`)
    return 2
  }
  const where = describeAddress(address.value)
  const problem = await watch(address.value, options, around, () => around.err(`watching ${where}\n`))
  if (problem === undefined) return 0
  around.err(`powerstrip tap: ${where}: ${problem}\n`)
  return 1
}

async function addressOf(
  { admin, config }: TapOptions,
  { env, err }: Surroundings,
): Promise<Result<Address, string>> {
  if (admin !== undefined) {
    const address = parseAddress(admin)
    return address.ok ? address : failed(`--admin: ${address.failure}`)
  }
  if (config === undefined) return ok(USUAL_ADDRESS)
  const read = await readConfigFile(config, { builtIns: BUILT_IN_NAMES, env })
  if (!read.ok) {
    err(read.failure.described)
    return failed(`${config} cannot be used`)
  }
  const { admin: configured } = read.value.config.options
  return configured === undefined
    ? failed(`${config} has no admin listener.\n${ADVICE}`.trimEnd())
    : ok(configured.address)
}

/** Nothing comes back where it was told to stop. */
async function watch(
  address: Address,
  { operation, adapter, json }: TapOptions,
  { out, env, stop, unheard, isTerminal = false }: Surroundings,
  begun: () => void,
): Promise<string | undefined> {
  const signal = AbortSignal.any(unheard === undefined ? [stop] : [stop, unheard])
  const query = new URLSearchParams([
    ...operation.map((id) => ['operation', id] as [string, string]),
    ...adapter.map((name) => ['adapter', name] as [string, string]),
  ])
  const isColoured = (isTerminal || Boolean(env.FORCE_COLOR)) && !env.NO_COLOR
  const client = clientFor(address)
  let hasBegun = false
  try {
    const { statusCode, body } = await client.request({ method: 'GET', path: `/tap?${query}`, signal })
    if (statusCode !== 200) return `it answers ${statusCode}: ${await body.text()}`
    begun()
    hasBegun = true
    for await (const line of createInterface({ input: body }))
      out(json ? `${line}\n` : tapText(JSON.parse(line), isColoured))
    return signal.aborted ? undefined : ENDED
  } catch (problem) {
    if (signal.aborted) return undefined
    if (hasBegun) return ENDED
    const { code, message } = problem as NodeJS.ErrnoException
    const isAbsent = code === 'ENOENT' || code === 'ECONNREFUSED'
    return isAbsent ? `nobody listens there (${code}).\n${ADVICE}`.trimEnd() : message
  } finally {
    await client.destroy()
  }
}

const ENDED = 'the proxy has ended, or listens elsewhere now'

function clientFor(address: Address): Client {
  // Whoever has nothing to show is silent for days.
  const terms = { bodyTimeout: 0 }
  if (address.kind === 'unix') return new Client('http://localhost', { ...terms, socketPath: address.path })
  return new Client(describeAddress(address).replace(/^tcp:/, 'http:'), terms)
}
