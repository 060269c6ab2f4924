/** `tls:` of the engine, of adapters and of listeners: names of PEM files. What is in the files is not looked at here. */
import type { ClientTls, KeyPair, ServerTls } from '../model/address.ts'
import { readPath } from './paths.ts'
import type { Problems } from './problem.ts'
import { type Entry, quote } from './tree.ts'
import { readChoice, readKeys, readMap } from './values.ts'

export const CLIENT_TLS_KEYS = ['ca', 'cert', 'key'] as const
export const SERVER_TLS_KEYS = ['cert', 'key', 'ca', 'clientAuth'] as const
export const CLIENT_AUTH = ['require', 'none'] as const

type Files = Partial<Record<'ca' | 'cert' | 'key', string>>

/** How we reach a server. */
export function readClientTls(entry: Entry, problems: Problems): ClientTls | undefined {
  const map = readMap(entry, problems)
  if (map === undefined) return undefined
  const files: Files = {}
  readKeys(map, fileReaders(files, problems), problems)
  const own = readPair(entry, files, problems)
  return { ca: files.ca, own }
}

/** How a listener is reached. */
export function readServerTls(entry: Entry, problems: Problems): ServerTls | undefined {
  const map = readMap(entry, problems)
  if (map === undefined) return undefined
  const files: Files = {}
  let clientAuth: ServerTls['clientAuth'] = 'require'
  const readers = {
    ...fileReaders(files, problems),
    clientAuth: (each: Entry) => {
      clientAuth = readChoice(each, CLIENT_AUTH, problems)
    },
  }
  readKeys(map, readers, problems)
  if (files.cert === undefined && files.key === undefined && !keyIsThere(map.entries))
    problems.error('key-missing', entry.keyAt, '"tls" of a listener has a "cert" and a "key"')
  const own = readPair(entry, files, problems)
  if (clientAuth === 'require' && files.ca === undefined && !map.entries.some(({ key }) => key === 'ca'))
    problems.error(
      'key-missing',
      entry.keyAt,
      'clients must show a certificate, and without "ca" none could be checked; name the file of their CA, or write "clientAuth: none"',
    )
  return own && { own, ca: files.ca, clientAuth }
}

function keyIsThere(entries: readonly Entry[]): boolean {
  return entries.some(({ key }) => key === 'cert' || key === 'key')
}

function fileReaders(
  files: Files,
  problems: Problems,
): Record<'ca' | 'cert' | 'key', (entry: Entry) => void> {
  const reader = (name: keyof Files) => (entry: Entry) => {
    const path = readPath(entry, problems)
    if (path !== undefined) files[name] = path
  }
  return { ca: reader('ca'), cert: reader('cert'), key: reader('key') }
}

function readPair({ keyAt, value }: Entry, { cert, key }: Files, problems: Problems): KeyPair | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key }
  const entries = value.kind === 'map' ? value.entries : []
  const has = (name: string) => entries.some((entry) => entry.key === name)
  if (has('cert') !== has('key')) {
    const [there, missing] = has('cert') ? ['cert', 'key'] : ['key', 'cert']
    problems.error(
      'key-missing',
      keyAt,
      `"tls" has ${quote(there!)} and no ${quote(missing!)}; one is of no use without the other`,
    )
  }
  return undefined
}
