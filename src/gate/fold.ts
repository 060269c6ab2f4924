/**
 * Keys as the engine compares them: Go's encoding/json takes any spelling that is equal under Unicode's simple case
 * folding, so `Bind\u017f` (ſ) is Binds and `NetworKMode` with a Kelvin sign is NetworkMode.
 */

/** The same text for all keys that the engine takes for one. */
export function fold(key: string): string {
  if (ASCII.test(key)) return key.toLowerCase()
  let folded = ''
  for (const character of key) folded += foldOne(character)
  return folded
}

const ASCII = /^[\0-\x7f]*$/

/**
 * Upper case first: it alone takes ſ to S; lower case alone takes the Kelvin sign to k. What becomes several characters on
 * the way folds in full only, which Go does not do; then the lower case stands for it, if that is one.
 */
function foldOne(character: string): string {
  if (APART.has(character)) return character
  const upper = single(character.toUpperCase()) ?? character
  return single(upper.toLowerCase()) ?? single(character.toLowerCase()) ?? character
}

/** Their upper or lower case is another letter's, but folding leaves them alone: İ and ı. */
const APART: ReadonlySet<string> = new Set(['\u0130', '\u0131'])

function single(text: string): string | undefined {
  const length = text.codePointAt(0)! > 0xffff ? 2 : 1
  return text.length === length ? text : undefined
}
