import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfigFile } from '../../../src/config/read-file.ts'

const GOOD = 'endpoints: {}\nadapters: {}\n'
const NOBODY = 65534

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'powerstrip-read-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function fileWith(content: string | Uint8Array, name = 'adapters.yml'): string {
  const file = join(directory, name)
  writeFileSync(file, content)
  return file
}

/** The one problem that a file has. */
async function problemWith(file: string): Promise<{ code: string; message: string; described: string }> {
  const read = await readConfigFile(file)
  if (read.ok) throw new Error('the file was read')
  const { problems, described, text } = read.failure
  expect(problems).toHaveLength(1)
  expect(text).toBeUndefined()
  return { code: problems[0]!.code, message: problems[0]!.message, described }
}

describe('a configuration file', () => {
  test('is read with its name, its text and its warnings', async () => {
    const file = fileWith(`events: 1\n${GOOD}`)
    const read = await readConfigFile(file)
    expect(read).toMatchObject({
      ok: true,
      value: { file, text: `events: 1\n${GOOD}`, config: { version: 1, file } },
    })
    expect(read.ok && read.value.warnings.map(({ code }) => code)).toEqual(['key-unknown'])
    expect(read.ok && read.value.described).toContain('adapters.yml:1:1  warning: unknown key "events"')
  })

  test('without warnings has nothing described', async () => {
    expect(await readConfigFile(fileWith(GOOD))).toMatchObject({
      ok: true,
      value: { warnings: [], described: '' },
    })
  })

  test('may start with a byte order mark', async () => {
    expect((await readConfigFile(fileWith(`\uFEFF${GOOD}`))).ok).toBe(true)
  })

  test('is read with the files that it includes, from where it is, and problems point into the right one', async () => {
    mkdirSync(join(directory, 'team'))
    writeFileSync(join(directory, 'team', 'ci.yml'), 'adapters:\n  ci: { use: debug }\n')
    const file = fileWith('version: 2\ninclude: [team/ci.yml]\nendpoints:\n  "*": { pre: [ci] }\n')
    const ground = { builtIns: ['debug'] }
    const read = await readConfigFile(file, ground)
    expect(read.ok && [...read.value.config.adapters.keys()]).toEqual(['ci'])
    expect(read.ok && [...read.value.others.keys()]).toEqual([join(directory, 'team', 'ci.yml')])

    writeFileSync(join(directory, 'team', 'ci.yml'), 'adapters:\n  ci: { use: debgu }\n')
    const refused = await readConfigFile(file, ground)
    expect(refused.ok ? '' : refused.failure.described).toBe(
      [
        `${join(directory, 'team', 'ci.yml')}:2:14  there is no built-in adapter "debgu"; did you mean "debug"?`,
        '  2 |   ci: { use: debgu }',
        '    |              ^^^^^',
        '1 error',
        '',
      ].join('\n'),
    )
  })

  test('keeps the content of a secret file out of what it says about it', async () => {
    fileWith('hunter2\n', 'secret')
    const file = fileWith(
      `version: 2\nadapters:\n  a: { url: "\${file:secret}" }\n  b: { unix: "/run/b.sock", timeout: "\${file:secret}" }\nendpoints: {}\n`,
    )
    const read = await readConfigFile(file, { builtIns: [] })
    expect(read.ok).toBe(false)
    expect(read.ok ? '' : read.failure.problems.map(({ code }) => code)).toEqual([
      'url-without-scheme',
      'duration',
    ])
    expect(JSON.stringify(read.ok ? '' : [read.failure.problems, read.failure.described])).not.toContain(
      'hunter2',
    )
  })

  test('may be reached through a symlink', async () => {
    const link = join(directory, 'link.yml')
    symlinkSync(fileWith(GOOD), link)
    expect((await readConfigFile(link)).ok).toBe(true)
  })

  test('may be exactly 1 MiB large', async () => {
    const padded = `${GOOD}#`.padEnd(1024 * 1024, '.')
    expect((await readConfigFile(fileWith(padded))).ok).toBe(true)
  })

  test('with content that is refused comes back with every problem described', async () => {
    const file = fileWith('endpoints: { "* *": { pre: [a, b] } }\nadapters: {}\n')
    const read = await readConfigFile(file)
    if (read.ok) throw new Error('the file was accepted')
    expect(read.failure.problems.map(({ code }) => code)).toEqual(['adapter-undefined', 'adapter-undefined'])
    expect(read.failure.described).toContain(`${file}:1:29  adapter "a" is not defined`)
    expect(read.failure.described).toMatch(/\n2 errors\n$/)
  })

  test('may name the built-in adapters that it is told of', async () => {
    const file = fileWith('endpoints: { "* *": { pre: [d] } }\nadapters: { d: { use: debug } }\n')
    expect((await readConfigFile(file)).ok).toBe(false)
    expect((await readConfigFile(file, { builtIns: ['debug'] })).ok).toBe(true)
  })
})

