/** Protocol 2, section 8, over real sockets: what stream-hooks are shown, what becomes of it, and every way a stream ends. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineAdapter, type JsonObject, serve } from 'powerstrip/sdk'
import { ok } from '../../../src/model/result.ts'
import type { Peer } from '../../support/connect.ts'
import type { RawPeer } from '../../support/raw/peer.ts'
import { type ScriptedEngine, startScriptedEngine } from '../../support/scripted-engine.ts'
import type { Behaviour, SeenCall } from '../../support/two/adapter.ts'
import { jsonOf, messageOf, setTwo, type TwoScene, type TwoStage } from '../../support/two/stage.ts'

const EVENTS = 'GET /v1.45/events HTTP/1.1\r\nHost: docker\r\n\r\n'
const BUILD =
  'POST /v1.45/build?buildargs=%7B%7D HTTP/1.1\r\nHost: docker\r\nContent-Type: application/x-tar\r\n'
const LOGS = 'GET /v1.45/containers/a/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: docker\r\n\r\n'
const HEAD =
  'HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
const LAST = '0\r\n\r\n'

const chunk = (data: string) => `${Buffer.byteLength(data, 'latin1').toString(16)}\r\n${data}\r\n`
const event = (n: number) => `{"n":${n}}\n`
const eventsOf = ({ message }: SeenCall) => message.Events as { n: number; Type?: string; by?: string }[]
const partsOf = (calls: readonly SeenCall[]) =>
  calls.map(({ adapter, message }) => `${adapter} ${message.Part} ${message.Seq}`)
const pass: Behaviour = () => undefined

/** An adapter that says this of each batch, and nothing of the beginning and the end. */
const onData =
  (
    does: (events: readonly { n: number; Type?: string; by?: string }[], call: SeenCall) => unknown,
  ): Behaviour =>
  (call) =>
    call.message.Part === 'data' ? (does(eventsOf(call), call) as object | undefined) : undefined

let engine: ScriptedEngine
beforeEach(async () => {
  engine = await startScriptedEngine()
})
afterEach(() => engine[Symbol.asyncDispose]())

type Cast = NonNullable<TwoScene['adapters']>

function staged(adapters: Cast, lists: object = { stream: Object.keys(adapters) }, key = 'SystemEvents') {
  return setTwo({ engine: engine.address, adapters, endpoints: { [key]: lists as Record<string, unknown> } })
}

/** A client that has asked, and the engine that has heard it. */
async function asked(stage: TwoStage, request = EVENTS): Promise<{ client: RawPeer; dockerd: Peer }> {
  const client = await stage.connect()
  client.write(request)
  const dockerd = await engine.accept()
  await dockerd.until('\r\n\r\n')
  return { client, dockerd }
}

/** All that a stream of events came to at the client. */
async function answerTo(stage: TwoStage, body: string, head = HEAD, request = EVENTS) {
  const { client, dockerd } = await asked(stage, request)
  await dockerd.send(`${head}${body}`)
  return { answer: await client.answer(), client, dockerd }
}

