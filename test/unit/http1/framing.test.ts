/** Where a request ends, decided from its head (PS-FRAME-005 to -010 and -013). */
import { requestTerms } from '../../../src/http1/framing.ts'
import { METHODS, parseRequestHead } from '../../../src/http1/head.ts'

function terms(line: string, ...fields: string[]) {
  const text = [line, ...fields, '', ''].join('\r\n')
  const head = parseRequestHead(text)
  if (!head.ok) throw new Error(`not a head: ${head.failure.message}`)
  const read = requestTerms(head.value)
  return read.ok ? read.value : `${read.failure.rule} ${read.failure.status}`
}

const post = (...fields: string[]) => terms('POST /x HTTP/1.1', 'Host: docker', ...fields)
const get = (...fields: string[]) => terms('GET /x HTTP/1.1', 'Host: docker', ...fields)
const old = (...fields: string[]) => terms('POST /x HTTP/1.0', ...fields)

describe('PS-FRAME-005: fields that may stand once', () => {
  test.each([
    ['Host', 'docker'],
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
    ['Content-Type', 'application/json'],
    ['Content-Encoding', 'gzip'],
    ['Expect', '100-continue'],
    ['Upgrade', 'tcp'],
    ['X-Registry-Auth', 'e30='],
    ['X-Registry-Config', 'e30='],
    ['X-Registry-Token', 'e30='],
  ])('%s twice is refused, also when both are equal or spelled differently', (name, value) => {
    const host = name === 'Host' ? [] : ['Host: docker']
    for (const [one, other] of [
      [name, name],
      [name, name.toLowerCase()],
      [name.toUpperCase(), name],
    ])
      expect(terms('POST /x HTTP/1.1', ...host, `${one}: ${value}`, `${other}: ${value}`)).toBe(
        'PS-FRAME-005 400',
      )
    expect(terms('POST /x HTTP/1.1', ...host, `${name}: ${value}`, 'Accept: between', `${name}: other`)).toBe(
      'PS-FRAME-005 400',
    )
  })

  test.each(['Accept', 'Cookie', 'X-Docker-Expose-Session-Grpc-Method', 'X-Meta', 'Via', 'Connection'])(
    '%s may stand more than once',
    (name) => {
      expect(get(`${name}: close`, `${name}: close`)).toMatchObject({ framing: { kind: 'none' } })
    },
  )

  test('HTTP/1.1 needs a Host, HTTP/1.0 does not', () => {
    expect(terms('GET / HTTP/1.1')).toBe('PS-FRAME-005 400')
    expect(terms('GET / HTTP/1.1', 'Hosts: docker', 'X-Host: docker')).toBe('PS-FRAME-005 400')
    expect(terms('GET / HTTP/1.1', 'Host:')).toMatchObject({ framing: { kind: 'none' } })
    expect(terms('GET / HTTP/1.0')).toMatchObject({ framing: { kind: 'none' } })
    expect(terms('GET / HTTP/1.0', 'Host: a', 'Host: a')).toBe('PS-FRAME-005 400')
  })
})

describe('PS-FRAME-006: Content-Length', () => {
  test.each([
    ['1', 1],
    ['10', 10],
    ['999999999999999', 999_999_999_999_999],
    ['4294967296', 4_294_967_296],
  ])('%s is a length', (value, bytes) => {
    expect(post(`Content-Length: ${value}`)).toMatchObject({ framing: { kind: 'length', bytes } })
  })

  test('0 is no body', () => {
    expect(post('Content-Length: 0')).toMatchObject({ framing: { kind: 'none' } })
  })

  test.each([
    '',
    ' ',
    '+5',
    '-5',
    '-0',
    '05',
    '00',
    '5, 5',
    '5,5',
    '5,',
    ',5',
    '5 5',
    '5;',
    '0x5',
    '5e1',
    '5.0',
    '5.',
    '1_000',
    'five',
    '5\xa0',
    '\xa05',
    '\xb2',
    '1000000000000000',
    '18446744073709551616',
    '18446744073709551621',
    '9'.repeat(400),
    'NaN',
    'Infinity',
    '5\t6',
    '5\t',
    ' \t5',
  ])('%j is none', (value) => {
    expect(post(`Content-Length: ${value}`)).toBe('PS-FRAME-006 400')
    expect(get(`Content-Length: ${value}`)).toBe('PS-FRAME-006 400')
  })
})

