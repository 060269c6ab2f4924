/** Commands that end by themselves: what they print, and with which exit code. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VERSION } from '../../../src/version.ts'
import { build, powerstrip, powerstripHere } from './command.ts'

let dir: string

beforeAll(async () => {
  await build()
  dir = mkdtempSync(join(tmpdir(), 'cli-'))
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

const GOOD = `version: 1
endpoints:
  "POST /*/containers/create":
    pre: [weave]
    post: [flocker]
adapters:
  weave: http://127.0.0.1:4000/
  flocker: http://127.0.0.1:4001/
`
const BROKEN = GOOD.replace('pre: [weave]', 'pre: [waeve]').replace(
  'http://127.0.0.1:4001/',
  'ftp://127.0.0.1/',
)

describe('asked for help', () => {
  test.each([[['--help']], [['-h']], [['help']]])('%j lists the commands', async (args) => {
    const { exitCode, stdout, stderr } = await powerstrip(args)
    expect([exitCode, stderr]).toEqual([0, ''])
    for (const command of ['serve', 'check', 'explain', 'tap'])
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
  })

  test.each(['serve', 'tap', 'record', 'flocker-control'])(
    'of %s, no empty default is told',
    async (command) => {
      const { exitCode, stdout } = await powerstrip([command, '--help'])
      expect(exitCode).toBe(0)
      expect(stdout).toContain(`powerstrip ${command}`)
      expect(stdout.replace(/\s+/g, ' ')).not.toMatch(/default: (?:\[\]|false)/)
    },
  )

  test('a command lists its options, and serve an example', async () => {
    const { exitCode, stdout } = await powerstrip(['serve', '--help'])
    expect(exitCode).toBe(0)
    for (const option of [
      '--config',
      '--listen',
      '--upstream',
      '--socket-mode',
      '--socket-group',
      '--grace',
      '--log-level',
    ])
      expect(stdout).toContain(option)
    expect(stdout).toContain('export DOCKER_HOST=unix:///run/powerstrip.sock')
  })
})

test.each(['--version', '-V'])('%s prints the version and nothing else', async (flag) => {
  expect(await powerstrip([flag])).toEqual({ exitCode: 0, stdout: `${VERSION}\n`, stderr: '' })
})

describe('bad usage ends with 2, and says what is wrong on standard error', () => {
  test.each([
    [[], 'Usage: powerstrip'],
    [['dance'], "unknown command 'dance'"],
    [['--dance'], "unknown option '--dance'"],
    [['serve', '--dance'], "unknown option '--dance'"],
    [['serve', '--config'], "option '-c, --config <file>' argument missing"],
    [['serve', '--socket-mode', '999'], 'three octal digits'],
    [['serve', '--socket-mode', 'rw-rw----'], 'three octal digits'],
    [['serve', '--grace', 'soon'], 'a number of seconds'],
    [['serve', '--grace=-1'], 'a number of seconds'],
    [['serve', '--log-level', 'loud'], 'Allowed choices are trace, debug, info, warn, error, silent'],
    [['serve', '--listen', 'here'], '--listen: "here" is not an address'],
    [
      ['serve', '--listen', 'tcp://127.0.0.1:99999'],
      '--listen: "tcp://127.0.0.1:99999": port 99999 is above 65535',
    ],
    [['serve', '--upstream', 'ssh://host'], '--upstream: "ssh://host": ssh:// is not supported'],
    [['check'], "missing required argument 'file'"],
    [['explain', 'GET'], "missing required argument 'path'"],
  ])('%j', async (args, words) => {
    const { exitCode, stdout, stderr } = await powerstripHere(args)
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toContain(words)
  })

  test('also where it is a process of its own', async () => {
    const { exitCode, stdout, stderr } = await powerstrip(['dance'])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      "error: unknown command 'dance'\n(powerstrip --help lists the commands and options)\n",
    )
  })

  test('a DOCKER_HOST that cannot be used is named as such', async () => {
    const { exitCode, stderr } = await powerstripHere(['serve'], { DOCKER_HOST: 'ssh://me@host' })
    expect(exitCode).toBe(2)
    expect(stderr).toBe(
      'powerstrip: DOCKER_HOST: "ssh://me@host": ssh:// is not supported; write unix:///path/to.sock or tcp://host:port\n',
    )
  })
})

describe('a configuration that cannot be used ends with 2, every problem with its place', () => {
  test.each([
    ['check', (path: string) => ['check', path]],
    ['serve', (path: string) => ['serve', '--config', path, '--listen', `unix://${dir}/never.sock`]],
    ['explain', (path: string) => ['explain', '--config', path, 'GET', '/_ping']],
  ])('%s', async (_, args) => {
    const path = file('broken.yml', BROKEN)
    const { exitCode, stdout, stderr } = await powerstrip(args(path))
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toContain(
      `${path}:4:11  adapter "waeve" is not defined; did you mean "weave"?\n  4 |     pre: [waeve]\n    |           ^^^^^\n`,
    )
    expect(stderr).toContain(`${path}:8:12  `)
  })

  test('a file that does not exist', async () => {
    const path = join(dir, 'none.yml')
    for (const args of [
      ['check', path],
      ['serve', '--config', path],
      ['explain', '-c', path, 'GET', '/_ping'],
    ]) {
      const { exitCode, stderr } = await powerstripHere(args)
      expect(exitCode).toBe(2)
      expect(stderr).toContain(path)
    }
  })

  test('a good one is called good', async () => {
    const path = file('good.yml', GOOD)
    expect(await powerstripHere(['check', path])).toMatchObject({
      exitCode: 0,
      stdout: `${path}: good: 1 endpoint, 2 adapters\n`,
    })
  })
})