describe('8: what a stream-hook is shown', () => {
  test('V2-8.2: a beginning, batches, and an end, counted, each about the same request', async () => {
    await using stage = await staged({ a: { does: pass, with: { team: 'x' } } })
    const { answer } = await answerTo(stage, chunk(event(1)) + chunk(event(2)) + LAST)
    expect(answer.body.toString()).toBe('{"n":1}\n{"n":2}\n')
    expect(partsOf(stage.timeline)).toEqual(['a open 0', 'a data 1', 'a close 2'])
    expect(stage.timeline.map(({ message }) => message.Events)).toEqual([[], [{ n: 1 }, { n: 2 }], []])
    const [open, data] = stage.timeline
    expect(open!.message).toMatchObject({
      Type: 'stream-hook',
      Operation: 'SystemEvents',
      AdapterConfig: { team: 'x' },
      Chain: { Endpoint: 'SystemEvents', Index: 0, Length: 1 },
      ClientRequest: { Method: 'GET', Request: '/v1.45/events' },
      ServerResponse: { Code: 200, ContentType: 'application/json', Body: null, BodyEncoding: 'omitted' },
    })
    expect(data!.message.RequestId).toBe(open!.message.RequestId)
    expect(data!.uid).not.toBe(open!.uid)
    expect(await stage.ended()).toMatchObject({
      fate: 'unchanged',
      status: 200,
      chain: {
        hooks: [
          {
            adapter: 'a',
            phase: 'stream',
            outcome: 'pass',
            stream: { calls: 3, events: 2, dropped: 0, replaced: 0, inserted: 0, passedOver: 0 },
          },
        ],
      },
    })
  })

  test('V2-8.8: the head is with the client before there is anything to show', async () => {
    await using stage = await staged({ a: pass })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD)
    expect(await client.head()).toBe(HEAD)
    expect(partsOf(stage.timeline)).toEqual(['a open 0'])
    await dockerd.send(chunk(event(1)))
    await client.until(chunk(event(1)))
  })

  test('V2-8.6: what passes goes on byte for byte, what is replaced keeps its digits', async () => {
    const odd = '{ "n" : 12345678901234567890 ,\n "f": 1.10 }\r\n'
    await using stage = await staged({
      a: onData((events) =>
        events.length === 1
          ? undefined
          : '{"Events":[{"Index":1,"Action":"replace","Event":{"n": 1.00,\n"m": 98765432109876543210}}]}',
      ),
    })
    const { answer } = await answerTo(stage, chunk(odd + event(2) + odd) + LAST)
    expect(answer.body.toString()).toBe(`${odd}{"n": 1.00, "m": 98765432109876543210}\n${odd}`)
    expect((await stage.ended()).fate).toBe('changed')
  })

  test('V2-8.4: no more than 64 events at a time, in order, and one call after the other', async () => {
    let running = 0
    const sizes: number[] = []
    await using stage = await staged({
      a: async (call) => {
        expect(++running).toBe(1)
        if (call.message.Part === 'data') sizes.push(eventsOf(call).length)
        await new Promise(setImmediate)
        running--
        return undefined
      },
    })
    const body = Array.from({ length: 1000 }, (_, n) => event(n)).join('')
    const { answer } = await answerTo(stage, chunk(body) + LAST)
    expect(answer.body.toString()).toBe(body)
    expect(Math.max(...sizes)).toBe(64)
    expect(stage.timeline.flatMap(eventsOf).map(({ n }) => n)).toEqual([...Array(1000).keys()])
    expect(stage.timeline.map(({ message }) => message.Seq)).toEqual([...stage.timeline.keys()])
  })

  test('V2-8.5: several in the order of the file, each what the one before let through', async () => {
    const marking = (by: string): Behaviour =>
      onData((events) => ({
        Events: events.map((one, Index) => ({ Index, Action: 'replace', Event: { ...one, [by]: 1 } })),
      }))
    const dropping = onData((events) => ({
      Events: events.flatMap(({ n }, Index) => (n === 2 ? [{ Index, Action: 'drop' }] : [])),
      Insert: [{ Before: 0, Event: { n: 0 } }],
    }))
    await using stage = await staged({ a: marking('a'), b: dropping, c: marking('c') })
    const { answer } = await answerTo(stage, chunk(event(1) + event(2)) + LAST)
    expect(answer.body.toString()).toBe('{"n":0,"c":1}\n{"n":1,"a":1,"c":1}\n')
    expect(partsOf(stage.timeline).slice(3, 6)).toEqual(['a data 1', 'b data 1', 'c data 1'])
  })

  test('nothing where all events of a batch were dropped before', async () => {
    await using stage = await staged({
      a: onData((events) => ({ Events: events.map((_, Index) => ({ Index, Action: 'drop' })) })),
      b: pass,
    })
    const { answer } = await answerTo(stage, chunk(event(1)) + LAST)
    expect(answer.body).toHaveLength(0)
    expect(partsOf(stage.timeline)).toContain('a data 1')
    expect(partsOf(stage.timeline)).not.toContain('b data 1')
  })

  test('no secrets that it has not been granted', async () => {
    await using stage = await staged(
      { a: pass, b: { does: pass, secrets: ['buildArgs'] } },
      undefined,
      'ImageBuild',
    )
    await answerTo(stage, chunk('{"stream":"x"}\r\n') + LAST, HEAD, `${BUILD}Content-Length: 0\r\n\r\n`)
    expect(
      new Set(stage.timeline.map(({ adapter, message }) => `${adapter} ${message.ClientRequest.Request}`)),
    ).toEqual(new Set(['a /v1.45/build', 'b /v1.45/build?buildargs=%7B%7D']))
  })

  test('nothing where its condition does not hold, or its adapter is for other operations', async () => {
    await using stage = await staged(
      { a: pass, b: { does: pass, abilities: { Operations: ['ContainerLogs'] } } },
      { stream: [{ use: 'a', when: 'has(query.since)' }, 'b'] },
    )
    const { answer } = await answerTo(stage, chunk(event(1)) + LAST)
    expect(answer.body.toString()).toBe(event(1))
    expect(stage.timeline).toEqual([])
  })
})

