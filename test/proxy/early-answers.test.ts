/**
 * An engine may answer before it has read the request: it refuses an upload, closes, and leaves the rest unread. Its
 * answer must reach the client all the same, although writing to the engine fails from then on.
 */
import type { Peer } from '../support/connect.ts'
import { head, PING, PONG, stage, type Way } from './stage.ts'

const UPLOAD_BYTES = 50 * 1024 * 1024
const PIECE = Buffer.alloc(64 * 1024, 'x')

const MATRIX = (['unix', 'tcp'] as const).flatMap((clients) =>
  (['unix', 'tcp'] as const).map((engine): { clients: Way; engine: Way } => ({ clients, engine })),
)

/** Sends until the proxy has had enough; gives the number of bytes that were sent. */
async function upload(client: Peer): Promise<number> {
  let sent = 0
  while (sent < UPLOAD_BYTES && !client.ended && !client.closed) {
    const gone = await client.send(PIECE).then(
      () => false,
      () => true,
    )
    if (gone) break
    sent += PIECE.length
  }
  return sent
}

const REQUESTS = [
  [
    'with a length',
    head('PUT /containers/x/archive?path=/ HTTP/1.1', 'Host: docker', `Content-Length: ${UPLOAD_BYTES}`),
  ],
  [
    'in chunks',
    `${head('PUT /containers/x/archive?path=/ HTTP/1.1', 'Host: docker', 'Transfer-Encoding: chunked')}${UPLOAD_BYTES.toString(16)}\r\n`,
  ],
] as const

describe.each(MATRIX)('clients on $clients, engine on $engine', (ways) => {
  describe.each(REQUESTS)('an upload %s', (_, request) => {
    const body = `${JSON.stringify({ message: `No such container: ${'x'.repeat(4000)}` })}\n`
    const answer =
      head('HTTP/1.1 404 Not Found', 'Connection: close', `Content-Length: ${body.length}`) + body

    test('that is refused at once: the client reads the refusal, then the close', async () => {
      await using scene = await stage(ways)
      const { client, engine } = await scene.begin(request)
      // What arrives from here on stays unread: closing then resets a TCP connection and fails writes on a unix one.
      engine.socket.pause()
      const sending = upload(client)
      await engine.send(answer)
      engine.leave()

      expect(await client.end()).toBe(answer)
      expect(await sending).toBeLessThan(UPLOAD_BYTES)
      client.finish()
      await scene.quiet()
      expect(await scene.ended()).toMatchObject({ status: 404, fate: 'relayed' })
    })

    test('that is refused half-way, as the engine does it: it says close and reads no more', async () => {
      await using scene = await stage(ways)
      const { client, engine } = await scene.begin(request)
      const sending = upload(client)
      await engine.untilBytes(UPLOAD_BYTES / 10)
      engine.socket.pause()
      await engine.send(answer)
      engine.finish()

      expect(await client.end()).toBe(answer)
      await sending
      client.finish()
      await scene.quiet()
    })

    test('whose engine leaves without a word is answered with 502', async () => {
      await using scene = await stage(ways)
      const { client, engine } = await scene.begin(request)
      engine.socket.pause()
      const sending = upload(client)
      engine.leave()
      expect(await client.end()).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/)
      await sending
      client.finish()
      await scene.quiet()
    })
  })
})

test('an answer may begin while the request goes on, and both end in their own time', async () => {
  await using scene = await stage()
  const request = head('POST /build HTTP/1.1', 'Host: docker', 'Content-Length: 10')
  const { client, engine } = await scene.begin(`${request}01234`)
  await engine.send(`${head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}5\r\nstep1\r\n`)
  await client.until('step1')
  await client.send('56789')
  await engine.until(`${request}0123456789`)
  await engine.send('5\r\nstep2\r\n0\r\n\r\n')
  await client.until('0\r\n\r\n')
  await client.send(PING)
  await engine.until(PING)
  await engine.send(PONG)
  await client.until(PONG)
})
