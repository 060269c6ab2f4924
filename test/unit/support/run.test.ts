import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { mustRun, run } from '../../support/engine/run.ts'

test('a program ends with its exit code and both its outputs', async () => {
  const ended = await run('sh', ['-c', 'echo out; echo err >&2; exit 3'])
  expect(ended).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' })
})

test('a death by signal is reported as a shell reports it', async () => {
  expect(await run('sh', ['-c', 'kill -TERM $$'])).toMatchObject({ exitCode: 143 })
})

test.each([
  ['text', 'b\na\n'],
  ['bytes', Buffer.from('b\na\n')],
  ['a stream', Readable.from([Buffer.from('b\n'), Buffer.from('a\n')])],
])('input given as %s arrives and ends', async (_, stdin) => {
  expect(await run('sort', [], { stdin })).toMatchObject({ exitCode: 0, stdout: 'a\nb\n' })
})

test('a program that leaves its input unread still ends with its own exit code', async () => {
  expect(await run('true', [], { stdin: Buffer.alloc(1_000_000) })).toMatchObject({ exitCode: 0 })
})

test('a timeout kills the program and its children, and says so', async () => {
  const playedFor = (timeoutMs: number) => run('sh', ['-c', 'sleep 1000000 & echo $!; wait'], { timeoutMs })
  let timeoutMs = 250
  let ended = await playedFor(timeoutMs)
  // Killed before it had begun.
  while (ended.stdout === '') {
    timeoutMs *= 2
    ended = await playedFor(timeoutMs)
  }
  expect(ended).toMatchObject({
    exitCode: 124,
    stderr: expect.stringContaining(`killed after ${timeoutMs} ms`),
  })
  expect(ended.stdout).toMatch(/^\d+\n$/)
  expect(existsSync(`/proc/${ended.stdout.trim()}/exe`)).toBe(false)
})

test('a step that has to work throws what the program said', async () => {
  await expect(mustRun('sh', ['-c', 'echo no luck >&2; exit 1'])).rejects.toThrow('no luck')
})

test('a program that does not exist is thrown', async () => {
  await expect(run('/nonexistent/program', [])).rejects.toThrow('ENOENT')
})