describe('8: framings', () => {
  test('V2-8.3: a dropped message takes its line end with it, wherever the engine’s bytes are split', async () => {
    const body = '{"n":1}\r\n{"n":2}\r\n{"n":3}\r\n'
    const bytes = [...body].map(chunk).join('') + LAST
    await using stage = await staged({
      a: onData((events) => ({
        Events: events.flatMap(({ n }, Index) => (n === 2 ? [{ Index, Action: 'drop' }] : [])),
        Insert: events.flatMap(({ n }, index) => (n === 2 ? [{ Before: index + 1, Event: { n: 2.5 } }] : [])),
      })),
    })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD)
    // Byte by byte, each read by the proxy on its own.
    for (const byte of bytes) {
      await dockerd.send(byte)
      await new Promise(setImmediate)
    }
    const answer = await client.answer()
    expect(answer.body.toString()).toBe('{"n":1}\r\n{"n":2.5}\r\n{"n":3}\r\n')
  })

  /** What becomes of an event by its number, whatever batch it comes in. */
  const fateOf = (n: number) => ({
    before: n % 7 === 3 ? `{"before":${n}}` : undefined,
    itself:
      n % 5 === 1
        ? undefined
        : n % 5 === 2
          ? `{"n":${n},"by":"a"}`
          : `{"n":${n},"pad":"${'}{'.repeat(n % 9)}"}`,
    behind: n % 11 === 4 ? `{"behind":${n}}` : undefined,
  })

  test.each(['\n', '\r\n', ''])(
    'V2-8.3, V2-8.4, V2-8.6: streams with %j between messages, cut anywhere, come out as if one had edited the text',
    async (lineEnd) => {
      await using stage = await staged({
        a: onData((events) => ({
          Events: events.flatMap(({ n }, Index) => {
            if (n % 5 === 1) return [{ Index, Action: 'drop' }]
            return n % 5 === 2 ? [{ Index, Action: 'replace', Event: { n, by: 'a' } }] : []
          }),
          Insert: events.flatMap(({ n }, index) => [
            ...(n % 7 === 3 ? [{ Before: index, Event: { before: n } }] : []),
            ...(n % 11 === 4 ? [{ Before: index + 1, Event: { behind: n } }] : []),
          ]),
        })),
      })
      const { client, dockerd } = await asked(stage)
      for (let stream = 0; stream < 30; stream++) {
        if (stream > 0) client.write(EVENTS)
        const numbers = Array.from({ length: 1 + ((stream * 13) % 90) }, (_, n) => n + stream)
        const sent = numbers.map((n) => `{"n":${n},"pad":"${'}{'.repeat(n % 9)}"}${lineEnd}`).join('')
        await dockerd.send(HEAD)
        for (let at = 0, step = 1; at < sent.length; at += step) {
          step = 1 + ((at * 31 + stream * 17) % 97)
          await dockerd.send(chunk(sent.slice(at, at + step)))
          if (at % 3 === 0) await new Promise(setImmediate)
        }
        await dockerd.send(LAST)
        const body = (await client.answer()).body.toString()
        const expected = numbers.flatMap((n) => {
          const { before, itself, behind } = fateOf(n)
          return [before, itself, behind].filter((text) => text !== undefined)
        })
        if (lineEnd === '') expect(body.replaceAll('\n', '')).toBe(expected.join(''))
        else expect(body.split(/\r?\n/)).toEqual([...expected, ''])
      }
    },
  )

  test('V2-8.3: application/json-seq', async () => {
    await using stage = await staged({
      a: onData(() => ({
        Events: [
          { Index: 0, Action: 'drop' },
          { Index: 1, Action: 'replace', Event: { n: 'two' } },
        ],
        Insert: [{ Event: { n: 3 } }],
      })),
    })
    const head = HEAD.replace('application/json', 'application/json-seq')
    const { answer } = await answerTo(stage, chunk('\x1e{"n":1}\n\x1e{"n":2}\n') + LAST, head)
    expect(answer.body.toString()).toBe('\x1e{"n":"two"}\n\x1e{"n":3}\n')
  })

  test('V2-8.3: frames of logs', async () => {
    await using stage = await staged(
      {
        a: onData(() => ({
          Events: [
            { Index: 0, Action: 'drop' },
            { Index: 1, Action: 'replace', Event: { Body: 'hidden\n' } },
          ],
          Insert: [{ Event: { Stream: 'stderr', Body: '/w==', BodyEncoding: 'base64' } }],
        })),
      },
      undefined,
      'ContainerLogs',
    )
    const head = HEAD.replace('application/json', 'application/vnd.docker.multiplexed-stream')
    const body = '\x01\0\0\0\0\0\0\x02a\n\x02\0\0\0\0\0\0\x02b\n\x01\0\0\0\0\0\0\x01c'
    const { answer } = await answerTo(stage, chunk(body) + LAST, head, LOGS)
    expect(answer.body.toString('latin1')).toBe(
      '\x02\0\0\0\0\0\0\x07hidden\n\x01\0\0\0\0\0\0\x01c\x02\0\0\0\0\0\0\x01\xff',
    )
    expect(stage.timeline[1]!.message.Events).toEqual([
      { Stream: 'stdout', Body: 'a\n', BodyEncoding: 'utf8' },
      { Stream: 'stderr', Body: 'b\n', BodyEncoding: 'utf8' },
      { Stream: 'stdout', Body: 'c', BodyEncoding: 'utf8' },
    ])
  })

  test('V2-8.3: logs of a terminal, as they come', async () => {
    await using stage = await staged(
      {
        a: onData((events) => ({
          Events: events.map((_, Index) => ({ Index, Action: 'replace', Event: { Body: '*' } })),
        })),
      },
      undefined,
      'ContainerLogs',
    )
    const head = HEAD.replace('application/json', 'application/vnd.docker.raw-stream')
    const { answer } = await answerTo(stage, chunk('secret\r\n') + LAST, head, LOGS)
    expect(answer.body.toString()).toBe('*')
    expect(stage.timeline[1]!.message.Events).toEqual([{ Body: 'secret\r\n', BodyEncoding: 'utf8' }])
  })

  test('an answer with a length goes on in chunks, and to a client of HTTP/1.0 up to the end of the connection', async () => {
    await using stage = await staged({ a: onData(() => ({ Insert: [{ Event: { n: 2 } }] })) })
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\nContent-Type: application/json\r\n\r\n'
    const first = await answerTo(stage, event(1), head)
    expect([first.answer.body.toString(), first.answer.head]).toEqual([
      '{"n":1}\n{"n":2}\n',
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    ])
    // The connection goes on.
    first.client.write(EVENTS)
    await first.dockerd.send(HEAD + LAST)
    expect((await first.client.answer()).body).toHaveLength(0)

    const { client, dockerd } = await asked(stage, EVENTS.replace('1.1', '1.0'))
    await dockerd.send(head.replace('1.1', '1.0') + event(1))
    expect((await client.rest()).bytes.toString()).toBe(
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"n":1}\n{"n":2}\n',
    )
  })

  test('an answer up to the end of the connection', async () => {
    await using stage = await staged({ a: onData(() => ({ Insert: [{ Event: { n: 2 } }] })) })
    const { client, dockerd } = await asked(stage, EVENTS.replace('1.1', '1.0'))
    const head = 'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n'
    await dockerd.send(head + event(1))
    dockerd.finish()
    expect((await client.rest()).bytes.toString()).toBe(`${head}{"n":1}\n{"n":2}\n`)
    expect((await stage.ended()).fate).toBe('changed')
  })
})

