/** An engine that is not there, leaves, or does not speak HTTP: the client is told, or cut off, and never misled. */
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '../support/connect.ts'
import { startScriptedEngine } from '../support/scripted-engine.ts'
import { head, PING, PONG, readError, settled, stage, WAYS } from './stage.ts'

describe('an engine that cannot be reached', () => {
  test.each([
    [
      'a socket that does not exist',
      { kind: 'unix', path: '/nonexistent/docker.sock' },
      'unix:///nonexistent/docker.sock',
    ],
    ['a port where nobody listens', { kind: 'tcp', host: '127.0.0.1', port: 1 }, 'tcp://127.0.0.1:1'],
  ] as const)('%s: 502 that says where', async (_, upstream, named) => {
    await using scene = await stage({ upstream })
    const client = await scene.client()
    await client.send(PING)
    const { status, message } = readError(await client.end())
    expect(status).toBe(502)
    expect(message).toMatch(
      new RegExp(`^the Docker Engine at ${named} cannot be reached \\(.+\\); is it running\\?$`),
    )
    expect(await scene.ended()).toMatchObject({ operation: 'SystemPing', status: 502, fate: 'unreachable' })
  })

  test('HEAD gets the head alone', async () => {
    await using scene = await stage({ upstream: { kind: 'unix', path: '/nonexistent/docker.sock' } })
    const client = await scene.client()
    await client.send(PING.replace('GET', 'HEAD'))
    expect(await client.end()).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n[^{]+\r\n\r\n$/)
  })

  test('a body that is on its way is taken in and dropped, so that the answer arrives', async () => {
    await using scene = await stage({
      clients: 'tcp',
      upstream: { kind: 'unix', path: '/nonexistent/docker.sock' },
    })
    const client = await scene.client()
    await client.send(head('POST /build HTTP/1.1', 'Host: docker', 'Content-Length: 10000000'))
    await client.send(Buffer.alloc(1_000_000))
    expect(readError(await client.end())).toMatchObject({ status: 502 })
  })

  test('the next connection finds the engine that has come up', async () => {
    const path = join(tmpdir(), `late-${process.pid}.sock`)
    await using scene = await stage({ upstream: { kind: 'unix', path } })
    const first = await scene.client()
    await first.send(PING)
    expect(readError(await first.end()).status).toBe(502)

    await using late = await startScriptedEngine({ kind: 'unix', path })
    const second = await scene.client()
    await second.send(PING)
    const engine = await late.accept()
    await engine.until(PING)
    await engine.send(PONG)
    expect(await second.until(PONG)).toBe(PONG)
    await rm(path, { force: true })
  })
})

describe.each(WAYS)('an engine on $engine that leaves', (ways) => {
  test('before it has answered: 502', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(PING)
    engine.leave()
    expect(readError(await client.end())).toEqual({
      status: 502,
      message: 'the Docker Engine closed the connection without an answer',
    })
    expect(await scene.ended()).toMatchObject({ status: 502, fate: 'unreachable' })
  })

  test('in the middle of its head: 502', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(PING)
    await engine.send('HTTP/1.1 200 OK\r\nContent-Le')
    engine.leave()
    expect(readError(await client.end()).status).toBe(502)
  })

  test.each([
    ['its body', `${head('HTTP/1.1 200 OK', 'Content-Length: 10')}hello`],
    ['its chunks', `${head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}5\r\nhello\r\n`],
    ['its last chunk', `${head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n`],
    ['an answer, after an interim one', head('HTTP/1.1 103 Early Hints')],
  ])(
    'in the middle of %s: the client gets what there is, and an end that is not a clean one',
    async (_, part) => {
      await using scene = await stage(ways)
      const { client, engine } = await scene.begin(PING)
      await engine.send(part)
      engine.leave()
      expect(await client.end()).toBe(part)
      expect(await scene.ended()).toMatchObject({ fate: 'cut-off' })
    },
  )

  test('when its connection has served a request before: a close, so that clients send the next one again', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(PING)
    await engine.send(PONG)
    await client.until(PONG)
    await client.send(PING)
    await engine.untilBytes(2 * PING.length)
    engine.leave()
    expect(await client.end()).toBe(PONG)
    expect(await scene.ended(2)).toMatchObject({ status: undefined, fate: 'unreachable' })
  })

  test('between two requests: the client’s connection ends with it', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(PING)
    await engine.send(PONG)
    await client.until(PONG)
    engine.finish()
    expect(await client.close()).toBe(PONG)
    client.finish()
    await scene.quiet()
    expect(scene.exchanges).toHaveLength(1)
  })
})

