/** docs/testing-an-adapter.md, done word for word. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILT_IN_NAMES } from '../../../src/built-ins.ts'
import { parseConfig } from '../../../src/config/parse.ts'
import { CATEGORIES } from '../../../src/testkit/checks/all.ts'
import { type Fence, fencesIn } from '../../engine/examples/fences.ts'
import { installPowerstrip, walkThrough } from '../../engine/examples/walkthrough.ts'
import { run } from '../../support/engine/run.ts'
import { build, powerstrip } from '../cli/command.ts'

let page: string
let fences: readonly Fence[]
const tested = new Set<Fence>()

beforeAll(async () => {
  await build()
  page = await readFile('docs/testing-an-adapter.md', 'utf8')
  fences = fencesIn(page)
})

function code(section: string, language: string): readonly string[] {
  const found = fences.filter((fence) => fence.section === section && fence.language === language)
  for (const fence of found) tested.add(fence)
  return found.map(({ text }) => text)
}

test('conformance of a good adapter and of one with a fault', async () => {
  const [good = '', bad = ''] = code('Conformance', 'sh')
  const [passes = '', fails = ''] = code('Conformance', 'console')
  const [forgetful = ''] = code('Conformance', 'python')
  await using walk = await walkThrough({ files: {}, start: good, console: passes })
  await walk.type()
  await using other = await walkThrough({ files: { 'forgetful.py': forgetful }, start: bad, console: fails })
  await other.type()
})

test('the table has every check', () => {
  const rows = [...page.matchAll(/^\| (PS[12]-[A-Z]+-[0-9]+) \| (.*) \|$/gm)].map(
    ([, id, title]) => `${id} ${title!.replaceAll('\\', '')}`,
  )
  expect(rows).toEqual(CATEGORIES.flatMap(({ checks }) => checks.map(({ id, title }) => `${id} ${title}`)))
})

test('conformance in a test runner', async () => {
  const [suite = ''] = code('Conformance in a test runner', 'js')
  expect(code('Conformance in a test runner', 'sh')).toEqual(['node --test team-label.test.js\n'])
  await using project = await projectOf({ 'team-label.js': TEAM_LABEL, 'team-label.test.js': suite })
  const ended = await run('sh', ['-c', `cd ${project.path} && node --test team-label.test.js`])
  expect(ended.stdout).toMatch(/^# fail 0$|^ℹ fail 0$/m)
  expect(ended.exitCode).toBe(0)
})

test('a table of cases', async () => {
  const [table = ''] = code('A table of cases', 'js')
  expect(code('A table of cases', 'sh')).toEqual(['node --test adapter-tester.test.js\n'])
  await using project = await projectOf({ 'adapter-tester.test.js': table })
  const ended = await run('sh', ['-c', `cd ${project.path} && node --test adapter-tester.test.js`])
  expect(ended.stdout).toMatch(/^(?:#|ℹ) tests 6$/m)
  expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^(?:#|ℹ) fail 0$/m) })
})

test('real traffic as tests', async () => {
  const section = 'Real traffic as tests'
  const [record = ''] = code(section, 'sh')
  const [yml = ''] = code(section, 'yaml')
  const [fixture = ''] = code(section, 'json')
  const [played = ''] = code(section, 'console')
  const [start = ''] = code('Conformance', 'sh')
  const help = await powerstrip(['record', '--help'])
  for (const option of record.match(/--[a-z]+/g)!) expect(help.stdout).toContain(option)
  const parsed = parseConfig(yml, 'adapters.yml', { builtIns: BUILT_IN_NAMES })
  expect(parsed.ok ? [] : parsed.failure).toEqual([])
  const [, inPlace = ''] = /^`powerstrip (adapter .*? one\.ndjson)`/m.exec(page)!
  const line = played.split('\n').slice(1, 3).join('\n')
  await using walk = await walkThrough({
    files: { 'one.ndjson': fixture },
    start,
    console: `${played}$ npx powerstrip ${inPlace}\n${line}\n…\n`,
  })
  await walk.type()
})

test('has no code that is not tested above', () => {
  expect(fences.filter((fence) => !tested.has(fence))).toEqual([])
})

/** The adapter of docs/writing-an-adapter.md, without its types. */
const TEAM_LABEL = `
import { defineAdapter, options, text } from 'powerstrip/sdk'

export default defineAdapter({
  name: 'team-label',
  config: options({ team: text() }),
  pre: {
    ContainerCreate({ body, config, deny }) {
      if (body.HostConfig?.Privileged) return deny('privileged containers are not allowed here')
      body.Labels = { ...body.Labels, team: config.team }
      return
    },
  },
})
`

async function projectOf(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'docs-'))
  await installPowerstrip(path)
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
