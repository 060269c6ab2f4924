/**
 * What a configuration of version 2 may say and this release does not act upon yet. It is refused with that reason: a
 * condition or a validator that is read and then forgotten would be a hook that is never called.
 *
 * This is the one list of it. Whoever makes the proxy act upon a key takes its line out.
 */
import type { Problems, Span } from './problem.ts'
import { type Entry, type MapNode, type Node, quote } from './tree.ts'

/**
 * Paths of keys. `*` stands for a name, `use` for whatever a hook list or a group holds, `=` for one value of a key.
 * Endpoints of a listener are `endpoints`, too.
 */
export const NOT_YET: readonly string[] = ['log.decisions', 'admin']

export function refuseNotYet(root: MapNode, notYet: readonly string[], problems: Problems): void {
  if (notYet.length > 0) walk(root, [], new Set(notYet), problems)
}

function walk(map: MapNode, path: readonly string[], notYet: ReadonlySet<string>, problems: Problems): void {
  for (const entry of map.entries) {
    const here = [...path, entry.key]
    const canonical = canonicalPath(here)
    if (notYet.has(canonical)) refuse(quote(entry.key), entry.keyAt, problems)
    else if (notYet.has(`${canonical}=${scalarOf(entry.value)}`))
      refuse(`${quote(entry.key)}: ${scalarOf(entry.value)}`, entry.value.at, problems)
    refuseUnwritten(entry, canonical, notYet, problems)
    for (const below of mapsIn(entry.value)) walk(below, here, notYet, problems)
  }
}

/** An adapter that is called and says no protocol has `auto`. */
function refuseUnwritten(
  { key, keyAt, value }: Entry,
  canonical: string,
  notYet: ReadonlySet<string>,
  problems: Problems,
): void {
  if (canonical !== 'adapters.*' || value.kind !== 'map' || !notYet.has('adapters.*.protocol=auto')) return
  const has = (name: string) => value.entries.some((entry) => entry.key === name)
  if ((has('url') || has('unix')) && !has('protocol'))
    problems.error(
      'not-yet',
      keyAt,
      `adapter ${quote(key)} has no "protocol", which means "auto", and that is not supported yet by this release; write "protocol: 1"`,
    )
}

function refuse(what: string, at: Span, problems: Problems): void {
  problems.error('not-yet', at, `${what} is not supported yet by this release, and nothing would come of it`)
}

/** Maps below a key: its value, or the items of a list. */
function mapsIn(node: Node): readonly MapNode[] {
  if (node.kind === 'map') return [node]
  return node.kind === 'list' ? node.items.filter((item) => item.kind === 'map') : []
}

function scalarOf(node: Node): string | undefined {
  switch (node.kind) {
    case 'text':
      return node.text
    case 'number':
    case 'boolean':
      return node.source
    default:
      return undefined
  }
}

function canonicalPath(path: readonly string[]): string {
  const own = path[0] === 'listeners' && path[2] === 'endpoints' ? path.slice(2) : path
  const [section, , ...rest] = own
  if (section === 'endpoints' && rest.length >= 2) return ['use', ...rest.slice(1)].join('.')
  if (section === 'groups' && rest.length >= 1) return ['use', ...rest].join('.')
  if (section === 'adapters' || section === 'endpoints' || section === 'listeners' || section === 'groups')
    return own.length === 1 ? own[0]! : [section, '*', ...rest].join('.')
  return own.join('.')
}
