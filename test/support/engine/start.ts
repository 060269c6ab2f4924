import { randomBytes } from 'node:crypto'
import { versionOf } from './api.ts'
import { borrowEngine, borrowedSocket } from './borrowed.ts'
import { type DaemonPlan, endDaemon, hasEnded, startDaemon } from './daemon.ts'
import type { Engine, EngineKind } from './engine.ts'
import { startKeeper } from './keeper.ts'
import { connectToMachine } from './network.ts'
import { providePackages } from './packages.ts'
import { enginePrograms } from './programs.ts'

export interface EngineOptions {
  readonly kind: EngineKind
  /** Gives the engine a network namespace, a bridge and iptables. Otherwise containers run with `--network none`. */
  readonly network?: boolean
  /** Room for thousands of networks, in place of the engine's own thirty. */
  readonly manyNetworks?: boolean
  /** Turns on what the engine calls experimental: checkpoints. */
  readonly experimental?: boolean
  /** dockerd's debug log, in `dockerd.log` below the engine's folder. */
  readonly debug?: boolean
  /** Where the engine listens besides its socket, `tcp://127.0.0.1:4243` say: for programs that speak TCP only. */
  readonly extraHosts?: readonly string[]
  /** PEM files for `extraHosts`, as `--tlsverify` wants them. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string }
}

/** Starts a private engine, or hands out the one that POWERSTRIP_TEST_ENGINE names. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const borrowed = borrowedSocket()
  if (borrowed === undefined) return startPrivateEngine(options)
  const { kind, extraHosts = [] } = options
  if (extraHosts.length > 0)
    throw new Error(
      `the engine that POWERSTRIP_TEST_ENGINE names will not listen on ${extraHosts.join(', ')}`,
    )
  return borrowEngine(kind, borrowed)
}

export interface PrivateEngine extends Engine {
  /** Holds the engine's namespaces, before dockerd starts and after it was killed. */
  readonly keeperPid: number
}

/** Starts a private engine, whatever POWERSTRIP_TEST_ENGINE says. */
export async function startPrivateEngine(options: EngineOptions): Promise<PrivateEngine> {
  const { kind, network = false, manyNetworks = false, debug = false } = options
  const { experimental = false, extraHosts = [] } = options
  if (process.getuid?.() !== 0) {
    throw new Error('only root can start a private engine; POWERSTRIP_TEST_ENGINE can name a running one')
  }
  const programs = await enginePrograms(kind)
  if (network) await providePackages(['iproute2', 'iptables'])

  const name = `powerstrip-${randomBytes(4).toString('hex')}`
  // Not $TMPDIR, which may be long: a unix socket's path holds 107 bytes, and the engine's own lie below this folder.
  const dir = `/tmp/${name}`
  const socket = `${dir}/docker.sock`
  const keeper = await startKeeper({ dir, cgroup: name, network: network ? 'own' : 'none' })
  try {
    const address = network ? await connectToMachine(keeper.pid) : undefined
    const plan = {
      kind,
      programs,
      dir,
      socket,
      cgroup: name,
      network,
      manyNetworks,
      debug,
      experimental,
      extraHosts,
      tls: options.tls,
      keeperPid: keeper.pid,
    }
    return await privateEngine(plan, address, () => keeper.release())
  } catch (error) {
    await keeper.release()
    throw error
  }
}

async function privateEngine(
  plan: DaemonPlan,
  address: string | undefined,
  release: () => Promise<void>,
): Promise<PrivateEngine> {
  let daemon = await startDaemon(plan)
  let disposed: Promise<void> | undefined
  const dispose = () => {
    disposed ??= release()
    return disposed
  }

  return {
    kind: plan.kind,
    socket: plan.socket,
    host: `unix://${plan.socket}`,
    dir: plan.dir,
    address,
    keeperPid: plan.keeperPid,
    ...(await versionOf(plan.socket)),
    get pid() {
      return daemon.pid!
    },
    async kill(signal = 'SIGKILL') {
      await endDaemon(daemon, signal)
    },
    async start() {
      if (!hasEnded(daemon)) throw new Error('this engine is running; kill it first')
      daemon = await startDaemon(plan)
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}
