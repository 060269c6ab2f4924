/** Streams of messages: wherever the bytes are split, the same messages are found, and all bytes are accounted for. */
import type { Codec } from '../../../src/stream/codec.ts'
import { codecFor, framingOf, type StreamFraming } from '../../../src/stream/framing.ts'

const LIMIT_BYTES = 64 * 1024

interface Found {
  /** Bytes and event of each message. */
  readonly messages: readonly (readonly [string, string])[]
  /** Messages and what stands between them, in order. */
  readonly bytes: Buffer
  readonly problem: string | undefined
}

function read(codec: Codec, pieces: readonly Buffer[]): Found {
  const messages: [string, string][] = []
  const bytes: Buffer[] = []
  const sink = {
    message(raw: Buffer, event: string) {
      messages.push([raw.toString('latin1'), event])
      bytes.push(raw)
    },
    gap(raw: Buffer) {
      bytes.push(raw)
    },
  }
  for (const piece of pieces) if (codec.problem === undefined) codec.feed(piece, sink)
  if (codec.problem === undefined) codec.end(sink)
  return { messages, bytes: Buffer.concat(bytes), problem: codec.problem?.message }
}

/** To compare thousands of messages one by one takes seconds. */
function textOf(found: Found): string {
  return JSON.stringify({ ...found, bytes: found.bytes.toString('latin1') })
}