describe('an address that cannot be had ends with 1', () => {
  test.each([
    ['a file in the way', () => `unix://${file('in-the-way', 'x')}`, 'not a socket'],
    ['a directory that does not exist', () => `unix://${dir}/none/ps.sock`, 'does not exist'],
    ['an open TCP address', () => 'tcp://0.0.0.0:0', 'PS-LISTEN-002'],
  ])('%s', async (_, url, words) => {
    const listen = url()
    const { exitCode, stdout, stderr } = await powerstripHere([
      'serve',
      '--log-level',
      'silent',
      '--listen',
      `unix://${dir}/first.sock`,
      '--listen',
      listen,
    ])
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr).toContain(`powerstrip: cannot listen on ${listen}`)
    expect(stderr).toContain(words)
  })

  test('a port that is taken, in a process of its own', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const { exitCode, stderr } = await powerstrip(['serve', '--listen', `tcp://127.0.0.1:${port}`])
    server.close()
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`powerstrip: cannot listen on tcp://127.0.0.1:${port}: the address is in use`)
  })

  test('an unknown group', async () => {
    const { exitCode, stderr } = await powerstripHere([
      'serve',
      '--log-level',
      'silent',
      '--listen',
      `unix://${dir}/g.sock`,
      '--socket-group',
      'no-such-group',
    ])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('there is no group "no-such-group"')
  })
})

describe('to stand in front of itself ends with 2', () => {
  test('named twice', async () => {
    const url = `unix://${dir}/self.sock`
    const { exitCode, stderr } = await powerstripHere(['serve', '--listen', url, '--upstream', url])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('every request would come back to itself')
  })

  test('by DOCKER_HOST, which still says where powerstrip was to be found', async () => {
    const { exitCode, stderr } = await powerstrip(['serve'], {
      DOCKER_HOST: `unix://${dir}/powerstrip.sock`,
      XDG_RUNTIME_DIR: dir,
    })
    expect(exitCode).toBe(2)
    expect(stderr).toContain(
      `unix://${dir}/powerstrip.sock is both where powerstrip would listen and its upstream engine`,
    )
    expect(stderr).toContain('Name the engine with --upstream')
  })
})

