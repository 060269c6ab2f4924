import { destinationOf } from '../../../src/transport/destination.ts'

describe('the target of a call', () => {
  test.each([
    ['http://127.0.0.1:1', '/'],
    ['http://127.0.0.1:1/', '/'],
    ['http://127.0.0.1:1/flocker-adapter', '/flocker-adapter'],
    ['http://127.0.0.1:1/a/', '/a/'],
    ['HTTP://Host.Example:80/A', '/A'],
    ['http://h?x=1', '/?x=1'],
    ['http://h/a?x=/b?c', '/a?x=/b?c'],
    ['http://h/a#part', '/a'],
    ['http://h#part', '/'],
    // `new URL` would change each of these.
    ['http://h//a//b', '//a//b'],
    ['http://h/a/../b/./c', '/a/../b/./c'],
    ['http://h/%7e%2F{}|"', '/%7e%2F{}|"'],
    ["http://h/a?x='<>", "/a?x='<>"],
    ['http://[::1]:8080/a:b@c', '/a:b@c'],
  ])('of %s is %s', (url, path) => {
    expect(destinationOf(url, { via: 'http' }).path).toBe(path)
  })

  test('is in UTF-8', () => {
    expect(Buffer.from(destinationOf('http://h/漢', { via: 'http' }).path, 'latin1').toString()).toBe('/漢')
  })

  test('of a unix socket is its path', () => {
    const address = { via: 'unix', socketPath: '/run/a.sock', path: '/a/../b?c' } as const
    expect(destinationOf('unix:///run/a.sock:/a/../b?c', address)).toMatchObject({
      origin: 'http://localhost',
      path: '/a/../b?c',
    })
  })
})
