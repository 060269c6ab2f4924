/**
 * Fields of HostConfig that stand at the top level of a create (PS-LIFE-009).
 *
 * Engines up to 26.1 read them there: all of them where there is no HostConfig, a few old ones also beside it, where it says
 * nothing about them. An adapter looks for `Privileged` in HostConfig and nowhere else. So what has an effect is moved to
 * where it belongs, and means there what it has meant; what has none stays, for no engine reads it.
 */
import { type JsonMember, type JsonNode, memberOf, readJson } from './json.ts'
import { memberText, reshaped } from './members.ts'
import { bodyShape } from './shape.ts'
import { type Edit, splice } from './splice.ts'

/** Beside a HostConfig these are read still, each for the field of that name. */
const READ_BESIDE: ReadonlyMap<string, string> = new Map([
  ['Memory', 'Memory'],
  ['MemorySwap', 'MemorySwap'],
  ['CpuShares', 'CpuShares'],
  ['CpusetCpus', 'CpusetCpus'],
  ['VolumeDriver', 'VolumeDriver'],
  ['Cpuset', 'CpusetCpus'],
])

/** `text`: the body of a create that has been judged and respelled. */
export function gatherHostConfig(text: string): string {
  const read = readJson(text)
  if (!read.ok) throw new Error(`what has been judged cannot be read: ${read.failure.problem}`)
  if (read.value.kind !== 'object') return text
  const root = read.value
  const host = memberOf(root, 'HostConfig')?.value
  if (host === undefined || host.kind === 'null') return moved(text, root)
  return host.kind === 'object' ? filledIn(text, root, host) : text
}

function moved(text: string, root: JsonNode & { kind: 'object' }): string {
  const astray = root.members.filter(({ key }) => isAstray(key) && key !== 'Cpuset')
  if (astray.length === 0) return text
  const members = astray.map(({ key, value }) => memberText(text, key, value))
  const cpuset = memberOf(root, 'Cpuset')
  const moves = new Set(astray)
  if (
    cpuset !== undefined &&
    !saysNothing(text, cpuset.value) &&
    saysNothing(text, memberOf(root, 'CpusetCpus')?.value)
  ) {
    const old = members.findIndex((member) => member.startsWith('"CpusetCpus":'))
    if (old !== -1) members.splice(old, 1)
    members.push(memberText(text, 'CpusetCpus', cpuset.value))
    moves.add(cpuset)
  }
  const goes = (member: JsonMember) => moves.has(member) || member.key === 'HostConfig'
  return splice(text, reshaped(root, goes, [`"HostConfig":{${members.join(',')}}`]))
}

function filledIn(
  text: string,
  root: JsonNode & { kind: 'object' },
  host: JsonNode & { kind: 'object' },
): string {
  const filled = new Map<string, JsonMember>()
  for (const member of root.members) {
    const field = READ_BESIDE.get(member.key)
    if (field === undefined || saysNothing(text, member.value)) continue
    const old = member.key === 'Cpuset' && filled.has(field)
    if (!old && saysNothing(text, memberOf(host, field)?.value)) filled.set(field, member)
  }
  if (filled.size === 0) return text
  const put = [...filled].map(([field, { value }]) => memberText(text, field, value))
  const leaving = new Set(filled.values())
  const edits: Edit[] = [
    ...reshaped(host, ({ key }) => filled.has(key), put),
    ...reshaped(root, (member) => leaving.has(member), []),
  ]
  return splice(
    text,
    edits.sort((one, other) => one.start - other.start),
  )
}

function isAstray(key: string): boolean {
  const { shape } = bodyShape('ContainerCreate')
  return shape.kind === 'struct' && shape.fields.get(key)?.astray === true
}

/** Not there, or what an engine takes for not there in a number or a string. */
function saysNothing(text: string, value: JsonNode | undefined): boolean {
  if (value === undefined || value.kind === 'null') return true
  if (value.kind === 'text') return value.end - value.start === 2
  return value.kind === 'number' && Number(text.slice(value.start, value.end)) === 0
}
