/**
 * Everything that a directory holds, entry by entry, with the SHA-256 of every file. Two directories with equal manifests
 * are the same to any program: names, kinds, modes, owners, times, sizes, links, extended attributes (access control lists
 * and capabilities are such) and content. Left out are access times, sockets, which mean nothing without their process, and
 * SELinux labels, which belong to a host.
 *
 * Names are bytes on Linux. They are kept here as latin1 text, one character a byte.
 */
import { createHash } from 'node:crypto'

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

export function decodeManifest(text: string): Manifest {
  const entries = new Map<string, ManifestEntry>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const entry = JSON.parse(line) as ManifestEntry
    entries.set(entry.path, entry)
  }
  return entries
}

/** One checksum over all of it. */
export function digestOf(manifest: Manifest): string {
  const hash = createHash('sha256')
  for (const path of [...manifest.keys()].sort()) hash.update(`${encodeEntry(manifest.get(path)!)}\n`)
  return hash.digest('hex')
}
