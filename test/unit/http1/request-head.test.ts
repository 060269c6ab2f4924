/** What a request head may look like, rule by rule (`docs/security.md`, "Framing"). */
import { METHODS, parseRequestHead } from '../../../src/http1/head.ts'
import { HeadReader } from '../../../src/http1/head-reader.ts'
import { FIELD_LIMIT, HEAD_LIMIT_BYTES, REQUEST_LINE_LIMIT_BYTES } from '../../../src/http1/limits.ts'
import { bytes, readRequests } from './read-stream.ts'

const HOST = 'Host: docker\r\n'

/** A stream is read to the first thing wrong with it: this says what that is. */
function verdict(stream: string): string {
  const { requests, end } = readRequests([bytes(stream)])
  if (end.kind === 'refused') return `${end.rule} ${end.status}`
  return requests.length > 0 && requests.every((request) => request.end !== undefined) ? 'accepted' : 'open'
}

const ALL_BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))

/** Those of all bytes with which a stream is accepted. */
function accepted(stream: (byte: string) => string): string {
  return ALL_BYTES.filter((byte) => verdict(stream(byte)) === 'accepted').join('')
}

function lines(...parts: string[]): string {
  return [...parts, '', ''].join('\r\n')
}

describe('PS-FRAME-001: lines end in CRLF, and nothing stands before the request line', () => {
  test.each([
    ['an empty line first', `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
    ['a bare LF first', `\nGET / HTTP/1.1\r\n${HOST}\r\n`],
    ['a space first', ` GET / HTTP/1.1\r\n${HOST}\r\n`],
    ['a tab first', `\tGET / HTTP/1.1\r\n${HOST}\r\n`],
    ['a NUL first', `\0GET / HTTP/1.1\r\n${HOST}\r\n`],
    ['a byte-order mark first', `\xef\xbb\xbfGET / HTTP/1.1\r\n${HOST}\r\n`],
    ['a method in lower case', `get / HTTP/1.1\r\n${HOST}\r\n`],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00'],
    ['LF after the request line', `GET / HTTP/1.1\n${HOST}\r\n`],
    ['LF after a field', 'GET / HTTP/1.1\r\nHost: docker\n\r\n'],
    ['LF alone as the empty line', `GET / HTTP/1.1\r\n${HOST}\n`],
    ['LF everywhere', 'GET / HTTP/1.1\nHost: docker\n\n'],
    ['LF CR', 'GET / HTTP/1.1\n\rHost: docker\n\r\n\r'],
    ['CR alone between two fields', 'GET / HTTP/1.1\r\nHost: docker\rX: y\r\n\r\n'],
    ['CR before CRLF', `GET / HTTP/1.1\r\r\n${HOST}\r\n`],
    ['CR alone in a value', 'GET / HTTP/1.1\r\nHost: doc\rker\r\n\r\n'],
    ['CR at the start of a field line', 'GET / HTTP/1.1\r\n\rHost: docker\r\n\r\n'],
    ['NUL in a value', 'GET / HTTP/1.1\r\nHost: doc\0ker\r\n\r\n'],
    ['DEL in a value', 'GET / HTTP/1.1\r\nHost: doc\x7fker\r\n\r\n'],
    ['ESC in a value', 'GET / HTTP/1.1\r\nHost: \x1b[31m\r\n\r\n'],
    ['form feed in a value', 'GET / HTTP/1.1\r\nHost: a\x0cb\r\n\r\n'],
    ['NUL in the target', `GET /\0 HTTP/1.1\r\n${HOST}\r\n`],
    ['NUL in a name', 'GET / HTTP/1.1\r\nHo\0st: docker\r\n\r\n'],
  ])('%s is refused', (_, stream) => {
    // A bad byte inside the request line may be named by the rule for that line instead.
    expect(verdict(stream)).toMatch(/^PS-FRAME-00[123] 400$/)
  })

  test('a bare LF is named as such', () => {
    expect(verdict(`GET / HTTP/1.1\n${HOST}\r\n`)).toBe('PS-FRAME-001 400')
  })

  test('an empty line between two requests is refused, as before the first', () => {
    const one = `GET / HTTP/1.1\r\n${HOST}\r\n`
    expect(verdict(one + one)).toBe('accepted')
    expect(verdict(`${one}\r\n${one}`)).toBe('PS-FRAME-001 400')
  })
})

describe('PS-FRAME-002: the request line', () => {
  test.each(METHODS)('%s is served', (method) => {
    expect(verdict(lines(`${method} /_ping HTTP/1.1`, 'Host: docker'))).toBe('accepted')
  })

  test.each([
    'PATCH',
    'TRACE',
    'CONNECT',
    'LINK',
    'PROPFIND',
    'GETT',
    'GE',
    'G',
    'M-SEARCH',
    'Get',
    'HEAD1',
    'POST_',
    'P!',
  ])('the method %s is not served', (method) => {
    expect(verdict(lines(`${method} /_ping HTTP/1.1`, 'Host: docker'))).toBe('PS-FRAME-002 501')
  })

  test.each(['G(T', 'GET:', 'GET,POST', 'G"T', 'GE[T]', 'GET\x80', 'GET\t'])('%j is no method', (method) => {
    expect(verdict(lines(`${method} / HTTP/1.1`, 'Host: docker'))).toBe('PS-FRAME-002 400')
  })

  test.each([
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    'GET / HTTP/1.1 ',
    'GET / HTTP/1.1\t',
    'GET\t/ HTTP/1.1',
    'GET /\tHTTP/1.1',
    'GET\t/\tHTTP/1.1',
    'GET / a HTTP/1.1',
    'GET /',
    'GET',
    'GET HTTP/1.1',
    'GET / http/1.1',
    'GET / HTTP/1.1.',
    'GET / HTTP/1.01',
    'GET / HTTP/01.1',
    'GET / HTTP/ 1.1',
    'GET / HTTP/1,1',
    'GET / HTTP/1.1a',
    'GET / HTTP/11',
    'GET / HTTP1.1',
    'GET / HTTP',
    'GET / XHTTP/1.1',
    'GET / HTTPS/1.1',
    'GET / HTTP/\xb1.1',
  ])('%j is no request line', (line) => {
    expect(verdict(lines(line, 'Host: docker'))).toBe('PS-FRAME-002 400')
  })

  test.each(['HTTP/0.9', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/2', 'HTTP/3.0', 'HTTP/9.9', 'HTTP/0.0'])(
    'the version %s is not served',
    (version) => {
      expect(verdict(lines(`GET / ${version}`, 'Host: docker'))).toBe('PS-FRAME-002 505')
    },
  )

  test('HTTP/2 with prior knowledge is told to use another version', () => {
    expect(verdict('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toBe('PS-FRAME-002 505')
  })

  test('HTTP/1.0 is served', () => {
    expect(verdict(lines('GET / HTTP/1.0'))).toBe('accepted')
  })
})

describe('PS-FRAME-003: the target', () => {
  test.each([
    '/',
    '/_ping',
    '/v1.41/containers/json?all=1&filters={"label":["a=b"]}',
    "/a-._~!$&'()*+,;=:@%41/b",
    '/a?',
    '/a??b?c',
    '/a?\x21\x22\x24\x25\x5b\x5c\x5d\x5e\x60\x7b\x7c\x7d\x7e',
  ])('%s has only characters that may stand there', (target) => {
    expect(verdict(lines(`GET ${target} HTTP/1.1`, 'Host: docker'))).toBe('accepted')
  })

  test.each(['*', 'http://docker/containers/json', 'docker:443'])(
    '%s has them too; that it is no path is for the route to say (PS-PATH-004)',
    (target) => {
      expect(verdict(lines(`GET ${target} HTTP/1.1`, 'Host: docker'))).toBe('PS-PATH-004 400')
    },
  )

  test.each([
    '/a#b',
    '/a?b#c',
    '/a"b',
    '/a<b',
    '/a>b',
    '/a\\b',
    '/a^b',
    '/a`b',
    '/a{b',
    '/a|b',
    '/a}b',
    '/a[b',
    '/a]b',
    '/caf\xe9',
    '/a?caf\xe9',
    '/a\x7f',
    '/a\x01',
    '/a?\x7f',
    '/a?\x1f',
    '#',
  ])('%j has characters that may not', (target) => {
    expect(verdict(lines(`GET ${target} HTTP/1.1`, 'Host: docker'))).toMatch(/^PS-FRAME-00[13] 400$/)
  })

  test('of all 256 bytes a path may hold those of RFC 3986', () => {
    const taken = accepted((byte) => lines(`GET /a${byte}b HTTP/1.1`, 'Host: docker'))
    expect(taken).toBe("!$%&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~")
  })

  test('of all 256 bytes a query may hold the visible ones but "#"', () => {
    const taken = accepted((byte) => lines(`GET /a?${byte} HTTP/1.1`, 'Host: docker'))
    expect(taken).toBe(ALL_BYTES.filter((byte) => /[!-~]/.test(byte) && byte !== '#').join(''))
  })
})

describe('PS-FRAME-004: field lines', () => {
  const withLine = (line: string) => `GET / HTTP/1.1\r\n${HOST}${line}\r\n\r\n`

  test.each([
    'X: y',
    'X:y',
    'X:',
    'X: ',
    'X:\t y \t',
    'X: a:b: c',
    "!#$%&'*+-.^_`|~09azAZ: token",
    'X: \x80\xff caf\xe9',
    'X: tab\there',
    'X: ,;"quoted"\\',
  ])('%j is one', (line) => {
    expect(verdict(withLine(line))).toBe('accepted')
  })

  test.each([
    'X : y',
    'X\t: y',
    ' X: y',
    '\tX: y',
    ' folded',
    '\tfolded',
    'X',
    'X y',
    ': y',
    ':',
    'X(: y',
    'X@: y',
    '"X": y',
    'X/Y: y',
    'X[0]: y',
    'X,Y: z',
    'X{: y',
    'X\xe9: y',
    'X Y: z',
    'Content-Length\xa0: 5',
    'Transfer-Encoding : chunked',
    'GET / HTTP/1.1',
  ])('%j is none', (line) => {
    expect(verdict(withLine(line))).toBe('PS-FRAME-004 400')
  })

  test('of all 256 bytes a name may hold those of a token', () => {
    // A colon ends the name sooner and leaves a good line.
    expect(accepted((byte) => withLine(`X${byte}Y: z`))).toBe(
      "!#$%&'*+-.0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~",
    )
  })

  test('of all 256 bytes a value may hold all but controls, and tabs', () => {
    expect(accepted((byte) => withLine(`X: y${byte}z`))).toBe(
      ALL_BYTES.filter((byte) => byte === '\t' || (byte >= ' ' && byte !== '\x7f')).join(''),
    )
  })

  test('white space around a value is spaces and tabs, nothing else', () => {
    const head = parseRequestHead('GET / HTTP/1.1\r\nX: \t a b \t\r\nY:\xa0c\xa0\r\nZ: \t\r\n\r\n')
    expect(head.ok && head.value.fields.map((field) => field.value)).toEqual(['a b', '\xa0c\xa0', ''])
  })

  test('names keep their spelling and get a key to compare by; offsets cut out whole lines', () => {
    const text = 'POST /x HTTP/1.1\r\nHOST: a\r\nX-Registry-Auth:b\r\n\r\n'
    const head = parseRequestHead(text)
    if (!head.ok) throw new Error(head.failure.message)
    expect(head.value.fields.map(({ name, key }) => [name, key])).toEqual([
      ['HOST', 'host'],
      ['X-Registry-Auth', 'x-registry-auth'],
    ])
    expect(head.value.fields.map(({ start, end }) => text.slice(start, end))).toEqual([
      'HOST: a\r\n',
      'X-Registry-Auth:b\r\n',
    ])
  })
})

describe('PS-FRAME-011: limits of a head', () => {
  const requestLine = (length: number) =>
    `GET /${'a'.repeat(length - 'GET / HTTP/1.1\r\n'.length)} HTTP/1.1\r\n`

  test('the longest request line is served, one byte more is 414', () => {
    expect(requestLine(REQUEST_LINE_LIMIT_BYTES)).toHaveLength(REQUEST_LINE_LIMIT_BYTES)
    expect(verdict(`${requestLine(REQUEST_LINE_LIMIT_BYTES)}${HOST}\r\n`)).toBe('accepted')
    expect(verdict(`${requestLine(REQUEST_LINE_LIMIT_BYTES + 1)}${HOST}\r\n`)).toBe('PS-FRAME-011 414')
  })

  test('a request line without an end is refused as soon as it is too long', () => {
    expect(verdict(`GET /${'a'.repeat(REQUEST_LINE_LIMIT_BYTES - 5)}`)).toBe('open')
    expect(verdict(`GET /${'a'.repeat(REQUEST_LINE_LIMIT_BYTES - 4)}`)).toBe('PS-FRAME-011 414')
  })

  test('the largest head is served, one byte more is 431', () => {
    const head = (size: number) => {
      const start = `GET / HTTP/1.1\r\n${HOST}`
      return `${start}X: ${'a'.repeat(size - start.length - 'X: \r\n\r\n'.length)}\r\n\r\n`
    }
    expect(head(HEAD_LIMIT_BYTES)).toHaveLength(HEAD_LIMIT_BYTES)
    expect(verdict(head(HEAD_LIMIT_BYTES))).toBe('accepted')
    expect(verdict(head(HEAD_LIMIT_BYTES + 1))).toBe('PS-FRAME-011 431')
  })

  test('a head without an end is refused as soon as it is too large', () => {
    expect(verdict(`GET / HTTP/1.1\r\nX: ${'a'.repeat(HEAD_LIMIT_BYTES - 19)}`)).toBe('open')
    expect(verdict(`GET / HTTP/1.1\r\nX: ${'a'.repeat(HEAD_LIMIT_BYTES - 18)}`)).toBe('PS-FRAME-011 431')
  })

  test('200 fields are served, one more is 431', () => {
    const head = (fields: number) => `GET / HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(fields - 1)}\r\n`
    expect(verdict(head(FIELD_LIMIT))).toBe('accepted')
    expect(verdict(head(FIELD_LIMIT + 1))).toBe('PS-FRAME-011 431')
  })

  test('a head of the largest size and with the most fields is read in no time, good or bad', () => {
    const field = `X: ${'a'.repeat(1200)}\r\n`
    const head = `GET / HTTP/1.1\r\n${HOST}${field.repeat(FIELD_LIMIT - 2)}`
    expect(verdict(`${head}X: y\r\n\r\n`)).toBe('accepted')
    expect(verdict(`${head}X y\r\n\r\n`)).toBe('PS-FRAME-004 400')
    expect(verdict(`${head}X: \0\r\n\r\n`)).toBe('PS-FRAME-001 400')
  })
})

describe('the head reader', () => {
  test('gives back what stands behind the head, and is ready for the next one', () => {
    const reader = new HeadReader()
    const first = 'GET /1 HTTP/1.1\r\n\r\n'
    const second = 'GET /2 HTTP/1.1\r\n\r\n'
    const progress = reader.feed(bytes(first + second))
    expect(progress).toEqual({ kind: 'head', head: bytes(first), rest: bytes(second) })
    expect(reader.idle).toBe(true)
    expect(reader.feed(bytes(second.slice(0, 5)))).toEqual({ kind: 'more' })
    expect(reader.idle).toBe(false)
    expect(reader.feed(bytes(second.slice(5)))).toEqual({
      kind: 'head',
      head: bytes(second),
      rest: Buffer.alloc(0),
    })
  })

  test('an empty piece changes nothing', () => {
    const reader = new HeadReader()
    expect(reader.feed(Buffer.alloc(0))).toEqual({ kind: 'more' })
    expect(reader.idle).toBe(true)
  })
})
