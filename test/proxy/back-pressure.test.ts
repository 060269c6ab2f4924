/** A slow reader slows its writer down: nothing piles up in the proxy, and nothing is lost when a side closes meanwhile. */
import type { Peer } from '../support/connect.ts'
import { head, PING, PONG, settled, stage, WAYS } from './stage.ts'

const MEGABYTE = 1024 * 1024
/** Four kernel buffers and the sockets' own lie between a writer and a reader; TCP's grow to some megabytes each. */
const BOUND_BYTES = { unix: 2 * MEGABYTE, tcp: 32 * MEGABYTE, tls: 32 * MEGABYTE }
const PIECE = Buffer.alloc(64 * 1024, 'x')

/** Writes until the other side takes no more, or `most` bytes; gives what it has taken. */
async function push(writer: Peer, most: number): Promise<number> {
  let taken = 0
  let stuck = 0
  while (taken < most && stuck < 200) {
    stuck = 0
    let done = false
    // The last piece is taken by nobody: it fails when the scene is over, which Node tells from version 24 on.
    writer.send(PIECE).then(
      () => {
        done = true
      },
      () => {},
    )
    // Delivery on one machine takes a few turns of the event loop, which all three sides here share.
    while (!done && stuck++ < 200) await new Promise(setImmediate)
    if (done) taken += PIECE.length
  }
  return taken
}

/** Sends so much to somebody who reads, in whatever time the machine takes for it: a full connection may rest before it goes on. */
async function pushAll(writer: Peer, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += PIECE.length) await writer.send(PIECE)
}

function bodyOf(bytes: number): string {
  return head('HTTP/1.1 200 OK', `Content-Length: ${bytes}`)
}

describe.each(WAYS)('clients on $clients, engine on $engine', (ways) => {
  const bound = BOUND_BYTES[ways.clients]
  const total = 2 * bound

  test('an answer waits for a client that does not read, and arrives whole when it does', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(PING)
    client.socket.pause()
    await engine.send(bodyOf(total))
    const taken = await push(engine, total)
    expect(taken).toBeLessThan(bound)

    client.socket.resume()
    const rest = pushAll(engine, total - taken - PIECE.length)
    await client.untilBytes(bodyOf(total).length + total)
    await rest
    await client.send(PING)
    await engine.untilBytes(2 * PING.length)
  })

  test('an upload waits for an engine that does not read, and arrives whole when it does', async () => {
    await using scene = await stage(ways)
    const request = head('POST /build HTTP/1.1', 'Host: docker', `Content-Length: ${total}`)
    const { client, engine } = await scene.begin(request)
    engine.socket.pause()
    const taken = await push(client, total)
    expect(taken).toBeLessThan(bound)

    engine.socket.resume()
    const rest = pushAll(client, total - taken - PIECE.length)
    await engine.untilBytes(request.length + total)
    await rest
    await engine.send(PONG)
    await client.until(PONG)
  })

  test('a two-way stream waits in both directions', async () => {
    await using scene = await stage(ways)
    const attach = head('POST /containers/x/attach HTTP/1.1', 'Host: docker', 'Upgrade: tcp')
    const { client, engine } = await scene.begin(attach)
    const answer = head('HTTP/1.1 101 UPGRADED', 'Connection: Upgrade', 'Upgrade: tcp')
    await engine.send(answer)
    await client.until(answer)
    client.socket.pause()
    engine.socket.pause()
    const [down, up] = [await push(engine, total), await push(client, total)]
    expect(down).toBeLessThan(bound)
    expect(up).toBeLessThan(bound)
    client.socket.resume()
    engine.socket.resume()
    await client.untilBytes(answer.length + down + PIECE.length)
    await engine.untilBytes(attach.length + up + PIECE.length)
  })

  test('what is sent ahead of an answer is held to a bound', async () => {
    await using scene = await stage(ways)
    const { client, engine } = await scene.begin(PING)
    expect(await push(client, total)).toBeLessThan(bound)
    expect(engine.text).toBe(PING)
  })

  test('what is sent ahead of a switch is held to a bound, and arrives after it', async () => {
    await using scene = await stage(ways)
    const attach = head('POST /containers/x/attach HTTP/1.1', 'Host: docker', 'Upgrade: tcp')
    const { client, engine } = await scene.begin(attach)
    const taken = await push(client, total)
    expect(taken).toBeLessThan(bound)
    await engine.send(head('HTTP/1.1 101 UPGRADED', 'Connection: Upgrade', 'Upgrade: tcp'))
    await engine.untilBytes(attach.length + taken + PIECE.length)
  })

  test.each([1024, MEGABYTE])(
    'requests sent ahead by a client that reads no answers of %d bytes are not all answered into memory',
    async (size) => {
      await using scene = await stage(ways)
      const answer = bodyOf(size) + 'x'.repeat(size)
      const most = Math.ceil((2 * bound) / size)
      const client = await scene.client()
      client.socket.pause()
      void client.send(PING.repeat(most))
      const engine = await scene.engine.accept()
      let answered = 0
      let stuck = 0
      while (answered < most && stuck < 200) {
        stuck = 0
        while (engine.reads.length <= answered && stuck++ < 200) await new Promise(setImmediate)
        if (engine.reads.length <= answered) break
        answered++
        let done = false
        void engine.send(answer).then(() => {
          done = true
        })
        while (!done && stuck++ < 200) await new Promise(setImmediate)
      }
      expect(answered * size).toBeLessThan(bound)

      // The others are served when the client reads.
      client.socket.resume()
      await client.untilBytes(answer.length * answered)
      await engine.untilBytes(PING.length * (answered + 1))
      expect(engine.reads.map(String)).toEqual(Array.from({ length: answered + 1 }, () => PING))
    },
  )
})

