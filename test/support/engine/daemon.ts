import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { answersPing } from './api.ts'
import type { EngineKind } from './engine.ts'
import type { EnginePrograms } from './programs.ts'
import { run } from './run.ts'

/** Everything one dockerd is started with. Kept, so that the same engine can be started again. */
export interface DaemonPlan {
  readonly kind: EngineKind
  readonly programs: EnginePrograms
  readonly dir: string
  readonly socket: string
  readonly cgroup: string
  readonly network: boolean
  readonly manyNetworks: boolean
  readonly debug: boolean
  readonly experimental: boolean
  readonly extraHosts: readonly string[]
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | undefined
  /** The process whose namespaces dockerd enters. */
  readonly keeperPid: number
}

/** A cold engine takes two to ten seconds; this much only on a machine in trouble. */
const START_LIMIT_MS = 90_000
const PING_PAUSE_MS = 25

/** Starts dockerd and waits until it answers. */
export async function startDaemon(plan: DaemonPlan): Promise<ChildProcess> {
  await forgetLast(plan)
  const log = await open(logFile(plan.dir), 'a')
  // nsenter becomes dockerd, so the child's process id is dockerd's.
  const child = spawn(
    'nsenter',
    ['--target', `${plan.keeperPid}`, '--mount', '--net', '--', plan.programs.dockerd, ...daemonArgs(plan)],
    {
      // Nothing of the caller's environment: no proxy, DOCKER_* or OTEL_* variable may change the engine.
      env: { PATH: plan.programs.path, HOME: '/root' },
      stdio: ['ignore', log.fd, log.fd],
      // An interrupt on the terminal ends the tests; the keeper then ends the engine.
      detached: true,
    },
  )
  await log.close()

  const late = Date.now() + START_LIMIT_MS
  while (!(await answersPing(plan.socket))) {
    if (hasEnded(child)) throw new Error(`dockerd ended while starting:\n${await lastWords(plan.dir)}`)
    if (Date.now() > late) {
      child.kill('SIGKILL')
      throw new Error(`dockerd does not answer after ${START_LIMIT_MS} ms:\n${await lastWords(plan.dir)}`)
    }
    await sleep(PING_PAUSE_MS)
  }
  child.unref()
  return child
}

/**
 * A killed dockerd leaves two process ids behind. It does not start while some process has the one; the other is its
 * containerd's, which dies with it but a little later, and would be taken for one that can be used on.
 */
async function forgetLast({ dir, keeperPid }: DaemonPlan): Promise<void> {
  const containerd = await readFile(`${dir}/exec/containerd/containerd.pid`, 'utf8').catch(() => '')
  while (containerd !== '' && existsSync(`/proc/${containerd}/exe`)) await sleep(PING_PAUSE_MS)
  await rm(`${dir}/exec/containerd/containerd.pid`, { force: true })
  await rm(`${dir}/pid`, { force: true })
  await removeStrayLinks(keeperPid)
}

/**
 * A dockerd killed while it takes an overlay network apart leaves the network's links (`vx-…`, `ov-…`) outside the
 * namespace that they belong in. It does not look for them there when it is back, and can then never make that network
 * again: "error creating vxlan interface: file exists". None lies there in an engine that does not run.
 */
async function removeStrayLinks(keeperPid: number): Promise<void> {
  const inside = ['--target', `${keeperPid}`, '--net', '--', 'ip']
  const { stdout } = await run('nsenter', [...inside, '-oneline', 'link'])
  for (const [, name] of stdout.matchAll(/^\d+: ((?:vx|ov)-[^:@]+)/gm))
    await run('nsenter', [...inside, 'link', 'delete', name!])
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Sends a signal and waits until the process is gone. */
export async function endDaemon(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return
  const gone = once(child, 'exit')
  child.ref()
  child.kill(signal)
  await gone
}

/**
 * Nobody answers names in an engine's network, and a container that asks for one is told so at once. Where the machine's own
 * name server is named and cannot be reached, the engine waits four seconds for each question, and a container that has asked
 * cannot be stopped before.
 */
const NO_NAME_SERVER = '127.0.0.1'

function daemonArgs(plan: DaemonPlan): string[] {
  const { dir, programs } = plan
  return [
    ['--host', `unix://${plan.socket}`],
    plan.extraHosts.flatMap((host) => ['--host', host]),
    plan.tls === undefined
      ? []
      : ['--tlsverify', '--tlscacert', plan.tls.ca, '--tlscert', plan.tls.cert, '--tlskey', plan.tls.key],
    ['--data-root', `${dir}/data`],
    ['--exec-root', `${dir}/exec`],
    ['--pidfile', `${dir}/pid`],
    // The keeper finds containers by this name. The driver is named because systemd's wants other names.
    ['--cgroup-parent', `/${plan.cgroup}`],
    ['--exec-opt', 'native.cgroupdriver=cgroupfs'],
    ['--userland-proxy-path', programs.dockerProxy],
    ['--init-path', programs.dockerInit],
    // The storage driver is left to dockerd: overlay2 where the file system can, vfs where it cannot.
    plan.network ? [] : ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false'],
    plan.network ? ['--dns', NO_NAME_SERVER] : [],
    plan.manyNetworks ? ['--default-address-pool', 'base=172.16.0.0/12,size=24'] : [],
    plan.debug ? ['--debug'] : [],
    plan.experimental ? ['--experimental'] : [],
  ].flat()
}

export function logFile(dir: string): string {
  return `${dir}/dockerd.log`
}

async function lastWords(dir: string): Promise<string> {
  const log = await readFile(logFile(dir), 'utf8').catch(() => '')
  return log.split('\n').slice(-25).join('\n')
}
