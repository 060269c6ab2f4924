/** Paths on the engine's host. */
import { lstat, readFile, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Absolute, without detours: every reader takes it for the same path. */
export function isCleanPath(path: string): boolean {
  return path === '/' || /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/.test(path)
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

/** A folder that a policy allows, taken apart. */
export function readFolder(entry: string): { readonly path: string; readonly readOnly: boolean } {
  return entry.endsWith(':ro')
    ? { path: entry.slice(0, -3), readOnly: true }
    : { path: entry, readOnly: false }
}

export type Destination =
  | { readonly kind: 'within' }
  | { readonly kind: 'outside'; readonly path: string }
  /** Or a folder that holds what is closed. */
  | { readonly kind: 'socket' }
  /** Nothing of it is to be seen from here. */
  | { readonly kind: 'unseen' }

/**
 * Where a path leads once its symbolic links are followed, the way the kernel will when it mounts. What does not exist yet
 * is made by the engine, below what exists. `closed`: what may not be seen that way.
 */
export async function destinationOf(
  path: string,
  folder: string,
  closed: readonly string[],
): Promise<Destination> {
  const root = await existing(folder)
  if (root === undefined) return { kind: 'unseen' }
  for (let at = path; isWithin(at, folder); at = dirname(at)) {
    if ((await lstat(at).catch(() => undefined)) === undefined) continue
    const real = await existing(at)
    // A link that leads nowhere: the engine would make what it points at.
    if (real === undefined) return { kind: 'outside', path: at }
    if (!isWithin(real, root)) return { kind: 'outside', path: real }
    if (at === path && (await stat(real)).isSocket()) return { kind: 'socket' }
    for (const one of closed) {
      const realOne = (await existing(one)) ?? one
      if (isWithin(real, realOne) || (at === path && isWithin(realOne, real))) return { kind: 'socket' }
    }
    return { kind: 'within' }
  }
  return { kind: 'unseen' }
}

export type MountedBelow =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'mount'; readonly path: string }
  /** The kernel's table cannot be read here. */
  | { readonly kind: 'unseen' }

/**
 * What else is mounted below a path: it comes along with a mount of the path, and read-only is the path alone. Engines up to 24
 * know no other way, and clients of newer ones can ask for it. `table`: as proc(5) describes `mountinfo`.
 */
export async function mountedBelow(path: string, table = '/proc/self/mountinfo'): Promise<MountedBelow> {
  const mounts = await readFile(table, 'utf8').catch(() => undefined)
  if (mounts === undefined) return { kind: 'unseen' }
  const real = await existing(path)
  // The engine makes it, and nothing is mounted below yet.
  if (real === undefined) return { kind: 'nothing' }
  const below = mounts
    .split('\n')
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .find((point) => point !== real && isWithin(point, real))
  return below === undefined ? { kind: 'nothing' } : { kind: 'mount', path: below }
}

/** Space, tab, line break and backslash stand in the table as three octal digits. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
}

async function existing(path: string): Promise<string | undefined> {
  return await realpath(path).catch(() => undefined)
}
