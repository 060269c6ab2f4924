import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Engine, importLingeringBusybox, startEngine } from '../../support/engine/index.ts'
import { settled } from '../../support/raw/proc.ts'
import { fencesIn } from './fences.ts'
import { type WalkthroughPage, walkThrough } from './walkthrough.ts'

jest.setTimeout(240_000)

/** Readers' containers have a network; the shared engines' have none. */
let engine: Engine
beforeAll(async () => {
  engine = await startEngine({ kind: 'new', network: true })
  await importLingeringBusybox(engine)
})
afterAll(() => engine?.dispose())

function page(example: string): WalkthroughPage {
  const folder = resolve('examples', example)
  const fences = fencesIn(readFileSync(join(folder, 'README.md'), 'utf8'))
  const text = (language: string) => fences.find((fence) => fence.language === language)?.text ?? ''
  return { files: folder, start: text('sh'), console: text('console') }
}

describe('an adapter does what its README says', () => {
  const START = 'powerstrip serve --config adapters.yml &\n'
  const HELLO = '$ docker run --rm busybox echo hello\nhello\n'

  test.each(['debug', 'logfiles', 'restrict-image', 'slowreq', 'weave'])('%s', async (adapter) => {
    const fences = fencesIn(readFileSync(join('adapters', adapter, 'README.md'), 'utf8'))
    const text = (language: string) => fences.find((fence) => fence.language === language)?.text
    const root = mkdtempSync(join(tmpdir(), 'logs-'))
    const here = (words: string) => words.replaceAll('/srv/logs', root)
    const files = { 'adapters.yml': here(text('yaml') ?? '') }
    await using walk = await walkThrough(
      { files, start: START, console: here(text('console') ?? HELLO) },
      engine,
    )
    await walk.type()
    rmSync(root, { recursive: true })
  })
})

describe('an example does what its README says', () => {
  test('01: every create is delayed', async () => {
    await using walk = await walkThrough(page('01-delay-every-create'), engine)
    const begun = performance.now()
    await walk.type()
    // The adapter waits two seconds; a timer may fire a millisecond early by this clock.
    expect(performance.now() - begun).toBeGreaterThan(1998)
  })

  test.each(['02-label-every-container', '03-two-adapters-in-order', '04-python', '05-shell'])(
    '%s',
    async (example) => {
      await using walk = await walkThrough(page(example), engine)
      await walk.type()
    },
  )

  test('03: the other way round the first command is refused', async () => {
    const { files, start } = page('03-two-adapters-in-order')
    const folder = files as string
    const yml = readFileSync(join(folder, 'adapters.yml'), 'utf8')
    const turned = yml.replace('[default-user, no-root]', '[no-root, default-user]')
    expect(turned).not.toBe(yml)
    const read = (name: string) => readFileSync(join(folder, name), 'utf8')
    await using walk = await walkThrough(
      {
        files: {
          'adapters.yml': turned,
          'default-user.js': read('default-user.js'),
          'no-root.js': read('no-root.js'),
        },
        start,
        console: '$ docker run --rm busybox id -u\n…containers here do not run as root.\n…\n',
      },
      engine,
    )
    await walk.type()
  })

  test('debug: logs every call, without the password', async () => {
    await using walk = await walkThrough(page('debug'), engine)
    await walk.type()
    const words = [
      /^pre {3}POST \/v1\.45\/containers\/create {2}ContainerCreate {2}\{"Hostname":""/,
      /^pre {3}HEAD \/_ping {2}SystemPingHead$/,
    ]
    const look = () =>
      walk
        .output()
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { adapter?: string; msg: string })
        .flatMap(({ adapter, msg }) => (adapter === 'debug' ? [msg] : []))
    // They come on a pipe of their own, and may be read after the command has ended.
    const said = await settled(
      look,
      (lines) => words.every((word) => lines.some((line) => word.test(line))),
      30_000,
    )
    for (const word of words) expect(said).toContainEqual(expect.stringMatching(word))
    expect(walk.output()).not.toContain('hunter2')
  })

  test('every example is run by this file or by one of its own name', () => {
    const folders = readdirSync('examples', { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    )
    expect(folders.sort()).toEqual([
      '01-delay-every-create',
      '02-label-every-container',
      '03-two-adapters-in-order',
      '04-python',
      '05-shell',
      '06-adapters-yml-of-2015',
      'compose',
      'debug',
      'flocker-weave',
      'swarm',
    ])
  })
})
