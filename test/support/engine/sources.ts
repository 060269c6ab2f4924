/**
 * Where this machine gets its Debian from, read from its own apt sources, so that another suite can be had from the
 * same place: the mirror may be a private one, with a keyring or options of its own.
 */

/** One place packages come from. `fields` holds all that a deb822 stanza says beside types, suites and components. */
export interface AptSource {
  readonly uri: string
  readonly suites: readonly string[]
  readonly fields: ReadonlyMap<string, string>
}

/** Reads a `.sources` file: stanzas of fields, set apart by empty lines; a field may go on over indented lines. */
export function parseDeb822(text: string): AptSource[] {
  const sources: AptSource[] = []
  for (const stanza of text.replace(/^#.*\n?/gm, '').split(/\n[ \t]*\n/)) {
    const fields = new Map<string, string>()
    for (const [, name, value] of stanza.matchAll(/^([^\s:#]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
      fields.set(name!.toLowerCase(), value!.trimEnd())
    }
    if (fields.get('enabled') === 'no' || !words(fields.get('types')).includes('deb')) continue
    const suites = words(fields.get('suites'))
    const rest = without(fields, ['types', 'uris', 'suites', 'components', 'enabled', 'architectures'])
    for (const uri of words(fields.get('uris'))) sources.push({ uri, suites, fields: rest })
  }
  return sources
}

/** Reads a `.list` file: one `deb [options] uri suite components` a line. */
export function parseList(text: string): AptSource[] {
  const sources: AptSource[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)/.exec(line)
    if (match === null) continue
    const [, options, uri, suite] = match
    const fields = new Map<string, string>()
    for (const option of words(options)) {
      const [name, value] = option.split('=', 2)
      fields.set(name!.toLowerCase(), (value ?? '').replaceAll(',', ' '))
    }
    sources.push({ uri: uri!, suites: [suite!], fields: without(fields, ['arch']) })
  }
  return sources
}

/** The sources that carry a whole Debian release, best first: not those of updates, security fixes or other vendors. */
export function releaseSources(sources: readonly AptSource[], codename: string): AptSource[] {
  const names = [codename, 'stable', 'oldstable']
  return names.flatMap((name) => sources.filter((source) => source.suites.includes(name)))
}

/** The same place as a `.sources` file for another suite. */
export function stanzaFor(source: AptSource, suite: string): string {
  const kept = [...source.fields].map(([name, value]) => `${name}: ${value}`.replace(/ +$/m, ''))
  return [`Types: deb`, `URIs: ${source.uri}`, `Suites: ${suite}`, 'Components: main', ...kept, ''].join('\n')
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '')
}

function without(fields: ReadonlyMap<string, string>, names: readonly string[]): Map<string, string> {
  return new Map([...fields].filter(([name]) => !names.includes(name)))
}