const LISTENERS = `version: 2
upstream: { unix: /run/engine.sock }
adapters:
  weave: http://127.0.0.1:4000/
  flocker: http://127.0.0.1:4001/
endpoints:
  ContainerCreate: { pre: [weave] }
listeners:
  main: { unix: /run/main.sock, group: docker }
  ci: { unix: /run/ci.sock, mode: "0600", endpoints: { "*": { pre: [flocker, weave] } } }
  bypass: { tcp: "127.0.0.1:2375", hooks: false }
`

describe('listeners of a configuration', () => {
  test('V2-12.10: are told by check, with the hooks of each', async () => {
    const path = file('listeners.yml', LISTENERS)
    const { exitCode, stdout } = await powerstripHere(['check', path])
    expect(exitCode).toBe(0)
    expect(stdout).toBe(
      [
        `${path}: good: 1 endpoint, 2 adapters`,
        'engine unix:///run/engine.sock',
        'listeners',
        '  main    unix:///run/main.sock  mode 0660, group docker; the endpoints of the file',
        '  ci      unix:///run/ci.sock  mode 0600; 1 endpoint of its own',
        '  bypass  tcp://127.0.0.1:2375  no TLS, this machine only; no hooks',
        '',
      ].join('\n'),
    )
  })

  test('are told by explain, where their hooks differ', async () => {
    const path = file('listeners.yml', LISTENERS)
    const { stdout } = await powerstripHere(['explain', '-c', path, 'POST', '/containers/create'])
    expect(stdout).toBe(
      [
        'operation  ContainerCreate  (POST /containers/create)',
        'version    none given: the newest one of the engine',
        'carries    request: json, answer: json',
        '',
        'listener   main',
        `matches    ContainerCreate  (${path}:7)`,
        'pre        weave',
        'post       none',
        'so         hooked; hooks are shown the body',
        '',
        'listener   ci',
        `matches    *  (${path}:10)`,
        'pre        flocker, weave',
        'post       none',
        'so         hooked; hooks are shown the body',
        '',
        'listener   bypass',
        `hooks      none: no endpoint of ${path} matches`,
        'so         relayed, bytes unchanged',
        '',
      ].join('\n'),
    )
  })

  test('have certificates that this machine has not, and check says so', async () => {
    const path = file(
      'certificates.yml',
      'version: 2\nadapters: {}\nlisteners:\n  far: { tcp: "0.0.0.0:2376", tls: { cert: c.pem, key: k.pem, ca: ca.pem } }\n',
    )
    expect(await powerstripHere(['check', path])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `${path}: listener "far": ${join(dir, 'ca.pem')} cannot be read: there is no such file\n`,
    })
  })
})

describe('looking on', () => {
  const watched = (folder: string) =>
    file(
      'watched.yml',
      `version: 2\nadapters: {}\nendpoints: {}\nlog: { decisions: { file: ${folder}/d.ndjson, mask: [Cmd, X-Team] } }\nadmin: { unix: /run/admin.sock }\n`,
    )

  test('is told by check', async () => {
    const path = watched('.')
    expect((await powerstripHere(['check', path])).stdout).toBe(
      [
        `${path}: good: 0 endpoints, 0 adapters`,
        `decision log ${join(dir, 'd.ndjson')}: every request; also masked: Cmd, X-Team`,
        'admin unix:///run/admin.sock',
        '',
      ].join('\n'),
    )
  })

  test('wants a directory that is there', async () => {
    const path = watched('missing')
    expect(await powerstripHere(['check', path])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `${path}: "log.decisions": the directory ${join(dir, 'missing')} does not exist\n`,
    })
  })
})

