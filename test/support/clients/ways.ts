/**
 * The ways to one engine: straight to it, through powerstrip's unix socket, through its TCP port, and through hooks on
 * everything that change nothing, a sandbox among them whose policy allows all that they do. Whatever a client does has to look the same on all of them.
 */
import { randomBytes } from 'node:crypto'
import { CLIENTS_POLICY, type NullHooks, startNullHooks, startSandbox } from '../cases/null-hooks.ts'
import { type CliKind, type DockerOptions, docker, type Ended, type Engine } from '../engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../powerstrip.ts'
import { together } from '../together.ts'
import { ALONE } from './alone.ts'
import { opened, type RunningClient } from './running-client.ts'
import { sweep } from './sweep.ts'
import { masked } from './varying.ts'

export const WAY_NAMES = [
  'directly',
  'through the unix listener',
  'through the TCP listener',
  'through hooks that change nothing',
] as const

/** One of hooks too, but none that is shown answers. Opened where a scenario asks for it. */
export const JUDGED = 'through a sandbox alone'

/** Without the null adapter, for progress while it is made: a post-hook of protocol 1 is shown an answer when it is complete (P14). */
export const RELAYED: readonly WayName[] = [...WAY_NAMES.slice(0, 3), JUDGED]

export type WayName = (typeof WAY_NAMES)[number] | typeof JUDGED

const ALL_NAMES: readonly WayName[] = [...WAY_NAMES, JUDGED]

/** One way to the engine, and what a scenario needs to go it. */
export interface Way {
  readonly name: WayName
  /** For `DOCKER_HOST`. */
  readonly host: string
  readonly cli: CliKind
  /** A name in the engine that no other way uses. They are equally long on all ways, so that tables line up. */
  named(what: string): string
  /** Runs the CLI to its end. */
  docker(args: readonly string[], options?: DockerOptions): Promise<Ended>
  /** As `docker`, for steps that are not what a scenario is about: anything but exit 0 is thrown. */
  must(args: readonly string[], options?: DockerOptions): Promise<string>
  /** Starts the CLI and lets the scenario talk to it while it runs. */
  open(args: readonly string[], env?: NodeJS.ProcessEnv): RunningClient
  /** Starts a container in the background; without a command it only sleeps. Returns its name. */
  box(what: string, command?: readonly string[], flags?: readonly string[]): Promise<string>
}

export interface ScenarioOptions {
  /** The first in PATH unless told. */
  readonly cli?: CliKind
  /** One way after the other, where all at a time would be too much for the machine. */
  readonly inTurn?: boolean
  /** All unless told; the first has to be `directly`. */
  readonly only?: readonly WayName[]
}

export interface Ways {
  /** Plays a scenario on every way, expects to see the same on all of them, and returns it. */
  same<Seen>(scenario: (way: Way) => Promise<Seen>, options?: ScenarioOptions): Promise<Seen>
  /** The powerstrip of the way through a sandbox alone. */
  judge(): Promise<Powerstrip>
  /** Does something on every way, all at the same time. */
  each(work: (way: Way) => Promise<unknown>): Promise<void>
}

/**
 * Opens the ways to an engine for the tests of a block. After the last of them, all that they made in the engine is
 * removed, and whatever powerstrip reported as having gone wrong fails the block.
 */
