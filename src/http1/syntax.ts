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
