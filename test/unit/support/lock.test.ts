import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withLock } from '../../support/engine/lock.ts'

let dir: string
let file: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lock-'))
  file = join(dir, 'below', 'lock')
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('two who want the lock have it one after the other', async () => {
  const order: string[] = []
  const visit = (name: string) =>
    withLock(file, async () => {
      order.push(`${name} in`)
      await new Promise((done) => setImmediate(done))
      order.push(`${name} out`)
    })
  await Promise.all([visit('a'), visit('b')])
  expect([
    ['a in', 'a out', 'b in', 'b out'],
    ['b in', 'b out', 'a in', 'a out'],
  ]).toContainEqual(order)
})

test('work that throws gives the lock back', async () => {
  await expect(withLock(file, () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck')
  expect(await withLock(file, async () => 'free again')).toBe('free again')
})

test('a process that is killed gives the lock back', async () => {
  const program = `import('./test/support/engine/lock.ts').then(({ withLock }) =>
    withLock(${JSON.stringify(file)}, () => { console.log('mine'); return new Promise(() => setInterval(() => 0, 1e6)) }))`
  const owner = spawn(process.execPath, ['--import', 'tsx', '-e', program])
  expect(String((await once(owner.stdout, 'data'))[0])).toBe('mine\n')

  const next = withLock(file, async () => 'mine now')
  owner.kill('SIGKILL')
  expect(await next).toBe('mine now')
})
