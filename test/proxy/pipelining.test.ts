/** Strictly one exchange at a time: what a client sends ahead waits, and is judged alike (PS-FRAME-012). */
import { head, PING, PONG, readError, settled, stage } from './stage.ts'

const INFO = head('GET /info HTTP/1.1', 'Host: docker')
const CREATE = `${head('POST /containers/create HTTP/1.1', 'Host: docker', 'Content-Length: 2')}{}`

test('two requests in one write: the second is looked at when the first answer is complete', async () => {
  await using scene = await stage()
  const { client, engine } = await scene.begin(PING + INFO, PING)
  expect(engine.text).toBe(PING)

  await engine.send(PONG.slice(0, -1))
  await client.until(PONG.slice(0, -1))
  await settled()
  expect(engine.text).toBe(PING)

  await engine.send(PONG.slice(-1))
  await engine.until(INFO)
  expect(engine.text).toBe(PING + INFO)
  await engine.send(PONG)
  await client.untilBytes(2 * PONG.length)
  expect(client.text).toBe(PONG + PONG)
  expect(scene.exchanges.map(({ operation }) => operation)).toEqual(['SystemPing', 'SystemInfo'])
})

test('a hundred requests in one write are answered in order', async () => {
  await using scene = await stage()
  const requests = Array.from({ length: 100 }, (_, i) =>
    head(`GET /containers/c${i}/json HTTP/1.1`, 'Host: docker'),
  )
  const { client, engine } = await scene.begin(requests.join(''), requests[0]!)
  let seen = 0
  for (const [i, request] of requests.entries()) {
    seen += request.length
    await engine.untilBytes(seen)
    expect(engine.receivedBytes).toBe(seen)
    await engine.send(`${head('HTTP/1.1 200 OK', 'Content-Length: 3')}${String(i).padStart(3)}`)
  }
  await client.until(' 99')
  expect(client.text.match(/(?<=\r\n\r\n)...(?=HTTP|$)/g)).toEqual(
    requests.map((_, i) => String(i).padStart(3)),
  )
})

test('a request behind a body is not taken for a part of it', async () => {
  await using scene = await stage()
  const { client, engine } = await scene.begin(CREATE + PING, CREATE)
  await settled()
  expect(engine.text).toBe(CREATE)
  await engine.send(PONG)
  await engine.until(CREATE + PING)
  await engine.send(PONG)
  await client.untilBytes(2 * PONG.length)
})

test('an early answer does not let the next request overtake the rest of the body', async () => {
  await using scene = await stage()
  const upload = head('PUT /containers/x/archive?path=/ HTTP/1.1', 'Host: docker', 'Content-Length: 10')
  const { client, engine } = await scene.begin(`${upload}01234`)
  await engine.send(PONG)
  await client.until(PONG)
  await client.send(`56789${PING}`)
  await engine.until(PING)
  expect(engine.text).toBe(`${upload}0123456789${PING}`)
})

test('a bad second request is refused in its turn, behind the whole first answer', async () => {
  await using scene = await stage()
  const bad = head('GET /info HTTP/1.1', 'Host: docker', 'Content-Length: 5', 'Transfer-Encoding: chunked')
  const { client, engine } = await scene.begin(PING + bad, PING)
  await settled()
  expect(client.text).toBe('')
  await engine.send(PONG)
  const told = await client.end()
  expect(told.startsWith(PONG)).toBe(true)
  expect(readError(told.slice(PONG.length))).toMatchObject({
    status: 400,
    message: expect.stringContaining('PS-FRAME-007'),
  })
  expect(engine.text).toBe(PING)
})

test('half a request that is sent ahead waits for its other half', async () => {
  await using scene = await stage()
  const { client, engine } = await scene.begin(PING + INFO.slice(0, 9), PING)
  await engine.send(PONG)
  await client.until(PONG)
  await client.send(INFO.slice(9))
  await engine.until(PING + INFO)
})

test('requests sent ahead are answered although the client has sent its FIN behind them', async () => {
  await using scene = await stage()
  const client = await scene.client()
  await client.send(PING + INFO)
  client.finish()
  const engine = await scene.engine.accept()
  await engine.until(PING)
  await engine.send(PONG)
  await engine.until(INFO)
  await engine.send(PONG)
  expect(await client.end()).toBe(PONG + PONG)
  await engine.close()
  await scene.quiet()
})
