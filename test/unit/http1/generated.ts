/** Streams that nobody thought of: by a grammar that likes the edges of HTTP, and by damage to those of the corpus. */
import fc from 'fast-check'

/** What readers of HTTP have disagreed about. */
const SHARP = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\0',
  '\t',
  ' ',
  '\x0b',
  '\x0c',
  '\x7f',
  '\x80',
  '\xa0',
  '\xff',
  ':',
  ';',
  ',',
  '"',
  '0',
  '1',
  'a',
  '+',
  '-',
  '#',
  '%',
  '0\r\n\r\n',
  'Content-Length: 3\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'chunked',
  'HTTP/1.0',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
]

const NAMES = [
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Expect',
  'Upgrade',
  'Content-Type',
  'X-Registry-Auth',
  'Keep-Alive',
  'Proxy-Connection',
  'TE',
  'Trailer',
  'X',
  'content-length',
  'TRANSFER-ENCODING',
  'Content-Length ',
  'Transfer_Encoding',
  'X\xe9',
  '',
]

const VALUES = [
  'docker',
  '0',
  '3',
  '03',
  '+3',
  '3, 3',
  '999999999999999',
  '1000000000000000',
  'chunked',
  'Chunked',
  'gzip, chunked',
  'identity',
  'close',
  'keep-alive',
  'upgrade',
  'Upgrade, HTTP2-Settings',
  'x',
  '100-continue',
  'tcp',
  'h2c',
  'caf\xe9',
  '',
]

const oneOf = (...texts: string[]) => fc.constantFrom(...texts)
/** Mostly the usual thing: a stream with three odd places is refused for the first and says nothing of the others. */
const mostly = (usual: string, ...odd: string[]) =>
  fc.oneof({ weight: 40, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: oneOf(...odd) })

const lineEnd = mostly('\r\n', '\n', '\r', '\r\r\n', '\n\r', '')
const oddField = fc
  .tuple(
    oneOf(...NAMES),
    mostly(':', ': ', ':\t', ' :', ':\r\n '),
    oneOf(...VALUES),
    mostly('', ' ', '\t', '\xa0'),
    lineEnd,
  )
  .map((parts) => parts.join(''))

const field = fc.oneof(
  {
    weight: 3,
    arbitrary: oneOf('Accept: */*\r\n', 'X-Meta:\r\n', 'x: \t caf\xe9 \r\n', 'Connection: keep-alive\r\n'),
  },
  { weight: 1, arbitrary: oddField },
)

const data = oneOf('', 'a', 'abc', '0\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', '\r\n', '\0\xff')
const chunk = fc
  .tuple(data, mostly('', '0', '+', '0x', ' '), mostly('', ';', ';a=b', ' ', '\t'), lineEnd, lineEnd)
  .filter(([text]) => text !== '')
  .map(
    ([text, before, after, one, other]) =>
      `${before}${text.length.toString(16)}${after}${one}${text}${other}`,
  )
const chunks = fc
  .tuple(
    fc.array(chunk, { maxLength: 3 }),
    mostly('0\r\n', '00\r\n', '0;a\r\n', '0\n', ''),
    mostly('\r\n', 'X: y\r\n\r\n', '\n', '\r', ''),
  )
  .map(([some, last, end]) => some.join('') + last + end)

/** Fields that frame a body, and a body that fits them more often than not. */
const framedBody = fc.oneof(
  { weight: 4, arbitrary: fc.constant(['', ''] as const) },
  { weight: 4, arbitrary: data.map((text) => [`Content-Length: ${text.length}\r\n`, text] as const) },
  { weight: 4, arbitrary: chunks.map((text) => ['Transfer-Encoding: chunked\r\n', text] as const) },
  {
    weight: 1,
    arbitrary: chunks.map((text) => ['Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', text] as const),
  },
)

const requestLine = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: oneOf('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS') },
      oneOf('PATCH', 'get', 'CONNECT', 'PRI', 'G(T', ''),
    ),
    mostly(' ', '  ', '\t'),
    fc.oneof(
      { weight: 6, arbitrary: oneOf('/', '/_ping', '/x?a={"b"}&c', '/%2e') },
      oneOf('*', '//', '/a b', '/#', '/\xe9', '/\0', 'http://a/', ''),
    ),
    mostly(' ', '  ', '\t', ''),
    fc.oneof(
      { weight: 8, arbitrary: fc.constant('HTTP/1.1') },
      oneOf('HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', ''),
    ),
    lineEnd,
  )
  .map((parts) => parts.join(''))

const request = fc
  .tuple(
    requestLine,
    mostly('Host: docker\r\n', '', 'Host: a\r\nHost: b\r\n', 'Host : a\r\n'),
    fc.array(field, { maxLength: 3 }),
    framedBody,
    lineEnd,
  )
  .map(([line, host, fields, [framing, body], end]) => line + host + fields.join('') + framing + end + body)

/** Up to three requests on one connection. */
export const requestStreams = fc
  .array(request, { minLength: 1, maxLength: 3 })
  .map((requests) => requests.join(''))

const statusLine = fc
  .tuple(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant('HTTP/1.1') },
      oneOf('HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'ICY', ''),
    ),
    mostly(' ', '  ', '\t'),
    fc.oneof(
      { weight: 5, arbitrary: oneOf('200', '201', '404') },
      oneOf('204', '304', '100', '101', '103', '99', '600', '2000', '20', '+20'),
    ),
    mostly(' OK', '', ' ', ' \xe9', ' a\0b', '\tOK'),
    lineEnd,
  )
  .map((parts) => parts.join(''))

/** An answer, maybe with interim ones before it. */
export const answerStreams = fc
  .tuple(
    fc.array(oneOf('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n'), {
      maxLength: 1,
    }),
    statusLine,
    fc.array(field, { maxLength: 3 }),
    framedBody,
    lineEnd,
  )
  .map(
    ([interim, line, fields, [framing, body], end]) =>
      interim.join('') + line + fields.join('') + framing + end + body,
  )

/** A small generator of numbers with a seed (mulberry32): fast-check's own would take most of the time of 20,000 runs. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** From 0 to `sides` - 1. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }

  pick<T>(from: readonly T[]): T {
    return from[this.roll(from.length)]!
  }
}

/** One to three places of the stream changed: something put in, cut out, overwritten, doubled, or swapped in case. */
export function damaged(stream: string, dice: Dice): string {
  let text = stream
  for (let times = 1 + dice.roll(3); times > 0; times--) {
    const at = dice.roll(text.length + 1)
    const length = dice.roll(4)
    switch (dice.roll(5)) {
      case 0:
        text = text.slice(0, at) + dice.pick(SHARP) + text.slice(at)
        break
      case 1:
        text = text.slice(0, at) + text.slice(at + length)
        break
      case 2:
        text = text.slice(0, at) + dice.pick(SHARP) + text.slice(at + length)
        break
      case 3:
        text = text.slice(0, at + length) + text.slice(at)
        break
      default: {
        const piece = text.slice(at, at + length)
        const swapped = piece === piece.toLowerCase() ? piece.toUpperCase() : piece.toLowerCase()
        text = text.slice(0, at) + swapped + text.slice(at + length)
      }
    }
  }
  return text
}