test('a TCP engine that resets is like one that leaves', async () => {
  await using scene = await stage({ engine: 'tcp' })
  const { client, engine } = await scene.begin(PING)
  const part = `${head('HTTP/1.1 200 OK', 'Content-Length: 10')}hello`
  await engine.send(part)
  await client.until(part)
  engine.socket.resetAndDestroy()
  expect(await client.end()).toBe(part)
})

describe('an engine that talks out of turn', () => {
  test('behind a complete answer: nothing of it reaches the client, and the connection is not used again', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(PING)
    await engine.send(PONG + PONG)
    expect(await client.end()).toBe(PONG)
    await engine.close()
  })

  test('between two requests: the connection ends, and it answers nobody', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(PING)
    await engine.send(PONG)
    await client.until(PONG)
    await engine.send(PONG)
    expect(await client.close()).toBe(PONG)
    await engine.close()
  })

  test('with an answer that crosses a request which is not complete: it answers that request', async () => {
    await using scene = await stage()
    const client = await scene.client()
    await client.send(head('POST /build HTTP/1.1', 'Host: docker', 'Content-Length: 5'))
    const engine = await scene.engine.accept()
    await engine.send(PONG)
    await client.until(PONG)
    await client.send('hello')
    await engine.until('hello')
    await settled()
    expect(client.text).toBe(PONG)
  })
})

describe('an answer that is not HTTP', () => {
  test.each([
    ['no status line', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['a line of another protocol', 'OK\r\n\r\n'],
    ['another version', head('HTTP/2.0 200 OK')],
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
    ['a folded field', head('HTTP/1.1 200 OK', 'X: a', ' b')],
    ['two lengths', `${head('HTTP/1.1 200 OK', 'Content-Length: 2', 'Content-Length: 2')}OK`],
    ['a length and chunks', head('HTTP/1.1 200 OK', 'Content-Length: 2', 'Transfer-Encoding: chunked')],
    ['an unknown coding', head('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip')],
    [
      'a switch that nobody asked for',
      head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: tcp'),
    ],
    ['a head of more than a megabyte', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(1_100_000)}`],
    ['a NUL', head('HTTP/1.1 200 OK', 'X: \0')],
    ['TLS', '\x15\x03\x01\x00\x02\x02\x0a'],
  ])('%s: 502, and both connections end', async (_, answer) => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(PING)
    await engine.send(answer).catch(() => {})
    const { status, message } = readError(await client.end())
    expect(status).toBe(502)
    expect(message).toMatch(/^the engine's answer cannot be read: /)
    // It is about an answer: words about requests would only confuse.
    expect(message).not.toMatch(/request|client/)
    await engine.close()
    expect(await scene.ended()).toMatchObject({ status: 502, fate: 'cut-off' })
  })

  test.each([
    ['an extension', '5;x\r\nhello\r\n0\r\n\r\n', ''],
    ['a trailer', '5\r\nhello\r\n0\r\nX: y\r\n\r\n', '5\r\nhello\r\n0\r\n'],
    ['a size that is none', '5\r\nhello\r\nzz\r\n', '5\r\nhello\r\n'],
  ])('chunks with %s: the client is cut off before the place', async (_, chunks, passed) => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(PING)
    const start = head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')
    await engine.send(start + chunks)
    const told = await client.close()
    expect(told.startsWith(start + passed)).toBe(true)
    expect(told.endsWith('0\r\n\r\n')).toBe(false)
    await engine.close()
    expect(await scene.ended()).toMatchObject({ fate: 'cut-off' })
  })
})

test('a client is told nothing of another client’s exchange', async () => {
  await using scene = await stage()
  const one = await scene.begin(PING)
  const other = await connect(scene.proxy.addresses[0]!)
  await other.send(PING)
  const engine = await scene.engine.accept()
  await engine.until(PING)
  await one.engine.send(PONG.replace('OK', 'IT'.slice(0, 2)))
  await one.client.until('\r\n\r\n')
  await settled()
  expect(other.text).toBe('')
  await engine.send(PONG)
  expect(await other.until(PONG)).toBe(PONG)
  other.leave()
})