describe('a client that reads late gets the last byte', () => {
  const ATTACH = head('POST /containers/x/attach HTTP/1.1', 'Host: docker', 'Upgrade: tcp')
  /**
   * A unix socket holds some 200 KiB. Of these sizes, the larger ones keep the engine waiting; with those in between all of
   * the answer is in the proxy, which has nothing more to do than to deliver it.
   */
  const SIZES = Array.from({ length: 16 }, (_, i) => (12 + 2 * i) * 16 * 1024)

  beforeEach(() => {
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask', 'performance'],
    })
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  /** Leaves the client unread for as long as anybody might have patience with it, then reads all. */
  async function readLate(client: Peer, bytes: number): Promise<void> {
    await settled()
    jest.advanceTimersByTime(60_000)
    await settled()
    client.socket.resume()
    while (client.receivedBytes < bytes && !client.ended && !client.closed) await new Promise(setImmediate)
    expect(client.receivedBytes).toBe(bytes)
  }

  test.each([
    ['when the engine closes its idle connection', PING, 'HTTP/1.1 200 OK', 'length', 'leave'],
    ['when the engine talks on its idle connection', PING, 'HTTP/1.1 200 OK', 'length', 'talk'],
    ['when the engine says close', PING, 'HTTP/1.1 200 OK\r\nConnection: close', 'length', 'leave'],
    ['when the engine leaves in the middle of an answer', PING, 'HTTP/1.1 200 OK', 'more', 'leave'],
    ['when the answer ends with the connection', PING, 'HTTP/1.1 200 OK', 'none', 'finish'],
    ['when the engine closes a two-way stream', ATTACH, 'HTTP/1.1 101 UPGRADED', 'none', 'leave'],
    ['when the engine half-closes a two-way stream', ATTACH, 'HTTP/1.1 200 OK', 'none', 'finish'],
  ] as const)('%s', async (_, request, line, length, ends) => {
    for (const size of SIZES) {
      await using scene = await stage()
      const { client, engine } = await scene.begin(request)
      client.socket.pause()
      const fields = length === 'none' ? [] : [`Content-Length: ${size + (length === 'more' ? 1 : 0)}`]
      const answer = head(line, ...fields) + 'x'.repeat(size)
      const sent = engine.send(answer).then(async () => {
        if (ends === 'leave') engine.leave()
        else if (ends === 'finish') engine.finish()
        else await engine.send('out of turn')
      })
      await readLate(client, answer.length)
      await sent
      await client.end()
    }
  })

  test('when it has said itself that it will ask no more', async () => {
    for (const size of SIZES) {
      await using scene = await stage()
      const client = await scene.client()
      await client.send(PING)
      client.finish()
      const engine = await scene.engine.accept()
      await engine.end()
      client.socket.pause()
      const answer = bodyOf(size) + 'x'.repeat(size)
      const sent = engine.send(answer)
      await readLate(client, answer.length)
      await sent
      await client.end()
      await engine.close()
    }
  })

  test('when the proxy is told to stop', async () => {
    for (const size of SIZES) {
      await using scene = await stage()
      const { client, engine } = await scene.begin(PING)
      client.socket.pause()
      const answer = bodyOf(size) + 'x'.repeat(size)
      const sent = engine.send(answer)
      await settled()
      const drained = scene.proxy.drain(3_600_000)
      await readLate(client, answer.length)
      await sent
      await client.end()
      client.finish()
      await drained
    }
  })
})
