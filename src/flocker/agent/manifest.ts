/**
 * Everything that a directory holds, entry by entry, with the SHA-256 of every file. Two directories with equal manifests
 * are the same to any program: names, kinds, modes, owners, times, sizes, links, extended attributes (access control lists
 * and capabilities are such) and content. Left out are access times, sockets, which mean nothing without their process, and
 * SELinux labels, which belong to a host.
 *
 * Names are bytes on Linux. They are kept here as latin1 text, one character a byte.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { text } from 'node:stream/consumers'

export interface ManifestEntry {
  /** From the top, which is `.`: `./etc/hosts`. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'link' | 'fifo' | 'device'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtimeNs: string
  readonly size?: number
  readonly sha256?: string
  /** Of a symbolic link. */
  readonly target?: string
  /** Of a device. */
  readonly device?: string
  /** The first name of a file that has several: all names with the same one are one file. */
  readonly sameAs?: string
  /** Names and values of extended attributes, in order. */
  readonly attributes?: string
}

export type Manifest = ReadonlyMap<string, ManifestEntry>

/** What was hashed once is not read again while its inode says that it has not been written to. */
export type HashCache = Map<string, string>

/** Files smaller than a read are most files. */
const READ_BYTES = 1024 * 1024

/**
 * A file that changed less than this long before it was read, in milliseconds, is read again next time: a further change
 * within one tick of the kernel's clock (10 ms at most) would leave no trace in its times.
 */
const SETTLED_MS = 100

export async function takeManifest(
  directory: string,
  cache: HashCache,
  signal: AbortSignal,
  tell: (bytes: number) => void = () => {},
): Promise<Manifest> {
  const attributes = await readAttributes(directory)
  const entries = new Map<string, ManifestEntry>()
  const firstNames = new Map<string, string>()
  for await (const { path, stats } of walk(directory, '.')) {
    signal.throwIfAborted()
    const entry = await entryOf(directory, path, stats, cache, signal)
    tell(Number(stats.blocks) * 512)
    if (entry === undefined) continue
    const inode = `${stats.dev}:${stats.ino}`
    const several = entry.kind !== 'directory' && stats.nlink > 1n
    if (several && !firstNames.has(inode)) firstNames.set(inode, path)
    const own = attributes.get(path)
    entries.set(path, {
      ...entry,
      ...(several ? { sameAs: firstNames.get(inode)! } : {}),
      ...(own === undefined ? {} : { attributes: own }),
    })
  }
  return entries
}

/** Bytes that the directory takes on the disk. */
export async function diskUsage(directory: string): Promise<number> {
  let bytes = 0
  const seen = new Set<bigint>()
  for await (const { stats } of walk(directory, '.')) {
    if (stats.nlink > 1n && !stats.isDirectory()) {
      if (seen.has(stats.ino)) continue
      seen.add(stats.ino)
    }
    bytes += Number(stats.blocks) * 512
  }
  return bytes
}

/** In the order of names, a directory before what is in it. */
async function* walk(
  top: string,
  path: string,
): AsyncGenerator<{ readonly path: string; readonly stats: BigIntStats }> {
  // What is deleted while it is walked over was not there.
  const stats = await lstat(at(top, path), { bigint: true }).catch(vanished)
  if (stats === undefined) return
  yield { path, stats }
  if (!stats.isDirectory()) return
  const names = await readdir(at(top, path), { encoding: 'buffer' }).catch(vanished)
  for (const name of (names ?? []).map((bytes) => bytes.toString('latin1')).sort())
    yield* walk(top, `${path}/${name}`)
}

async function entryOf(
  top: string,
  path: string,
  stats: BigIntStats,
  cache: HashCache,
  signal: AbortSignal,
): Promise<ManifestEntry | undefined> {
  const common = {
    path,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeNs: String(stats.mtimeNs),
  }
  if (stats.isDirectory()) return { ...common, kind: 'directory' }
  if (stats.isFile()) {
    const sha256 = await hashOf(at(top, path), stats, cache, signal)
    return sha256 === undefined ? undefined : { ...common, kind: 'file', size: Number(stats.size), sha256 }
  }
  if (stats.isSymbolicLink()) {
    const target = await readlink(at(top, path), { encoding: 'buffer' }).catch(vanished)
    return target === undefined ? undefined : { ...common, kind: 'link', target: target.toString('latin1') }
  }
  if (stats.isFIFO()) return { ...common, kind: 'fifo' }
  if (stats.isCharacterDevice() || stats.isBlockDevice())
    return { ...common, kind: 'device', device: `${stats.isBlockDevice() ? 'b' : 'c'}${stats.rdev}` }
  return undefined
}

