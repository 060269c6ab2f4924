/** Files that lie in the dataset beside the database: of every kind that a move could spoil, and compared after each. */
import { createHash, randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Large enough to take a moment, small enough for a demo. */
const PICTURES = 24
const PICTURE_BYTES = 1_500_000

export async function layOutAlbum(dir: string): Promise<void> {
  await mkdir(join(dir, 'private'), { recursive: true })
  for (let number = 1; number <= PICTURES; number++)
    await writeFile(join(dir, `picture-${`${number}`.padStart(2, '0')}.raw`), randomBytes(PICTURE_BYTES))
  await symlink('picture-01.raw', join(dir, 'cover'))
  await link(join(dir, 'picture-02.raw'), join(dir, 'picture-02-again.raw'))
  await writeFile(join(dir, 'private', 'diary.txt'), 'nobody else may read this\n')
  await chmod(join(dir, 'private', 'diary.txt'), 0o600)
  await chown(join(dir, 'private', 'diary.txt'), 1000, 1000)
}

export interface FileSum {
  readonly path: string
  /** Type, mode, owner, and where a link leads. */
  readonly kind: string
  readonly bytes: number
  readonly sha256: string
}

/** Every file below a directory. */
export async function sumsOf(dir: string): Promise<readonly FileSum[]> {
  const names = await readdir(dir, { recursive: true })
  const sums: FileSum[] = []
  for (const name of names.sort()) {
    const path = join(dir, name)
    const { mode, uid, gid, nlink, size } = await lstat(path)
    const type = mode & 0o170000
    const leadsTo = type === 0o120000 ? await readlink(path) : ''
    const isFile = type === 0o100000
    sums.push({
      path: relative(dir, path),
      kind: `${mode.toString(8)} ${uid}:${gid} ${isFile ? nlink : ''} ${leadsTo}`.trim(),
      bytes: isFile ? size : 0,
      sha256: isFile ? await sumOf(path, size) : '',
    })
  }
  return sums
}

/**
 * What has changed since, in words. The database may be at work again: to its log it only ever appends, so what was there is
 * there still, and first.
 */
export async function differencesFrom(before: readonly FileSum[], dir: string): Promise<readonly string[]> {
  const differences: string[] = []
  const now = new Map((await sumsOf(dir)).map((file) => [file.path, file]))
  for (const file of before) {
    const found = now.get(file.path)
    if (found === undefined) differences.push(`${file.path} is gone`)
    else if (found.kind !== file.kind) differences.push(`${file.path} was ${file.kind} and is ${found.kind}`)
    else if (found.sha256 !== file.sha256 && (await grownFrom(file, dir)) === false)
      differences.push(`${file.path} has other content`)
    now.delete(file.path)
  }
  for (const path of now.keys()) differences.push(`${path} is new`)
  return differences
}

async function grownFrom(file: FileSum, dir: string): Promise<boolean> {
  return file.path.endsWith('.incr.aof') && (await sumOf(join(dir, file.path), file.bytes)) === file.sha256
}

/** Of the first bytes of a file. */
async function sumOf(path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path)
  let left = bytes
  for await (const chunk of file.createReadStream()) {
    const part = (chunk as Buffer).subarray(0, left)
    hash.update(part)
    left -= part.length
    if (left === 0) break
  }
  return hash.digest('hex')
}
