/**
 * kill -9 at random moments of moves: of the control service, of either agent, of either engine; and the link between the
 * hosts cut. Afterwards there is one complete copy, nobody was ever shown the path of another, and the next container that
 * runs has the data.
 *
 * With POWERSTRIP_LONG=1 a hundred moments and a dataset of 1 GB.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, type ClusterHost, eventually, startCluster } from '../../support/flocker/cluster.ts'
import { StateWatch } from '../../support/flocker/state-watch.ts'
import { describeTree, fillTree } from '../../support/flocker/tree.ts'

const LONG = process.env.POWERSTRIP_LONG === '1'
const MOMENTS = LONG ? 100 : 12
const MEGABYTES = LONG ? 1_000 : 64
/** A seed to repeat a run by: the moments are drawn from it, though machines are never twice equally fast. */
const SEED = Number(process.env.POWERSTRIP_SEED ?? Date.now() % 1_000_000)

/** What may happen in a move from `from` to `to`, and how it is made good again. */
interface Fault {
  readonly name: string
  strike(from: ClusterHost, to: ClusterHost): Promise<() => Promise<void>>
}

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
  { name: 'agent of the target', strike: (_from, to) => killAgent(to) },
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

async function killAgent(of: ClusterHost): Promise<() => Promise<void>> {
  await of.agent.end('SIGKILL')
  return () => of.restartAgent()
}

async function killEngine({ host }: ClusterHost): Promise<() => Promise<void>> {
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
  cluster = await startCluster()
})

afterAll(() => cluster?.[Symbol.asyncDispose]())

async function volumesOf({ host }: ClusterHost): Promise<string> {
  return host.mustDocker(['volume', 'ls', '--quiet'])
}

test(
  `${MOMENTS} random moments of moves of ${MEGABYTES} MB`,
  async () => {
    const { api } = cluster
    const draw = random(SEED)
    let [from, to] = cluster.hosts
    const id = await api.create(from.node, 'treasure')
    const path = await api.usableOn(id, from.node)
    await fillTree(from.host, path, MEGABYTES)
    const treasure = await describeTree(from.host, path)
    await using watch = new StateWatch(cluster, id, treasure)

    // How long a move takes when nothing happens: the moments are drawn from that span.
    const since = performance.now()
    await api.move(id, to.node)
    await api.usableOn(id, to.node)
    const spanMs = performance.now() - since
    console.log(
      `faults: ${LONG ? 'full scale' : 'CI scale (POWERSTRIP_LONG=1 for 100 moments of 1 GB)'}, seed ${SEED}, a move takes ${Math.round(spanMs)} ms`,
    )

    const struck: string[] = []
    for (let moment = 0; moment < MOMENTS; moment++) {
      ;[from, to] = [to, from]
      const fault = FAULTS[moment % FAULTS.length]!
      // Whoever died last time is there again, and the last move is over to its last step.
      await eventually(
        async () => [await volumesOf(from), await volumesOf(to), (await api.nodes()).length],
        ([here, there, nodes]) => here === `flocker-${id}` && there === '' && nodes === 2,
      )
      await api.move(id, to.node)
      const afterMs = draw() * spanMs
      await sleep(afterMs)
      const seen = await api.state(id)
      struck.push(
        `${fault.name} after ${Math.round(afterMs)} ms, ${seen?.move?.phase ?? `on ${seen?.primary === to.node ? 'target' : 'source'}`}`,
      )
      const mend = await fault.strike(from, to)
      await mend()

      // The next run gets the data.
      const there = await api.usableOn(id, to.node, 120_000)
      const ran = [
        'run',
        '--rm',
        '--network',
        'none',
        '-v',
        `${there}:/data`,
        'busybox',
        'stat',
        '-c',
        '%s',
        '/data/big',
      ]
      expect(await to.host.mustDocker(ran)).toBe(`${(MEGABYTES / 2) * 1024 * 1024}`)
      expect(await describeTree(to.host, there)).toBe(treasure)
    }
    console.log(
      `faults: ${struck.join('; ')}\nfaults: ${watch.checked} paths were shown, each of a complete copy`,
    )
    expect(watch.wrong).toEqual([])
    expect(watch.checked).toBeGreaterThan(MOMENTS)
  },
  LONG ? 4 * 3_600_000 : 300_000,
)
