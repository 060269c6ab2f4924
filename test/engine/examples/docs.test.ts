import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'
import { decodeHookCall, decodePreReply } from '../../../src/wire/v1.ts'
import { docker, type Engine, importLingeringBusybox, startEngine } from '../../support/engine/index.ts'
import { mustRun, run } from '../../support/engine/run.ts'
import { COMMAND } from '../../support/powerstrip.ts'
import { type Fence, fencesIn } from './fences.ts'
import { installPowerstrip, walkThrough } from './walkthrough.ts'

// Most compile, and start programs that containers then pass through, on machines that may be doing other things.
jest.setTimeout(240_000)

const fences = fencesIn(readFileSync('docs/writing-an-adapter.md', 'utf8'))
const tested = new Set<Fence>()

/** The code of one section in one language, in order. */
function code(section: string, language: string): readonly string[] {
  const found = fences.filter((fence) => fence.section === section && fence.language === language)
  for (const fence of found) tested.add(fence)
  return found.map(({ text }) => text)
}

/** Readers' containers have a network; the shared engines' have none. */
let engine: Engine
let dir: string
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'docs-'))
  engine = await startEngine({ kind: 'new', network: true })
  await importLingeringBusybox(engine)
})
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true })
  await engine?.dispose()
})

/** Checks the types as a reader's project would, against what is published, and compiles. */
async function compile(sources: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
  const project = mkdtempSync(join(dir, 'ts-'))
  await installPowerstrip(project)
  await symlink(resolve('node_modules/@types'), join(project, 'node_modules/@types'))
  await writeFile(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noImplicitReturns: true,
        module: 'nodenext',
        target: 'es2022',
        types: ['node'],
        outDir: 'out',
      },
    }),
  )
  for (const [name, text] of Object.entries(sources)) await writeFile(join(project, `${name}.ts`), text)
  await mustRun(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '--project', project])
  const compiled = Object.keys(sources).map(
    async (name) => [name, await readFile(join(project, 'out', `${name}.js`), 'utf8')] as const,
  )
  return Object.fromEntries(await Promise.all(compiled))
}

describe('docs/writing-an-adapter.md', () => {
  test('in TypeScript', async () => {
    const [install, start = ''] = code('Two minutes in TypeScript', 'sh')
    expect(install).toBe('npm install powerstrip\n')
    const [teamLabel = ''] = code('Two minutes in TypeScript', 'ts')
    const [yml = ''] = code('Two minutes in TypeScript', 'yaml')
    const [typed = ''] = code('Two minutes in TypeScript', 'console')
    const { adapter = '' } = await compile({ adapter: teamLabel })
    expect(start).toContain('team-label.ts')
    await using walk = await walkThrough(
      {
        files: { 'adapters.yml': yml, 'team-label.js': adapter },
        start: start.replace('team-label.ts', 'team-label.js'),
        console: typed,
      },
      engine,
    )
    await walk.type()
  })

  test('a post-hook, and a program that serves its adapter itself', async () => {
    const [hide = '', own = ''] = code('What a handler gets', 'ts')
    const [yml = ''] = code('What a handler gets', 'yaml')
    const [typed = ''] = code('What a handler gets', 'console')
    const compiled = await compile({ hide, own })
    await using walk = await walkThrough(
      {
        files: { 'adapters.yml': yml, 'hide.js': compiled.hide!, 'own.js': compiled.own! },
        start:
          'powerstrip adapter hide.js --listen http://127.0.0.1:4001 &\npowerstrip serve --config adapters.yml --listen unix:///run/powerstrip.sock &',
        console: typed,
      },
      engine,
    )
    await walk.type()

    const project = mkdtempSync(join(dir, 'own-'))
    await installPowerstrip(project)
    await writeFile(join(project, 'own.js'), compiled.own!)
    const ended = await run(process.execPath, [join(project, 'own.js')])
    expect(ended.stderr).toBe('')
    const said = "403 { message: 'the host network is not for containers' }"
    expect(ended.stdout).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+\n/)
    expect(ended.stdout.split('\n')[1]).toBe(said)
    expect(readFileSync('docs/writing-an-adapter.md', 'utf8')).toContain(`\`${said}\``)
  })

  test('streams', async () => {
    const [discreet = ''] = code('Streams', 'ts')
    const [yml = ''] = code('Streams', 'yaml')
    const [start = ''] = code('Streams', 'sh')
    const [typed = ''] = code('Streams', 'console')
    const compiled = await compile({ adapter: discreet })
    await using walk = await walkThrough(
      {
        files: { 'adapters.yml': yml, 'discreet.js': compiled.adapter! },
        start: start.replace('discreet.ts', 'discreet.js'),
        console: typed,
      },
      engine,
    )
    await walk.type()
    // That there was something to keep out. An engine remembers its last 256 events, and this one is shared, so here is a fresh one.
    await docker(engine.host, ['run', '--rm', 'busybox', 'true'])
    const direct = await docker(engine.host, [
      'events',
      '--since',
      '5m',
      '--until',
      '0s',
      '--filter',
      'type=network',
    ])
    expect(direct.stdout).toContain(' network connect ')
  })

  test('a reservation that is undone', async () => {
    const [slots = ''] = code('Undoing', 'ts')
    const [yml = ''] = code('Undoing', 'yaml')
    const [start = ''] = code('Undoing', 'sh')
    const [typed = ''] = code('Undoing', 'console')
    const { adapter = '' } = await compile({ adapter: slots })
    await using walk = await walkThrough(
      { files: { 'adapters.yml': yml, 'slots.js': adapter }, start, console: typed },
      engine,
    )
    await walk.type()
  })

  test('asking the engine, and hearing from it', async () => {
    const [atMost = '', watch = ''] = code('Asking the engine', 'ts')
    const [yml = ''] = code('Asking the engine', 'yaml')
    const [start = ''] = code('Asking the engine', 'sh')
    const [typed = ''] = code('Asking the engine', 'console')
    const compiled = await compile({ adapter: atMost, watch })
    await using walk = await walkThrough(
      {
        files: { 'adapters.yml': yml, 'at-most.js': compiled.adapter! },
        start: start.replace('at-most.ts', 'at-most.js'),
        console: typed,
      },
      engine,
    )
    await walk.type()

    const project = mkdtempSync(join(dir, 'watch-'))
    await installPowerstrip(project)
    await writeFile(
      join(project, 'watch.js'),
      compiled.watch!.replace('/var/run/docker.sock', () => engine.socket),
    )
    const watching = spawn(process.execPath, [join(project, 'watch.js')])
    const ended = once(watching, 'exit')
    const said: string[] = []
    for await (const line of createInterface({ input: watching.stdout })) {
      said.push(line)
      if (said.length === 1) await docker(engine.host, ['create', '--name', 'web-2', 'busybox'])
    }
    expect(await ended).toEqual([0, null])
    expect(said).toEqual(['containers can be read: true', 'create web-2'])
    for (const line of said)
      expect(readFileSync('docs/writing-an-adapter.md', 'utf8')).toContain(`\`${line}\``)
  })

  test('in Python', async () => {
    const [adapter = ''] = code('In Python', 'python')
    const [yml = ''] = code('In Python', 'yaml')
    const [start = ''] = code('In Python', 'sh')
    const [typed = ''] = code('In Python', 'console')
    const files = { 'adapters.yml': yml, 'adapter.py': adapter }
    await using walk = await walkThrough({ files, start, console: typed }, engine)
    await walk.type()
  })

  test('in shell', async () => {
    const [script = '', start = ''] = code('In shell', 'sh')
    const [yml = ''] = code('In shell', 'yaml')
    const [typed = ''] = code('In shell', 'console')
    const files = { 'adapters.yml': yml, 'www/cgi-bin/quota': script }
    await using walk = await walkThrough({ files, start, console: typed }, engine)
    await walk.type()
    await using roomy = await walkThrough(
      {
        files,
        start: start.replace('QUOTA=0', 'QUOTA=101'),
        console: '$ docker run --rm busybox echo room\nroom\n',
      },
      engine,
    )
    await roomy.type()
  })

  test('the messages on the wire are messages of protocol 1', () => {
    const [pre = '', post = '', reply = ''] = code('What goes over the wire', 'json')
    const call = decodeHookCall(pre)
    expect(call).toMatchObject({ ok: true, value: { type: 'pre-hook', request: { method: 'POST' } } })
    expect(decodeHookCall(post)).toMatchObject({
      ok: true,
      value: { type: 'post-hook', response: { status: 201 } },
    })
    if (!call.ok) throw new Error(call.failure)
    expect(decodePreReply({ status: 200, body: reply }, call.value.request)).toEqual({
      ok: true,
      value: { outcome: { kind: 'replace', body: '{"Image":"busybox:1"}' }, warnings: [] },
    })
  })

  test('a folder to begin with is what is tested below', () => {
    expect(code('A folder to begin with', 'sh')).toEqual(['npx powerstrip init-adapter team-label\n'])
  })

  test('has no code that is not tested above', () => {
    expect(fences.filter((fence) => !tested.has(fence))).toEqual([])
  })
})

