/** What the plane must know of an engine's answer: its status, where it ends, and whether the connection goes on. */
import { readAnswerTerms } from '../../../src/http1/answer-terms.ts'
import { bytes, readAnswer } from './read-stream.ts'

function terms(text: string, method = 'GET') {
  const read = readAnswerTerms(text, method)
  return read.ok ? read.value : 'garbled'
}

const head = (line: string, ...fields: string[]) => [line, ...fields, '', ''].join('\r\n')
const none = { kind: 'none' }
const chunked = { kind: 'chunked' }
const untilClose = { kind: 'until-close' }

describe('where an answer ends', () => {
  test.each([
    ['a length', ['Content-Length: 12'], { kind: 'length', bytes: 12 }],
    ['length 0', ['Content-Length: 0'], none],
    ['chunks', ['Transfer-Encoding: chunked'], chunked],
    ['chunks in another case', ['transfer-encoding:  CHUNKED '], chunked],
    ['neither', ['Content-Type: text/plain'], untilClose],
    ['no field at all', [], untilClose],
    [
      'fields whose names start alike',
      ['Content-Lengths: 5', 'Transfer-Encodings: x', 'TE: x', 'C: 5'],
      untilClose,
    ],
  ])('with %s', (_, fields, framing) => {
    expect(terms(head('HTTP/1.1 200 OK', ...fields))).toMatchObject({ status: 200, framing })
  })

  test.each([
    ['HEAD with a length', 'HEAD', 200, ['Content-Length: 12']],
    ['HEAD with chunks', 'HEAD', 200, ['Transfer-Encoding: chunked']],
    ['HEAD with neither', 'HEAD', 404, []],
    ['204', 'DELETE', 204, []],
    ['204 with a length', 'POST', 204, ['Content-Length: 12']],
    ['304', 'POST', 304, []],
    ['304 with a length', 'GET', 304, ['Content-Length: 12']],
    ['100', 'POST', 100, []],
    ['101', 'POST', 101, ['Connection: Upgrade', 'Upgrade: tcp']],
    ['103', 'GET', 103, ['Link: <x>', 'Content-Length: 12']],
  ])('%s: at its head', (_, method, status, fields) => {
    expect(terms(head(`HTTP/1.1 ${status} X`, ...fields), method)).toMatchObject({ status, framing: none })
  })
})

describe('whether the engine goes on', () => {
  test.each([
    ['HTTP/1.1', [], true],
    ['HTTP/1.1', ['Connection: close'], false],
    ['HTTP/1.1', ['connection: Close'], false],
    ['HTTP/1.1', ['Connection: keep-alive'], true],
    ['HTTP/1.1', ['Connection: x, close'], false],
    ['HTTP/1.1', ['Connection: x', 'Connection: close'], false],
    ['HTTP/1.0', [], false],
    ['HTTP/1.0', ['Connection: keep-alive'], true],
    ['HTTP/1.0', ['Connection: Keep-Alive'], true],
  ])('%s %j: %s', (version, fields, keepAlive) => {
    expect(terms(head(`${version} 200 OK`, 'Content-Length: 5', ...fields))).toMatchObject({ keepAlive })
  })
})

describe('status lines', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200],
    ['HTTP/1.0 200 OK', 200],
    ['HTTP/1.1 101 UPGRADED', 101],
    ['HTTP/1.1 599 ', 599],
    ['HTTP/1.1 404', 404],
    ['HTTP/1.1 418 I’m \xe9 teapot'.replace('’', "'"), 418],
    ['HTTP/1.1 200  two  spaces', 200],
  ])('%j is one', (line, status) => {
    expect(terms(head(line, 'Content-Length: 0'))).toMatchObject({ status })
  })

  test.each([
    'HTTP/1.1 99 X',
    'HTTP/1.1 600 X',
    'HTTP/1.1 099 X',
    'HTTP/1.1 000 X',
    'HTTP/1.1 2000 X',
    'HTTP/1.1 20 X',
    'HTTP/1.1 2x0 X',
    'HTTP/1.1 +200 X',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1 200OK',
    'HTTP/1.2 200 OK',
    'HTTP/2.0 200 OK',
    'HTTP/2 200',
    'HTTP/0.9 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1',
    'HTTP/1.1 ',
    ' HTTP/1.1 200 OK',
    'ICY 200 OK',
    'GET / HTTP/1.1',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\rK',
    'HTTP/1.1 200 O\nK',
    'HTTP/1.1 200 OK\x7f',
  ])('%j is none', (line) => {
    expect(terms(head(line, 'Content-Length: 0'))).toBe('garbled')
  })
})

