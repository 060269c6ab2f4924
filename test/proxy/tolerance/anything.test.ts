/** Whatever an adapter sends and however it leaves, a call ends, and nothing of it is left over. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { hookAt, REQUEST, staying } from '../../support/adapters/call.ts'

/** Pieces of replies, right by themselves and hardly ever in the order that they come in. */
const piece = fc.oneof(
  fc.constantFrom(
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.0 200 OK\r\n',
    'HTTP/1.1 403 Forbidden\r\n',
    'HTTP/1.1 204 No Content\r\n',
    'HTTP/1.1 103 Early Hints\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'Content-Length: 2\r\n',
    'Content-Length: 20\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Keep-Alive: timeout=0\r\n',
    '\r\n',
    '{}',
    '2\r\n{}\r\n',
    '0\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\n{}',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 403 Forbidden\r\n\r\n',
  ),
  fc.string({ unit: 'binary-ascii' }),
  fc.constant('x'.repeat(70_000)),
)

interface Reply {
  /** What is sent at once, one after the other. */
  readonly pieces: readonly (readonly string[])[]
  readonly end: 'finish' | 'reset' | 'stay'
}

const reply: fc.Arbitrary<Reply> = fc.record({
  pieces: fc.array(fc.array(piece, { maxLength: 5 }), { maxLength: 3 }),
  end: fc.constantFrom('finish', 'reset', 'stay'),
})

const call = fc.record({
  reply,
  /** When the client leaves, in milliseconds; mostly it stays. */
  leavesAfterMs: fc.option(fc.integer({ min: 0, max: 4 }), { freq: 4 }),
})

const calls = fc.record({
  /** All on one hook, so that a kept connection meets what an earlier reply has left on it. */
  calls: fc.array(call, { minLength: 1, maxLength: 3 }),
  fresh: fc.boolean(),
  replyLimitBytes: fc.constantFrom(1, 60_000, 1_000_000),
})

test('whatever is sent', async () => {
  let next: Reply = { pieces: [], end: 'stay' }
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', () => send(socket, next))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  await fc.assert(
    fc.asyncProperty(calls, async ({ calls, fresh, replyLimitBytes }) => {
      await using hook = hookAt({ url, address: { via: 'http' } }, { fresh, replyLimitBytes, timeoutMs: 25 })
      for (const { reply, leavesAfterMs } of calls) {
        next = reply
        const client = leavesAfterMs === null ? staying() : AbortSignal.timeout(leavesAfterMs)
        expect(await hook.pre(REQUEST, client)).toHaveProperty('ok')
      }
    }),
    { numRuns: 400 },
  )
  // Which it does only when nobody has a connection to it any more.
  server.close()
  await once(server, 'close')
})

async function send(socket: Socket, { pieces, end }: Reply): Promise<void> {
  for (const together of pieces) {
    if (!socket.destroyed) socket.write(together.join(''), 'latin1')
    await new Promise(setImmediate)
  }
  if (end === 'finish') socket.end()
  if (end === 'reset') socket.resetAndDestroy()
}