async function hashOf(
  file: Buffer,
  stats: BigIntStats,
  cache: HashCache,
  signal: AbortSignal,
): Promise<string | undefined> {
  const key = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
  const known = cache.get(key)
  if (known !== undefined) return known
  const sinceMs = Date.now()
  const opened = await open(file, 'r').catch(vanished)
  if (opened === undefined) return undefined
  try {
    const hash = createHash('sha256')
    // One buffer is filled while the other is hashed.
    const [one, other] = [Buffer.allocUnsafe(READ_BYTES), Buffer.allocUnsafe(READ_BYTES)]
    let [full, empty] = [one, other]
    let { bytesRead } = await opened.read(full, 0, READ_BYTES)
    while (bytesRead > 0) {
      signal.throwIfAborted()
      const next = opened.read(empty, 0, READ_BYTES)
      hash.update(full.subarray(0, bytesRead))
      bytesRead = (await next).bytesRead
      ;[full, empty] = [empty, full]
    }
    const sha256 = hash.digest('hex')
    if (sinceMs - Number(stats.ctimeMs) > SETTLED_MS) cache.set(key, sha256)
    return sha256
  } finally {
    await opened.close()
  }
}

/** `getfattr` prints a block for each file that has attributes: `# file: NAME`, a line for each, an empty line. */
async function readAttributes(directory: string): Promise<Map<string, string>> {
  const args = ['--recursive', '--no-dereference', '--physical', '--dump', '--match=-', '--encoding=hex', '.']
  const program = spawn('getfattr', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
  program.stdout.setEncoding('latin1')
  program.stderr.setEncoding('latin1')
  const ended = new Promise<void>((resolve, reject) => {
    program.once('error', reject)
    program.once('close', () => resolve())
  })
  const [out] = await Promise.all([text(program.stdout), text(program.stderr), ended])
  const found = new Map<string, string>()
  for (const block of out.split('\n\n')) {
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

function vanished(problem: NodeJS.ErrnoException): undefined {
  if (problem.code === 'ENOENT' || problem.code === 'ENOTDIR') return undefined
  throw problem
}

export interface Difference {
  /** What has to be fetched, a directory before what is in it. */
  readonly fetch: readonly string[]
  /** What has to go first, what is in a directory before it. */
  readonly remove: readonly string[]
}

/**
 * How to make `mine` what `theirs` is. A file with several names is fetched with all of them, or the names would become
 * files of their own. Whatever is fetched or removed touches the times of its directory, so that is fetched with it.
 */
export function compare(theirs: Manifest, mine: Manifest): Difference {
  const fetch = new Set<string>()
  const remove = new Set<string>()
  for (const [path, entry] of mine) {
    const wanted = theirs.get(path)
    if (wanted === undefined || wanted.kind !== entry.kind) remove.add(path)
  }
  for (const [path, entry] of theirs) if (!same(entry, mine.get(path))) fetch.add(path)

  const split = new Set(
    [...fetch].map((path) => theirs.get(path)!.sameAs).filter((first) => first !== undefined),
  )
  for (const [path, { sameAs }] of theirs)
    if (sameAs !== undefined && split.has(sameAs)) {
      fetch.add(path)
      if (mine.has(path)) remove.add(path)
    }
  for (const path of [...fetch, ...remove])
    for (let above = parent(path); above !== undefined; above = parent(above))
      if (theirs.get(above)?.kind === 'directory') fetch.add(above)
  return { fetch: [...fetch].sort(), remove: [...remove].sort().reverse() }
}

export function isSame({ fetch, remove }: Difference): boolean {
  return fetch.length === 0 && remove.length === 0
}

function same(one: ManifestEntry, other: ManifestEntry | undefined): boolean {
  return other !== undefined && encodeEntry(one) === encodeEntry(other)
}

function parent(path: string): string | undefined {
  const end = path.lastIndexOf('/')
  return end < 0 ? undefined : path.slice(0, end)
}

/** One line of JSON, its keys always in the same order. */
export function encodeEntry(entry: ManifestEntry): string {
  const { path, kind, mode, uid, gid, mtimeNs, size, sha256, target, device, sameAs, attributes } = entry
  return JSON.stringify({
    path,
    kind,
    mode,
    uid,
    gid,
    mtimeNs,
    size,
    sha256,
    target,
    device,
    sameAs,
    attributes,
  })
}

/** One checksum over all of it. */
export function digestOf(manifest: Manifest): string {
  const hash = createHash('sha256')
  for (const path of [...manifest.keys()].sort()) hash.update(`${encodeEntry(manifest.get(path)!)}\n`)
  return hash.digest('hex')
}
