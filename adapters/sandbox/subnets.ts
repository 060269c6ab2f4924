/** Ranges of addresses, as `10.0.0.0/8` has them. */
import { BlockList, isIP } from 'node:net'

interface Range {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly bits: number
}

/** `undefined`: this is no range. */
function readRange(text: string): Range | undefined {
  const [, address = '', digits = ''] = /^([0-9A-Fa-f:.]+)\/([0-9]{1,3})$/.exec(text) ?? []
  const version = isIP(address)
  const bits = Number(digits)
  if (version === 0 || bits > (version === 4 ? 32 : 128)) return undefined
  return { address, family: version === 4 ? 'ipv4' : 'ipv6', bits }
}

export function isRange(text: string): boolean {
  return readRange(text) !== undefined
}

/** Whether all of a range lies in one of these. */
export function liesIn(text: string, ranges: readonly string[]): boolean {
  const wanted = readRange(text)
  if (wanted === undefined) return false
  return ranges.some((entry) => {
    const range = readRange(entry)
    if (range === undefined || range.family !== wanted.family || wanted.bits < range.bits) return false
    const list = new BlockList()
    list.addSubnet(range.address, range.bits, range.family)
    return list.check(wanted.address, wanted.family)
  })
}
