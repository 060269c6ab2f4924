/** Streams as they meet a proxy, good and bad: what Docker clients and engines send, and what smugglers try. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const lines = (...parts: string[]) => [...parts, '', ''].join('\r\n')
const post = (body: string, ...fields: string[]) =>
  lines('POST /x HTTP/1.1', 'Host: docker', ...fields) + body
const get = (...fields: string[]) => lines('GET /x HTTP/1.1', 'Host: docker', ...fields)

const PING = lines(
  'HEAD /_ping HTTP/1.1',
  'Host: api.moby.localhost',
  'User-Agent: Docker-Client/26.1.5 (linux)',
)
const CREATE = post(
  '{"Image":"busybox"}',
  'User-Agent: Docker-Client/26.1.5 (linux)',
  'Content-Length: 19',
  'Content-Type: application/json',
)
const CHUNKED = 'Transfer-Encoding: chunked'

/** What clients send. */
export const REQUESTS: Readonly<Record<string, string>> = {
  ping: PING,
  create: CREATE,
  'ping, create and ping, pipelined': PING + CREATE + PING,
  'start without a body': lines('POST /v1.41/containers/x/start HTTP/1.1', 'Host: docker'),
  'start with length 0': post('', 'Content-Length: 0') + PING,
  'attach with early input': `${post('', 'Connection: Upgrade', 'Upgrade: tcp')}typed before the answer`,
  'exec start with a body': post(
    '{"Tty":false}',
    'Connection: Upgrade',
    'Upgrade: tcp',
    'Content-Length: 13',
  ),
  'a chunked tar': post('5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n', CHUNKED) + PING,
  'an empty chunked body': post('0\r\n\r\n', CHUNKED) + PING,
  'chunks of one byte': post('1\r\n{\r\n1\r\n}\r\n0\r\n\r\n', CHUNKED),
  'chunk data that looks like a request': post(
    `3e\r\n${'GET /smuggled HTTP/1.1\r\nHost: docker\r\n\r\n'.padEnd(62)}\r\n0\r\n\r\n`,
    CHUNKED,
  ),
  'a body that looks like a request': post(PING, `Content-Length: ${PING.length}`) + PING,
  'an HTTP/1.0 request': lines('GET /x HTTP/1.0') + PING,
  'an HTTP/1.0 request that stays': lines('GET /x HTTP/1.0', 'Connection: keep-alive') + PING,
  'a last request': get('Connection: close') + PING,
  'an expectation': post('hello', 'Expect: 100-continue', 'Content-Length: 5'),
  'raw braces in the query': lines('GET /containers/json?filters={"status":["up"]} HTTP/1.1', 'Host: docker'),
  'session headers of buildx': post(
    '',
    'Upgrade: h2c',
    'X-Docker-Expose-Session-Grpc-Method: /a',
    'X-Docker-Expose-Session-Grpc-Method: /b',
  ),
  'values with odd bytes': get('X: \x80\xff\ta', 'Y:', 'Z: \t'),
  'a body that goes on': post('hel', 'Content-Length: 5'),
  'chunks that go on': post('5\r\nhel', CHUNKED),
  'a head that goes on': 'GET /x HTTP/1.1\r\nHost: do',
  'length and chunks': post('5\r\nhello\r\n0\r\n\r\n', 'Content-Length: 5', CHUNKED) + PING,
  'chunks and length': post('0\r\n\r\nGET /', CHUNKED, 'Content-Length: 5') + PING,
  'two lengths': post('hello', 'Content-Length: 5', 'Content-Length: 6') + PING,
  'two equal lengths': post('hello', 'Content-Length: 5', 'Content-Length: 5') + PING,
  'a list of lengths': post('hello', 'Content-Length: 5, 5') + PING,
  'a signed length': post('hello', 'Content-Length: +5') + PING,
  'a length with a leading zero': post('hello', 'Content-Length: 05') + PING,
  'a huge length': post('hello', 'Content-Length: 18446744073709551621') + PING,
  'an empty length': post('hello', 'Content-Length:') + PING,
  'a GET with a body': get('Content-Length: 5') + PING,
  'a GET with chunks': `${get(CHUNKED)}0\r\n\r\n${PING}`,
  'an unknown coding': post('hello', 'Transfer-Encoding: gzip, chunked') + PING,
  identity: post('hello', 'Transfer-Encoding: identity', 'Content-Length: 5') + PING,
  'a coding with a tab inside': post('0\r\n\r\n', 'Transfer-Encoding: chun\tked') + PING,
  'a coding in quotes': post('0\r\n\r\n', 'Transfer-Encoding: "chunked"') + PING,
  'a coding with a vertical tab': post('0\r\n\r\n', 'Transfer-Encoding: \x0bchunked') + PING,
  'a coding named with a space': post('0\r\n\r\n', 'Transfer-Encoding : chunked') + PING,
  'a coding that is folded': post('0\r\n\r\n', 'Transfer-Encoding:\r\n chunked') + PING,
  'a coding behind a bare LF': post('0\r\n\r\n', `X: y\n${CHUNKED}`) + PING,
  'a coding behind a bare CR': post('0\r\n\r\n', `X: y\r${CHUNKED}`) + PING,
  'a coding twice': post('0\r\n\r\n', CHUNKED, CHUNKED) + PING,
  'chunks in HTTP/1.0': `${lines('POST /x HTTP/1.0', CHUNKED)}0\r\n\r\n${PING}`,
  'a chunk extension': post('5;a=b\r\nhello\r\n0\r\n\r\n', CHUNKED) + PING,
  'a chunk extension with a bare LF': post('5;\nxx\r\nhello\r\n0\r\n\r\n', CHUNKED) + PING,
  'a chunk size that ends in LF': post('5\nhello\r\n0\r\n\r\n', CHUNKED) + PING,
  'a chunk size with a sign': post('+5\r\nhello\r\n0\r\n\r\n', CHUNKED) + PING,
  'a chunk size with a space': post('5 \r\nhello\r\n0\r\n\r\n', CHUNKED) + PING,
  'a chunk size that overflows': post('100000005\r\nhello\r\n0\r\n\r\n', CHUNKED) + PING,
  'a chunk that is longer than its size': post('5\r\nhello!\r\n0\r\n\r\n', CHUNKED) + PING,
  'a chunk that ends in LF': post('5\r\nhello\n0\r\n\r\n', CHUNKED) + PING,
  'a chunk that ends in two bytes that are not CRLF': post('5\r\nhelloXX0\r\n\r\n', CHUNKED) + PING,
  'a trailer': post('5\r\nhello\r\n0\r\nX: y\r\n\r\n', CHUNKED) + PING,
  'a last chunk that ends in LF': post('0\r\n\n', CHUNKED) + PING,
  'an empty line first': `\r\n${PING}`,
  'an empty line between': `${PING}\r\n${PING}`,
  'lines that end in LF': 'GET /x HTTP/1.1\nHost: docker\n\n',
  'a head that ends in LF': 'GET /x HTTP/1.1\r\nHost: docker\r\n\n',
  'a folded field': get('X: a', ' b') + PING,
  'a space before the first field': lines('GET /x HTTP/1.1', ' Host: docker') + PING,
  'a field without a colon': get('X') + PING,
  'a field without a name': get(': y') + PING,
  'a NUL in a value': get('X: a\0b') + PING,
  'a NUL in the target': lines('GET /x\0y HTTP/1.1', 'Host: docker') + PING,
  'two spaces in the request line': lines('GET  /x HTTP/1.1', 'Host: docker') + PING,
  'a space behind the version': lines('GET /x HTTP/1.1 ', 'Host: docker') + PING,
  'a tab in the request line': lines('GET\t/x HTTP/1.1', 'Host: docker') + PING,
  'no version': lines('GET /x') + PING,
  'another version': lines('GET /x HTTP/1.2', 'Host: docker') + PING,
  'an HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'another method': lines('PATCH /x HTTP/1.1', 'Host: docker') + PING,
  'a fragment': lines('GET /x#y HTTP/1.1', 'Host: docker') + PING,
  'a space in the target': lines('GET /x y HTTP/1.1', 'Host: docker') + PING,
  'no Host': lines('GET /x HTTP/1.1') + PING,
  'two Hosts': lines('GET /x HTTP/1.1', 'Host: a', 'Host: b') + PING,
  'Connection names a field': get('Connection: close, X-Registry-Auth') + PING,
  'another expectation': post('hello', 'Expect: 200-ok', 'Content-Length: 5') + PING,
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  nothing: '',
}

