/** Two Docker hosts with all that a moving site takes: a control service, an agent and a powerstrip on each, one network. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type DockerOptions, docker, spawnDocker } from '../test/support/engine/index.ts'
import { type Host, startHosts } from '../test/support/hosts/index.ts'
import { COMMAND, type Powerstrip, startPowerstrip } from '../test/support/powerstrip.ts'
import { quoted, say } from './tell.ts'
import { Trace, withWitnesses } from './trace.ts'

export interface Node {
  readonly name: string
  readonly host: Host
  readonly powerstrip: Powerstrip
  readonly trace: Trace
  /** How long its agent took for the last dataset that came here: from the first byte to verified and on the disk. */
  lastCopyMs(): number
  /** Types a docker command on this host, through its powerstrip, and shows it; throws unless it works. */
  type(args: readonly string[], options?: DockerOptions): Promise<string>
  /** As `type`, for a command that is to be refused; gives what it said. */
  typeRefused(args: readonly string[]): Promise<string>
  /** Starts a docker command that stays. */
  hold(args: readonly string[]): ChildProcess
}

export interface Cluster extends AsyncDisposable {
  readonly nodes: readonly [Node, Node]
  /** What the control service answers to a GET. */
  asked(path: string): Promise<unknown>
}

type AgentLine = Readonly<Record<'time' | 'msg', string>>

const CONFIGURATION = 'examples/flocker-weave/adapters.yml'

export async function startCluster(): Promise<Cluster> {
  const ends = new Ends()
  try {
    const nodes = await startNodes(ends)
    return {
      nodes,
      asked: (path) => askControl(nodes[0].host, path),
      [Symbol.asyncDispose]: () => ends.all(),
    }
  } catch (problem) {
    await ends.all()
    throw problem
  }
}

/** From within its host: nobody else is on the hosts' network. */
async function askControl(host: Host, path: string): Promise<unknown> {
  const ask = `fetch('http://${host.address}:4523/v1${path}').then((answer) => answer.text()).then(console.log)`
  const ended = await host.run(process.execPath, ['-e', ask])
  if (ended.exitCode !== 0) throw new Error(`GET ${path}: ${ended.stderr}`)
  return JSON.parse(ended.stdout)
}

async function startNodes(ends: Ends): Promise<readonly [Node, Node]> {
  say('Starting two Docker hosts. The first time, what they need is installed, which takes a minute.')
  const { all } = ends.use(await startHosts({ kinds: ['new', 'new'], swarm: 'managers' }))
  const state = await mkdtemp(join(tmpdir(), 'demo-'))
  ends.add(() => rm(state, { recursive: true, force: true }))
  const first = all[0]!
  say(
    `Two Docker hosts in one Swarm: ${all.map(({ name, address, engine }) => `${name} (${address}, engine ${engine.version})`).join(' and ')}`,
  )

  const control = `http://${first.address}:4523`
  await startProgram(ends, first, [
    'flocker-control',
    ...['--listen', `${first.address}:4523`],
    ...['--state', join(state, 'flocker.json')],
  ])
  say(`On ${first.name}: powerstrip flocker-control, which says who has which data`)
  const yml = withWitnesses(await readFile(CONFIGURATION, 'utf8'))
  const nodes: Node[] = []
  for (const host of all) {
    const agentLog: AgentLine[] = []
    await startProgram(
      ends,
      host,
      [
        'flocker-agent',
        ...['--control', control, '--docker', host.engine.host],
        ...['--listen', `${host.address}:4524`],
        ...['--state', join(state, host.name)],
      ],
      agentLog,
    )
    const powerstrip = ends.use(
      await startPowerstrip({
        upstream: host.engine.host,
        config: yml,
        env: {
          DOCKER_HOST: host.engine.host,
          FLOCKER_CONTROL_SERVICE_BASE_URL: `${control}/v1`,
          MY_NETWORK_IDENTITY: host.address,
        },
        spawn: host.spawn,
      }),
    )
    nodes.push(nodeOf(host, powerstrip, new Trace(powerstrip, yml), agentLog))
  }
  say(
    'On both: powerstrip flocker-agent, which moves data, and powerstrip with the adapters flocker and weave',
  )
  return nodes as [Node, Node]
}

function nodeOf(host: Host, powerstrip: Powerstrip, trace: Trace, agentLog: readonly AgentLine[]): Node {
  const show = (args: readonly string[]) => say(`  ${host.name} $ docker ${args.map(quoted).join(' ')}`)
  const ask = (args: readonly string[], options: DockerOptions = {}) =>
    docker(powerstrip.unix, args, { ...options, env: { DOCKER_BUILDKIT: '0', ...options.env } })
  return {
    name: host.name,
    host,
    powerstrip,
    trace,
    lastCopyMs() {
      const at = (message: string) => Date.parse(agentLog.findLast(({ msg }) => msg === message)?.time ?? '')
      return at('moved here') - at('moving here')
    },
    async type(args, options) {
      show(args)
      const ended = await ask(args, options)
      for (const line of ended.stderr.split('\n')) if (line.startsWith('WARNING')) say(`    ${line}`)
      if (ended.exitCode === 0) return ended.stdout.trim()
      throw new Error(
        `docker ${args.join(' ')} on ${host.name}: ${ended.stderr.trim()}\n${powerstrip.words}`.trim(),
      )
    },
    async typeRefused(args) {
      show(args)
      const ended = await ask(args)
      if (ended.exitCode === 0) throw new Error(`docker ${args.join(' ')} on ${host.name} was not refused`)
      return ended.stderr.trim()
    },
    hold(args) {
      show(args)
      return spawnDocker(powerstrip.unix, args)
    },
  }
}

/** What has to end, the last that was started first. */
class Ends {
  readonly #ends: (() => Promise<unknown>)[] = []

  add(end: () => Promise<unknown>): void {
    this.#ends.push(end)
  }

  use<T extends AsyncDisposable>(it: T): T {
    this.add(async () => it[Symbol.asyncDispose]())
    return it
  }

  async all(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

/** One of powerstrip's other commands, inside a host, until the stack is disposed of. Ready when it has said where it is. */
async function startProgram(
  ends: Ends,
  host: Host,
  args: readonly string[],
  log: AgentLine[] = [],
): Promise<void> {
  const child = host.spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  createInterface({ input: child.stderr! }).on('line', (line) => {
    said += `${line}\n`
    if (line.startsWith('{')) log.push(JSON.parse(line) as AgentLine)
  })
  const ended = once(child, 'exit')
  ends.add(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const ready = await Promise.race([once(child.stdout!, 'data'), ended.then(() => undefined)])
  if (ready === undefined) throw new Error(`powerstrip ${args.join(' ')} on ${host.name} has ended: ${said}`)
  child.stdout!.resume()
}