describe('a file that cannot be read', () => {
  test('is missing', async () => {
    const file = join(directory, 'nowhere.yml')
    const { code, described } = await problemWith(file)
    expect(code).toBe('file-missing')
    expect(described).toBe(`${file}  there is no such file\n1 error\n`)
  })

  test('is missing where its directory is a file', async () => {
    expect((await problemWith(join(fileWith(GOOD), 'adapters.yml'))).code).toBe('file-missing')
  })

  test('is a directory', async () => {
    const inner = join(directory, 'inner')
    mkdirSync(inner)
    expect((await problemWith(inner)).code).toBe('file-directory')
  })

  test('is a pipe that nobody writes into, and is not waited for', async () => {
    const pipe = join(directory, 'pipe')
    execFileSync('mkfifo', [pipe])
    expect((await problemWith(pipe)).code).toBe('file-not-regular')
  })

  test('is a device or a socket', async () => {
    expect((await problemWith('/dev/zero')).code).toBe('file-not-regular')
    const path = join(directory, 'a.sock')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    try {
      expect((await problemWith(path)).code).toBe('file-not-regular')
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test('is not ours to read', async () => {
    const file = fileWith(GOOD)
    execFileSync('chmod', ['000', file])
    // Root may read everything, so it becomes somebody else for a moment.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) process.seteuid?.(NOBODY)
    try {
      expect((await problemWith(file)).code).toBe('file-forbidden')
    } finally {
      if (isRoot) process.seteuid?.(0)
    }
  })

  test('is larger than 1 MiB', async () => {
    const { code, message } = await problemWith(fileWith(`${GOOD}#`.padEnd(1024 * 1024 + 1, '.')))
    expect(code).toBe('file-too-large')
    expect(message).toContain('1MiB')
  })

  test('is a loop of symlinks', async () => {
    const link = join(directory, 'loop.yml')
    symlinkSync(link, link)
    const { code, message } = await problemWith(link)
    expect(code).toBe('file-unreadable')
    expect(message).toContain('ELOOP')
  })

  test.each([
    ['latin1 text', Buffer.from(`${GOOD}# f\xfcr\n`, 'latin1'), 'byte 31, in line 3'],
    ['UTF-16', Buffer.from(`\uFEFF${GOOD}`, 'utf16le'), 'byte 1, in line 1'],
    ['a character cut in two', Buffer.from(`${GOOD}# ü`).subarray(0, -1), 'in line 3'],
    [
      'a surrogate in UTF-8',
      Buffer.concat([Buffer.from('# '), Buffer.from([0xed, 0xa0, 0x80])]),
      'byte 3, in line 1',
    ],
  ])('is not UTF-8 but %s', async (_, bytes, where) => {
    const { code, message } = await problemWith(fileWith(bytes))
    expect(code).toBe('file-not-utf8')
    expect(message).toContain(where)
  })

  test('is not mistaken for broken UTF-8 where it holds a replacement character of its own', async () => {
    expect((await readConfigFile(fileWith(`${GOOD}# \uFFFD\n`))).ok).toBe(true)
  })
})
