import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../../test/support/engine/run.ts'
import { WAIT_PROGRAMS } from './wait-program.ts'

let folder: string
let program: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wait-'))
  program = join(folder, 'w')
  writeFileSync(program, Buffer.from(WAIT_PROGRAMS[process.arch] ?? '', 'base64'), { mode: 0o755 })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** This machine has no interface of that name; test/engine/weave/router.test.ts has. */
function held(variables: Readonly<Record<string, string>>, args: readonly string[]) {
  const { PATH = '' } = process.env
  const given = Object.entries({ PATH, ...variables }).map(([name, value]) => `${name}=${value}`)
  return run('env', ['-i', ...given, program, ...args])
}

describe('3.2 the wait program, without an interface', () => {
  test('gives up after as long as it was told', async () => {
    expect(await held({ WAIT_FOR_SECONDS: '0' }, ['echo', 'hi'])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'interface ethwe not found after 0 seconds\n',
    })
  })

  test('is skipped, and then it is what it runs: exit status, arguments, environment', async () => {
    const script = 'echo "$0 $1 $A"; exit 7'
    expect(await held({ WAIT_FOR_WEAVE_SKIP: 'yes', A: 'b=c' }, ['sh', '-c', script, 'x y', ''])).toEqual({
      exitCode: 7,
      stdout: 'x y  b=c\n',
      stderr: '',
    })
  })

  test('runs a path as it is', async () => {
    expect(await held({ WAIT_FOR_WEAVE_SKIP: 'yes' }, ['/bin/echo', 'hi'])).toMatchObject({ stdout: 'hi\n' })
  })

  test('quits where it is told to', async () => {
    expect(await held({ WAIT_FOR_WEAVE_QUIT: 'yes' }, ['echo', 'hi'])).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    })
  })

  test.each([
    ['a program that is nowhere', ['nosuch'], 127, 'nosuch: cannot be found or run\n'],
    ['a path that is nowhere', ['/no/such'], 127, '/no/such: cannot be found or run\n'],
    ['a file that is no program', ['/etc/passwd'], 126, '/etc/passwd: permission denied\n'],
    ['nothing', [], 127, 'there is nothing to run\n'],
  ])('says of %s what is wrong, with the exit status of a shell', async (_what, args, exitCode, stderr) => {
    expect(await held({ WAIT_FOR_WEAVE_SKIP: 'yes' }, args)).toEqual({ exitCode, stdout: '', stderr })
  })

  test('is killed by a signal while it waits', async () => {
    const ended = await run('timeout', ['--signal=TERM', '0.2', program, 'echo', 'hi'])
    expect(ended).toMatchObject({ exitCode: 124, stdout: '' })
  })
})
