/** Requests that turn their connection into a stream, and those that might have. */
import { type Box, catBox, createExec, request, runBox } from '../../support/raw/box.ts'
import { fieldsOf } from '../../support/raw/message.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { undated } from '../../support/raw/varying.ts'
import { describeEveryWay, LISTENERS, relayed, sameEveryWay } from '../../support/raw/ways.ts'

const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp']
const ATTACH = 'stream=1&stdin=1&stdout=1&stderr=1'
const PING = request('GET', '/_ping')

describeEveryWay('two-way streams', (at) => {
  /** Runs on, for execs. */
  let running: Box

  beforeAll(async () => {
    running = await runBox(at().engine, ['sleep', '1000000'])
  })

  afterAll(async () => {
    await running[Symbol.asyncDispose]()
  })

  test('F14 exec start without Upgrade: a bare 200 without framing, closed at the exit', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      const exec = await createExec(at().engine, running, ['echo', 'hi'])
      await using peer = await RawPeer.connect(door)
      peer.write(request('POST', `/exec/${exec}/start`, { Detach: false, Tty: false }))
      const head = await peer.head()
      const { bytes, ending } = await peer.rest()
      return { head, output: bytes.toString('latin1'), ending }
    })
    expect(seen.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(seen.head).not.toMatch(/content-length|transfer-encoding|connection/i)
    expect(seen).toMatchObject({ output: frame(1, 'hi\n'), ending: 'fin' })
  })

  test('F15 legacy attach: what looks like HTTP is input for the container', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using box = await catBox(at().engine)
      await using peer = await RawPeer.connect(door)
      peer.write(request('POST', `/containers/${box.id}/attach?${ATTACH}`))
      const head = await peer.head()
      peer.write(PING)
      const output = (await peer.bytes(8 + PING.length)).toString('latin1')
      peer.end()
      return { head, output, ...(await peer.rest()) }
    })
    expect(seen.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(seen).toMatchObject({ output: frame(1, PING), bytes: Buffer.alloc(0), ending: 'fin' })
  })

  test('F16 Upgrade without Connection switches all the same', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      const exec = await createExec(at().engine, running, ['echo', 'hi'])
      await using peer = await RawPeer.connect(door)
      peer.write(request('POST', `/exec/${exec}/start`, {}, ['Upgrade: tcp']))
      return (await peer.rest()).bytes.toString('latin1')
    })
    expect(seen).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n/)
    expect(seen.endsWith(`\r\n\r\n${frame(1, 'hi\n')}`)).toBe(true)
  })

  test.each([
    ['with Upgrade', UPGRADE],
    ['without', []],
  ])('F17 attach to a missing container, %s: 404 as text, no length, end', async (_how, fields) => {
    const seen = await sameEveryWay(relayed(at().ways), async (door) => {
      await using peer = await RawPeer.connect(door)
      peer.write(request('POST', `/containers/none-such/attach?${ATTACH}`, undefined, fields))
      const { bytes, ending } = await peer.rest()
      return { answer: undated(bytes), ending }
    })
    expect(seen.answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/)
    expect(seen.answer).not.toMatch(/content-length|transfer-encoding/i)
    expect(seen).toMatchObject({ answer: expect.stringMatching(/no such container/i), ending: 'fin' })
  })

  test.each([
    ['sized', (json: string) => [`Content-Length: ${json.length}`, '', json]],
    [
      'chunked',
      (json: string) => [
        'Transfer-Encoding: chunked',
        '',
        `${json.length.toString(16)}\r\n${json}\r\n0\r\n\r\n`,
      ],
    ],
  ])('F20 the %s JSON body of an attach is not input for the container', async (_how, framed) => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using box = await catBox(at().engine)
      await using peer = await RawPeer.connect(door)
      peer.write(attachWithBody(box, framed))
      const head = await peer.head()
      peer.write('typed\n')
      peer.end()
      return { head, output: (await peer.rest()).bytes.toString('latin1') }
    })
    expect(seen.head).toContain('101 UPGRADED')
    expect(seen.output).toBe(frame(1, 'typed\n'))
  })

  // Directly, a second write is typed into the container: here powerstrip is better than nothing in between.
  test.each(LISTENERS)('F20 nor is one that arrives in pieces (%s)', async (listener) => {
    await using box = await catBox(at().engine)
    await using peer = await RawPeer.connect(at().ways[listener])
    const sent = attachWithBody(box, (json) => [`Content-Length: ${json.length}`, '', json])
    for (const piece of sent.match(/[\s\S]{1,40}/g)!) await peer.writeAll(piece)
    expect(await peer.head()).toContain('101 UPGRADED')
    peer.write('typed\n')
    peer.end()
    expect((await peer.rest()).bytes.toString('latin1')).toBe(frame(1, 'typed\n'))
  })

  // Directly, what dockerd has read together with the head is lost.
  test.each(LISTENERS)('F21 input that is sent before the 101 keeps its order (%s)', async (listener) => {
    await using box = await catBox(at().engine)
    await using peer = await RawPeer.connect(at().ways[listener])
    peer.write(`${request('POST', `/containers/${box.id}/attach?${ATTACH}`, undefined, UPGRADE)}one `)
    await peer.writeAll('two ')
    expect(await peer.head()).toContain('101 UPGRADED')
    peer.write('three\n')
    peer.end()
    const { bytes } = await peer.rest()
    expect(unframed(bytes)).toBe('one two three\n')
  })

  describe.each(['1.41', '1.42', '1.44'])('API %s', (version) => {
    test.each([true, false])(
      'F22 exec start with TTY %j has the same head and the same output',
      async (Tty) => {
        const seen = await sameEveryWay(at().ways, async (door) => {
          const exec = await createExec(at().engine, running, ['echo', 'hi'], { Tty })
          await using peer = await RawPeer.connect(door)
          peer.write(request('POST', `/v${version}/exec/${exec}/start`, { Tty }, UPGRADE))
          const head = undated(await peer.head())
          peer.end()
          return { head, output: (await peer.rest()).bytes.toString('latin1') }
        })
        if (isServed(version, at().engine.apiVersion)) {
          expect(seen.head).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n/)
          const multiplexed = version !== '1.41' && !Tty
          expect(fieldsOf(seen.head, 'content-type')).toEqual([
            `application/vnd.docker.${multiplexed ? 'multiplexed' : 'raw'}-stream`,
          ])
          expect(seen.output).toBe(Tty ? 'hi\r\n' : frame(1, 'hi\n'))
        } else {
          expect(seen.head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
          expect(seen.output).toContain('is too new')
        }
      },
    )
  })

  test('F23 attach/ws: frames pass unchanged both ways', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using box = await catBox(at().engine)
      await using peer = await RawPeer.connect(door)
      peer.write(
        request('GET', `/containers/${box.id}/attach/ws?${ATTACH}`, undefined, [
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Origin: http://docker',
          'Sec-WebSocket-Version: 13',
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        ]),
      )
      const head = undated(await peer.head())
      const frames: string[] = []
      for (const text of ['one\n', 'GET / HTTP/1.1\r\n\r\n', 'x'.repeat(300)]) {
        peer.write(webSocketFrame(BINARY, text))
        frames.push((await peer.bytes((text.length > 125 ? 4 : 2) + text.length)).toString('latin1'))
      }
      peer.write(webSocketFrame(PING_FRAME, 'are you there'))
      frames.push((await peer.bytes(15)).toString('latin1'))
      return { head, frames }
    })
    expect(seen.head).toMatch(/^HTTP\/1\.1 101 /)
    expect(fieldsOf(seen.head, 'sec-websocket-accept')).toEqual(['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
    expect(seen.frames[0]).toMatch(/one\n$/)
    expect(seen.frames.at(-1)).toBe('\x8a\x0dare you there')
  })

  test.each(LISTENERS)(
    'F21 a refused upgrade ends the connection if something was sent behind it (%s)',
    async (listener) => {
      await using peer = await RawPeer.connect(at().ways[listener])
      peer.write(request('POST', '/exec/none-such/start', {}, UPGRADE) + PING)
      expect((await peer.answer()).status).toBe(404)
      expect(await peer.rest()).toEqual({ bytes: Buffer.alloc(0), ending: 'fin' })
    },
  )
})