export function everyWay(engine: () => Engine): Ways {
  let powerstrip: Powerstrip | undefined
  let nothing: NullHooks | undefined
  let judged: Powerstrip | undefined
  const clients = new Set<RunningClient>()
  const tag = `c${randomBytes(3).toString('hex')}`
  const started = (): Powerstrip => {
    if (powerstrip === undefined) throw new Error('the ways are open inside tests and hooks only')
    return powerstrip
  }

  beforeAll(async () => {
    powerstrip = await startPowerstrip({ upstream: engine().host })
    nothing = await startNullHooks(engine().host, CLIENTS_POLICY)
  })
  afterAll(async () => {
    // A scenario that never came to its end has not let go of its clients.
    for (const client of clients) client[Symbol.dispose]()
    const complaints = [powerstrip, nothing?.powerstrip, judged].flatMap(
      (proxy) => proxy?.log.filter(isComplaint) ?? [],
    )
    await powerstrip?.stop()
    await nothing?.[Symbol.asyncDispose]()
    await judged?.stop()
    await sweep(engine().host, tag)
    expect(complaints).toEqual([])
  })

  const wayOf = (name: WayName, cli: CliKind): Way => {
    const hosts: Record<WayName, () => string> = {
      directly: () => engine().host,
      'through the unix listener': () => started().unix,
      'through the TCP listener': () => started().tcp,
      'through hooks that change nothing': () => nothing!.powerstrip.unix,
      [JUDGED]: () => judged!.unix,
    }
    return makeWay({ name, cli, host: hosts[name](), prefix: `${tag}${ALL_NAMES.indexOf(name)}`, clients })
  }

  const judge = async () => {
    judged ??= await startSandbox(engine().host, CLIENTS_POLICY)
    return judged
  }

  return {
    judge,
    async same(scenario, { cli = 'path', inTurn = false, only = WAY_NAMES } = {}) {
      if (only.includes(JUDGED)) await judge()
      const seen = await playAll(
        only.map((name) => wayOf(name, cli)),
        async (way) => masked(await scenario(way), tag),
        inTurn,
      )
      const [direct] = seen
      expect(byWay(only, seen)).toEqual(
        byWay(
          only,
          only.map(() => direct!),
        ),
      )
      return direct!
    },
    async each(work) {
      await playAll(
        WAY_NAMES.map((name) => wayOf(name, 'path')),
        work,
        false,
      )
    },
  }
}

interface WayParts {
  readonly name: WayName
  readonly cli: CliKind
  readonly host: string
  readonly prefix: string
  /** All that were started. */
  readonly clients: Set<RunningClient>
}

function makeWay({ name, cli, host, prefix, clients }: WayParts): Way {
  const named = (what: string) => `${prefix}-${what}`
  const runCli = (args: readonly string[], options: DockerOptions = {}) =>
    docker(host, args, { cli, ...options })
  const must = async (args: readonly string[], options?: DockerOptions) => {
    const ended = await runCli(args, options)
    if (ended.exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${ended.stderr || ended.stdout}`)
    return ended.stdout
  }
  return {
    name,
    host,
    cli,
    named,
    docker: runCli,
    must,
    open(args, env = {}) {
      const client = opened(host, args, { cli, env })
      clients.add(client)
      return client
    },
    async box(what, command = ['sleep', '1000000'], flags = []) {
      await must(['run', '--detach', '--name', named(what), ...ALONE, ...flags, 'busybox', ...command])
      return named(what)
    },
  }
}

/** Waits for all ways even when one fails, so that nothing of a failed scenario runs on into the next test. */
async function playAll<Seen>(
  ways: readonly Way[],
  play: (way: Way) => Promise<Seen>,
  inTurn: boolean,
): Promise<Seen[]> {
  const named = async (way: Way) => {
    try {
      return await play(way)
    } catch (cause) {
      throw new Error(`${way.name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  if (inTurn) {
    const seen: Seen[] = []
    for (const way of ways) seen.push(await named(way))
    return seen
  }
  return [...(await together(ways.map(named)))]
}

function byWay<Seen>(names: readonly WayName[], seen: readonly Seen[]): Record<string, Seen> {
  return Object.fromEntries(names.map((name, at) => [name, seen[at]!]))
}

/** Endings that no scenario here asks for: they mean that the relay broke something, whatever the client made of it. */
const BROKEN_FATES = new Set(['ambiguous', 'denied', 'hook-failed', 'unreachable', 'cut-off'])

/** pino's number for "error". */
const ERROR_LEVEL = 50

function isComplaint(line: Readonly<Record<string, unknown>>): boolean {
  return Number(line.level) >= ERROR_LEVEL || BROKEN_FATES.has(String(line.fate))
}
