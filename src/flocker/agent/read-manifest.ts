/**
 * Reads the manifest of a directory. Calls of the file system wait for their end here, which is ten times as fast as awaiting
 * each: this runs in a thread of its own (`hasher.ts`).
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  type BigIntStats,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs'
import type { ManifestEntry } from './manifest.ts'

/** What was hashed once is not read again while its inode says that it has not been written to. */
export type HashCache = Map<string, string>

const READ_BYTES = 1024 * 1024

/**
 * A file that changed less than this long before it was read, in milliseconds, is read again next time: a further change
 * within one tick of the kernel's clock (10 ms at most) would leave no trace in its times.
 */
const SETTLED_MS = 100

export function* readManifest(directory: string, cache: HashCache): Generator<ManifestEntry> {
  const attributes = readAttributes(directory)
  const firstNames = new Map<bigint, string>()
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  for (const { path, stats } of walk(directory, '.')) {
    const entry = entryOf(directory, path, stats, cache, buffer)
    if (entry === undefined) continue
    const several = entry.kind !== 'directory' && stats.nlink > 1n
    if (several && !firstNames.has(stats.ino)) firstNames.set(stats.ino, path)
    const own = attributes.get(path)
    yield {
      ...entry,
      ...(several ? { sameAs: firstNames.get(stats.ino)! } : {}),
      ...(own === undefined ? {} : { attributes: own }),
    }
  }
}

/** Hashes what has not been touched since then, so that a manifest that is read later finds it hashed. */
export function hashAhead(directory: string, untouchedSinceMs: number, cache: HashCache): void {
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  for (const { path, stats } of walk(directory, '.'))
    if (stats.isFile() && isSettled(stats, untouchedSinceMs))
      hashOf(at(directory, path), stats, cache, buffer)
}

/** In the order of names, a directory before what is in it. */
function* walk(top: string, path: string): Generator<{ readonly path: string; readonly stats: BigIntStats }> {
  // What is deleted while it is walked over was not there.
  const stats = unlessGone(() => lstatSync(at(top, path), { bigint: true }))
  if (stats === undefined) return
  yield { path, stats }
  if (!stats.isDirectory()) return
  const names = unlessGone(() => readdirSync(at(top, path), { encoding: 'buffer' })) ?? []
  for (const name of names.map((bytes) => bytes.toString('latin1')).sort())
    yield* walk(top, `${path}/${name}`)
}

function entryOf(
  top: string,
  path: string,
  stats: BigIntStats,
  cache: HashCache,
  buffer: Buffer,
): ManifestEntry | undefined {
  const common = {
    path,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeNs: String(stats.mtimeNs),
  }
  if (stats.isDirectory()) return { ...common, kind: 'directory' }
  if (stats.isFile()) {
    const sha256 = hashOf(at(top, path), stats, cache, buffer)
    return sha256 === undefined ? undefined : { ...common, kind: 'file', size: Number(stats.size), sha256 }
  }
  if (stats.isSymbolicLink()) {
    const target = unlessGone(() => readlinkSync(at(top, path), { encoding: 'buffer' }))
    return target === undefined ? undefined : { ...common, kind: 'link', target: target.toString('latin1') }
  }
  if (stats.isFIFO()) return { ...common, kind: 'fifo' }
  if (stats.isCharacterDevice() || stats.isBlockDevice())
    return { ...common, kind: 'device', device: `${stats.isBlockDevice() ? 'b' : 'c'}${stats.rdev}` }
  return undefined
}

function hashOf(file: Buffer, stats: BigIntStats, cache: HashCache, buffer: Buffer): string | undefined {
  const key = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
  const known = cache.get(key)
  if (known !== undefined) return known
  const settled = isSettled(stats)
  const opened = unlessGone(() => openSync(file, 'r'))
  if (opened === undefined) return undefined
  try {
    const hash = createHash('sha256')
    for (;;) {
      const bytes = readSync(opened, buffer, 0, READ_BYTES, null)
      if (bytes > 0) hash.update(buffer.subarray(0, bytes))
      // A file's end is where fewer bytes come than were asked for.
      if (bytes < READ_BYTES) break
    }
    const sha256 = hash.digest('hex')
    if (settled) cache.set(key, sha256)
    return sha256
  } finally {
    closeSync(opened)
  }
}

function isSettled({ ctimeMs }: BigIntStats, atMs = Date.now()): boolean {
  return atMs - Number(ctimeMs) > SETTLED_MS
}

/** Room for what `getfattr` prints, in bytes: some 200 for each file that has attributes. */
const ATTRIBUTES_LIMIT_BYTES = 1024 * 1024 * 1024

/** `getfattr` prints a block for each file that has attributes: `# file: NAME`, a line for each, an empty line. */
function readAttributes(directory: string): Map<string, string> {
  const args = ['--recursive', '--no-dereference', '--physical', '--dump', '--match=-', '--encoding=hex', '.']
  const told = spawnSync('getfattr', args, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'latin1',
    maxBuffer: ATTRIBUTES_LIMIT_BYTES,
  })
  if (told.error !== undefined) throw told.error
  const found = new Map<string, string>()
  for (const block of told.stdout.split('\n\n')) {
    const [head = '', ...lines] = block.split('\n').filter((line) => line !== '')
    const name = /^# file: (.*)$/s.exec(head)?.[1]
    if (name === undefined) continue
    const own = lines.filter((line) => !line.startsWith('security.selinux=')).sort()
    const path = unescaped(name)
    if (own.length > 0) found.set(path === '.' ? '.' : `./${path.replace(/^\.\//, '')}`, own.join('\n'))
  }
  return found
}

function unescaped(name: string): string {
  return name.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}

function at(top: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${top}/`), Buffer.from(path, 'latin1')])
}

function unlessGone<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (problem) {
    const { code } = problem as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw problem
  }
}
