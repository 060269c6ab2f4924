/** Addresses as Docker writes them. */

import { describeAddress } from '../../../src/model/address.ts'
import { parseAddress } from '../../../src/model/parse-address.ts'

test.each([
  ['unix:///var/run/docker.sock', { kind: 'unix', path: '/var/run/docker.sock' }],
  ['/run/ps.sock', { kind: 'unix', path: '/run/ps.sock' }],
  ['unix:///run/with space.sock', { kind: 'unix', path: '/run/with space.sock' }],
  ['tcp://127.0.0.1:2375', { kind: 'tcp', host: '127.0.0.1', port: 2375 }],
  ['tcp://127.0.0.1:0', { kind: 'tcp', host: '127.0.0.1', port: 0 }],
  ['tcp://127.0.0.1:65535/', { kind: 'tcp', host: '127.0.0.1', port: 65535 }],
  ['http://localhost:1', { kind: 'tcp', host: 'localhost', port: 1 }],
  ['tcp://[::1]:2375', { kind: 'tcp', host: '::1', port: 2375 }],
  ['tcp://engine.example', { kind: 'tcp', host: 'engine.example', port: 2375 }],
  ['tcp://:2376', { kind: 'tcp', host: '127.0.0.1', port: 2376 }],
  ['tcp://', { kind: 'tcp', host: '127.0.0.1', port: 2375 }],
])('%s', (text, address) => {
  expect(parseAddress(text)).toEqual({ ok: true, value: address })
})

test.each([
  ['', 'is not an address'],
  ['docker.sock', 'is not an address'],
  ['./docker.sock', 'is not an address'],
  ['127.0.0.1:2375', 'is not an address'],
  ['unix://docker.sock', 'must be absolute'],
  ['unix://', 'must be absolute'],
  ['unix:///run/', 'names a directory'],
  ['unix:///a\0b', 'zero byte'],
  [`unix:///${'a'.repeat(107)}`, 'holds 107 bytes, this one has 108'],
  [`/${'é'.repeat(54)}`, 'this one has 109'],
  ['https://docker:2376', 'https:// is not supported'],
  ['ssh://host', 'ssh:// is not supported'],
  ['npipe:////./pipe/docker_engine', 'npipe:// is not supported'],
  ['tcp://host:65536', 'above 65535'],
  ['tcp://host:port', 'not of the form'],
  ['tcp://host:1/path', 'not of the form'],
  ['tcp://host:1?x', 'not of the form'],
  ['tcp://user@host:1', 'not of the form'],
  ['tcp://::1:2375', 'not of the form'],
  ['tcp://a b:1', 'not of the form'],
])('%j is refused: %s', (text, why) => {
  expect(parseAddress(text)).toEqual({ ok: false, failure: expect.stringContaining(why) })
})

test('the longest path is taken', () => {
  expect(parseAddress(`/${'a'.repeat(106)}`).ok).toBe(true)
})

test.each(['unix:///run/ps.sock', 'tcp://127.0.0.1:2375', 'tcp://[::1]:2375'])(
  '%s reads back as it was',
  (text) => {
    const read = parseAddress(text)
    expect(read.ok && describeAddress(read.value)).toBe(text)
  },
)