describe('8: the end', () => {
  test('V2-8.7: End ends the stream behind its batch, as streams end, and lets go of the engine', async () => {
    await using stage = await staged({
      a: onData((events) =>
        events.some(({ n }) => n === 2) ? { Insert: [{ Event: { n: 99 } }], End: true } : undefined,
      ),
      b: pass,
    })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD + chunk(event(1) + event(2)))
    const answer = await client.answer()
    expect(answer.body.toString()).toBe('{"n":1}\n{"n":2}\n{"n":99}\n')
    await dockerd.close()
    expect((await client.rest()).ending).toBe('fin')
    expect(partsOf(stage.timeline).slice(-2)).toEqual(['a close 2', 'b close 2'])
    expect(
      eventsOf(stage.timeline.find(({ adapter, message }) => adapter === 'b' && message.Part === 'data')!),
    ).toHaveLength(3)
    expect(await stage.ended()).toMatchObject({ fate: 'changed', status: 200 })
  })

  test('V2-8.7: what is inserted at the beginning and at the end stands there, and later hooks see it', async () => {
    await using stage = await staged({
      a: ({ message }) =>
        message.Part === 'data' ? undefined : { Insert: [{ Event: { part: message.Part } }] },
      b: pass,
    })
    const { answer } = await answerTo(stage, chunk(event(1)) + LAST)
    expect(answer.body.toString()).toBe('{"part":"open"}\n{"n":1}\n{"part":"close"}\n')
    expect(stage.timeline.filter(({ adapter }) => adapter === 'b').flatMap(eventsOf)).toEqual([
      { part: 'open' },
      { n: 1 },
      { part: 'close' },
    ])
  })

  test('an engine that goes away: what had come is sent, and the end is missing', async () => {
    await using stage = await staged({
      a: onData((events) => ({
        Events: events.map((one, Index) => ({ Index, Action: 'replace', Event: { ...one, by: 'a' } })),
      })),
    })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD + chunk(`${event(1)}{"n":`))
    dockerd.finish()
    const { bytes } = await client.rest()
    expect(bytes.toString()).toBe(HEAD + chunk('{"n":1,"by":"a"}\n'))
    expect(partsOf(stage.timeline).at(-1)).toBe('a close 2')
    expect((await stage.ended()).fate).toBe('cut-off')
  })

  test('V2-8.13: a client that leaves: the call in hand is ended, the adapter told, the engine let go', async () => {
    await using stage = await staged({
      a: ({ message }) => (message.Part === 'data' ? 'silence' : undefined),
    })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD + chunk(event(1)))
    const call = await stage.adapter('a').called(2)
    client.destroy()
    await call.hungUp
    await dockerd.close()
    expect((await stage.adapter('a').called(3)).message.Part).toBe('close')
    expect((await stage.ended()).fate).toBe('aborted')
  })

  test('V2-8.13: a client that leaves before it has the head gets back what was reserved for it', async () => {
    await using stage = await staged(
      {
        lease: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
        a: () => 'silence',
      },
      { pre: ['lease'], stream: ['a'] },
    )
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD)
    await stage.adapter('a').called(1)
    client.destroy()
    expect((await stage.adapter('lease').called(1, 'unwind-hook')).message.Cause.Phase).toBe('client')
  })

  test('the client’s FIN reaches the engine, whose last words go through the hooks', async () => {
    await using stage = await staged({ a: pass })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD)
    await client.head()
    client.end()
    await dockerd.end()
    await dockerd.send(chunk(event(1)) + LAST)
    expect((await client.until(LAST)).toString()).toBe(chunk(event(1)) + LAST)
  })
})

