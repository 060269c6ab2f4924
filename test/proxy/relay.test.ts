/** Exchanges that no hook asked for: what the client sends reaches the engine byte for byte, and the other way round. */
import { head, PING, PONG, stage, WAYS } from './stage.ts'

describe.each(WAYS)('clients on $clients, engine on $engine', (ways) => {
  test('a request and its answer pass unchanged', async () => {
    await using scene = await stage(ways)
    // Odd, and nobody's business: order, spelling, white space, bytes above ASCII, equal fields.
    const request = head(
      'POST /v1.41/containers/create?name=web HTTP/1.1',
      'user-agent: x',
      'HOST:docker  ',
      'X-Meta: \t caf\xe9',
      'X-Meta:',
      'content-LENGTH: 19',
      'Content-Type: application/json; charset=utf-8',
    )
    const { client, engine } = await scene.begin(`${request}{"Image":"busybox"}`)
    expect(engine.text).toBe(`${request}{"Image":"busybox"}`)

    const answer = `${head('HTTP/1.1 201 Created', 'api-version: 1.41', 'X-Meta: \t y', 'X-Meta: z', 'Content-Length: 11')}{"Id":"1"}\n`
    await engine.send(answer)
    await client.until('\n', answer.length - 1)
    expect(client.text).toBe(answer)
    expect(await scene.ended()).toMatchObject({
      method: 'POST',
      target: '/v1.41/containers/create?name=web',
      operation: 'ContainerCreate',
      status: 201,
      requestBytes: request.length + 19,
      responseBytes: answer.length,
      fate: 'relayed',
      detail: undefined,
    })
  })

  test('many exchanges follow each other on one pair of connections', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(PING)
    await engine.send(PONG)
    await client.until(PONG)
    for (let i = 1; i < 200; i++) {
      await client.send(PING)
      await engine.untilBytes(PING.length * (i + 1))
      await engine.send(PONG)
      await client.untilBytes(PONG.length * (i + 1))
    }
    expect(engine.text).toBe(PING.repeat(200))
    expect(client.text).toBe(PONG.repeat(200))
    expect(scene.engine.connections).toHaveLength(1)
    expect(await scene.ended(200)).toMatchObject({ requestBytes: PING.length, responseBytes: PONG.length })
  })

  test('a body of any size and chunking passes as it came, in both directions', async () => {
    await using scene = await stage(ways)
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    const request = head('POST /build HTTP/1.1', 'Host: docker', 'Transfer-Encoding: chunked')
    const body = `1\r\na\r\n${chunk.repeat(64)}0\r\n\r\n`
    const { client, engine } = await scene.begin(request)
    void client.send(body)
    await engine.untilBytes(request.length + body.length)
    expect(engine.text === request + body).toBe(true)

    const answer = head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')
    void engine.send(answer + body)
    await client.untilBytes(answer.length + body.length)
    expect(client.text === answer + body).toBe(true)
    await client.send(PING)
    await engine.until(PING, request.length + body.length)
  })

  test('a request that dribbles in byte by byte arrives the same', async () => {
    await using scene = await stage(ways)
    const client = await scene.client()
    const body = '2\r\nhi\r\n0\r\n\r\n'
    const request = head('POST /build HTTP/1.1', 'Host: docker', 'Transfer-Encoding: chunked') + body
    for (const byte of request) await client.send(byte)
    const engine = await scene.engine.accept()
    await engine.until(request)
    for (const byte of PONG) await engine.send(byte)
    await client.until(PONG)
    expect([engine.text, client.text]).toEqual([request, PONG])
  })
})

