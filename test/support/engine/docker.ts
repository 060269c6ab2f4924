import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { type CliKind, type DockerCli, dockerCli, findCli } from './cli.ts'
import { type Ended, type RunOptions, run } from './run.ts'

/** Paths of PEM files, for a `tcp://` host. */
export interface ClientTls {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

export interface ClientOptions {
  /** The first in PATH unless told. */
  readonly cli?: CliKind
  /** On top of this process's variables; those that steer the CLI are left out before. */
  readonly env?: NodeJS.ProcessEnv
  readonly tls?: ClientTls
}

export interface DockerOptions extends ClientOptions, Pick<RunOptions, 'stdin'> {
  readonly timeoutMs?: number
}

/** Nothing the suites run takes a tenth of it; a client that hangs is a finding and must not hang the suite. */
const PATIENCE_MS = 120_000

/** Runs `docker` against a host to its end. A client that does not end is killed: exit 124, and stderr says so. */
export async function docker(
  host: string,
  args: readonly string[],
  options: DockerOptions = {},
): Promise<Ended> {
  const cli = await dockerCli(options.cli ?? 'path')
  return run(cli.bin, [...tlsFlags(options.tls), ...args], {
    env: clientEnv(cli, host, options.env),
    stdin: options.stdin,
    timeoutMs: options.timeoutMs ?? PATIENCE_MS,
  })
}

/**
 * Starts `docker` and hands out the process, for a test that holds a stream open. All three streams are pipes unless
 * told. The CLI has to be on the machine already: it is once an engine of that age was started, or after `dockerCli`.
 */
export function spawnDocker(
  host: string,
  args: readonly string[],
  options: ClientOptions & Pick<SpawnOptions, 'stdio' | 'cwd' | 'detached'> = {},
): ChildProcess {
  const { cli: kind = 'path', env, tls, ...spawnOptions } = options
  const cli = findCli(kind)
  if (cli === undefined)
    throw new Error(`the '${kind}' docker CLI is not here yet: await dockerCli('${kind}') first`)
  return spawn(cli.bin, [...tlsFlags(tls), ...args], { ...spawnOptions, env: clientEnv(cli, host, env) })
}

function clientEnv(cli: DockerCli, host: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(DOCKER|BUILDX|BUILDKIT|COMPOSE)_/.test(name))
  return { ...Object.fromEntries(own), DOCKER_HOST: host, DOCKER_CONFIG: cli.configDir, ...more }
}

function tlsFlags(tls: ClientTls | undefined): string[] {
  if (tls === undefined) return []
  const flags = ['--tlsverify', '--tlscacert', tls.ca]
  if (tls.cert !== undefined) flags.push('--tlscert', tls.cert)
  if (tls.key !== undefined) flags.push('--tlskey', tls.key)
  return flags
}