describe('8: failures', () => {
  test('V2-8.10: before the head it is an ordinary 502, and what was reserved is undone', async () => {
    await using stage = await staged(
      {
        lease: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
        good: pass,
        bad: () => ({ status: 500, text: 'no room' }),
      },
      { pre: ['lease'], stream: ['good', 'bad'] },
    )
    const { answer } = await answerTo(stage, chunk(event(1)))
    expect([answer.status, messageOf(answer)]).toEqual([
      502,
      'adapter "bad" failed: it answered 500: no room; the engine had already answered 200',
    ])
    const undone = await stage.adapter('lease').called(1, 'unwind-hook')
    expect(undone.message.Cause).toMatchObject({ Phase: 'post', Adapter: 'bad', Upstream: 'completed' })
    expect((await stage.adapter('good').called(2)).message.Part).toBe('close')
    expect(await stage.ended()).toMatchObject({ fate: 'post-failed', status: 502 })
  })

  test('V2-8.11: build, pull, push and load get the engine’s own kind of error within the stream, naming the adapter', async () => {
    await using stage = await staged(
      {
        lease: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
        a: onData((events) => (events.some(({ n }) => n === 2) ? 'crash' : undefined)),
        b: pass,
      },
      { pre: ['lease'], stream: ['a', 'b'] },
      'ImageBuild',
    )
    const { client, dockerd } = await asked(stage, `${BUILD}Content-Length: 0\r\n\r\n`)
    await dockerd.send(HEAD + chunk('{"n":1}\r\n'))
    await client.until('{"n":1}\r\n\r\n')
    await dockerd.send(chunk('{"n":2}\r\n'))
    const rest = (await client.until(LAST)).toString()
    const message = /"error":"((?:[^"\\]|\\.)*)"/.exec(rest)?.[1]
    expect(JSON.parse(`"${message}"`)).toMatch(/^adapter "a" failed: /)
    expect(rest).toBe(`${chunk(`{"errorDetail":{"message":"${message}"},"error":"${message}"}\r\n`)}${LAST}`)
    expect((await client.rest()).ending).toBe('fin')
    expect((await stage.adapter('b').called(3)).message.Part).toBe('close')
    expect(await stage.ended()).toMatchObject({
      fate: 'post-failed',
      status: 200,
      detail: expect.stringContaining('"a" failed'),
      chain: { unwound: [] },
    })
    expect(stage.adapter('lease').calls.map(({ type }) => type)).toEqual(['pre-hook'])
  })

  test.each<[string, Behaviour]>([
    ['an adapter that crashes', () => 'crash'],
    ['a reply that names no event', () => ({ Events: [{ Index: 7, Action: 'drop' }] })],
    ['a field that is not for stream-hooks', () => ({ Allowed: false })],
    ['a message that cannot be written', () => ({ Insert: [{ Event: [] }] })],
  ])('V2-8.6, V2-8.11: other streams are cut: %s', async (_what, does) => {
    await using stage = await staged({ a: onData((_events, call) => does(call)) })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD + chunk(event(1)))
    expect((await client.rest()).bytes.toString()).toBe(HEAD)
    await dockerd.close()
    expect(await stage.ended()).toMatchObject({ fate: 'post-failed', status: 200 })
    expect(stage.adapter('a').calls).toHaveLength(2)
  })

  test('V2-8.14: a call is never repeated, whatever the adapter bears', async () => {
    await using stage = await staged({
      a: { does: onData(() => ({ status: 503 })), abilities: { Idempotent: true }, retries: 2 },
    })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD + chunk(event(1)))
    await client.rest()
    expect(partsOf(stage.timeline)).toEqual(['a open 0', 'a data 1'])
  })

  test('V2-8.12: onError ignore passes the batch as it was, and says so each time', async () => {
    await using stage = await staged({
      a: { does: () => ({ status: 500 }), onError: 'ignore' },
      b: onData((events) => ({ Insert: events.map(({ n }) => ({ Event: { n: 10 * n } })) })),
    })
    const { answer } = await answerTo(stage, chunk(event(1)) + LAST)
    expect(answer.body.toString()).toBe('{"n":1}\n{"n":10}\n')
    expect(answer.head).toContain('Warning: 299 powerstrip "adapter \\"a\\": it failed and was passed over')
    expect(stage.notes('failure-ignored')).toMatchObject([
      { phase: 'stream', adapter: 'a' },
      { phase: 'stream', adapter: 'a' },
      { phase: 'stream', adapter: 'a' },
    ])
    const { chain } = await stage.ended()
    expect(chain!.hooks[0]).toMatchObject({ outcome: 'pass', failOpen: true, stream: { passedOver: 3 } })
  })

  test('V2-8.12: a message that is larger than the adapter is shown ends the stream, whatever onError says', async () => {
    await using stage = await staged(
      { a: { does: pass, maxBodyBytes: 1024, onError: 'ignore' } },
      undefined,
      'ImageBuild',
    )
    const body = `{"n":1}\r\n{"stream":"${'x'.repeat(1024)}"}\r\n`
    const { answer } = await answerTo(stage, chunk(body) + LAST, HEAD, `${BUILD}Content-Length: 0\r\n\r\n`)
    const [first, second] = answer.body.toString().trimEnd().split('\r\n')
    expect(first).toBe('{"n":1}')
    expect(JSON.parse(second!).error).toBe(
      'a message of the stream is larger than 1024 bytes, the most that adapter "a" is shown (PS-SIZE-002)',
    )
  })

  test('what is no stream of messages after all ends it, too', async () => {
    await using stage = await staged({ a: pass })
    const { client, dockerd } = await asked(stage)
    await dockerd.send(HEAD + chunk(`${event(1)}oops`))
    expect((await client.rest()).bytes.toString()).toBe(HEAD + chunk(event(1)))
    expect((await stage.ended()).detail).toContain('cannot be shown to adapter "a"')
  })
})

