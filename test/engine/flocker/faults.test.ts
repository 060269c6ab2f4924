/**
 * kill -9 at random moments of moves: of the control service, of either agent, of either engine, of the powerstrip that a
 * `docker run` waits at; and the link between the hosts cut. Each move is what such a `docker run` asks for. Afterwards there is
 * one complete copy, nobody was ever shown the path of another, no container ran on anything else, and the next one has the data.
 *
 * With POWERSTRIP_LONG=1 a hundred moments and a dataset of 1 GB.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { lingering } from '../../support/clients/index.ts'
import type { Ended } from '../../support/engine/index.ts'
import { type Cluster, eventually } from '../../support/flocker/cluster.ts'
import { StateWatch } from '../../support/flocker/state-watch.ts'
import { describeTree, fillTree } from '../../support/flocker/tree.ts'
import {
  type FlockerHost,
  startTwoPowerstrips,
  type TwoPowerstrips,
} from '../../support/flocker/two-powerstrips.ts'
import { unpackingOf } from '../../support/flocker/unpacking.ts'

const LONG = process.env.POWERSTRIP_LONG === '1'
const MOMENTS = LONG ? 100 : 12
const MEGABYTES = LONG ? 1_000 : 64
/** A seed to repeat a run by: the moments are drawn from it, though machines are never twice equally fast. */
const SEED = Number(process.env.POWERSTRIP_SEED ?? Date.now() % 1_000_000)

/** What may happen in a move from `from` to `to`, and how it is made good again. */
interface Fault {
  readonly name: string
  strike(from: FlockerHost, to: FlockerHost): Promise<() => Promise<void>>
}

let two: TwoPowerstrips
let cluster: Cluster

const FAULTS: readonly Fault[] = [
  {
    name: 'control service',
    async strike() {
      const [control] = cluster.controls
      await control.running.end('SIGKILL')
      return () => control.restart()
    },
  },
  { name: 'agent of the source', strike: (from) => killAgent(from) },
  { name: 'agent of the target', strike: (_from, to) => killAgent(to) },
  {
    name: 'link',
    async strike(from, to) {
      const { host } = [from, to].find((one) => one.host.name === 'host2')!
      await host.cutLink()
      return async () => {
        // Long enough for everyone to notice.
        await cluster.api.until(
          () => cluster.api.nodes(),
          (nodes) => nodes.length === 1,
        )
        await host.restoreLink()
      }
    },
  },
  {
    name: 'proxy',
    async strike(_from, to) {
      await to.powerstrip.kill()
      return () => to.restartPowerstrip()
    },
  },
  { name: 'engine of the source', strike: (from) => killEngine(from) },
  {
    name: 'both agents and the control service',
    async strike(from, to) {
      const [control] = cluster.controls
      await Promise.all([control.running, from.agent, to.agent].map((command) => command.end('SIGKILL')))
      return async () => {
        await control.restart()
        await Promise.all([from.restartAgent(), to.restartAgent()])
      }
    },
  },
  { name: 'engine of the target', strike: (_from, to) => killEngine(to) },
]

async function killAgent(of: FlockerHost): Promise<() => Promise<void>> {
  await of.agent.end('SIGKILL')
  return () => of.restartAgent()
}

async function killEngine({ host }: FlockerHost): Promise<() => Promise<void>> {
  await host.engine.kill()
  return () => host.engine.start()
}

/** Numbers from 0 to 1 by a seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

beforeAll(async () => {
  two = await startTwoPowerstrips()
  cluster = two.cluster
}, 240_000)

afterAll(() => two?.[Symbol.asyncDispose]())

const NAME = 'treasure'

/** A container that is only there if the data is. */
const LOOK = [
  ...['--network', 'none', '-v', `/flocker/${NAME}:/data`],
  ...['busybox', ...lingering('stat -c %s /data/big')],
]

/**
 * Not with `--rm`: newer docker CLIs wait for the removal of a container whose start a hook has failed, and with the control service gone
 * the hooks on its removal may fail, too.
 */
function look(host: FlockerHost): Promise<Ended> {
  return host.docker(['run', '--name', 'looker', ...LOOK])
}

/** Until nothing of the last move is left: no lease, no container, one volume, and everybody alive. */
async function settled(dataset: string, at: FlockerHost, other: FlockerHost): Promise<void> {
  const volumes = ({ host }: FlockerHost) => host.mustDocker(['volume', 'ls', '--quiet'])
  await eventually(
    async () => {
      const [here, there, nodes] = [await volumes(at), await volumes(other), await cluster.api.nodes()]
      return { here, there, nodes: nodes.length, problem: (await cluster.api.state(dataset))?.problem }
    },
    ({ here, there, nodes }) => here === `flocker-${dataset}` && there === '' && nodes === 2,
    SETTLE_LIMIT_MS,
  )
  for (const { host } of [at, other]) await host.docker(['rm', '--force', 'looker'])
  await cluster.api.until(
    () => cluster.api.leases(),
    (leases) => leases.length === 0,
    // One that was taken for a container that never came about runs out by itself.
    LEASE_LIMIT_MS,
  )
}

