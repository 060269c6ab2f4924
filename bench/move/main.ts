/**
 * `npm run bench:move`: how fast a dataset moves, side by side with what one would do by hand: `tar` into `nc` on one host, `nc`
 * into `tar` on the other, and a sync. Both between the same two engines, over the same link, onto the same disk, in turns.
 *
 * A move does more: it reads everything once more on both sides to compare it, and changes the state of the cluster.
 */
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { providePackages } from '../../test/support/engine/index.ts'
import {
  type Cluster,
  type ClusterHost,
  eventually,
  startCluster,
} from '../../test/support/flocker/cluster.ts'
import type { LogLine } from '../../test/support/flocker/command.ts'
import { fillTree } from '../../test/support/flocker/tree.ts'
import type { Host } from '../../test/support/hosts/index.ts'
import { median } from '../figure.ts'

/** What a move should reach of the plain stream's pace. */
const TARGET = 0.6
const STREAM_PORT = 4600

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    tls: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
  },
})
const megabytes = Number(flags.megabytes)
const rounds = Number(flags.rounds)

await providePackages(['netcat-openbsd'])
const [load = 0] = loadavg()
await using cluster = await startCluster({ etcd: flags.tls })
if (flags.memory) await keepInMemory(cluster)
await measure(cluster)

async function measure({ api, hosts }: Cluster): Promise<void> {
  let [from, to] = hosts
  const id = await api.create(from.node, 'bench')
  await fillTree(from.host, await api.usableOn(id, from.node), megabytes)
  const bytes = Number.parseInt(
    await mustRun(from.host, 'du', ['-s', '--block-size=1', await api.usableOn(id, from.node)]),
    10,
  )
  const streams: number[] = []
  const moves: number[] = []
  const parts: Parts[] = []
  const told = new Set<LogLine>()
  for (let round = 0; round < rounds; round++) {
    await quiet(from.host)
    streams.push(await streamSeconds(from.host, to.host, await api.usableOn(id, from.node)))
    await quiet(from.host)
    const since = performance.now()
    await api.move(id, to.node)
    await api.usableOn(id, to.node, 3_600_000)
    moves.push((performance.now() - since) / 1000)
    const line = await to.agent.logged((line) => line.msg === 'moved here' && !told.has(line))
    told.add(line)
    parts.push(partsOf(line))
    await settled(from)
    ;[from, to] = [to, from]
  }
  const [stream, move] = [median(streams), median(moves)]
  const row = (title: string, seconds: number, all: readonly number[]) =>
    `| ${title} | ${seconds.toFixed(2)} | ${(bytes / 1e6 / seconds).toFixed(0)} | ${all.map((one) => one.toFixed(2)).join(', ')} |`
  const ratio = stream / move
  console.log(
    [
      `${(bytes / 1e6).toFixed(0)} MB, half in one file and half in files of 100 KB, ${flags.memory ? 'in memory' : 'on disk'}${flags.tls ? ', TLS and etcd' : ''}; load average ${load.toFixed(1)} before, ${loadavg()[0]!.toFixed(1)} after.\n`,
      '| | median, s | MB/s | rounds, s |',
      '|---|---:|---:|---|',
      row('tar, nc, sync', stream, streams),
      row('move, from the wish to the new path', move, moves),
      `\nof a move: ${describeParts(parts)}`,
      `\nratio ${ratio.toFixed(2)}: ${ratio >= TARGET ? 'met' : 'MISSED'} (≥ ${TARGET})`,
    ].join('\n'),
  )
}

/** Of one move, in seconds, as the agent that took the dataset tells. */
interface Parts {
  readonly copying: number
  readonly comparing: number
  readonly switching: number
}

function partsOf({ seconds, comparingAfterMs, switchingAfterMs }: LogLine): Parts {
  const [comparing, switching] = [Number(comparingAfterMs) / 1000, Number(switchingAfterMs) / 1000]
  return { copying: comparing, comparing: switching - comparing, switching: Number(seconds) - switching }
}

function describeParts(parts: readonly Parts[]): string {
  const of = (part: keyof Parts) => `${median(parts.map((each) => each[part])).toFixed(2)} s`
  return `${of('copying')} copying, ${of('comparing')} comparing, ${of('switching')} switching over (medians)`
}

/** By hand. */
async function streamSeconds(from: Host, to: Host, path: string): Promise<number> {
  const target = `${to.engine.dir}/data/volumes/by-hand`
  await mustRun(to, 'mkdir', [target])
  const since = performance.now()
  const receiving = to.spawn(
    'sh',
    ['-c', `nc -l -N ${STREAM_PORT} | tar -x -C ${target} && sync -f ${target}`],
    {
      stdio: 'inherit',
    },
  )
  const received = once(receiving, 'exit')
  const send = `until tar -c -C "$1" . | nc -N ${to.address} ${STREAM_PORT}; do sleep 0.01; done`
  await mustRun(from, 'sh', ['-c', send, 'send', path])
  const [code] = await received
  if (code !== 0) throw new Error(`the stream ended with ${code}`)
  const seconds = (performance.now() - since) / 1000
  await mustRun(to, 'rm', ['-rf', target])
  return seconds
}

/** What was written or deleted before is not part of the next turn: both hosts share this machine's disk. */
async function quiet(host: Host): Promise<void> {
  await mustRun(host, 'sync', [])
}

/** Until the old copy is deleted, which is not part of the next round. */
async function settled({ host }: ClusterHost): Promise<void> {
  await eventually(
    () => host.mustDocker(['volume', 'ls', '--quiet']),
    (listed) => listed === '',
  )
}

/** Takes the disk out of the comparison: what is left is processor time. */
async function keepInMemory({ hosts }: Cluster): Promise<void> {
  for (const { host } of hosts) {
    await host.engine.kill()
    await mustRun(host, 'mount', ['-t', 'tmpfs', 'tmpfs', `${host.engine.dir}/data/volumes`])
    await host.engine.start()
  }
}

async function mustRun(host: Host, program: string, args: readonly string[]): Promise<string> {
  const ended = await host.run(program, args)
  if (ended.exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${ended.stderr}`)
  return ended.stdout
}