describe('8: back-pressure', () => {
  /** So many events that neither the kernel nor a proxy that works as it should can hold them. */
  const MEGABYTES = 24
  const line = `{"n":1,"pad":"${'x'.repeat(1000)}"}\n`
  const piece = chunk(line.repeat(64))

  async function pushed(dockerd: Peer): Promise<number> {
    let taken = 0
    for (let stuck = 0; stuck < 500 && taken < MEGABYTES * 1024 * 1024; ) {
      let done = false
      dockerd.send(piece).then(
        () => {
          done = true
        },
        () => {},
      )
      for (stuck = 0; !done && stuck < 500; stuck++) await new Promise(setImmediate)
      if (done) taken += piece.length
    }
    return taken
  }

  test.each(['an adapter that does not answer', 'a client that does not read'])(
    'V2-8.9: the engine waits for %s',
    async (who) => {
      const isAdapter = who.startsWith('an adapter')
      let release = () => {}
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      await using stage = await staged({
        a: async ({ message }) => {
          if (isAdapter && message.Part === 'data') await released
          return undefined
        },
      })
      const { client, dockerd } = await asked(stage)
      await dockerd.send(HEAD)
      await client.head()
      if (!isAdapter) client.socket.pause()
      const taken = await pushed(dockerd)
      expect(taken).toBeLessThan(4 * 1024 * 1024)
      // And nothing of it is lost.
      release()
      client.socket.resume()
      await dockerd.send(LAST)
      const body = (await client.until(`\r\n${LAST}`)).toString()
      expect(body.split('"n":1').length - 1).toBe(Math.ceil((taken + 1) / piece.length) * 64)
    },
  )
})

