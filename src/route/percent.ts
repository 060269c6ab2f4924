/** A `%` that is not followed by two hexadecimal digits. The engine refuses it too, but for some paths only. */
export function hasBrokenEscape(text: string): boolean {
  return BROKEN_ESCAPE.test(text)
}

const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/