describe('PS-FRAME-007: Transfer-Encoding', () => {
  test.each(['chunked', 'Chunked', 'CHUNKED', ' chunked', '  chunked  '])('%j is chunked', (value) => {
    expect(post(`Transfer-Encoding:${value}`)).toMatchObject({ framing: { kind: 'chunked' } })
  })

  test.each([
    '',
    'identity',
    'gzip',
    'gzip, chunked',
    'chunked, chunked',
    'chunked,',
    ',chunked',
    ', chunked',
    'chunked;q=1',
    'chunked; foo=bar',
    '"chunked"',
    "'chunked'",
    'xchunked',
    'chunkedx',
    'chunked, identity',
    'identity, chunked',
    'chun ked',
    '\xa0chunked',
    'chunked\xa0',
    'chunked\t',
    'chunked \t ',
    'chunk\xe9d',
    'trailers',
  ])('%j is another coding', (value) => {
    expect(post(`Transfer-Encoding: ${value}`)).toBe('PS-FRAME-007 501')
  })

  test.each([
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    ['Content-Length: 0', 'Transfer-Encoding: chunked'],
    ['Content-Length: x', 'Transfer-Encoding: chunked'],
    ['Content-Length: 5', 'Transfer-Encoding: identity'],
    ['content-length: 5', 'TRANSFER-ENCODING: Chunked'],
  ])('%s with %s is refused', (one, other) => {
    expect(post(one, other)).toBe('PS-FRAME-007 400')
  })

  test('HTTP/1.0 has none', () => {
    expect(old('Transfer-Encoding: chunked')).toBe('PS-FRAME-007 400')
    expect(old('Transfer-Encoding: gzip')).toBe('PS-FRAME-007 501')
    expect(old('Content-Length: 5')).toMatchObject({ framing: { kind: 'length', bytes: 5 } })
  })

  test('a name that only looks like it is an ordinary field', () => {
    expect(post('X-Transfer-Encoding: chunked', 'Transfer_Encoding: chunked', 'TE: trailers')).toMatchObject({
      framing: { kind: 'none' },
    })
  })
})

describe('PS-FRAME-009: who may have a body', () => {
  const bodies = ['Content-Length: 5', 'Transfer-Encoding: chunked']

  test.each(METHODS)('%s', (method) => {
    const mayHave = method === 'POST' || method === 'PUT'
    for (const body of bodies) {
      const read = terms(`${method} /x HTTP/1.1`, 'Host: docker', body)
      if (mayHave) expect(read).not.toBe('PS-FRAME-009 400')
      else expect(read).toBe('PS-FRAME-009 400')
    }
    expect(terms(`${method} /x HTTP/1.1`, 'Host: docker', 'Content-Length: 0')).toMatchObject({
      framing: { kind: 'none' },
    })
    expect(terms(`${method} /x HTTP/1.1`, 'Host: docker')).toMatchObject({ framing: { kind: 'none' } })
  })
})

describe('PS-FRAME-010: Expect', () => {
  test.each(['100-continue', '100-Continue', '100-CONTINUE'])('%s is served', (value) => {
    expect(post('Content-Length: 5', `Expect: ${value}`)).toMatchObject({ expectsContinue: true })
  })

  test.each(['', '100', '200-ok', '100-continue, x', '100-continue;q=1', 'x, 100-continue', '100 continue'])(
    '%j is not',
    (value) => {
      expect(post('Content-Length: 5', `Expect: ${value}`)).toBe('PS-FRAME-010 417')
    },
  )

  test('where there is no body, nobody waits', () => {
    expect(post('Expect: 100-continue')).toMatchObject({ expectsContinue: false })
    expect(get('Content-Length: 0', 'Expect: 100-continue')).toMatchObject({ expectsContinue: false })
  })

  test('HTTP/1.0 knows no expectation and must not be sent an interim answer', () => {
    expect(old('Content-Length: 5', 'Expect: 100-continue')).toMatchObject({ expectsContinue: false })
  })
})

describe('PS-FRAME-013: Connection', () => {
  test.each([
    'close',
    'Close',
    'keep-alive',
    'Upgrade',
    'TE',
    'HTTP2-Settings',
    'Upgrade, HTTP2-Settings',
    'keep-alive, Upgrade',
    '',
    ',',
    ' , close ,\t,',
  ])('may say %j', (value) => {
    expect(get(`Connection: ${value}`)).toMatchObject({ framing: { kind: 'none' } })
  })

  test.each([
    'X-Registry-Auth',
    'Content-Length',
    'Transfer-Encoding',
    'Host',
    'close, Authorization',
    'close Authorization',
    'close;',
    '"close"',
    'closed',
    'transfer-encoding, close',
    'keep-alive;timeout=5',
    'close\xa0',
    '\xa0close',
    'upgrade\xa0',
  ])('may not say %j', (value) => {
    expect(get(`Connection: ${value}`)).toBe('PS-FRAME-013 400')
    expect(get('Connection: close', `Connection: ${value}`)).toBe('PS-FRAME-013 400')
  })
})

describe('whether the connection goes on', () => {
  test.each([
    ['HTTP/1.1', undefined, true],
    ['HTTP/1.1', 'close', false],
    ['HTTP/1.1', 'keep-alive', true],
    ['HTTP/1.1', 'keep-alive, close', false],
    ['HTTP/1.1', 'close, keep-alive', false],
    ['HTTP/1.1', 'CLOSE', false],
    ['HTTP/1.0', undefined, false],
    ['HTTP/1.0', 'keep-alive', true],
    ['HTTP/1.0', 'Keep-Alive', true],
    ['HTTP/1.0', 'keep-alive, close', false],
    ['HTTP/1.0', 'upgrade', false],
  ])('%s with Connection: %s: %s', (version, connection, keepAlive) => {
    const fields = connection === undefined ? [] : [`Connection: ${connection}`]
    expect(terms(`GET / ${version}`, 'Host: docker', ...fields)).toMatchObject({ keepAlive })
  })

  test('close in any of several lines counts', () => {
    expect(get('Connection: keep-alive', 'Connection: close')).toMatchObject({ keepAlive: false })
  })
})

test('the upgrade token is compared in lower case', () => {
  expect(post('Upgrade: TCP')).toMatchObject({ upgrade: 'tcp' })
  expect(post()).toMatchObject({ upgrade: undefined })
})
