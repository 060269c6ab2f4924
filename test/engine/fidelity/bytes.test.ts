/**
 * What a relayed exchange may change: nothing. A scripted engine stands at the far end, so that both sides see every
 * byte; what real engines make of them is in the other files of this folder.
 */
import fc from 'fast-check'
import { RawPeer } from '../../support/raw/peer.ts'
import { type ScriptedEngine, startScriptedEngine } from '../../support/raw/scripted-engine.ts'
import { undated } from '../../support/raw/varying.ts'
import { LISTENERS } from '../../support/raw/ways.ts'

let engine: ScriptedEngine

beforeAll(async () => {
  engine = await startScriptedEngine()
})

afterAll(async () => {
  await engine[Symbol.asyncDispose]()
})

/** Everything a careful sender would do otherwise: spelling, order, repetition, white space, bytes above 0x7f. */
const ODD_HEAD = [
  'POST /v1.41/images/load?quiet=1&x&y=%7B%22a%22%3A1%7D&x=+&&=2 HTTP/1.1',
  'hOsT:   odd-example:1 ',
  'X-Twice: 1',
  'x-tWICE:\t2',
  'X-Empty:',
  'User-Agent:spaced   out\t',
  'X-Docker-Expose-Session-Grpc-Method: /a/B',
  'X-Docker-Expose-Session-Grpc-Method: /a/C',
  'CONNECTION: Keep-Alive',
  'X-High: \xe4\xff\x80',
  '',
].join('\r\n')

const CHUNKED = 'Transfer-Encoding: Chunked\r\n\r\n'
const ODD_CHUNKS = '00A\r\n0123456789\r\n1\r\n\0\r\n0000c\r\nHTTP/1.1 200\r\n00000\r\n\r\n'

/** A request, and the whole of what it must become at the engine. */
const REQUESTS: Readonly<Record<string, string>> = {
  'with chunks of odd sizes': `${ODD_HEAD}${CHUNKED}${ODD_CHUNKS}`,
  'with a sized body': `${ODD_HEAD}content-LENGTH: 7\r\n\r\n\r\n\r\n0\r\n`,
  'with an empty sized body': `${ODD_HEAD}Content-Length: 0\r\n\r\n`,
  'with no body and no framing field': `${ODD_HEAD}\r\n`,
  'in HTTP/1.0 without Host': 'GET /v1.41/info HTTP/1.0\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n',
}

const ODD_ANSWER_HEAD = 'HTTP/1.1 299 \r\nServer: Docker/1 (linux)\r\nserver:twice\r\nX-Odd:\t\xe4 \r\n'

/** Answers that leave the connection open. */
const ANSWERS: Readonly<Record<string, string>> = {
  'with chunks of odd sizes': `${ODD_ANSWER_HEAD}${CHUNKED}${ODD_CHUNKS}`,
  'with a sized body': `${ODD_ANSWER_HEAD}content-length:   5\r\n\r\nab\0\r\n`,
  'without a reason phrase': 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
  'with a status nobody knows': 'HTTP/1.1 599 What Is This\r\nContent-Length: 0\r\n\r\n',
  '204': 'HTTP/1.1 204 No Content\r\nApi-Version: 1.41\r\n\r\n',
  '304': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n',
  'behind interim ones':
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
}

const PING = 'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n'
const PONG = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK'