describe('powerstrip init-adapter', () => {
  test('writes an adapter that its README brings to a hook under docker run', async () => {
    const folder = join(dir, 'team-label')
    const made = await run(process.execPath, [COMMAND, 'init-adapter', folder])
    expect(made).toMatchObject({ exitCode: 0, stderr: '' })
    const again = await run(process.execPath, [COMMAND, 'init-adapter', folder])
    expect(again.exitCode).toBe(2)
    expect(again.stderr).toContain('is not empty')

    const page = fencesIn(readFileSync(join(folder, 'README.md'), 'utf8'))
    const [install, start, service] = page.filter(({ language }) => language === 'sh')
    const [typed] = page.filter(({ language }) => language === 'console')
    // Everything that it needs is in this checkout.
    const env = { ...process.env, npm_config_offline: 'true' }
    await mustRun('sh', ['-e', '-c', `cd ${folder}\n${install!.text}`], { env })
    const served = spawn('sh', ['-c', `exec ${service!.text}`], { cwd: folder, env, detached: true })
    for await (const line of createInterface({ input: served.stdout }))
      if (line.includes('listening on')) break
    const call = request({
      socketPath: join(folder, 'team-label.sock'),
      method: 'OPTIONS',
      path: '/',
      agent: false,
    })
    const [asked] = (await once(call.end(), 'response')) as [IncomingMessage]
    expect(await json(asked)).toMatchObject({ Name: 'team-label', Implements: ['pre-hook', 'validate-hook'] })
    // The line for adapters.yml that the page has for it.
    const line = /`(team-label: \{ unix: [^`]*)`/.exec(readFileSync(join(folder, 'README.md'), 'utf8'))?.[1]
    const own = readFileSync(join(folder, 'adapters.yml'), 'utf8')
    writeFileSync(join(folder, 'service.yml'), own.replace(/team-label: \{.*/, `${line}`))
    expect(await run(process.execPath, [COMMAND, 'check', join(folder, 'service.yml')])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('service.yml: good: 1 endpoint, 1 adapter'),
    })
    process.kill(-served.pid!, 'SIGTERM')
    await once(served, 'exit')

    rmSync(join(folder, 'node_modules'), { recursive: true })
    await using walk = await walkThrough({ files: folder, start: start!.text, console: typed!.text }, engine)
    await walk.type()
  })
})