describe('TLS on the command line', () => {
  test.each<[string, readonly string[], Readonly<Record<string, string>>, string]>([
    [
      'a certificate without --tlsverify',
      ['--tlscert', 'x.pem'],
      {},
      '--tlscert does nothing without --tlsverify',
    ],
    [
      '--tlsverify without a TCP address',
      ['--tlsverify'],
      {},
      'are for --listen tcp://host:port; there is none',
    ],
    [
      '--tlsverify without certificates',
      ['--tlsverify', '--listen', 'tcp://127.0.0.1:0'],
      { DOCKER_CERT_PATH: '/nowhere' },
      '/nowhere/ca.pem cannot be read: there is no such file',
    ],
    [
      'DOCKER_TLS alone',
      [],
      { DOCKER_HOST: 'tcp://engine.example', DOCKER_TLS: '1' },
      'DOCKER_TLS alone would believe any engine',
    ],
    [
      'DOCKER_TLS_VERIFY without a CA',
      [],
      { DOCKER_HOST: 'tcp://engine.example', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' },
      'DOCKER_TLS_VERIFY: there is no /nowhere/ca.pem, to tell the engine by',
    ],
    [
      '--upstream-tls without --upstream',
      ['--upstream-tls', '/nowhere'],
      {},
      '--upstream-tls goes with --upstream',
    ],
  ])('%s is refused', async (_what, args, env, message) => {
    const { exitCode, stderr } = await powerstripHere(['serve', ...args], { XDG_RUNTIME_DIR: dir, ...env })
    expect(exitCode).toBeGreaterThan(0)
    expect(stderr).toContain(message)
  })
})

describe('explain', () => {
  test('V2-12.10: says which operation a request is, and what happens to it', async () => {
    const path = file('explain.yml', GOOD)
    const { exitCode, stdout } = await powerstripHere([
      'explain',
      '-c',
      path,
      'POST',
      '/v1.45/containers/create?name=web',
    ])
    expect(exitCode).toBe(0)
    expect(stdout).toBe(
      [
        'operation  ContainerCreate  (POST /containers/create)',
        'version    1.45',
        'carries    request: json, answer: json',
        `matches    POST /*/containers/create  (${path}:3)`,
        'pre        weave',
        'post       flocker',
        'so         hooked; hooks are shown the body',
        '',
      ].join('\n'),
    )
  })

  test('says whether stream-hooks have a part in the answer, and check counts them', async () => {
    const path = file(
      'streams.yml',
      'version: 2\nadapters:\n  mask: { unix: /run/mask.sock }\nendpoints:\n  "*": { stream: [mask] }\n',
    )
    const explained = async (...request: string[]) =>
      (await powerstripHere(['explain', '-c', path, ...request])).stdout
    expect(await explained('GET', '/events')).toMatch(
      /\nstream {5}mask\nstreamed {3}stream-hooks see the answer message by message/,
    )
    expect(await explained('GET', '/containers/json')).toContain('\nstreamed   no: ')
    expect(await explained('GET', '/unheard')).toContain('\nstreamed   if the answer says')
    expect((await powerstripHere(['check', path])).stdout).toContain('1 endpoint, 1 adapter, 1 stream hook\n')
  })

  test('without a configuration everything is relayed', async () => {
    const { stdout } = await powerstrip(['explain', 'POST', '/exec/e1/start'])
    expect(stdout).toBe(
      [
        'operation  ExecStart  (POST /exec/{id}/start)',
        'version    none given: the newest one of the engine',
        'names      id=e1',
        'carries    request: json, answer: two-way',
        'hijack     may turn into a two-way stream (tcp)',
        'hooks      none: no configuration was given',
        'so         relayed, bytes unchanged',
        '',
      ].join('\n'),
    )
  })

  test.each([
    [
      'a request that no endpoint matches',
      ['GET', '/v1.45/info'],
      /^operation {2}SystemInfo .*\n[\s\S]*no endpoint of .* matches\nso {9}relayed/,
    ],
    [
      'an operation in no table',
      ['GET', '/v1.45/unheard'],
      /^operation {2}unknown: GET \/unheard is in no Docker API description\n/,
    ],
    ['a request that is refused', ['GET', '//containers/json'], /^refused with 400: .* \(PS-PATH-003\)\n$/],
    ['a method that is not served', ['PATCH', '/info'], /^refused with 501: .* \(PS-FRAME-002\)\n$/],
  ])('%s', async (_, args, told) => {
    const { exitCode, stdout } = await powerstripHere(['explain', '-c', file('explain.yml', GOOD), ...args])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(told)
  })
})
