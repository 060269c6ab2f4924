/**
 * The pieces of a JSON text as they are written. What belongs to others is handed on in its own words: read and written
 * anew, a number beyond 2^53 would not survive.
 *
 * Every text given here has been read with success before, so nothing is checked again.
 */

/** The members of an object. Of a key that stands twice the last one counts, as for every reader of JavaScript's. */
export function rawMembers(text: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>()
  let at = behindSpace(text, behindSpace(text, 0) + 1)
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = behindString(text, at)
    const start = behindSpace(text, behindSpace(text, keyEnd) + 1)
    const end = behindValue(text, start)
    members.set(keyIn(text.slice(at, keyEnd)), text.slice(start, end))
    at = behindSpace(text, behindSpace(text, end) + 1)
  }
  return members
}

/** Where the value of a member stands, or where a new member could be put. `at`: of the object's opening brace. Nothing: no object. */
export function placeOfMember(
  text: string,
  at: number,
  key: string,
):
  | { readonly kind: 'there'; readonly start: number; readonly end: number }
  | { readonly kind: 'free'; readonly start: number; readonly isEmpty: boolean }
  | undefined {
  if (text.charCodeAt(at) !== OPENING_BRACE) return undefined
  let memberAt = behindSpace(text, at + 1)
  let last = at + 1
  while (text.charCodeAt(memberAt) === QUOTE) {
    const keyEnd = behindString(text, memberAt)
    const start = behindSpace(text, behindSpace(text, keyEnd) + 1)
    const end = behindValue(text, start)
    if (keyIn(text.slice(memberAt, keyEnd)) === key) return { kind: 'there', start, end }
    last = end
    memberAt = behindSpace(text, behindSpace(text, end) + 1)
  }
  return { kind: 'free', start: last, isEmpty: last === at + 1 }
}

function keyIn(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
}

/** The elements of an array. */
export function rawElements(text: string): readonly string[] {
  const elements: string[] = []
  let at = behindSpace(text, behindSpace(text, 0) + 1)
  while (at < text.length && text.charCodeAt(at) !== CLOSING_BRACKET) {
    const end = behindValue(text, at)
    elements.push(text.slice(at, end))
    at = behindSpace(text, behindSpace(text, end) + 1)
  }
  return elements
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
const OPENING_BRACKET = 0x5b
const CLOSING_BRACKET = 0x5d
const SPACE = 0x20
const COMMA = 0x2c

function behindSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && text.charCodeAt(at) <= SPACE) at++
  return at
}

function behindString(text: string, from: number): number {
  let at = text.indexOf('"', from + 1)
  while (isEscaped(text, at)) at = text.indexOf('"', at + 1)
  return at + 1
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
  return backslashes % 2 === 1
}

function behindValue(text: string, from: number): number {
  const first = text.charCodeAt(from)
  if (first === QUOTE) return behindString(text, from)
  if (first !== OPENING_BRACE && first !== OPENING_BRACKET) return behindWord(text, from)
  let depth = 0
  for (let at = from; ; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = behindString(text, at) - 1
    else if (code === OPENING_BRACE || code === OPENING_BRACKET) depth++
    else if ((code === CLOSING_BRACE || code === CLOSING_BRACKET) && --depth === 0) return at + 1
  }
}

function behindWord(text: string, from: number): number {
  let at = from
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code <= SPACE || code === COMMA || code === CLOSING_BRACE || code === CLOSING_BRACKET) break
  }
  return at
}