function attachWithBody(box: Box, framed: (json: string) => string[]): string {
  const json = '{"stream":true,"stdin":true,"stdout":true,"stderr":true}'
  return [
    `POST /containers/${box.id}/attach?${ATTACH} HTTP/1.1`,
    'Host: docker',
    ...UPGRADE,
    'Content-Type: application/json',
    ...framed(json),
  ].join('\r\n')
}

/** One piece of output as a stream without TTY carries it. */
function frame(stream: 1 | 2, text: string): string {
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  head.writeUInt32BE(text.length, 4)
  return head.toString('latin1') + text
}

/** The output without the frame heads, however it was cut into frames. */
function unframed(bytes: Buffer): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32BE(at + 4))
    text += bytes.toString('latin1', at + 8, at + 8 + bytes.readUInt32BE(at + 4))
  return text
}

function isServed(version: string, newest: string): boolean {
  return Number(version.slice(2)) <= Number(newest.slice(2))
}

const BINARY = 0x2
const PING_FRAME = 0x9

/** A client's frame: complete, and masked with zeros, which leaves the text as it is. */
function webSocketFrame(opcode: number, text: string): string {
  const length = text.length > 125 ? [0x80 | 126, text.length >> 8, text.length & 0xff] : [0x80 | text.length]
  return Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]).toString('latin1') + text
}