describe.each(LISTENERS)('through the %s listener', (listener) => {
  const connect = () => RawPeer.connect(engine.ways[listener])

  /** A client and the engine's side of its connection, after one small exchange. */
  async function connected(): Promise<{ client: RawPeer; far: RawPeer }> {
    const client = await connect()
    client.write(PING)
    const far = await engine.accept()
    expect(await far.head()).toBe(PING)
    far.write(PONG)
    expect((await client.answer()).status).toBe(200)
    return { client, far }
  }

  test.each(Object.entries(REQUESTS))('F02 a request %s arrives as it was sent', async (_what, sent) => {
    await using client = await connect()
    client.write(sent)
    const far = await engine.accept()
    expect((await far.bytes(sent.length)).toString('latin1')).toBe(sent)
    far.write(PONG)
    await client.answer()
    expect(far.unread).toHaveLength(0)
  })

  test.each(Object.entries(ANSWERS))('F02 an answer %s arrives as it was sent', async (_what, sent) => {
    const { client, far } = await connected()
    await using _ = client
    for (let times = 0; times < 2; times++) {
      client.write(PING)
      await far.head()
      far.write(sent)
      expect((await client.bytes(sent.length)).toString('latin1')).toBe(sent)
    }
    // Nothing behind it, and the connection serves on.
    client.write(PING)
    await far.head()
    far.write(PONG)
    expect((await client.bytes(PONG.length)).toString()).toBe(PONG)
  })

  test('F02 an answer without a length arrives whole and ends with the connection', async () => {
    const { client, far } = await connected()
    client.write(PING)
    await far.head()
    const sent = `${ODD_ANSWER_HEAD}\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n`
    far.write(sent)
    far.end()
    expect(await client.rest()).toEqual({ bytes: Buffer.from(sent, 'latin1'), ending: 'fin' })
  })

  test('F02 an answer to HEAD has no body, whatever its length field says', async () => {
    const { client, far } = await connected()
    await using _ = client
    client.write(PING.replace('GET', 'HEAD'))
    await far.head()
    const sent = 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n'
    far.write(sent)
    expect((await client.bytes(sent.length)).toString()).toBe(sent)
    client.write(PING)
    expect(await far.head()).toBe(PING)
  })

  test('F02 bytes arrive as sent however both sides cut them', async () => {
    const { client, far } = await connected()
    await using _ = client
    const request = REQUESTS['with chunks of odd sizes']!
    const answer = ANSWERS['behind interim ones']!
    const cuts = fc.array(fc.nat(), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(cuts, cuts, async (requestCuts, answerCuts) => {
        for (const piece of pieces(request, requestCuts)) await client.writeAll(piece)
        expect((await far.bytes(request.length)).toString('latin1')).toBe(request)
        for (const piece of pieces(answer, answerCuts)) await far.writeAll(piece)
        expect((await client.bytes(answer.length)).toString('latin1')).toBe(answer)
      }),
      { numRuns: 40 },
    )
  })

  test('F02 bytes arrive as sent when both sides send one at a time', async () => {
    const { client, far } = await connected()
    await using _ = client
    const request = REQUESTS['with a sized body']!
    const answer = ANSWERS['with chunks of odd sizes']!
    for (const byte of request) await client.writeAll(byte)
    expect((await far.bytes(request.length)).toString('latin1')).toBe(request)
    for (const byte of answer) await far.writeAll(byte)
    expect((await client.bytes(answer.length)).toString('latin1')).toBe(answer)
  })

  test('F02 an answer may start and end before the request has', async () => {
    const { client, far } = await connected()
    await using _ = client
    client.write('POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await far.until('abc\r\n')
    const first = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n'
    far.write(first)
    expect((await client.bytes(first.length)).toString()).toBe(first)
    client.write('3\r\ndef\r\n')
    expect((await far.until('def\r\n')).toString()).toBe('3\r\ndef\r\n')
    far.write('0\r\n\r\n')
    expect((await client.bytes(5)).toString()).toBe('0\r\n\r\n')
    client.write('0\r\n\r\n')
    expect((await far.bytes(5)).toString()).toBe('0\r\n\r\n')
    client.write(PING)
    expect(await far.head()).toBe(PING)
  })

  test('F03 a POST without a body gets no framing on its way', async () => {
    const { client, far } = await connected()
    await using _ = client
    const start = 'POST /v1.41/containers/box/start HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\n\r\n'
    client.write(start)
    expect(await far.head()).toBe(start)
    expect(far.unread).toHaveLength(0)
  })

  test.each([
    ['one write', (head: string, body: string) => [head + body]],
    ['two writes', (head: string, body: string) => [head, body]],
    ['a write for each byte', (head: string, body: string) => [...head, ...body]],
  ])('F20 head and body of an attach sent in %s leave in one', async (_how, cut) => {
    await using client = await connect()
    const body = '{"stream":true}'
    const head = `POST /containers/box/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nContent-Length: ${body.length}\r\n\r\n`
    for (const piece of cut(head, body)) await client.writeAll(piece)
    const far = await engine.accept()
    await far.until(body)
    expect(far.pieces.map(String)).toEqual([head + body])
    far.destroy()
  })

  test('F21 nothing behind an attach goes on before its 101, and then all of it in order', async () => {
    await using client = await connect()
    const head =
      'POST /containers/box/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
    client.write(`${head}one `)
    const far = await engine.accept()
    expect(await far.head()).toBe(head)
    await client.writeAll('two ')
    // powerstrip has read "two " by the time it answers what was sent after it.
    await using other = await connect()
    other.write(PING)
    const otherFar = await engine.accept()
    await otherFar.head()
    expect(far.unread).toHaveLength(0)

    far.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nout')
    await client.writeAll('three')
    expect((await far.bytes(13)).toString()).toBe('one two three')
    expect(await client.head()).toContain('101 UPGRADED')
    expect((await client.bytes(3)).toString()).toBe('out')
    far.destroy()
  })

  test('F21 what was sent behind an attach that is refused never reaches the engine', async () => {
    await using client = await connect()
    const head = 'POST /containers/none/attach?stream=1 HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\n\r\n'
    client.write(`${head}POST /containers/create HTTP/1.1\r\nHost: x\r\n\r\n`)
    const far = await engine.accept()
    await far.head()
    const refusal = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno'
    far.write(refusal)
    expect((await client.rest()).bytes.toString()).toBe(refusal)
    expect(await far.rest()).toMatchObject({ bytes: Buffer.alloc(0) })
  })

  test('F30 integers above 2^53 of an answer pass as they are written', async () => {
    const { client, far } = await connected()
    await using _ = client
    const stats =
      '{"memory_stats":{"limit":18446744073709551615,"usage":9007199254740993},"x":1.0,"y":1e400,"x":-0}\n'
    client.write('GET /containers/box/stats?stream=0 HTTP/1.1\r\nHost: x\r\n\r\n')
    await far.head()
    far.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${stats.length}\r\n\r\n${stats}`,
    )
    expect((await client.answer()).body.toString()).toBe(stats)
  })

  test('F31 integers above 2^53 of a request pass as they are written', async () => {
    const { client, far } = await connected()
    await using _ = client
    const body = '{"Image":"busybox","HostConfig":{"Memory":9007199254740993,"CpuShares":1e2},"a":1,"a":2}'
    const create = `POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    client.write(create)
    expect((await far.bytes(create.length)).toString()).toBe(create)
  })

  test('F36 pipelined requests go on one by one, each behind the answer to the last', async () => {
    await using client = await connect()
    const second = PING.replace('/_ping', '/info')
    client.write(PING + second)
    const far = await engine.accept()
    expect(await far.head()).toBe(PING)
    far.write(PONG.slice(0, -1))
    expect(await client.head()).toContain('200 OK')
    expect(far.unread).toHaveLength(0)
    far.write('K')
    expect(await far.head()).toBe(second)
    far.write(PONG)
    expect((await client.bytes(2)).toString()).toBe('OK')
    expect((await client.answer()).body.toString()).toBe('OK')
  })

  test('F09 an engine that leaves in the middle of a chunked answer leaves it cut off', async () => {
    const { client, far } = await connected()
    client.write(PING)
    await far.head()
    const sent = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n8\r\nwor'
    far.write(sent)
    await client.until('wor')
    far.destroy()
    expect(await client.rest()).toEqual({ bytes: Buffer.alloc(0), ending: 'fin' })
  })

  test('F43 a kept connection that the engine closes while idle is closed for the client too', async () => {
    const { client, far } = await connected()
    far.end()
    expect((await client.rest()).bytes).toHaveLength(0)

    // Its retry, on a new connection, is served.
    const retry = await connected()
    retry.client.destroy()
  })

  test('F43 a request that the engine answers by closing a kept connection is not answered by powerstrip', async () => {
    const { client, far } = await connected()
    client.write(PING)
    await far.head()
    far.destroy()
    expect((await client.rest()).bytes).toHaveLength(0)
  })

  test('F38 a first request that the engine answers by closing is answered with 502', async () => {
    await using client = await connect()
    client.write(PING)
    const far = await engine.accept()
    await far.head()
    far.destroy()
    const answer = await client.answer()
    expect(undated(answer.head)).toBe(
      `HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nContent-Length: ${answer.body.length}\r\nDate: *\r\nConnection: close\r\n\r\n`,
    )
    expect(JSON.parse(answer.body.toString())).toEqual({ message: expect.any(String) })
  })

  test('F07 a client that leaves takes its engine connection with it', async () => {
    const { client, far } = await connected()
    client.write(PING)
    await far.head()
    client.destroy()
    expect((await far.rest()).bytes).toHaveLength(0)
  })
})

/** `text` cut at places that the numbers name. */
function pieces(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((cut) => cut % text.length))].sort((a, b) => a - b)
  return [...places, text.length]
    .map((place, at) => text.slice(places[at - 1] ?? 0, place))
    .filter((piece) => piece !== '')
}