describe('a head that cannot be read for sure is garbled', () => {
  test.each([
    ['two lengths', ['Content-Length: 5', 'Content-Length: 5']],
    ['two lengths in other spelling', ['Content-Length: 5', 'content-length: 6']],
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['two codings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
    ['another coding', ['Transfer-Encoding: gzip, chunked']],
    ['identity', ['Transfer-Encoding: identity']],
    ['an empty coding', ['Transfer-Encoding:']],
    ['a coding with a no-break space', ['Transfer-Encoding: chunked\xa0']],
    ['a coding with a tab', ['Transfer-Encoding: chunked\t']],
    ['a length with a tab', ['Content-Length: 5\t']],
    ['an empty length', ['Content-Length:']],
    ['a signed length', ['Content-Length: +5']],
    ['a list of lengths', ['Content-Length: 5, 5']],
    ['a length with a leading zero', ['Content-Length: 05']],
    ['a hexadecimal length', ['Content-Length: 0x5']],
    ['a length of 16 digits', ['Content-Length: 1000000000000000']],
    ['a length with a no-break space', ['Content-Length: 5\xa0']],
    ['a space before the colon', ['Content-Length : 5']],
    ['a folded line', ['X: y', ' Content-Length: 5']],
    ['a line without a colon', ['Content-Length 5']],
    ['a name that is no token', ['Content(Length): 5']],
    ['a NUL', ['X: \0']],
    ['a bare CR', ['X: y\rContent-Length: 5']],
    ['a bare LF', ['X: y\nContent-Length: 5']],
  ])('%s', (_, fields) => {
    for (const method of ['GET', 'HEAD', 'POST'])
      expect(terms(head('HTTP/1.1 200 OK', ...fields), method)).toBe('garbled')
  })

  test.each([
    ['closes', 'HTTP/1.1 100 Continue', ['Connection: close']],
    ['is HTTP/1.0, which has none', 'HTTP/1.0 103 Early Hints', []],
  ])('an interim answer that %s', (_, line, fields) => {
    expect(terms(head(line, ...fields))).toBe('garbled')
  })

  test('chunks from HTTP/1.0, which has none', () => {
    expect(terms(head('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'))).toBe('garbled')
  })
})

describe('a stream of answers', () => {
  test('interim answers come before the final one', () => {
    const stream = `${head('HTTP/1.1 100 Continue')}${head('HTTP/1.1 103 Early Hints', 'Link: <x>')}`
    const final = `${head('HTTP/1.1 201 Created', 'Content-Length: 2')}hi`
    expect(readAnswer([bytes(`${stream + final}HTTP/`)], 'POST')).toMatchObject({
      interim: [100, 103],
      terms: { status: 201 },
      body: 'hi',
      end: 'complete',
      length: stream.length + final.length,
    })
  })

  test('101 is final', () => {
    const stream = head('HTTP/1.1 101 UPGRADED', 'Connection: Upgrade', 'Upgrade: tcp')
    expect(readAnswer([bytes(`${stream}raw bytes`)], 'POST')).toMatchObject({
      terms: { status: 101 },
      end: 'complete',
      length: stream.length,
    })
  })

  test('a body until the close stays open', () => {
    expect(readAnswer([bytes(`${head('HTTP/1.0 200 OK')}all of it`)])).toMatchObject({
      body: 'all of it',
      end: 'open',
    })
  })
})
