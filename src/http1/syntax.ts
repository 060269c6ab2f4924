/** The pieces of HTTP/1.1 grammar that both kinds of heads are made of. */

/**
 * A first line of visible text; field lines of token, colon and a value without controls but tab; an empty line. Every
 * line ends in CRLF; there is no folding, no bare CR or LF (PS-FRAME-001, PS-FRAME-004).
 */
export const HEAD_SHAPE =
  /^[\t\x20-\x7e\x80-\xff]+\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n$/

/** The same without the demand that a field line is `name: value`: tells which of the two rules a head breaks. */
export const LINES_SHAPE = /^(?:[\t\x20-\x7e\x80-\xff]+\r\n)+\r\n$/

/** RFC 9110 token. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** No sign, list or leading zero; 15 digits stay below 2^53 (PS-FRAME-006). */
export const CONTENT_LENGTH = /^(?:0|[1-9][0-9]{0,14})$/

/** Without the optional white space of RFC 9110, which is spaces and tabs only: `String.trim` would also take 0xA0. */
export function trimmed(text: string, from = 0, to = text.length): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/**
 * The value of a field that frames a body. Readers agree that spaces may stand around it; about tabs they do not: behind
 * `chunked`, llhttp takes one for a part of the name of the coding.
 */
export function framingValue(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && text.charCodeAt(start) === SPACE) start++
  while (end > start && text.charCodeAt(end - 1) === SPACE) end--
  return text.slice(start, end)
}

const SPACE = 0x20
const TAB = 0x09

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
