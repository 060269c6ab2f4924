/** A docker client straight at an engine and through a chain in front of it: both have to look the same. */
import { randomBytes } from 'node:crypto'
import { ALONE } from '../clients/index.ts'
import { python } from '../clients/python.ts'
import { sweep } from '../clients/sweep.ts'
import { masked } from '../clients/varying.ts'
import {
  type CliKind,
  type DockerOptions,
  docker,
  dockerCli,
  type Ended,
  type Engine,
} from '../engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../powerstrip.ts'

export interface Side {
  /** For `DOCKER_HOST`. */
  readonly host: string
  /** A name in the engine that only this side uses; as long as the other side's. */
  named(what: string): string
  /** Runs the CLI to its end. */
  docker(args: readonly string[], options?: DockerOptions): Promise<Ended>
  /** As `docker`, in a container of its own that is gone afterwards. */
  run(flags: readonly string[], command: readonly string[], options?: DockerOptions): Promise<Ended>
  /** Runs the CLI on a terminal; `steps` as `terminal.py` plays them. */
  terminal(args: readonly string[], steps: readonly object[]): Promise<unknown>
}

export interface Beside {
  readonly powerstrip: Powerstrip
  /** Plays a scenario on both sides, one after the other, expects to see the same, and returns it. */
  same<Seen>(play: (side: Side) => Promise<Seen>, cli?: CliKind): Promise<Seen>
}

/** For the tests of a block. `config` is asked when the adapters that it names are there. */
export function besideDirect(engine: () => Engine, config: () => string): Beside {
  const tag = `b${randomBytes(3).toString('hex')}`
  let powerstrip: Powerstrip | undefined
  beforeAll(async () => {
    powerstrip = await startPowerstrip({ upstream: engine().host, config: config() })
  })
  afterAll(async () => {
    const complaints = powerstrip?.log.filter(({ level, fate }) => Number(level) >= 50 || fate === 'cut-off')
    await powerstrip?.stop()
    await sweep(engine().host, tag)
    expect(complaints).toEqual([])
  })
  const side = (number: number, host: string, cli: CliKind): Side => {
    const runCli = (args: readonly string[], options: DockerOptions = {}) =>
      docker(host, args, { cli, ...options })
    return {
      host,
      named: (what) => `${tag}${number}-${what}`,
      docker: runCli,
      run: (flags, command, options) =>
        runCli(['run', '--rm', ...ALONE, ...flags, 'busybox', ...command], options),
      async terminal(args, steps) {
        const { bin, configDir } = await dockerCli(cli)
        const env = { DOCKER_HOST: host, DOCKER_CONFIG: configDir, TERM: 'xterm' }
        return await python('terminal.py', [JSON.stringify(steps), bin, ...args], env)
      },
    }
  }

  return {
    get powerstrip() {
      return powerstrip!
    },
    async same(play, cli = 'path') {
      const direct = masked(await play(side(0, engine().host, cli)), tag)
      const through = masked(await play(side(1, powerstrip!.unix, cli)), tag)
      expect(through).toEqual(direct)
      return through
    },
  }
}
