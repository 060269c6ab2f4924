import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ENGINE_KINDS, type Engine, type EngineKind } from './engine.ts'
import { warn } from './progress.ts'

/** Where the set-up leaves descriptions of its engines for the test files, which run in other processes. */
const VARIABLE = 'POWERSTRIP_ENGINES'

type Description = Pick<Engine, 'kind' | 'socket' | 'version' | 'apiVersion'>

/** The kinds a run starts: both, unless POWERSTRIP_ENGINE_KINDS narrows it, which is for local work only. */
export function wantedKinds(): readonly EngineKind[] {
  const told = process.env.POWERSTRIP_ENGINE_KINDS
  if (!told) return ENGINE_KINDS
  const kinds = told.split(',').map(asKind)
  const left = ENGINE_KINDS.filter((kind) => !kinds.includes(kind))
  if (left.length > 0) warn(`the ${left.join(', ')} engine is NOT tested: POWERSTRIP_ENGINE_KINDS=${told}`)
  return ENGINE_KINDS.filter((kind) => kinds.includes(kind))
}

function asKind(word: string): EngineKind {
  const kind = ENGINE_KINDS.find((known) => known === word.trim())
  if (kind !== undefined) return kind
  throw new Error(`POWERSTRIP_ENGINE_KINDS: "${word}" is not one of ${ENGINE_KINDS.join(', ')}`)
}

/** Tells the test files of this run which engines there are. */
export function shareEngines(engines: readonly Engine[]): void {
  const told = engines.map(({ kind, socket, version, apiVersion }) => ({ kind, socket, version, apiVersion }))
  process.env[VARIABLE] = JSON.stringify(told satisfies Description[])
}

/** The run's engine of this kind. It serves every test file, so a test neither stops nor kills it. */
export function sharedEngine(kind: EngineKind): Engine {
  const description = descriptions().find((engine) => engine.kind === kind)
  if (description !== undefined) return attach(description)
  throw new Error(`this run has no ${kind} engine`)
}

/** One describe block for each engine of the run. `engine` may be called inside tests and hooks. */
export function describeEachEngine(name: string, body: (engine: () => Engine) => void): void {
  for (const { kind, version } of descriptions()) {
    describe(`${name} [${kind} engine, ${version}]`, () => body(() => sharedEngine(kind)))
  }
}

function descriptions(): readonly Description[] {
  const told = process.env[VARIABLE]
  if (told) return JSON.parse(told) as Description[]
  throw new Error(
    `${VARIABLE} is not set: engine tests run under jest's project "engine", whose set-up starts the engines`,
  )
}

function attach(description: Description): Engine {
  const shared = (what: string) =>
    new Error(`${what}: this engine is shared by all test files; start one of your own`)
  const dir = dirname(description.socket)
  return {
    ...description,
    host: `unix://${description.socket}`,
    dir,
    address: undefined,
    get pid() {
      // dockerd's own pid file. A lent engine has none there, and no process id that is ours to know.
      return Number(readFileSync(join(dir, 'pid'), 'utf8'))
    },
    async kill() {
      throw shared('it is not killed')
    },
    async start() {
      throw shared('it runs already')
    },
    async dispose() {},
    async [Symbol.asyncDispose]() {},
  }
}