/** A gigabyte is removed in a second by a disk that has nothing else to do, and what failed meanwhile is tried again after up to 30 s. */
const SETTLE_LIMIT_MS = 180_000

/** `confirmWithin` of the adapter, and a little more. */
const LEASE_LIMIT_MS = 65_000

/** What became of the moments of one kind. */
interface Tally {
  moments: number
  /** The `docker run` that was under way had the data in the end. */
  ran: number
  /** It failed, and the one after the fault had the data. */
  failed: number
  /** The longest time from the fault being mended to a container that had run. */
  worstMs: number
}

test(
  `${MOMENTS} random moments of moves of ${MEGABYTES} MB`,
  async () => {
    const { api } = cluster
    const draw = random(SEED)
    let [from, to] = [two.first, two.second]
    const id = await api.create(from.node, NAME)
    const path = await api.usableOn(id, from.node)
    await fillTree(from.host, path, MEGABYTES)
    const treasure = await describeTree(from.host, path)
    const bytes = `${(MEGABYTES / 2) * 1024 * 1024}\n`
    await using watch = new StateWatch(cluster, id, treasure)

    // How long a move takes when nothing happens: the moments are drawn from that span.
    const since = performance.now()
    const undisturbed = look(to)
    await api.usableOn(id, to.node)
    const spanMs = performance.now() - since
    expect(await undisturbed).toMatchObject({ exitCode: 0, stdout: bytes })
    console.log(
      `faults: ${LONG ? 'full scale' : 'CI scale (POWERSTRIP_LONG=1 for 100 moments of 1 GB)'}, seed ${SEED}, a docker run has its data after ${Math.round(spanMs)} ms`,
    )

    const struck: string[] = []
    const tallies = new Map<string, Tally>()
    let complete = 0
    // However it ends, so that a run that was cut short says how far it came.
    await using _ = {
      async [Symbol.asyncDispose]() {
        console.log(
          [
            `faults: ${struck.join('; ')}`,
            ...[...tallies].map(
              ([name, { moments, ran, failed, worstMs }]) =>
                `faults: ${name}: ${moments} moments, ${ran} containers ran all the same, ${failed} failed and ran when typed again, at most ${(worstMs / 1000).toFixed(1)} s after`,
            ),
            `faults: ${complete} of ${MOMENTS} moments of moves of ${MEGABYTES} MB, seed ${SEED}; ${watch.checked} paths were shown, ${watch.wrong.length} of them not of a complete copy`,
          ].join('\n'),
        )
      },
    }
    for (let moment = 0; moment < MOMENTS; moment++) {
      await settled(id, to, from)
      ;[from, to] = [to, from]
      const fault = FAULTS[moment % FAULTS.length]!
      const tally = tallies.get(fault.name) ?? { moments: 0, ran: 0, failed: 0, worstMs: 0 }
      tallies.set(fault.name, tally)
      const running = look(to)
      const afterMs = draw() * spanMs
      await sleep(afterMs)
      const seen = await api.state(id)
      struck.push(
        `${fault.name} after ${Math.round(afterMs)} ms, ${seen?.move?.phase ?? `on ${seen?.primary === to.node ? 'target' : 'source'}`}`,
      )
      const mend = await fault.strike(from, to)
      await mend()
      const mendedMs = performance.now()

      tally.moments++
      let ran = await running
      tally[ran.exitCode === 0 ? 'ran' : 'failed']++
      // A container that did start has found everything, though its client may have lost it afterwards; and the next run gets the
      // data, however the first one ended.
      while (ran.exitCode !== 0) {
        expect(['', bytes]).toContain(ran.stdout)
        if (performance.now() - mendedMs > RUN_LIMIT_MS) throw new Error(`nothing runs: ${ran.stderr}`)
        await to.host.docker(['rm', '--force', 'looker'])
        ran = await look(to)
      }
      expect(ran.stdout).toBe(bytes)
      tally.worstMs = Math.max(tally.worstMs, performance.now() - mendedMs)
      // Nothing that a killed agent has left behind still writes to it.
      expect(await unpackingOf(id)).toEqual([])
      expect(await describeTree(to.host, await api.usableOn(id, to.node))).toBe(treasure)
      complete++
    }
    expect(complete).toBe(MOMENTS)
    expect(watch.wrong).toEqual([])
    expect(watch.checked).toBeGreaterThan(MOMENTS)
  },
  LONG ? 4 * 3_600_000 : 600_000,
)

/** Longer than whatever is waited for: a lease that runs out, a retry. */
const RUN_LIMIT_MS = 180_000
