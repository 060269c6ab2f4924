/**
 * Does what a page tells its reader to do, word for word: writes the files, starts what is started in the background,
 * types the commands, and compares what they print.
 *
 * Only what a machine shares is put elsewhere: ports become free ones, and `/run/powerstrip.sock` a socket of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { dockerCli, type Engine } from '../../support/engine/index.ts'
import { freePort } from '../../support/free-port.ts'
import { spawnMortal } from '../../support/mortal.ts'
import { COMMAND } from '../../support/powerstrip.ts'

export interface WalkthroughPage {
  /** A folder to copy, or files by their names. */
  readonly files: string | Readonly<Record<string, string>>
  /** Commands to start, each with ` &` at its end; an `export` is for the reader's shell. */
  readonly start: string
  /** Lines after `$ ` are typed, the others are what is then printed; `…` stands for anything. */
  readonly console: string
}

export interface Walkthrough extends AsyncDisposable {
  /** What the programs in the background have written so far. */
  readonly output: () => string
  /** Types all commands; throws where something else is printed than the page says. */
  type(): Promise<void>
}

/** Without `engine`, for pages that need none. */
export async function walkThrough(page: WalkthroughPage, engine?: Engine): Promise<Walkthrough> {
  const dir = await mkdtemp(join(tmpdir(), 'walk-'))
  await layOut(page.files, dir)
  const ports = await freePorts(await placesIn(page, dir))
  const adapt = (text: string) =>
    [...ports].reduce(
      (adapted, [from, to]) => adapted.replaceAll(new RegExp(`\\b${from}\\b`, 'g'), `${to}`),
      text.replaceAll('/run/powerstrip.sock', join(dir, 'powerstrip.sock')),
    )
  await adaptFiles(page.files, dir, adapt)

  const cli = engine && (await dockerCli('new'))
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DOCKER_'))),
    PATH: [join(dir, '.bin'), ...(cli === undefined ? [] : [dirname(cli.bin)]), process.env.PATH].join(':'),
    ...(cli === undefined ? {} : { DOCKER_CONFIG: cli.configDir, DOCKER_HOST: engine!.host }),
    XDG_RUNTIME_DIR: dir,
  }
  let output = ''
  const running: ChildProcess[] = []
  const dispose = async () => {
    await Promise.all(running.map(end))
    await rm(dir, { recursive: true, force: true })
  }
  try {
    for (const line of adapt(page.start).trim().split('\n')) {
      if (/^export DOCKER_HOST=unix:\/\//.test(line)) continue
      const [, command] = /^(.*) &$/.exec(line) ?? []
      if (command === undefined) throw new Error(`a reader would wait for ever for the end of: ${line}`)
      // A group of its own, so that what it starts ends with it.
      const child = spawnMortal('sh', ['-c', `exec ${withoutAssignments(command)}`], {
        cwd: dir,
        env: { ...env, ...assignments(command) },
        detached: true,
      })
      running.push(child)
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => {
          output += chunk.toString()
        })
      await ready(
        child,
        command.includes('powerstrip serve') ? join(dir, 'powerstrip.sock') : portIn(command, ports),
        () => output,
      )
    }
  } catch (problem) {
    await dispose()
    throw problem
  }

  return {
    output: () => output,
    async type() {
      for (const { command, prints } of exchangesIn(adapt(page.console))) {
        const printed = await shell(command, dir, {
          ...env,
          DOCKER_HOST: `unix://${join(dir, 'powerstrip.sock')}`,
        })
        if (!prints.test(printed))
          throw new Error(`"${command}" should print ${prints}, and printed:\n${printed}\n${output}`)
      }
    },
    [Symbol.asyncDispose]: dispose,
  }
}

async function layOut(files: WalkthroughPage['files'], dir: string): Promise<void> {
  if (typeof files === 'string') await cp(files, dir, { recursive: true })
  await installPowerstrip(dir)
  await mkdir(join(dir, '.bin'))
  for (const [name, args] of [
    ['powerstrip', '"$@"'],
    ['npx', '"$@"'],
  ] as const) {
    const shift = name === 'npx' ? 'shift; ' : ''
    const file = join(dir, '.bin', name)
    await writeFile(file, `#!/bin/sh\n${shift}exec '${process.execPath}' '${COMMAND}' ${args}\n`)
    await chmod(file, 0o755)
  }
  if (typeof files === 'string') return
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), text)
    if (text.startsWith('#!')) await chmod(join(dir, name), 0o755)
  }
}

/** As `npm install powerstrip` leaves a folder. */
export async function installPowerstrip(dir: string): Promise<void> {
  await mkdir(join(dir, 'node_modules'))
  await symlink(resolve('.'), join(dir, 'node_modules/powerstrip'))
  await writeFile(join(dir, 'package.json'), '{"type":"module"}')
}

async function adaptFiles(
  files: WalkthroughPage['files'],
  dir: string,
  adapt: (text: string) => string,
): Promise<void> {
  const names = typeof files === 'string' ? ['adapters.yml'] : Object.keys(files)
  for (const name of names) {
    const file = join(dir, name)
    await writeFile(file, adapt(await readFile(file, 'utf8')))
  }
}

/** Where the ports of a page are named: its configuration, or else the programs themselves. */
async function placesIn({ files, start }: WalkthroughPage, dir: string): Promise<string> {
  const yml = await readFile(join(dir, 'adapters.yml'), 'utf8').catch(() => undefined)
  return yml ?? [...(typeof files === 'string' ? [] : Object.values(files)), start].join('\n')
}

async function freePorts(text: string): Promise<ReadonlyMap<string, number>> {
  const named = [...text.matchAll(/127\.0\.0\.1[:", ]+([0-9]+)/g)].map(([, port]) => port!)
  return new Map(await Promise.all(named.map(async (port) => [port, await freePort()] as const)))
}

/** `A=1 program` sets a variable for the program alone; `exec` would take it for the program. */
function assignments(command: string): Record<string, string> {
  return Object.fromEntries(
    [...leadingAssignments(command).matchAll(/(\w+)=(\S*)/g)].map(([, name, value]) => [name!, value!]),
  )
}

function withoutAssignments(command: string): string {
  return command.slice(leadingAssignments(command).length)
}

function leadingAssignments(command: string): string {
  return /^(?:[A-Z]\w*=\S* )*/.exec(command)![0]
}

function portIn(command: string, ports: ReadonlyMap<string, number>): number {
  const named = [...ports.values()].find((port) => command.includes(`${port}`))
  // A program that has its port within itself: there is one on such a page.
  return named ?? [...ports.values()][0]!
}

/** Until something listens. Not every program says when it does, so it is asked. */
async function ready(child: ChildProcess, where: number | string, output: () => string): Promise<void> {
  while (!(await isListening(where))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`ended before it listened:\n${output()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function isListening(where: number | string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = typeof where === 'string' ? connect(where) : connect(where, '127.0.0.1')
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid!, 'SIGTERM')
  await once(child, 'exit')
}

interface Exchange {
  readonly command: string
  readonly prints: RegExp
}

function exchangesIn(text: string): readonly Exchange[] {
  return text
    .trim()
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.trimEnd().split('\n')
      return { command, prints: new RegExp(`^${lines.map(linePattern).join('')}$`) }
    })
}

function linePattern(line: string): string {
  // On a line of its own it stands for all that follows.
  if (line === '…') return '[^]*'
  return `${line
    .split('…')
    .map((part) => part.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'))
    .join('.*')}\\n`
}

async function shell(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn('sh', ['-c', `{ ${command}\n} 2>&1`], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
  })
  await once(child, 'close')
  return printed
}