function frame(stream: number, data: string | Buffer): Buffer {
  const payload = Buffer.from(data)
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

const EVENTS = [
  '{"status":"start","n":12345678901234567890,"f":1.10}',
  '{"a":{"b":["}",{"c":"{\\"]\\\\"}]},"é":"\\u00e9 ü 🐳"}',
  '{ "spaced" : 1 ,\n "over": "lines" }',
  '{}',
] as const

const STREAMS: readonly (readonly [string, StreamFraming, Buffer, readonly string[]])[] = [
  ['objects behind line ends', 'json', Buffer.from(`${EVENTS.join('\n')}\n`), EVENTS],
  ['objects behind CRLF, as progress is', 'json', Buffer.from(`${EVENTS.join('\r\n')}\r\n`), EVENTS],
  ['objects with nothing between them', 'json', Buffer.from(EVENTS.join('')), EVENTS],
  [
    'objects with all kinds of space around them',
    'json',
    Buffer.from(` \n\t${EVENTS.join('\r\n\r\n ')}\t`),
    EVENTS,
  ],
  ['a sequence of RFC 7464', 'json-seq', Buffer.from(EVENTS.map((one) => `\x1e${one}\n`).join('')), EVENTS],
  [
    'a sequence with empty elements',
    'json-seq',
    Buffer.from(`\x1e\x1e${EVENTS[0]}\n\x1e \n\x1e${EVENTS[3]}\x1e\n`),
    [EVENTS[0], EVENTS[3]],
  ],
  [
    'frames',
    'frames',
    Buffer.concat([
      frame(1, 'line é\n'),
      frame(2, ''),
      frame(1, Buffer.from([0xff, 0xfe])),
      frame(3, '"quoted"'),
      frame(0, 'x'.repeat(300)),
    ]),
    [
      '{"Stream":"stdout","Body":"line é\\n","BodyEncoding":"utf8"}',
      '{"Stream":"stderr","Body":"","BodyEncoding":"utf8"}',
      '{"Stream":"stdout","Body":"//4=","BodyEncoding":"base64"}',
      '{"Stream":"systemerr","Body":"\\"quoted\\"","BodyEncoding":"utf8"}',
      `{"Stream":"stdin","Body":"${'x'.repeat(300)}","BodyEncoding":"utf8"}`,
    ],
  ],
  [
    'frames that nobody labelled',
    'unlabelled',
    Buffer.concat([frame(2, 'one'), frame(1, 'two')]),
    [
      '{"Stream":"stderr","Body":"one","BodyEncoding":"utf8"}',
      '{"Stream":"stdout","Body":"two","BodyEncoding":"utf8"}',
    ],
  ],
]

describe.each(STREAMS)('%s', (_what, framing, bytes, events) => {
  const whole = read(codecFor(framing, LIMIT_BYTES), [bytes])

  test('are found, and nothing is lost between them', () => {
    expect(whole.messages.map(([, event]) => event)).toEqual(events)
    expect(whole.bytes).toEqual(bytes)
    expect(whole.problem).toBeUndefined()
  })

  test('are the same byte by byte, and split at every byte', () => {
    const single = Array.from(bytes, (byte) => Buffer.from([byte]))
    expect(read(codecFor(framing, LIMIT_BYTES), single)).toEqual(whole)
    const different: number[] = []
    for (let at = 1; at < bytes.length; at++) {
      const found = read(codecFor(framing, LIMIT_BYTES), [bytes.subarray(0, at), bytes.subarray(at)])
      if (textOf(found) !== textOf(whole)) different.push(at)
    }
    expect(different).toEqual([])
  })

  test('are the same by the megabyte', () => {
    const many = Buffer.concat(Array.from({ length: Math.ceil(1_000_000 / bytes.length) }, () => bytes))
    const found = read(codecFor(framing, LIMIT_BYTES), [many])
    expect(found.bytes.equals(many)).toBe(true)
    expect(found.messages).toHaveLength((whole.messages.length * many.length) / bytes.length)
    const pieces = Array.from({ length: Math.ceil(many.length / 4099) }, (_, n) =>
      many.subarray(n * 4099, (n + 1) * 4099),
    )
    expect(textOf(read(codecFor(framing, LIMIT_BYTES), pieces)) === textOf(found)).toBe(true)
  })
})

describe('bytes without framing', () => {
  test('are shown in the pieces that they come in, text or not', () => {
    const pieces = [Buffer.from('prompt é> '), Buffer.from([0xc3]), Buffer.from('x'.repeat(150))]
    expect(read(codecFor('raw', 100), pieces).messages.map(([, event]) => event)).toEqual([
      '{"Body":"prompt é> ","BodyEncoding":"utf8"}',
      '{"Body":"ww==","BodyEncoding":"base64"}',
      `{"Body":"${'x'.repeat(100)}","BodyEncoding":"utf8"}`,
      `{"Body":"${'x'.repeat(50)}","BodyEncoding":"utf8"}`,
    ])
  })

  test.each(['2026-11-27 text', '\x01\x00\x01\x00', '\x02\x00', ''])('are what %j is', (text) => {
    const bytes = Buffer.from(text, 'latin1')
    for (let at = 0; at <= bytes.length; at++) {
      const found = read(codecFor('unlabelled', 100), [bytes.subarray(0, at), bytes.subarray(at)])
      expect([found.bytes.toString('latin1'), found.problem]).toEqual([text, undefined])
      expect(found.messages.every(([, event]) => event.startsWith('{"Body":'))).toBe(true)
    }
  })
})

describe('a stream that cannot be read', () => {
  const cases: readonly (readonly [string, StreamFraming, string, string])[] = [
    ['text', 'json', 'Error: no', 'something else than JSON objects'],
    ['a list', 'json', '{}[1]', 'something else than JSON objects'],
    ['braces that are no JSON', 'json', '{}\n{a}', 'no JSON'],
    ['bytes that are no UTF-8', 'json', '{"a":"\xff"}', 'no JSON'],
    ['an end within a message', 'json', '{}\n{"a":', 'ends within a message'],
    ['an object without its separator', 'json-seq', '\x1e{}\n{}', 'something else than JSON objects'],
    ['a separator in a stream of lines', 'json', '\x1e{}', 'something else than JSON objects'],
    ['a frame of no known stream', 'frames', '\x04\0\0\0\0\0\0\x01x', 'something else than frames'],
    ['a header that is none', 'frames', '\x01\0\0\x01', 'something else than frames'],
    ['an end within a frame', 'frames', '\x01\0\0\0\0\0\0\x02x', 'ends within a frame'],
    ['a frame that says it is too large', 'frames', '\x01\0\0\0\0\x01\0\0', 'larger than 65536 bytes'],
    ['an object that is too large', 'json', `{"a":"${'x'.repeat(LIMIT_BYTES)}"}`, 'larger than 65536 bytes'],
  ]
  test.each(cases)('%s: what came before stands, wherever it is split', (_what, framing, text, problem) => {
    const bytes = Buffer.from(text, 'latin1')
    const whole = read(codecFor(framing, LIMIT_BYTES), [bytes])
    expect(whole.problem).toContain(problem)
    for (let at = 1; at < Math.min(bytes.length, 200); at++)
      expect(read(codecFor(framing, LIMIT_BYTES), [bytes.subarray(0, at), bytes.subarray(at)])).toMatchObject(
        { messages: whole.messages, problem: whole.problem },
      )
  })
})

describe('a message is written', () => {
  test('on one line, its digits kept', () => {
    const written = codecFor('json', LIMIT_BYTES).write('{ "n": 12345678901234567890,\r\n "s": "\\n" }')
    expect(written).toEqual({ ok: true, value: Buffer.from('{ "n": 12345678901234567890,  "s": "\\n" }') })
    expect(codecFor('json-seq', LIMIT_BYTES).write('{}')).toEqual({ ok: true, value: Buffer.from('\x1e{}') })
  })

  test('as a frame of the stream that it stands for', () => {
    const codec = codecFor('frames', LIMIT_BYTES)
    const before = '{"Stream":"stderr","Body":"x","BodyEncoding":"utf8"}'
    expect(codec.write('{"Body":"é"}', before)).toEqual({ ok: true, value: frame(2, 'é') })
    expect(codec.write('{"Body":"//4=","BodyEncoding":"base64"}')).toEqual({
      ok: true,
      value: frame(1, Buffer.from([0xff, 0xfe])),
    })
    expect(codec.write('{"Stream":"stdin","Body":""}')).toEqual({ ok: true, value: frame(0, '') })
    expect(codecFor('raw', LIMIT_BYTES).write('{"Body":"é"}')).toEqual({ ok: true, value: Buffer.from('é') })
  })

  test.each([
    ['{}', 'not a string'],
    ['{"Body":{}}', 'not a string'],
    ['{"Body":"?","BodyEncoding":"base64"}', 'not base64'],
    ['{"Body":"x","BodyEncoding":"json"}', 'BodyEncoding'],
    ['{"Body":"x","Stream":"stdlog"}', 'Stream'],
  ])('but not of %s', (event, problem) => {
    expect(codecFor('frames', LIMIT_BYTES).write(event)).toEqual({
      ok: false,
      failure: expect.stringContaining(problem),
    })
  })
})

test.each<[string, string | undefined, string | undefined, StreamFraming | undefined]>([
  ['json-stream', 'application/json', '1.45', 'json'],
  ['json-stream', 'application/json; charset=utf-8', undefined, 'json'],
  ['json-stream', 'application/x-ndjson', '1.52', 'json'],
  ['json-stream', 'application/jsonl', '1.52', 'json'],
  ['json-stream', 'application/json-seq', '1.52', 'json-seq'],
  ['json-stream', 'text/plain', '1.45', undefined],
  ['json-stream', 'application/vnd.docker.multiplexed-stream', '1.45', undefined],
  ['raw-stream', 'application/vnd.docker.multiplexed-stream', '1.42', 'frames'],
  ['raw-stream', 'application/vnd.docker.raw-stream', '1.42', 'raw'],
  ['raw-stream', 'application/vnd.docker.raw-stream', undefined, 'raw'],
  ['raw-stream', 'application/vnd.docker.raw-stream', '1.41', 'unlabelled'],
  ['raw-stream', undefined, '1.41', 'unlabelled'],
  ['json', 'application/x-ndjson', '1.45', undefined],
  ['tar', 'application/x-tar', '1.45', undefined],
])('an answer of %s labelled %s in version %s is of %s', (gives, contentType, apiVersion, framing) => {
  expect(framingOf({ gives, apiVersion, contentType, contentEncoding: undefined })).toBe(framing)
  expect(framingOf({ gives, apiVersion, contentType, contentEncoding: 'gzip' })).toBeUndefined()
})

test('an answer to no known operation is what its label says', () => {
  const facts = { gives: undefined, apiVersion: undefined, contentEncoding: undefined }
  expect(framingOf({ ...facts, contentType: 'application/x-ndjson' })).toBe('json')
  expect(framingOf({ ...facts, contentType: 'application/json' })).toBeUndefined()
})
