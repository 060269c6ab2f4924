/**
 * What two readers could understand differently is refused before the engine hears of it. The client is told which rule
 * it broke, and nothing else that it sends on this connection is looked at.
 */
import { REQUESTS } from '../unit/http1/corpus.ts'
import { bytes, readRequests } from '../unit/http1/read-stream.ts'
import { PING, PONG, readError, settled, stage, WAYS } from './stage.ts'

const REFUSED = Object.entries(REQUESTS).flatMap(([name, stream]) => {
  const { requests, end } = readRequests([bytes(stream)])
  // Those where a good request comes first have tests of their own.
  return end.kind === 'refused' && requests.every((request) => request.end === undefined)
    ? [{ name, stream, rule: end.rule, status: end.status, inBody: requests.length > 0 }]
    : []
})

test('the corpus has something for every rule about heads and chunks', () => {
  const rules = ['001', '002', '003', '004', '005', '006', '007', '008', '009', '010', '013']
  expect([...new Set(REFUSED.map(({ rule }) => rule))].sort()).toEqual(rules.map((id) => `PS-FRAME-${id}`))
})

describe.each(WAYS)('on $clients', (ways) => {
  test.each(REFUSED)('$name: $rule', async ({ stream, rule, status, inBody }) => {
    await using scene = await stage(ways)
    const client = await scene.client()
    await client.send(stream)

    const answer = readError(await client.end())
    expect(answer.status).toBe(status)
    expect(answer.message).toContain(`(${rule})`)
    expect(await scene.ended()).toMatchObject({ status, fate: 'ambiguous' })

    // The connection is over: a good request gets no answer any more.
    const told = client.text
    await client.send(PING).catch(() => {})
    client.finish()
    await scene.quiet()
    expect(client.text).toBe(told)
    expect(scene.exchanges).toHaveLength(1)
    // A bad chunk is only seen once its head is; the engine may have been dialled, but it was not told a byte.
    expect(scene.engine.connections.length).toBeLessThanOrEqual(inBody ? 1 : 0)
    expect(scene.engine.connections.map((engine) => engine.text).join('')).toBe('')
  })
})

test('a HEAD request is refused with a head alone', async () => {
  await using scene = await stage()
  const client = await scene.client()
  await client.send('HEAD /_ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')
  expect(await client.end()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^{]*\r\n\r\n$/)
})

test('nobody is told of a client that leaves in the middle of a head', async () => {
  await using scene = await stage()
  const client = await scene.client()
  await client.send('GET /_ping HTT')
  client.leave()
  await scene.quiet()
  expect(scene.engine.connections).toHaveLength(0)
  expect(scene.exchanges).toHaveLength(0)
})

describe('a chunk that turns out bad when its head has gone on', () => {
  const start = 'POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n'

  test('is not passed on; both connections end, and the client is told if it has no answer yet', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(`${start}5\r\nhello\r\n`)
    await client.send(`5;x\r\nhello\r\n0\r\n\r\n${PING}`)
    expect(readError(await client.end())).toMatchObject({
      status: 400,
      message: expect.stringContaining('PS-FRAME-008'),
    })
    await engine.close()
    expect(engine.text).toBe(`${start}5\r\nhello\r\n`)
  })

  test('cuts the answer that is under way', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(`${start}5\r\nhello\r\n`)
    const begun = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n'
    await engine.send(begun)
    await client.until(begun)
    await client.send('zz\r\n')
    await engine.close()
    expect(await client.close()).toBe(begun)
    expect(engine.text).toBe(`${start}5\r\nhello\r\n`)
    expect(await scene.ended()).toMatchObject({ fate: 'ambiguous' })
  })
})

test('a refusal of one client leaves the others alone', async () => {
  await using scene = await stage()
  const { client, engine } = await scene.begin(PING)
  const other = await scene.client()
  await other.send('GET /_ping HTTP/1.1\nHost: docker\n\n')
  await other.end()
  await engine.send(PONG)
  expect(await client.until(PONG)).toBe(PONG)
})

test('a request that another reader would find inside a body stays inside it', async () => {
  await using scene = await stage()
  const body = 'GET /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n'
  const request = `POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const { engine } = await scene.begin(request)
  await engine.send(PONG)
  await scene.ended()
  await settled()
  expect(engine.text).toBe(request)
  expect(scene.exchanges.map(({ operation }) => operation)).toEqual(['ContainerCreate'])
})
