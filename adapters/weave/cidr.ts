/** IPv4 addresses and subnets, as numbers and as text. */

export interface Cidr {
  /** As written: `10.2.1.3`. */
  readonly address: string
  /** What the address lies in, in the one spelling that engines print: `10.2.1.0/24`. */
  readonly subnet: string
  readonly prefix: number
  /** Whether the address is the first or the last of its subnet, which no container can have. */
  readonly isEdge: boolean
}

/** `undefined` for what is no IPv4 address with a prefix length. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address, digits] = /^([0-9.]+)\/([0-9]{1,2})$/.exec(text) ?? []
  const number = address === undefined ? undefined : numberOf(address)
  const prefix = Number(digits)
  if (address === undefined || number === undefined || prefix > 32) return undefined
  const size = 2 ** (32 - prefix)
  const base = Math.floor(number / size) * size
  const isEdge = prefix < 31 && (number === base || number === base + size - 1)
  return { address, subnet: `${textOf(base)}/${prefix}`, prefix, isEdge }
}

export interface SubnetPlan {
  readonly gateway: string
  /** Where addresses that nobody asked for by number come from. `undefined`: anywhere. */
  readonly range: string | undefined
}

/**
 * People claim addresses from the start of a subnet, `10.2.1.1/24` first of all. So the gateway, which Docker would put
 * there, is the last one, and what is given out without being asked for comes from the upper half.
 */
export function planSubnet(subnet: string): SubnetPlan {
  const [base = '', digits = ''] = subnet.split('/')
  const prefix = Number(digits)
  const first = numberOf(base) ?? 0
  const size = 2 ** (32 - prefix)
  return {
    gateway: textOf(first + size - 2),
    range: prefix > 28 ? undefined : `${textOf(first + size / 2)}/${prefix + 1}`,
  }
}

/** `false` for what is no IPv4 subnet. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [rangeOf(one), rangeOf(other)]
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last
}

function rangeOf(subnet: string): { readonly first: number; readonly last: number } | undefined {
  const cidr = parseCidr(subnet)
  const first = cidr && numberOf(cidr.subnet.split('/')[0] ?? '')
  return first === undefined ? undefined : { first, last: first + 2 ** (32 - cidr!.prefix) - 1 }
}

/** Strict: what reads `010` as eight and what reads it as ten would see two addresses. */
function numberOf(address: string): number | undefined {
  const parts = address.split('.')
  if (
    parts.length !== 4 ||
    !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)
  )
    return undefined
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0)
}

function textOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
}
