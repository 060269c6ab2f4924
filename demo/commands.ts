/** The first part: powerstrip between the real docker command and a real engine, with what passed through shown for each. */
import { docker, type Engine, importBusybox, startEngine } from '../test/support/engine/index.ts'
import { type LogLine, type Powerstrip, startPowerstrip } from '../test/support/powerstrip.ts'
import { claim, quoted, say } from './tell.ts'

interface Step {
  readonly says: string
  /** Arguments of `docker`. */
  readonly args: readonly string[]
  readonly stdin?: string | Buffer
  /** What its standard output must be, or must contain. */
  readonly expect: string | RegExp
}

const BOX = 'powerstrip-demo'

const STEPS: readonly Step[] = [
  {
    says: 'A container runs, and its output comes back.',
    args: ['run', '--rm', '--network', 'none', 'busybox', 'echo', 'hello from a container'],
    expect: 'hello from a container\n',
  },
  {
    says: 'Standard input ends, and the output that comes after it still arrives.',
    args: ['run', '--rm', '-i', '--network', 'none', 'busybox', 'sort'],
    stdin: 'pear\napple\nplum\n',
    expect: 'apple\npear\nplum\n',
  },
  {
    says: 'A container goes on in the background.',
    args: ['run', '-d', '--name', BOX, '--network', 'none', 'busybox', 'sh', '-c', 'echo ready; sleep 300'],
    expect: /^[0-9a-f]{64}\n$/,
  },
  {
    says: 'A command runs inside it, two-way.',
    args: ['exec', '-i', BOX, 'wc', '-c'],
    stdin: Buffer.alloc(3_000_000),
    expect: '3000000\n',
  },
  { says: 'Its logs come back.', args: ['logs', BOX], expect: 'ready\n' },
  {
    says: 'An image is built from a context on standard input.',
    args: ['build', '-q', '-t', 'powerstrip-demo:built', '-'],
    stdin: 'FROM busybox\nRUN ["true"]\nLABEL built.through=powerstrip\n',
    expect: /^sha256:[0-9a-f]{64}\n$/,
  },
  {
    says: 'What was built is there.',
    args: ['image', 'inspect', '-f', '{{index .Config.Labels "built.through"}}', 'powerstrip-demo:built'],
    expect: 'powerstrip\n',
  },
  { says: 'The container is removed.', args: ['rm', '-f', BOX], expect: `${BOX}\n` },
]

/** Docker commands through a powerstrip without adapters do what they do without it. */
export async function showCommands(): Promise<void> {
  say('Starting a private Docker Engine. The first time, it is installed, which takes a minute.')
  await using engine = await startEngine({ kind: 'old', network: false })
  await importBusybox(engine)
  await using proxy = await startPowerstrip({ upstream: engine.host })
  say(`Docker Engine ${engine.version} on ${engine.host}`)
  say(`powerstrip in front of it on ${proxy.unix}\n`)

  for (const step of STEPS) await perform(step, engine, proxy)
  say(`${STEPS.length} of ${STEPS.length} commands did through powerstrip what they do without it.`)
}

async function perform(step: Step, engine: Engine, proxy: Powerstrip): Promise<void> {
  say(step.says)
  say(`  $ docker ${step.args.map(quoted).join(' ')}`)
  const before = proxy.log.length
  const { exitCode, stdout, stderr } = await docker(proxy.unix, [...step.args], {
    ...(step.stdin === undefined ? {} : { stdin: step.stdin }),
    env: { DOCKER_BUILDKIT: '0' },
  })
  // A two-way connection is logged when both sides have closed, a moment after the command has ended.
  await new Promise((resolve) => setTimeout(resolve, 150))
  const matches = typeof step.expect === 'string' ? stdout === step.expect : step.expect.test(stdout)
  for (const line of stdout.split('\n').slice(0, 4)) if (line !== '') say(`  ${line}`)
  for (const line of proxy.log.slice(before)) if (line.msg === 'exchange') say(`    ${describe(line)}`)
  claim(
    exitCode === 0 && matches,
    `the command does what it does without powerstrip`,
    `exit code ${exitCode} on engine ${engine.version}: ${stderr}`,
  )
  say('')
}

/** One exchange: what went through, and how much of it. */
function describe(line: LogLine): string {
  const path = String(line.target).replace(/\?.*/, '?…')
  const bytes = `${line.requestBytes} bytes up, ${line.responseBytes} down`
  return `· ${line.method} ${path}  ${line.operation} → ${line.status}, ${line.fate}, ${bytes}`
}
