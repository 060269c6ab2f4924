/** What a container asks for in its variable `WEAVE_CIDR`. */
import type { Result } from 'powerstrip/sdk'
import { type Cidr, parseCidr } from './cidr.ts'

export type Wish =
  /** This very address. */
  | { readonly kind: 'claim'; readonly address: string; readonly prefix: number; readonly subnet: string }
  /** Any address of this subnet. */
  | { readonly kind: 'allocate'; readonly prefix: number; readonly subnet: string }

export interface WishTerms {
  /** What `net:default` means. */
  readonly subnet: string
  /** Whether a container without the variable gets an address in the default subnet. */
  readonly allocateByDefault: boolean
}

const ACCEPTED = 'write 10.2.1.3/24 or ip:10.2.1.3/24, net:10.2.1.0/24, net:default, or none'

/** Each wish once, in order; empty where the container is to be left alone. The failure says what is wrong. */
export function readWishes(env: unknown, terms: WishTerms): Result<readonly Wish[], string> {
  const value = valueIn(env)
  if (value === undefined && !terms.allocateByDefault) return { ok: true, value: [] }
  return parseWishes(value ?? '', terms.subnet)
}

/** The text of a variable, or of the label that remembers it. */
export function parseWishes(text: string, defaultSubnet: string): Result<readonly Wish[], string> {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  if (words.length === 1 && words[0] === 'none') return { ok: true, value: [] }
  const wishes = new Map<string, Wish>()
  for (const word of words.length === 0 ? ['net:default'] : words) {
    const wish = readWish(word, defaultSubnet)
    if (typeof wish === 'string') return { ok: false, failure: `WEAVE_CIDR names "${word}", ${wish}` }
    wishes.set(wordFor(wish), wish)
  }
  return { ok: true, value: [...wishes.values()] }
}

export function wordFor(wish: Wish): string {
  return wish.kind === 'claim' ? `${wish.address}/${wish.prefix}` : `net:${wish.subnet}`
}

/** A text is what is wrong with the word. */
function readWish(word: string, defaultSubnet: string): Wish | string {
  const [, scheme = 'ip', rest = ''] = /^(?:(ip|net):)?(.*)$/.exec(word) ?? []
  const cidr = parseCidr(scheme === 'net' && rest === 'default' ? defaultSubnet : rest)
  if (word === 'none') return `which stands alone or not at all; ${ACCEPTED}`
  if (cidr === undefined) return `which means nothing; ${ACCEPTED}`
  if (scheme === 'ip') return claimOf(cidr)
  if (`${cidr.address}/${cidr.prefix}` !== cidr.subnet)
    return `which is an address within ${cidr.subnet}; write net:${cidr.subnet} or ip:${rest}`
  return { kind: 'allocate', prefix: cidr.prefix, subnet: cidr.subnet }
}

function claimOf({ address, prefix, subnet, isEdge }: Cidr): Wish | string {
  if (isEdge) return `the first or last address of ${subnet}, which no container can have; ${ACCEPTED}`
  return { kind: 'claim', address, prefix, subnet }
}

/** The last one counts, as for the container's own programs; without an equals sign the variable is taken away. */
function valueIn(env: unknown): string | undefined {
  if (!Array.isArray(env)) return undefined
  const last = env.findLast(
    (entry: unknown) =>
      typeof entry === 'string' && (entry === 'WEAVE_CIDR' || entry.startsWith('WEAVE_CIDR=')),
  ) as string | undefined
  return last === undefined || last === 'WEAVE_CIDR' ? undefined : last.slice('WEAVE_CIDR='.length)
}
