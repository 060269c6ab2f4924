/** Manifests: what counts as a difference, and what is fetched to remove it. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  compare,
  decodeManifest,
  digestOf,
  encodeEntry,
  isSame,
  type Manifest,
} from '../../../src/flocker/agent/manifest.ts'
import { type HashCache, hashAhead, readManifest } from '../../../src/flocker/agent/read-manifest.ts'
import { syncFileSystem } from '../../../src/flocker/durable.ts'
import { providePackages } from '../../support/engine/index.ts'
import { mustRun } from '../../support/engine/run.ts'

let dir: string
let mine: string
let theirs: string

beforeAll(() => providePackages(['attr']), 300_000)

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'manifest-'))
  theirs = join(dir, 'theirs')
  mine = join(dir, 'mine')
  mkdirSync(join(theirs, 'deep', 'er'), { recursive: true })
  writeFileSync(join(theirs, 'one'), '1')
  linkSync(join(theirs, 'one'), join(theirs, 'deep', 'same'))
  writeFileSync(join(theirs, 'deep', 'er', 'two'), '2')
  symlinkSync('../one', join(theirs, 'deep', 'link'))
  writeFileSync(Buffer.from(`${theirs}/odd\n\xff`, 'latin1'), 'odd')
  await mustRun('cp', ['-a', theirs, mine])
})

afterEach(() => rmSync(dir, { recursive: true }))

function read(directory: string, cache: HashCache = new Map()): Manifest {
  const text = [...readManifest(directory, cache)].map((entry) => `${encodeEntry(entry)}\n`).join('')
  return decodeManifest(text)
}

const difference = () => compare(read(theirs), read(mine))

/** What was changed has the time it had before: only what it is tells the difference. */
function keepingTimes(directory: string, work: () => void): void {
  work()
  utimesSync(directory, 1_000_000, 1_000_000)
}

test('a copy by hand is no different, and has the same digest', () => {
  expect(difference()).toEqual({ fetch: [], remove: [] })
  expect(isSame(difference())).toBe(true)
  expect(digestOf(read(mine))).toBe(digestOf(read(theirs)))
  expect([...read(mine).keys()]).toEqual(
    [
      '.',
      './deep',
      './deep/er',
      './deep/er/two',
      './deep/link',
      './deep/same',
      './odd\n\xc3\xbf',
      './one',
    ].map((path) => (path.startsWith('./odd') ? expect.stringContaining('./odd\n') : path)),
  )
})

test('content, of the same length and with the same time, is fetched with the directories above it', () => {
  const file = join(theirs, 'deep', 'er', 'two')
  const before = read(theirs)
  utimesSync(file, 1, 1)
  utimesSync(join(mine, 'deep', 'er', 'two'), 1, 1)
  expect(difference()).toEqual({ fetch: [], remove: [] })
  writeFileSync(file, '3')
  utimesSync(file, 1, 1)
  expect(difference()).toEqual({ fetch: ['.', './deep', './deep/er', './deep/er/two'], remove: [] })
  expect(before.get('./deep/er/two')?.sha256).not.toBe(read(theirs).get('./deep/er/two')?.sha256)
})

test('a file with several names is fetched with all of them, and theirs go first', () => {
  writeFileSync(join(theirs, 'one'), 'changed')
  expect(difference()).toEqual({
    fetch: ['.', './deep', './deep/same', './one'],
    remove: ['./one', './deep/same'],
  })
})

test('a name that has become a file of its own is a difference', () => {
  const same = join(mine, 'deep', 'same')
  writeFileSync(`${same}.new`, '1')
  renameSync(`${same}.new`, same)
  expect(difference().fetch).toEqual(expect.arrayContaining(['./deep/same', './one']))
})

test('what is gone is removed, what is in a directory before it', () => {
  keepingTimes(theirs, () => rmSync(join(theirs, 'deep'), { recursive: true }))
  expect(difference().remove).toEqual(['./deep/same', './deep/link', './deep/er/two', './deep/er', './deep'])
})

test('what has become something else is removed before it is fetched', () => {
  rmSync(join(theirs, 'deep', 'er'), { recursive: true })
  writeFileSync(join(theirs, 'deep', 'er'), 'a file now')
  expect(difference()).toEqual({
    fetch: ['.', './deep', './deep/er'],
    remove: ['./deep/er/two', './deep/er'],
  })
})

test.each([
  ['a mode', () => chmodSync(join(theirs, 'one'), 0o4711), './one'],
  [
    'a time, by a millisecond',
    () => utimesSync(join(theirs, 'deep', 'er', 'two'), 1, 1.001),
    './deep/er/two',
  ],
])('%s is a difference', (_what, change, path) => {
  utimesSync(join(mine, 'deep', 'er', 'two'), 1, 1)
  utimesSync(join(theirs, 'deep', 'er', 'two'), 1, 1)
  expect(isSame(difference())).toBe(true)
  change()
  expect(difference().fetch).toContain(path)
})

test.each([
  ['an owner', ['chown', '7:8']],
  ['an extended attribute', ['setfattr', '-n', 'user.x', '-v', 'y']],
])('%s is a difference, of an odd name too', async (_what, [program, ...args]) => {
  await mustRun('sh', ['-c', `cd "$1"; shift; "$@" odd*`, 'sh', theirs, program!, ...args])
  expect(difference().fetch).toEqual(['.', expect.stringContaining('./odd\n')])
})

test('what was hashed is not read again until its inode changes', () => {
  const cache: HashCache = new Map()
  // Whatever has just been written is never taken on trust.
  const first = read(theirs, cache)
  const remembered = new Map(
    [...first.values()].filter(({ kind }) => kind === 'file').map(({ path }) => [path, 0]),
  )
  expect(remembered.size).toBe(4)
  while (cache.size < 3) read(theirs, cache)
  for (const key of cache.keys()) cache.set(key, 'trusted')
  expect(read(theirs, cache).get('./one')?.sha256).toBe('trusted')
  writeFileSync(join(theirs, 'one'), '2')
  utimesSync(join(theirs, 'one'), 1, 1)
  expect(read(theirs, cache).get('./one')?.sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(read(theirs, cache).get('./deep/er/two')?.sha256).toBe('trusted')
})

/** Writes into a file by way of its memory: a byte at once, and one for each line that it reads. */
const MAPPER = `
import itertools, mmap, sys
file = open(sys.argv[1], 'r+b')
memory = mmap.mmap(file.fileno(), 0)
for byte in itertools.chain(['A'], sys.stdin):
    memory[0:1] = byte[0].encode()
    print('written', flush=True)
`

test('what a program writes by way of its memory is not missed, though it changes no times while the page is not on the disk', async () => {
  const folder = join(dir, 'mapped')
  mkdirSync(folder)
  writeFileSync(join(folder, 'file'), 'x'.repeat(4096))
  using mapper = spawn('python3', ['-u', '-c', MAPPER, join(folder, 'file')])
  await once(mapper.stdout, 'data')
  const cache: HashCache = new Map()
  while (cache.size === 0) {
    const sinceMs = Date.now()
    await syncFileSystem(folder)
    hashAhead(folder, sinceMs, cache)
  }
  expect(read(folder, cache).get('./file')?.sha256).toBe(sha256(`A${'x'.repeat(4095)}`))
  mapper.stdin.write('B\n')
  await once(mapper.stdout, 'data')
  expect(read(folder, cache).get('./file')?.sha256).toBe(sha256(`B${'x'.repeat(4095)}`))
})

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
