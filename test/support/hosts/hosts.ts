import type { ChildProcess, SpawnOptions } from 'node:child_process'
import {
  type DockerOptions,
  docker,
  type Ended,
  type Engine,
  type EngineKind,
  importBusybox,
} from '../engine/index.ts'
import { type RunOptions, run } from '../engine/run.ts'
import { type EngineOptions, type PrivateEngine, startPrivateEngine } from '../engine/start.ts'
import { insideArgs, startInside } from './inside.ts'
import { formSwarm } from './swarm.ts'
import { type Switch, startSwitch } from './switch.ts'

/** A Docker host: a network of its own, an engine in it, and a cable to the other hosts. */
export interface Host {
  /** `host1`, `host2`, … */
  readonly name: string
  /** Its address on the link, as the other hosts know it. This machine reaches it at `engine.address`. */
  readonly address: string
  /** `kill` and `start` are a crash of the engine and its return on the same data. Nobody else disposes of it. */
  readonly engine: Engine
  /** Runs `docker` against the host's engine. */
  docker(args: readonly string[], options?: DockerOptions): Promise<Ended>
  /** As `docker`, where anything but exit 0 is thrown; gives what was printed, trimmed. */
  mustDocker(args: readonly string[], options?: DockerOptions): Promise<string>
  /** Starts a program inside the host; the process is the program's own. It ends with the host at the latest. */
  spawn(program: string, args: readonly string[], options?: SpawnOptions): ChildProcess
  /** Runs a program inside the host to its end. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Ended>
  /** Cuts the host's cable: what is sent is lost and nobody is told. */
  cutLink(): Promise<void>
  restoreLink(): Promise<void>
}

export interface Hosts extends AsyncDisposable {
  readonly all: readonly Host[]
  dispose(): Promise<void>
}

export interface HostsOptions extends Omit<EngineOptions, 'kind' | 'network'> {
  /** One host for each. */
  readonly kinds: readonly EngineKind[]
  /** One Swarm of all of them. The first is a manager; the others are workers, unless `managers` says that all are. */
  readonly swarm?: boolean | 'managers'
}

/** Starts hosts, each with busybox. They are gone when they are disposed of, or when this process is, however it ends. */
export async function startHosts(options: HostsOptions): Promise<Hosts> {
  const { kinds, swarm = false, ...engineOptions } = options
  const link = await startSwitch()
  const started = await Promise.allSettled(
    kinds.map((kind) => startPrivateEngine({ ...engineOptions, kind, network: true })),
  )
  const engines = started.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  let disposed: Promise<void> | undefined
  const dispose = () => {
    disposed ??= disposeOf(engines, link)
    return disposed
  }
  try {
    const failed = started.find((start) => start.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    const all = await Promise.all(engines.map((engine, at) => plugIn(engine, at + 1, link)))
    await Promise.all(engines.map((engine) => importBusybox(engine)))
    if (swarm) await formSwarm(all, swarm === 'managers' ? 'manager' : 'worker')
    return { all, dispose, [Symbol.asyncDispose]: dispose }
  } catch (problem) {
    await dispose()
    throw problem
  }
}

async function disposeOf(engines: readonly Engine[], link: Switch): Promise<void> {
  const ended = await Promise.allSettled(engines.map((engine) => engine.dispose()))
  await link.dispose()
  const failed = ended.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

async function plugIn(engine: PrivateEngine, number: number, link: Switch): Promise<Host> {
  const name = `host${number}`
  const address = `10.214.0.${number}`
  await link.plug(name, engine.keeperPid, address)
  const ask: Host['docker'] = (args, options) => docker(engine.host, args, options)

  return {
    name,
    address,
    engine,
    docker: ask,
    async mustDocker(args, options) {
      const ended = await ask(args, options)
      if (ended.exitCode === 0) return ended.stdout.trim()
      throw new Error(`docker ${args.join(' ')} on ${name}: ${ended.stderr.trim()}`)
    },
    spawn: (program, args, options) => startInside(engine.keeperPid, program, args, options),
    run: (program, args, options) =>
      run('nsenter', insideArgs(engine.keeperPid, program, args, process.cwd()), options),
    cutLink: () => link.cut(name),
    restoreLink: () => link.restore(name),
  }
}
