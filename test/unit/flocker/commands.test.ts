/** The two flocker commands as operators meet them: what they refuse, what they say, and how they stop. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FlockerApi } from '../../support/flocker/api.ts'
import { Running } from '../../support/flocker/command.ts'
import { build, powerstrip, powerstripHere } from '../cli/command.ts'

let dir: string

beforeAll(async () => {
  await build()
  dir = mkdtempSync(join(tmpdir(), 'flocker-cli-'))
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

const COMMANDS = ['flocker-control', 'flocker-agent'] as const

test.each(COMMANDS)('%s --help names every option that docs/flocker.md does', async (command) => {
  const { exitCode, stdout } = await powerstripHere([command, '--help'])
  expect(exitCode).toBe(0)
  const examples = readFileSync('docs/flocker.md', 'utf8').matchAll(
    new RegExp(`powerstrip ${command} ([^\`]*?)\n\`\`\``, 'g'),
  )
  const options = [...examples].flatMap(([, args]) => args!.match(/--[a-z-]+/g) ?? [])
  expect(options.length).toBeGreaterThan(2)
  for (const option of options) expect(stdout).toContain(option)
})

const AGENT = ['flocker-agent', '--control', 'http://127.0.0.1:1']

test.each([
  [
    ['flocker-control', '--listen', 'here'],
    '--listen: "here" is not an address to listen on; write HOST:PORT',
  ],
  [['flocker-control', '--listen', 'unix:///x.sock'], 'write HOST:PORT'],
  [['flocker-control', '--tls-ca', 'ca.pem'], 'give all three or none'],
  [
    ['flocker-control', '--tls-ca', '/no/ca', '--tls-cert', '/no/c', '--tls-key', '/no/k'],
    '--tls-ca: ENOENT',
  ],
  [['flocker-control', '--state', 'etcd'], '--state etcd needs --etcd-endpoints'],
  [['flocker-control', '--etcd-endpoints', 'http://127.0.0.1:2379'], 'goes with --state etcd'],
  [
    ['flocker-control', '--state', 'etcd', '--etcd-endpoints', 'localhost:2379'],
    '"localhost:2379" is not an address',
  ],
  [['flocker-agent'], "required option '-c, --control <url>' not specified"],
  [
    ['flocker-agent', '--control', '10.0.0.1:4523'],
    '"10.0.0.1:4523" is not the address of a control service',
  ],
  [[...AGENT, '--docker', 'engine'], '--docker: "engine" is not an address'],
  [[...AGENT, '--listen', '4524'], '--listen: "4524" is not an address to listen on'],
])('%j is bad usage: it ends with 2 and says why', async (args, message) => {
  const { exitCode, stdout, stderr } = await powerstripHere(args)
  expect([exitCode, stdout]).toEqual([2, ''])
  expect(stderr).toContain(message)
})

test('what fails outside ends with 1 and says what', async () => {
  const taken = createServer()
  await new Promise<void>((listening) => taken.listen(0, '127.0.0.1', listening))
  const { port } = taken.address() as { readonly port: number }
  const state = join(dir, 'broken')
  writeFileSync(state, 'nonsense')
  const ends = [
    await powerstrip(['flocker-control', '--listen', `127.0.0.1:${port}`, '--state', join(dir, 'a')]),
    await powerstrip(['flocker-control', '--listen', '127.0.0.1:0', '--state', state]),
    await powerstrip(['flocker-control', '--state', 'etcd', '--etcd-endpoints', 'http://127.0.0.1:1']),
    await powerstrip([...AGENT, '--listen', `127.0.0.1:${port}`, '--state', join(dir, 'agent')]),
  ]
  taken.close()
  expect(ends.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
    [1, expect.stringContaining('EADDRINUSE')],
    [1, expect.stringContaining(`${state} cannot be read: it does not begin with a revision`)],
    [1, expect.stringContaining('etcd at http://127.0.0.1:1 does not answer')],
    [1, expect.stringContaining('EADDRINUSE')],
  ])
})

test('an agent on a host without getfattr says which package brings it', async () => {
  const { exitCode, stderr } = await powerstrip([...AGENT, '--state', dir], { PATH: '/nowhere' })
  expect(exitCode).toBe(1)
  expect(stderr).toContain('getfattr (package attr)')
})

test('both say what to paste next, work without an engine, and end with 0 on SIGTERM', async () => {
  await using control = await Running.start([
    'flocker-control',
    ...['--listen', '127.0.0.1:0', '--state', join(dir, 'state')],
  ])
  const url = /listening on (http:\S+),/.exec(control.banner[0]!)![1]!
  expect(control.banner.slice(1)).toEqual([
    'on each host:',
    `  powerstrip flocker-agent --control ${url} --listen 127.0.0.1:4524`,
    'for the flocker adapter:',
    `  FLOCKER_CONTROL_SERVICE_BASE_URL=${url}/v1`,
  ])
  const start = () =>
    Running.start([
      ...['flocker-agent', '--control', url, '--docker', `unix://${dir}/no-engine.sock`],
      ...['--listen', '127.0.0.1:0', '--hostname', '127.0.0.1', '--state', join(dir, 'node')],
    ])
  await using agent = await start()
  expect(agent.banner[0]).toContain('not answering yet')
  const api = new FlockerApi(url)
  const [node] = await api.until(
    () => api.nodes(),
    (seen) => seen.length === 1,
  )
  expect(agent.banner).toContain(`  MY_HOST_UUID=${node!.uuid}`)
  // What cannot be done is told in the state.
  const id = await api.create(node!.uuid, 'early')
  await api.until(
    () => api.state(id),
    (seen) => seen?.problem?.includes('the Docker Engine does not answer') === true,
  )
  expect(await agent.end('SIGTERM')).toBe(0)

  // It is the same node when it comes back.
  await using again = await start()
  expect(again.banner).toContain(`  MY_HOST_UUID=${node!.uuid}`)
  expect(await again.end('SIGTERM')).toBe(0)
  expect(await control.end('SIGTERM')).toBe(0)
})
