/** How a stream is cut into pieces never changes what is read from it. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { ANSWERS, foundInputs, REQUESTS } from './corpus.ts'
import { bytes, readAnswer, readRequests } from './read-stream.ts'

const SEED = 20_150_401

function cut(stream: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, i) => stream.subarray(from, places[i] ?? stream.length))
}

function* bytewise(stream: Buffer): Iterable<Buffer> {
  for (let at = 0; at < stream.length; at++) yield stream.subarray(at, at + 1)
}

/** jest's own comparison takes a hundred times longer; it is asked only where there is something to show. */
function expectSame(read: unknown, whole: unknown): void {
  if (!isDeepStrictEqual(read, whole)) expect(read).toEqual(whole)
}

describe.each([
  ['requests', { ...REQUESTS, ...foundInputs('request') }, readRequests],
  ['answers', { ...ANSWERS, ...foundInputs('answer') }, (pieces: Iterable<Buffer>) => readAnswer(pieces)],
  ['answers to HEAD', ANSWERS, (pieces: Iterable<Buffer>) => readAnswer(pieces, 'HEAD')],
] as const)('%s', (_, corpus, read) => {
  test.each(Object.entries(corpus))('%s: cut anywhere', (_, text) => {
    const stream = bytes(text)
    const whole = read([stream])
    for (let at = 0; at <= stream.length; at++) expectSame(read(cut(stream, [at])), whole)
    expectSame(read(bytewise(stream)), whole)
  })

  test('in random pieces', () => {
    const streams = Object.values(corpus).map(bytes)
    fc.assert(
      fc.property(fc.constantFrom(...streams), fc.array(fc.nat(500), { maxLength: 12 }), (stream, at) => {
        expectSame(read(cut(stream, at)), read([stream]))
      }),
      { seed: SEED, numRuns: 2_000 },
    )
  })
})

test('the corpus has good and bad of both kinds', () => {
  const ends = Object.values(REQUESTS).map((text) => readRequests([bytes(text)]).end.kind)
  expect(new Set(ends)).toEqual(new Set(['clean', 'open', 'closes', 'refused']))
  const answers = Object.values(ANSWERS).map((text) => readAnswer([bytes(text)]).end)
  expect(new Set(answers)).toEqual(new Set(['complete', 'open', 'garbled']))
})
