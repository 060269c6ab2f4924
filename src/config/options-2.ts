/** Sections of version 2 that hold a few settings each: `chain`, `security`, `log`, `admin`. */
import { describeAddress, isLoopback } from '../model/address.ts'
import type { AdminOptions, ChainOptions, DecisionLog, SecurityOptions } from './config.ts'
import { readPlace, readRights, refuseOfOtherKind } from './listeners.ts'
import { readPath } from './paths.ts'
import type { Problems } from './problem.ts'
import { type Entry, nameNode, quote } from './tree.ts'
import { placeOf, readBoolean, readChoice, readDuration, readKeys, readMap, readTexts } from './values.ts'

export const INITIAL_CHAIN: ChainOptions = { deadlineMs: 60_000, unwindTimeoutMs: 5_000 }
export const CHAIN_KEYS = ['deadline', 'unwindTimeout'] as const

export function readChain(section: Entry, problems: Problems): ChainOptions {
  let chain = INITIAL_CHAIN
  readKeys(
    readMap(section, problems),
    {
      deadline: (entry) => {
        chain = { ...chain, deadlineMs: readDuration(entry, 60_000, problems) }
      },
      unwindTimeout: (entry) => {
        chain = { ...chain, unwindTimeoutMs: readDuration(entry, chain.unwindTimeoutMs, problems) }
      },
    },
    problems,
  )
  return chain
}

export const INITIAL_SECURITY: SecurityOptions = {
  strict: false,
  unknownEndpoints: 'relay',
  http2: 'refuse',
  minApiVersion: '1.24',
}
export const SECURITY_KEYS = ['strict', 'unknownEndpoints', 'http2', 'minApiVersion'] as const
export const UNKNOWN_ENDPOINTS = ['relay', 'refuse'] as const
export const HTTP2 = ['refuse', 'passthrough'] as const

export function readSecurity(section: Entry, problems: Problems): SecurityOptions {
  let security = INITIAL_SECURITY
  readKeys(
    readMap(section, problems),
    {
      strict: (entry) => {
        security = { ...security, strict: readBoolean(entry, false, problems) }
      },
      unknownEndpoints: (entry) => {
        security = { ...security, unknownEndpoints: readChoice(entry, UNKNOWN_ENDPOINTS, problems) }
      },
      http2: (entry) => {
        security = { ...security, http2: readChoice(entry, HTTP2, problems) }
        if (security.http2 === 'passthrough')
          problems.warn(
            'http2-unseen',
            entry.value.at,
            'a connection that opens with HTTP/2 goes to the engine as it is: engines from 29 on serve BuildKit there, whose builds no hook sees, and none of the rules of HTTP/1.1 hold for it (PS-UPGRADE-004)',
          )
      },
      minApiVersion: (entry) => {
        security = { ...security, minApiVersion: readApiVersion(entry, problems) }
      },
    },
    problems,
  )
  return security
}

/** Where a field or an operation means something else in an older version, an adapter would judge what the engine does not do. */
function readApiVersion(entry: Entry, problems: Problems): string {
  const { value } = entry
  const written = value.kind === 'number' ? value.source : value.kind === 'text' ? value.text : ''
  if (/^(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)$/.test(written)) return written
  if (value.kind !== 'broken')
    problems.error(
      'value-not-allowed',
      placeOf(entry),
      `${quote(entry.key)} is an API version, as "1.24", not ${nameNode(value)}`,
    )
  return INITIAL_SECURITY.minApiVersion
}

export const DECISION_KEYS = ['file', 'mask', 'relayed'] as const

/** Names that mean an output of the process; a file of such a name is `./stdout`. */
export const OUTPUTS: readonly string[] = ['stdout', 'stderr']

/** `log:`, of which there is only the decision log. */
export function readLog(section: Entry, problems: Problems): DecisionLog | undefined {
  let decisions: DecisionLog | undefined
  readKeys(
    readMap(section, problems),
    {
      decisions: (entry) => {
        decisions = readDecisions(entry, problems)
      },
    },
    problems,
  )
  return decisions
}

function readDecisions(section: Entry, problems: Problems): DecisionLog | undefined {
  const map = readMap(section, problems)
  if (map === undefined) return undefined
  let file: string | undefined
  let mask: readonly string[] = []
  let relayed = true
  readKeys(
    map,
    {
      file: (entry) => {
        const { value } = entry
        file = value.kind === 'text' && OUTPUTS.includes(value.text) ? value.text : readPath(entry, problems)
      },
      mask: (entry) => {
        mask = readTexts(entry, 'names of keys and headers', problems).map(({ text }) => text)
      },
      relayed: (entry) => {
        relayed = readBoolean(entry, relayed, problems)
      },
    } satisfies Record<(typeof DECISION_KEYS)[number], (entry: Entry) => void>,
    problems,
  )
  if (file === undefined && map.entries.every(({ key }) => key !== 'file'))
    problems.error('key-missing', section.keyAt, '"decisions" has a "file" to write to')
  return file === undefined ? undefined : { file, mask, relayed }
}

/** Metrics tell who does what, so nobody but this machine gets at them (PS-LISTEN-005). */
export function readAdmin(section: Entry, problems: Problems): AdminOptions | undefined {
  const map = readMap(section, problems)
  if (map === undefined) return undefined
  const found: { [key: string]: Entry } = {}
  const keep = (entry: Entry) => {
    found[entry.key] = entry
  }
  readKeys(map, Object.fromEntries(ADMIN_KEYS.map((key) => [key, keep])), problems)
  const insecure = found.insecure !== undefined && readBoolean(found.insecure, false, problems)
  const socket = readRights(found, SEES_ALL, problems)
  const source = found.unix ?? found.tcp
  if (source === undefined) {
    problems.error('key-missing', section.keyAt, '"admin" has neither "unix" nor "tcp"')
    return undefined
  }
  if (found.unix && found.tcp)
    problems.error('key-conflict', found.tcp.keyAt, '"admin" has both "unix" and "tcp"')
  const address = readPlace(source, problems)
  if (address === undefined) return undefined
  refuseOfOtherKind(found, address, problems)
  if (address.kind === 'tcp' && !isLoopback(address.host)) {
    const where = describeAddress(address)
    if (insecure)
      problems.warn('listener-open', found.insecure!.keyAt, `whoever reaches ${where} ${SEES_ALL}`)
    else
      problems.error(
        'listener-open',
        source.value.at,
        '"admin" is served on loopback or a unix socket only, unless it says "insecure: true" (PS-LISTEN-005)',
      )
  }
  return { address, socket, insecure }
}

export const ADMIN_KEYS = ['unix', 'tcp', 'mode', 'owner', 'group', 'insecure'] as const

const SEES_ALL = 'sees who does what with the engine, and how powerstrip is set up'