describe('answers end where their kind says', () => {
  test.each([
    ['HEAD with a length', 'HEAD /_ping', head('HTTP/1.1 200 OK', 'Content-Length: 2')],
    ['HEAD with chunks', 'HEAD /_ping', head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')],
    ['204', 'POST /containers/x/start', head('HTTP/1.1 204 No Content', 'Api-Version: 1.41')],
    ['304', 'POST /containers/x/start', head('HTTP/1.1 304 Not Modified')],
    ['length 0', 'POST /containers/x/resize', head('HTTP/1.1 200 OK', 'Content-Length: 0')],
    [
      'an empty chunked body',
      'GET /containers/json',
      `${head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    ],
    ['100 first', 'GET /info', head('HTTP/1.1 100 Continue') + PONG],
    ['103 first', 'GET /info', head('HTTP/1.1 103 Early Hints', 'Link: <x>') + PONG],
    ['no reason phrase', 'GET /info', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n'],
  ])('%s: the connection serves another request', async (_, line, answer) => {
    await using scene = await stage()
    const request = head(`${line} HTTP/1.1`, 'Host: docker')
    const { client, engine } = await scene.begin(request)
    await engine.send(answer)
    await client.until(answer)
    await client.send(PING)
    await engine.until(PING, request.length)
    await engine.send(PONG)
    await client.until(PONG, answer.length)
    expect(client.text).toBe(answer + PONG)
  })

  test('an interim answer is passed on before the final one is there', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(PING)
    const hints = head('HTTP/1.1 103 Early Hints', 'Link: <x>')
    await engine.send(hints)
    expect(await client.until(hints)).toBe(hints)
    await engine.send(PONG)
    expect(await client.until(PONG)).toBe(hints + PONG)
  })

  test('a head is passed on before any byte of its body, as wait and events need', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(head('POST /containers/x/wait HTTP/1.1', 'Host: docker'))
    const answer = head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')
    await engine.send(answer)
    expect(await client.until(answer)).toBe(answer)
    await engine.send('5\r\n{"a":\r\n')
    await client.until('{"a":')
    await engine.send('2\r\n1}\r\n0\r\n\r\n')
    expect(await client.until('0\r\n\r\n')).toBe(`${answer}5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n`)
  })

  test('without length or chunks, at the engine’s close; then the client’s connection ends too', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(head('GET /containers/x/logs HTTP/1.1', 'Host: docker'))
    const answer = `${head('HTTP/1.1 200 OK', 'Content-Type: application/vnd.docker.raw-stream')}line\n`
    await engine.send(answer)
    expect(await client.until('line\n')).toBe(answer)
    await engine.send('last words')
    engine.finish()
    expect(await client.end()).toBe(`${answer}last words`)
    client.finish()
    await engine.close()
    expect(await scene.ended()).toMatchObject({ status: 200, fate: 'relayed' })
  })
})

describe('HTTP/1.0', () => {
  test('a client gets its answer and the close', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin('GET /_ping HTTP/1.0\r\n\r\n')
    await engine.send(`${head('HTTP/1.0 200 OK')}OK`)
    engine.finish()
    expect(await client.end()).toBe(`${head('HTTP/1.0 200 OK')}OK`)
  })

  test('a client that asks to stay is served again', async () => {
    await using scene = await stage()
    const request = head('GET /_ping HTTP/1.0', 'Connection: keep-alive')
    const answer = `${head('HTTP/1.0 200 OK', 'Connection: keep-alive', 'Content-Length: 2')}OK`
    const { client, engine } = await scene.begin(request)
    await engine.send(answer)
    await client.until(answer)
    await client.send(request)
    await engine.untilBytes(2 * request.length)
    await engine.send(answer)
    await client.untilBytes(2 * answer.length)
  })

  test('a client that does not ask to stay is not served again, whatever the engine says', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin('GET /_ping HTTP/1.0\r\n\r\n')
    await client.send(PING)
    await engine.send(PONG)
    expect(await client.end()).toBe(PONG)
    expect(engine.text).toBe('GET /_ping HTTP/1.0\r\n\r\n')
  })

  test('an engine’s answer ends the connection unless it says that it stays', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(PING)
    const answer = `${head('HTTP/1.0 200 OK', 'Content-Length: 2')}OK`
    await engine.send(answer)
    expect(await client.end()).toBe(answer)
    await engine.close()
  })
})

describe('Connection: close', () => {
  test.each([
    ['from the client', head('GET /_ping HTTP/1.1', 'Host: docker', 'Connection: close'), PONG],
    ['from the engine', PING, `${head('HTTP/1.1 200 OK', 'Connection: close', 'Content-Length: 2')}OK`],
  ])('%s: the answer arrives whole, then both connections end', async (_, request, answer) => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(request)
    await engine.send(answer)
    expect(await client.end()).toBe(answer)
    await engine.close()
    client.finish()
    await scene.quiet()
  })
})

describe('100-continue', () => {
  const request = head(
    'POST /images/load HTTP/1.1',
    'Host: docker',
    'Expect: 100-continue',
    'Content-Length: 5',
  )

  test('is between the client and the engine: the body goes when the engine asks for it', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(request)
    expect(client.text).toBe('')
    await engine.send(head('HTTP/1.1 100 Continue'))
    await client.until(head('HTTP/1.1 100 Continue'))
    await client.send('hello')
    await engine.until(`${request}hello`)
    await engine.send(PONG)
    expect(await client.until(PONG)).toBe(head('HTTP/1.1 100 Continue') + PONG)
  })

  test('a refusal comes instead of it', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(request)
    const answer = `${head('HTTP/1.1 404 Not Found', 'Connection: close', 'Content-Length: 2')}no`
    await engine.send(answer)
    engine.finish()
    expect(await client.end()).toBe(answer)
  })

  test('a client that was refused on a kept connection may still send its body and go on', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(request)
    const answer = `${head('HTTP/1.1 404 Not Found', 'Content-Length: 2')}no`
    await engine.send(answer)
    await client.until(answer)
    await client.send(`hello${PING}`)
    await engine.until(`${request}hello${PING}`)
    await engine.send(PONG)
    expect(await client.until(PONG)).toBe(answer + PONG)
  })
})
