/**
 * The command line: which commands there are, and what they take.
 *
 * What a command is made of is loaded when it is run. All of it at once takes longer, and more open files than a process may
 * be allowed.
 */
import { Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander'
import { BUILT_IN_NAMES } from '../built-ins.ts'
import { LOG_LEVELS, type LogLevel } from '../telemetry/log.ts'
import { VERSION } from '../version.ts'
import type { ConformanceOptions } from './conformance.ts'
import type { TlsFlags } from './listeners.ts'
import type { ReplayOptions } from './replay.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

/** Runs one command line to its end. `args` without the program's own name. */
export async function runCommand(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = 0
  const program = new Command('powerstrip')
    .description('An ordered chain of adapters in front of the Docker Engine API.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError('(powerstrip --help lists the commands and options)')
    .configureOutput({ writeOut: around.out, writeErr: around.err })
    .configureHelp({ optionDescription })
    .exitOverride()

  program
    .command('serve')
    .description('listen for Docker clients and pass their requests through the chain to the engine')
    .option(
      '-c, --config <file>',
      'adapters and endpoints (docs/config.md); without it everything is relayed unchanged',
    )
    .option(
      '-l, --listen <url>',
      'where to listen, repeatable: unix:///path.sock, tcp://127.0.0.1:2375; wins over the listeners of the configuration (default: those, else powerstrip.sock in $XDG_RUNTIME_DIR or /run)',
      collect,
      [],
    )
    .option(
      '-u, --upstream <url>',
      'the Docker Engine (default: that of the configuration, else $DOCKER_HOST, else unix:///var/run/docker.sock)',
    )
    .option(
      '--upstream-tls <folder>',
      'TLS to a tcp:// engine, with ca.pem, cert.pem and key.pem of this folder (default: $DOCKER_CERT_PATH where $DOCKER_TLS_VERIFY is set)',
    )
    .option('--socket-mode <octal>', 'permissions of unix sockets', parseMode, 0o660)
    .option('--socket-owner <user>', 'user that unix sockets belong to (default: that of the process)')
    .option('--socket-group <group>', 'group that unix sockets belong to (default: that of the process)')
    .option(
      '--tlsverify',
      'TLS on tcp:// listeners, for clients with a certificate that the CA has signed',
      false,
    )
    .option('--tls', 'TLS on tcp:// listeners that lets every client in', false)
    .option('--tlscacert <file>', 'CA of the clients (default: ca.pem in $DOCKER_CERT_PATH or ~/.docker)')
    .option('--tlscert <file>', 'certificate of the listeners (default: cert.pem in the same folder)')
    .option('--tlskey <file>', 'its key (default: key.pem in the same folder)')
    .option('--grace <seconds>', 'how long running streams may go on after SIGTERM', parseSeconds, 10)
    .addOption(
      new Option('--log-level <level>', 'debug logs a line for every exchange')
        .choices(LOG_LEVELS)
        .default('info'),
    )
    .addHelpText('after', SERVE_EXAMPLE)
    .action(async (options: ServeFlags) => {
      const { runServe } = await import('./serve.ts')
      exitCode = await runServe(
        {
          config: options.config,
          listen: options.listen,
          upstream: options.upstream,
          upstreamTls: options.upstreamTls,
          socketMode: options.socketMode,
          socketOwner: options.socketOwner,
          socketGroup: options.socketGroup,
          tls: options,
          graceMs: options.grace * 1000,
          logLevel: options.logLevel,
        },
        around,
      )
    })

  program
    .command('check')
    .description('read a configuration file and report every problem in it')
    .argument('<file>', 'the configuration file')
    .action(async (file: string) => {
      const { runCheck } = await import('./check.ts')
      exitCode = await runCheck(file, around)
    })

  program
    .command('explain')
    .description('say which operation a request is, which rules match it, and what happens to it')
    .option('-c, --config <file>', 'adapters and endpoints')
    .argument('<method>', 'GET, POST, …')
    .argument('<path>', 'path and query, as a client sends them: /v1.45/containers/create?name=web')
    .action(async (method: string, path: string, options: { config?: string }) => {
      const { runExplain } = await import('./explain.ts')
      exitCode = await runExplain({ method, path, config: options.config }, around)
    })

  program
    .command('tap')
    .description('show each exchange of a running proxy as it ends, with what each adapter changed')
    .option(
      '-a, --admin <url>',
      "the proxy's admin listener (default: that of the configuration, else unix:///run/powerstrip/admin.sock)",
    )
    .option('-c, --config <file>', "the proxy's configuration, which names it")
    .option('-o, --operation <id>', 'only this operation of the Docker API, repeatable', collect, [])
    .option('--adapter <name>', 'only exchanges that this adapter had a part in, repeatable', collect, [])
    .option('--json', 'one line of JSON for each exchange, as in the decision log', false)
    .action(async (options: TapFlags) => {
      const { runTap } = await import('./tap.ts')
      exitCode = await runTap({ admin: undefined, config: undefined, ...options }, around)
    })

  program
    .command('adapter')
    .description('serve one adapter on an address of its own, for proxies to call')
    .argument('<adapter>', `a built-in one (${BUILT_IN_NAMES.join(', ')}), or a module file`)
    .option('-l, --listen <url>', 'where to listen: http://127.0.0.1:4000, unix:///path.sock')
    .option('-u, --unix <path>', 'the same for a unix socket')
    .option('-w, --with <json>', 'the options of the adapter, as under "with" in a configuration file')
    .option(
      '--bearer <file>',
      'answer only calls that show a token of this file, as with "auth: { bearer: … }"',
    )
    .option('--hmac <file>', 'answer only calls signed with a secret of this file, and sign the answers')
    .option(
      '--receive <file>',
      'instead of serving it, show it the fixtures of this file and tell what it does',
    )
    .action(async (adapter: string, options: AdapterFlags) => {
      const { runAdapter } = await import('./adapter.ts')
      const { listen, unix, with: told, bearer, hmac, receive } = options
      exitCode = await runAdapter({ adapter, listen, unix, with: told, bearer, hmac, receive }, around)
    })

  withEndpoint(
    program
      .command('conformance')
      .description('test whether an adapter answers as the protocol wants it (docs/testing-an-adapter.md)')
      .addOption(
        new Option('-p, --protocol <version>', 'auto asks the adapter; 1 never sends anything but calls')
          .choices(['auto', '1', '2'])
          .default('auto'),
      )
      .option(
        '-o, --operations <ids>',
        'what it is for, most important first: ContainerCreate,ContainerList (default: what it says, else everyday ones)',
      )
      .option('--hooks <types>', 'protocol 1: pre, post, or pre,post', 'pre,post')
      .option('-w, --with <json>', 'what a configuration would say under "with" (protocol 2)')
      .option('--focus <pattern>', 'only checks whose id or title matches: PS2-MUT, patch')
      .option('--skip <pattern>', 'no check whose id or title matches')
      .option('--timeout <duration>', 'for each call', '30s')
      .option('--report <file>', "writes JUnit's XML, for CI systems")
      .option('--html <file>', 'writes a page for people')
      .option('--json <file>', 'writes JSON, for programs'),
  ).action(async (url: string | undefined, options: Omit<ConformanceOptions, 'url'>) => {
    const { runConformanceCommand } = await import('./conformance.ts')
    exitCode = await runConformanceCommand({ ...options, url }, around)
  })

  program
    .command('record')
    .description('serve, and write what passes by as fixtures, without secrets (docs/testing-an-adapter.md)')
    .option('-c, --config <file>', 'as for serve, with its listeners, its engine and its hooks')
    .requiredOption('--out <folder>', 'where to write: a file for each operation and API version')
    .option('-o, --operations <ids>', 'only these: ContainerCreate,ContainerList')
    .option('-l, --listen <url>', 'where to listen, repeatable, as for serve', collect, [])
    .option('-u, --upstream <url>', 'the Docker Engine, as for serve')
    .option('--upstream-tls <folder>', 'TLS to a tcp:// engine, as for serve')
    .option('--grace <seconds>', 'how long running streams may go on after SIGTERM', parseSeconds, 10)
    .addOption(new Option('--log-level <level>', 'what to log').choices(LOG_LEVELS).default('info'))
    .action(async (options: RecordFlags) => {
      const { config, out, operations, listen, upstream, upstreamTls, grace, logLevel } = options
      const { runRecord } = await import('./record.ts')
      exitCode = await runRecord(
        {
          ...{ config, out, operations, listen, upstream, upstreamTls, logLevel },
          socketMode: 0o660,
          socketOwner: undefined,
          socketGroup: undefined,
          tls: NO_TLS,
          graceMs: grace * 1000,
        },
        around,
      )
    })

  withEndpoint(
    program
      .command('replay')
      .description(
        'play fixtures at an adapter, and say what it would do with each (docs/testing-an-adapter.md)',
      )
      .argument('<path>', 'a file of fixtures, or a folder of them')
      .addOption(
        new Option('-p, --protocol <version>', 'as for conformance')
          .choices(['auto', '1', '2'])
          .default('auto'),
      )
      .option('--hooks <types>', 'protocol 1: pre, post, or pre,post', 'pre,post')
      .option('-w, --with <json>', 'what a configuration would say under "with" (protocol 2)')
      .option('--timeout <duration>', 'for each call', '30s')
      .option('--write <file>', 'writes what it did, a line for each call')
      .option('--expect <file>', 'such a file: ends with 1 where it did otherwise'),
  ).action(async (path: string, url: string | undefined, options: Omit<ReplayOptions, 'path' | 'url'>) => {
    const { runReplay } = await import('./replay.ts')
    exitCode = await runReplay({ ...options, path, url }, around)
  })

  program
    .command('init-adapter')
    .description('write a small adapter that works, with its test, into a new folder')
    .argument('<folder>', 'its last part becomes the name of the adapter')
    .action(async (folder: string) => {
      const { runInitAdapter } = await import('./init-adapter.ts')
      exitCode = await runInitAdapter(folder, around)
    })

  withTls(
    program
      .command('flocker-control')
      .description('keep track of datasets: which host should have each, and which has it (docs/flocker.md)')
      .option('-l, --listen <host:port>', 'where to serve the REST API', '127.0.0.1:4523')
      .option(
        '-s, --state <file>',
        'the file that keeps the state, or the word etcd',
        '/var/lib/powerstrip/flocker.state',
      )
      .option('--etcd-endpoints <url...>', 'members of the etcd that keeps it', [])
      .option('--etcd-prefix <key>', 'what its keys begin with', '/powerstrip/flocker'),
  ).action(async (options: FlockerControlFlags) => {
    const { runFlockerControl } = await import('./flocker-control.ts')
    exitCode = await runFlockerControl({ ...tlsOf(options), ...options }, around)
  })

  withTls(
    program
      .command('flocker-agent')
      .description(
        'keep the datasets of this host in Docker volumes, and move them between hosts (docs/flocker.md)',
      )
      .requiredOption(
        '-c, --control <url>',
        'the control service, repeatable: http://10.0.0.1:4523',
        (url: string, urls: readonly string[] | undefined) => [...(urls ?? []), url],
      )
      .option('-d, --docker <url>', "the engine's own socket, not a proxy's", 'unix:///var/run/docker.sock')
      .option('-l, --listen <host:port>', 'where other agents fetch datasets', '127.0.0.1:4524')
      .option('--hostname <host>', 'what other hosts call this one (default: the address it listens on)')
      .option('-s, --state <directory>', 'keeps the id of this node', '/var/lib/powerstrip/flocker-agent'),
  ).action(async (options: FlockerAgentFlags) => {
    const { runFlockerAgent } = await import('./flocker-agent.ts')
    exitCode = await runFlockerAgent({ ...tlsOf(options), hostname: undefined, ...options }, around)
  })

  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (problem) {
    // Commander has printed what it had to say. Asked-for help and version end well, all else is bad usage.
    if (problem instanceof CommanderError) return problem.exitCode === 0 ? 0 : 2
    throw problem
  }
}

interface TapFlags {
  readonly admin?: string
  readonly config?: string
  readonly operation: readonly string[]
  readonly adapter: readonly string[]
  readonly json: boolean
}

interface ServeFlags extends TlsFlags {
  readonly config?: string
  readonly listen: readonly string[]
  readonly upstream: string | undefined
  readonly upstreamTls: string | undefined
  readonly socketMode: number
  readonly socketOwner: string | undefined
  readonly socketGroup: string | undefined
  readonly grace: number
  readonly logLevel: LogLevel
}

interface RecordFlags {
  readonly config: string | undefined
  readonly out: string
  readonly operations: string | undefined
  readonly listen: readonly string[]
  readonly upstream: string | undefined
  readonly upstreamTls: string | undefined
  readonly grace: number
  readonly logLevel: LogLevel
}

interface AdapterFlags {
  readonly listen?: string
  readonly unix?: string
  readonly with?: string
  readonly bearer?: string
  readonly hmac?: string
  readonly receive?: string
}

interface FlockerFlags {
  readonly listen: string
  readonly state: string
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly logLevel: LogLevel
}

interface FlockerControlFlags extends FlockerFlags {
  readonly etcdEndpoints: readonly string[]
  readonly etcdPrefix: string
}

interface FlockerAgentFlags extends FlockerFlags {
  readonly control: readonly string[]
  readonly docker: string
  readonly hostname?: string
}

/** An adapter that runs somewhere. */
function withEndpoint(command: Command): Command {
  return command
    .argument(
      '[url]',
      'the adapter, as a configuration names it: http://127.0.0.1:4000, unix:///run/adapter.sock',
    )
    .option('-e, --endpoint <url>', 'the same as an option')
    .option('--bearer <file>', 'the token that the adapter wants to see')
    .option('--hmac <file>', 'the secret that calls and replies are signed with')
    .option('--ca <file>', 'the authority of an https:// adapter, as PEM')
}

/** Files named as for Docker's own TLS. */
function withTls(command: Command): Command {
  return command
    .option('--tls-ca <file>', 'the authority that vouches for control services and agents (ca.pem)')
    .option('--tls-cert <file>', 'the certificate of this one (cert.pem)')
    .option('--tls-key <file>', 'the key to it (key.pem)')
    .addOption(new Option('--log-level <level>', 'what to log').choices(LOG_LEVELS).default('info'))
}

function tlsOf({ tlsCa, tlsCert, tlsKey }: FlockerFlags) {
  return { tlsCa, tlsCert, tlsKey }
}

const NO_TLS: TlsFlags = {
  tls: false,
  tlsverify: false,
  tlscacert: undefined,
  tlscert: undefined,
  tlskey: undefined,
}

const SERVE_EXAMPLE = `
Example:
  powerstrip serve --config adapters.yml --listen unix:///run/powerstrip.sock
  export DOCKER_HOST=unix:///run/powerstrip.sock
  docker run --rm busybox echo hello`

/** Of an option that may stand several times. */
/** That a list begins empty, or a switch off, tells nobody anything. */
function optionDescription(option: Option): string {
  const { defaultValue } = option
  const isTelling = defaultValue !== false && !(Array.isArray(defaultValue) && defaultValue.length === 0)
  return isTelling ? new Help().optionDescription(option) : option.description
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

function parseMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new InvalidArgumentError('Write three octal digits, as in 660.')
  return Number.parseInt(text, 8)
}

function parseSeconds(text: string): number {
  if (!/^[0-9]+(?:\.[0-9]+)?$/.test(text))
    throw new InvalidArgumentError('Write a number of seconds, as in 10.')
  return Number(text)
}