const OK = 'HTTP/1.1 200 OK'

/** What engines say, to a GET. */
export const ANSWERS: Readonly<Record<string, string>> = {
  ping: `${lines(OK, 'Content-Length: 2', 'Content-Type: text/plain')}OK`,
  'an empty answer': lines(OK, 'Content-Length: 0'),
  'no content': lines('HTTP/1.1 204 No Content'),
  'not modified': lines('HTTP/1.1 304 Not Modified'),
  chunks: `${lines(OK, CHUNKED)}5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n`,
  'until the close': `${lines(OK)}all of it`,
  'HTTP/1.0': `${lines('HTTP/1.0 200 OK')}all of it`,
  'HTTP/1.0 with a length': `${lines('HTTP/1.0 200 OK', 'Content-Length: 2')}OK`,
  'HTTP/1.0 that stays': `${lines('HTTP/1.0 200 OK', 'Content-Length: 2', 'Connection: keep-alive')}OK`,
  'interim answers': `${lines('HTTP/1.1 100 Continue')}${lines('HTTP/1.1 103 Early Hints', 'Link: <x>')}${lines(OK, 'Content-Length: 2')}OK`,
  'a switch': `${lines('HTTP/1.1 101 UPGRADED', 'Connection: Upgrade', 'Upgrade: tcp')}raw`,
  'no reason': `${lines('HTTP/1.1 404', 'Content-Length: 2')}no`,
  'an empty reason': `${lines('HTTP/1.1 404 ', 'Content-Length: 2')}no`,
  'the last one': `${lines(OK, 'Content-Length: 2', 'Connection: close')}OK`,
  'a body that goes on': `${lines(OK, 'Content-Length: 5')}hel`,
  'chunks that go on': `${lines(OK, CHUNKED)}5\r\nhel`,
  'chunks from HTTP/1.0': `${lines('HTTP/1.0 200 OK', CHUNKED)}2\r\nOK\r\n0\r\n\r\n`,
  'length and chunks': `${lines(OK, CHUNKED, 'Content-Length: 2')}2\r\nOK\r\n0\r\n\r\n`,
  'two lengths': `${lines(OK, 'Content-Length: 2', 'Content-Length: 2')}OK`,
  'a length that is none': `${lines(OK, 'Content-Length: two')}OK`,
  'another coding': `${lines(OK, 'Transfer-Encoding: gzip')}OK`,
  'a chunk extension': `${lines(OK, CHUNKED)}2;x\r\nOK\r\n0\r\n\r\n`,
  'a trailer': `${lines(OK, CHUNKED)}2\r\nOK\r\n0\r\nX: y\r\n\r\n`,
  'a bad chunk': `${lines(OK, CHUNKED)}2\r\nOK!\r\n0\r\n\r\n`,
  'a folded field': `${lines(OK, 'X: a', ' b', 'Content-Length: 2')}OK`,
  'a bare LF': `HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nOK`,
  'a status of two digits': lines('HTTP/1.1 20 OK'),
  'no HTTP': 'OK\r\n\r\n',
  'another version': lines('HTTP/2.0 200 OK'),
  nothing: '',
}

/** Inputs that once fooled a reader here; kept for good. `*.request.txt` and `*.answer.txt`, escaped as in a JSON string. */
export function foundInputs(kind: 'request' | 'answer'): Readonly<Record<string, string>> {
  const folder = join('test', 'unit', 'http1', 'found')
  const names = readdirSync(folder).filter((name) => name.endsWith(`.${kind}.txt`))
  return Object.fromEntries(
    names.map((name) => [
      name,
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => JSON.parse(`"${line.replaceAll('"', '\\"')}"`) as string)
        .join(''),
    ]),
  )
}
