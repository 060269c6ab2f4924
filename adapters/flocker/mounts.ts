/**
 * Which datasets a new container asks for, and its mounts once they are here. Pure.
 *
 * A dataset is asked for as the bind `/flocker/NAME:/data`, as a bind-type mount with the source `/flocker/NAME`, or by the
 * volume driver `flocker`. All three become binds of the path that the dataset has on this host.
 */
import { posix } from 'node:path'
import { type ContainerCreateBody, type HostConfig, isJsonObject, type Mount } from 'powerstrip/sdk'

/** Where datasets are asked for, and the volume driver that this adapter stands in for. */
const ROOT = '/flocker'
export const DRIVER = 'flocker'

/** Metadata of a dataset holds 256 characters a value, and the name is one of them. */
const NAME_LENGTH = 256

/** `undefined`: none of ours. */
type Asked = { readonly name: string } | { readonly problem: string } | undefined

/** The names asked for, each once, in order; or what is wrong with one. */
export function datasetsAskedFor(
  host: HostConfig | null | undefined,
): { readonly names: readonly string[] } | { readonly problem: string } {
  const asked = [
    ...bindsOf(host).map((bind) => askedByBind(bind, host)),
    ...mountsOf(host).map((mount) => askedByMount(mount)),
  ]
  const names = new Set<string>()
  for (const one of asked) {
    if (one === undefined) continue
    if ('problem' in one) return one
    names.add(one.name)
  }
  return { names: [...names] }
}

/** Puts the path of each dataset in its place. Everything else stays as it is, where it is. */
export function mountDatasets(body: ContainerCreateBody, pathOf: (name: string) => string): void {
  const host = body.HostConfig
  if (host === null || host === undefined) return
  const driver = host.VolumeDriver
  if (Array.isArray(host.Binds)) host.Binds = host.Binds.map((bind) => rewriteBind(bind, host, pathOf))
  if (Array.isArray(host.Mounts)) host.Mounts = host.Mounts.map((mount) => rewriteMount(mount, pathOf))
  // The engine has no driver of this name, and would look for it for each unnamed volume of the container.
  if (driver === DRIVER) host.VolumeDriver = ''
}

export function asksForDriver(host: HostConfig | null | undefined): boolean {
  return isJsonObject(host) && host.VolumeDriver === DRIVER
}

/** The containers whose mounts a new one takes over: `["other", "third:ro"]`. */
export function volumesFrom(host: HostConfig | null | undefined): readonly string[] {
  const listed: unknown = host?.VolumesFrom
  if (!Array.isArray(listed)) return []
  return listed.flatMap((entry: unknown) => (typeof entry === 'string' ? [entry.split(':')[0]!] : []))
}

function bindsOf(host: HostConfig | null | undefined): readonly unknown[] {
  return Array.isArray(host?.Binds) ? host.Binds : []
}

function mountsOf(host: HostConfig | null | undefined): readonly unknown[] {
  return Array.isArray(host?.Mounts) ? host.Mounts : []
}

function askedByBind(bind: unknown, host: HostConfig | null | undefined): Asked {
  if (typeof bind !== 'string') return undefined
  const colon = bind.indexOf(':')
  // `-v /flocker/x` alone is an unnamed volume at that place within the container.
  if (colon < 1) return undefined
  const source = bind.slice(0, colon)
  if (source.startsWith('/')) return askedByPath(source)
  return asksForDriver(host) ? readName(source, source) : undefined
}

function askedByMount(mount: unknown): Asked {
  if (!isJsonObject(mount)) return undefined
  const source = typeof mount.Source === 'string' ? mount.Source : ''
  if (mount.Type === 'bind') return askedByPath(source)
  const options = isJsonObject(mount.VolumeOptions) ? mount.VolumeOptions : {}
  const driver = isJsonObject(options.DriverConfig) ? options.DriverConfig : {}
  if (mount.Type !== 'volume' || driver.Name !== DRIVER) return undefined
  if (source === '')
    return {
      problem: `a mount at "${mount.Target}" has the driver ${DRIVER} and names no dataset; write source=NAME`,
    }
  if (isJsonObject(driver.Options) && Object.keys(driver.Options).length > 0)
    return {
      problem: `the mount of dataset "${source}" has options for the driver ${DRIVER}, which takes none`,
    }
  if (typeof options.Subpath === 'string' && options.Subpath !== '')
    return { problem: subpathRefused(source, `${source}/${options.Subpath}`) }
  return readName(source, source)
}

function askedByPath(source: string): Asked {
  if (!source.startsWith('/')) return undefined
  // As the engine reads it: `/flocker//x/` is `/flocker/x`.
  const path = posix.normalize(source).replace(/(?<=.)\/$/, '')
  if (path === ROOT) return { problem: `the mount of "${source}" names no dataset; write ${ROOT}/NAME` }
  return path.startsWith(`${ROOT}/`) ? readName(path.slice(ROOT.length + 1), source) : undefined
}

function readName(name: string, written: string): Asked {
  const [first = ''] = name.split('/')
  if (first !== name) return { problem: subpathRefused(first, written) }
  if ([...name].length > NAME_LENGTH)
    return { problem: `the name of a dataset has at most ${NAME_LENGTH} characters: "${name.slice(0, 40)}…"` }
  if (/\p{Cc}/u.test(name))
    return { problem: `the name of a dataset has a control character: ${JSON.stringify(name)}` }
  return { name }
}

function subpathRefused(name: string, written: string): string {
  return `"${written}" is a path within the dataset "${name}"; only a whole dataset can be mounted: ${ROOT}/${name}`
}

function rewriteBind(bind: string, host: HostConfig, pathOf: (name: string) => string): string {
  const asked = askedByBind(bind, host)
  if (asked === undefined || 'problem' in asked) return bind
  const [source = '', target = '', ...modes] = bind.split(':')
  if (source.startsWith('/')) return [pathOf(asked.name), target, ...modes].join(':')
  // A volume may be told not to be filled from the image. A bind never is, and the engine takes no such word for it.
  const kept = modes.map((mode) =>
    mode
      .split(',')
      .filter((word) => word !== 'nocopy')
      .join(','),
  )
  return [pathOf(asked.name), target, ...kept.filter((mode) => mode !== '')].join(':')
}

function rewriteMount(mount: Mount, pathOf: (name: string) => string): Mount {
  const asked = askedByMount(mount)
  if (asked === undefined || 'problem' in asked) return mount
  if (mount.Type === 'bind') return { ...mount, Source: pathOf(asked.name) }
  const { VolumeOptions: _, ...rest } = mount
  return { ...rest, Type: 'bind', Source: pathOf(asked.name) }
}