describe('8: beside other hooks', () => {
  test('V2-8.1: instead of post-hooks, which see errors', async () => {
    const scene = { p: pass, a: pass }
    await using stage = await staged(scene, { post: ['p'], stream: ['a'] }, 'ImageCreate')
    const PULL = 'POST /v1.45/images/create?fromImage=x HTTP/1.1\r\nHost: docker\r\n\r\n'
    const first = await answerTo(stage, chunk('{"status":"x"}\r\n') + LAST, HEAD, PULL)
    expect(first.answer.body.toString()).toBe('{"status":"x"}\r\n')
    expect(stage.timeline.every(({ adapter }) => adapter === 'a')).toBe(true)
    expect(await stage.note('post-hooks-skipped')).toMatchObject({ adapters: ['p'], reason: 'streamed' })
    const error = '{"message":"not found"}'
    first.client.write(PULL)
    await first.dockerd.send(
      `HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: ${error.length}\r\n\r\n${error}`,
    )
    expect((await first.client.answer()).status).toBe(404)
    expect(stage.timeline.at(-1)!.type).toBe('post-hook')
  })

  test('V2-8.15: a post-hook that a pattern gives to an endless answer is passed over and counted, as before', async () => {
    await using stage = await staged({ a: pass }, { post: ['a'] }, '*')
    expect((await answerTo(stage, chunk(event(1)) + LAST)).answer.body.toString()).toBe(event(1))
    expect(await stage.note('post-hooks-skipped')).toMatchObject({ adapters: ['a'], reason: 'endless' })
    await expect(staged({ a: pass }, { post: ['a'] })).rejects.toThrow('never ends')
  })

  test('progress goes through while the upload that it is about goes on', async () => {
    await using stage = await staged(
      { a: onData((events) => ({ Insert: events.map(() => ({ Event: { seen: true } })) })) },
      undefined,
      'ImageBuild',
    )
    const { client, dockerd } = await asked(stage, `${BUILD}Content-Length: 8\r\n\r\nhalf`)
    await dockerd.until('half')
    await dockerd.send(HEAD + chunk('{"n":1}\r\n'))
    await client.until('{"seen":true}')
    client.write('rest')
    await dockerd.until('rest')
    await dockerd.send(LAST)
    await client.until(LAST)
    // The connection goes on.
    client.write(`${BUILD}Content-Length: 0\r\n\r\n`)
    await dockerd.send(HEAD + LAST)
    expect((await client.answer()).body).toHaveLength(0)
  })

  test('observe-hooks are told what the client got', async () => {
    await using stage = await staged(
      { a: onData(() => ({ Events: [{ Index: 0, Action: 'drop' }] })), o: pass },
      { stream: ['a'], observe: ['o'] },
    )
    await answerTo(stage, chunk(event(1) + event(2)) + LAST)
    const { message } = await stage.adapter('o').called()
    expect(message).toMatchObject({ Fate: 'changed', ServerResponse: { Code: 200, Body: { n: 2 } } })
  })

  test('V2-8.15: a pattern reaches streams alone; what turns two-way is passed over, or refused', async () => {
    await using stage = await staged({ a: pass }, { stream: ['a'] }, '*')
    const ATTACH =
      'POST /v1.45/containers/a/attach?stream=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
    const { client, dockerd } = await asked(stage, ATTACH)
    await dockerd.send('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello')
    await client.until('hello')
    client.destroy()
    expect(await stage.note('stream-hooks-skipped')).toMatchObject({ adapters: ['a'], reason: 'two-way' })

    const list = await asked(stage, 'GET /v1.45/containers/json HTTP/1.1\r\nHost: docker\r\n\r\n')
    await list.dockerd.send(
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]',
    )
    expect(jsonOf(await list.client.answer())).toEqual([])
    expect(stage.timeline).toEqual([])
    expect(stage.notes('stream-hooks-skipped')).toHaveLength(1)

    await using strict = await staged({ a: { does: pass, onUnsupported: 'fail' } }, { stream: ['a'] }, '*')
    const refused = await strict.ask('POST', '/v1.45/containers/a/attach')
    expect([refused.status, messageOf(refused)]).toEqual([501, expect.stringContaining('PS-SIZE-003')])
  })

  test('a stream in another dress is passed over and said so, or refused', async () => {
    const head = HEAD.replace('application/json', 'text/plain')
    await using stage = await staged({ a: pass })
    expect((await answerTo(stage, chunk('x') + LAST, head)).answer.body.toString()).toBe('x')
    expect(await stage.note('stream-hooks-skipped')).toMatchObject({ adapters: ['a'], reason: 'binary' })
    await using strict = await staged({ a: { does: pass, onUnsupported: 'fail' } })
    expect((await answerTo(strict, chunk('x') + LAST, head)).answer.status).toBe(502)
  })

  describe('written with the SDK', () => {
    const definition = defineAdapter({
      name: 'sdk',
      stream: {
        async *SystemEvents(events, { config }) {
          yield { config: config as JsonObject }
          for await (const event of events) {
            if (event.n === 2) continue
            if (event.n === 3) event.seen = true
            yield event
          }
          yield { end: true }
        },
      },
    })
    const body = '{"n":1, "d": 1.0}\n{"n":2}\n{"n":3}\n'
    const expected = '{"config":{"x":1}}\n{"n":1, "d": 1.0}\n{"n":3,"seen":true}\n{"end":true}\n'

    test('in process', async () => {
      await using stage = await setTwo({
        engine: engine.address,
        adapters: { inside: { module: 'inside.js', with: { x: 1 } } },
        endpoints: { SystemEvents: { stream: ['inside'] } },
        make: async ({ settings }) => ok(definition.create(settings.with)),
      })
      expect((await answerTo(stage, chunk(body) + LAST)).answer.body.toString()).toBe(expected)
      expect((await stage.ended()).chain!.hooks[0]).toMatchObject({
        stream: { calls: 3, events: 3, dropped: 1, replaced: 1, inserted: 2, passedOver: 0 },
      })
    })

    test('as a service', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sdk-stream-'))
      const socket = join(folder, 'a.sock')
      const served = await serve(definition, { listen: `unix://${socket}`, with: { x: 1 } })
      try {
        await using stage = await setTwo({
          engine: engine.address,
          adapters: { a: { unix: socket, protocol: 2 } },
          endpoints: { SystemEvents: { stream: ['a'] } },
        })
        expect((await answerTo(stage, chunk(body) + LAST)).answer.body.toString()).toBe(expected)
      } finally {
        await served.close()
        await rm(folder, { recursive: true, force: true })
      }
    })
  })

  test('an adapter that implements no stream-hook is an error when the configuration is loaded', async () => {
    await expect(staged({ a: { does: pass, abilities: { Implements: ['pre-hook'] } } })).rejects.toThrow(
      'it implements no stream-hook',
    )
  })
})
