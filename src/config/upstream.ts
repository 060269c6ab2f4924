import type { EngineTarget } from '../model/address.ts'
import { DOCKER_TLS_PORT, parseAddress } from '../model/parse-address.ts'
import type { Problems } from './problem.ts'
import { readClientTls } from './tls.ts'
import { type Entry, quote } from './tree.ts'
import { readKeys, readMap, readText } from './values.ts'

/** Reads `upstream:`, the engine. */
export function readUpstream(section: Entry, problems: Problems): EngineTarget | undefined {
  const map = readMap(section, problems)
  if (map === undefined) return undefined
  let unix: Entry | undefined
  let url: Entry | undefined
  let tls: Entry | undefined
  readKeys(
    map,
    {
      unix: (entry) => {
        unix = entry
      },
      url: (entry) => {
        url = entry
      },
      tls: (entry) => {
        tls = entry
      },
    },
    problems,
  )
  const clientTls = tls && readClientTls(tls, problems)
  const source = url ?? unix
  if (source === undefined) {
    problems.error('key-missing', section.keyAt, '"upstream" has neither "unix" nor "url"')
    return undefined
  }
  if (url && unix) problems.error('key-conflict', unix.keyAt, '"upstream" has both "unix" and "url"')
  const text = readText(source, url ? 'a URL' : 'the path of a socket', problems)
  if (text === undefined) return undefined
  const address = parseAddress(url ? text : `unix://${text}`, tls && DOCKER_TLS_PORT)
  if (!address.ok) {
    problems.error('address', source.value.at, address.failure)
    return undefined
  }
  if (tls && address.value.kind === 'unix')
    problems.error('key-conflict', tls.keyAt, `"tls" goes with a tcp:// address, not with ${quote(text)}`)
  return { address: address.value, tls: clientTls }
}
