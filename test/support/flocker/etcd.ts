/** Debian's etcd, private to a test. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import type { TlsFiles } from '../../../src/flocker/tls.ts'
import { providePackages } from '../engine/index.ts'
import { freePort } from '../free-port.ts'
import { spawnMortal } from '../mortal.ts'
import type { Start } from './command.ts'

export interface Etcd extends AsyncDisposable {
  /** On this machine, or inside its host. */
  readonly endpoint: string
  readonly port: number
  kill(): Promise<void>
  start(): Promise<void>
}

export interface EtcdPlace {
  /** Then it takes only clients that have a certificate of the same authority. */
  readonly tls?: TlsFiles | undefined
  /** Inside a host: its `spawn`, and the address at which this machine reaches it. */
  readonly host?: { readonly spawn: Start; readonly address: string }
}

export async function startEtcd({ tls, host }: EtcdPlace = {}): Promise<Etcd> {
  await providePackages(['etcd-server'])
  const dir = await mkdtemp('/tmp/powerstrip-etcd-')
  const [clients, peers, metrics] = await Promise.all([freePort(), freePort(), freePort()])
  const listen = host === undefined ? '127.0.0.1' : '0.0.0.0'
  const scheme = tls === undefined ? 'http' : 'https'
  const peer = `http://127.0.0.1:${peers}`
  const health = `http://${host?.address ?? '127.0.0.1'}:${metrics}`
  const args = [
    ...['--data-dir', dir, '--listen-client-urls', `${scheme}://${listen}:${clients}`],
    ...['--advertise-client-urls', `${scheme}://127.0.0.1:${clients}`],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`, '--listen-metrics-urls', `http://${listen}:${metrics}`],
    ...(tls === undefined
      ? []
      : ['--client-cert-auth', '--trusted-ca-file', tls.ca, '--cert-file', tls.cert, '--key-file', tls.key]),
  ]
  let child: ChildProcess
  const start = async () => {
    child = (host?.spawn ?? spawnMortal)('etcd', args, { stdio: 'ignore', env: { PATH: process.env.PATH } })
    while (!(await isHealthy(health))) {
      if (child.exitCode !== null) throw new Error(`etcd ended with ${child.exitCode}`)
      await sleep(50)
    }
  }
  const kill = async () => {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await start()
  return {
    endpoint: `${scheme}://127.0.0.1:${clients}`,
    port: clients,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await kill()
      await rm(dir, { recursive: true })
    },
  }
}

async function isHealthy(base: string): Promise<boolean> {
  try {
    const answer = await request(`${base}/health`)
    return ((await answer.body.json()) as { readonly health?: string }).health === 'true'
  } catch {
    return false
  }
}
