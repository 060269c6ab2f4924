/**
 * Which processes have a directory mounted, by the kernel's own tables. What the engine says of its containers is not
 * enough where data is at stake: containers outlive a killed engine, and one that is just starting is not listed yet.
 */
import { readdir, readFile, readlink, realpath } from 'node:fs/promises'

/** Process ids, one for each mount namespace that has the directory, or something below it, as a mount of its own. */
export async function processesThatMount(directory: string): Promise<readonly number[]> {
  const path = await realpath(directory)
  const own = parse(await readFile('/proc/self/mountinfo', 'utf8'))
  const above = own
    .filter(({ point }) => isWithin(path, point))
    .sort((one, other) => other.point.length - one.point.length)[0]
  if (above === undefined) return []
  const root = join(above.root, path.slice(above.point === '/' ? 0 : above.point.length))

  const found: number[] = []
  const namespaces = new Set<string>()
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue
    // A process may end between any two of these steps.
    const namespace = await readlink(`/proc/${name}/ns/mnt`).catch(() => undefined)
    if (namespace === undefined || namespaces.has(namespace)) continue
    const table = await readFile(`/proc/${name}/mountinfo`, 'utf8').catch(() => undefined)
    if (table === undefined) continue
    namespaces.add(namespace)
    if (parse(table).some((mount) => mount.device === above.device && isWithin(mount.root, root)))
      found.push(Number(name))
  }
  return found
}

interface Mount {
  readonly device: string
  /** The directory of the file system that is mounted. */
  readonly root: string
  /** Where. */
  readonly point: string
}

/** Lines as `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw` (proc(5)). */
function parse(table: string): Mount[] {
  return table
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, , device = '', root = '', point = ''] = line.split(' ')
      return { device, root: unescaped(root), point: unescaped(point) }
    })
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  )
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

function join(root: string, rest: string): string {
  const path = `${root === '/' ? '' : root}${rest}`
  return path === '' ? '/' : path
}
