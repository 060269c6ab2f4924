/** Where a body ends in the stream, and what is wrong with a chunked one (PS-FRAME-008). */
import { trackBody } from '../../../src/http1/body-tracker.ts'
import type { Framing } from '../../../src/http1/framing.ts'
import { bytes } from './read-stream.ts'

interface Followed {
  readonly data: string
  /** Offset behind the last byte that was taken. */
  readonly end: number
  readonly done: boolean
  readonly problem: string | undefined
}

function follow(framing: Framing, ...pieces: string[]): Followed {
  const tracker = trackBody(framing)
  let data = ''
  let end = 0
  for (const piece of pieces) {
    if (tracker.done || tracker.problem !== undefined) break
    end += tracker.feed(bytes(piece), 0, (chunk, from, to) => {
      data += chunk.toString('latin1', from, to)
    })
  }
  return { data, end, done: tracker.done, problem: tracker.problem }
}

const chunked = (...pieces: string[]) => follow({ kind: 'chunked' }, ...pieces)

describe('a body of a known length', () => {
  test('ends behind that many bytes, what follows is left', () => {
    expect(follow({ kind: 'length', bytes: 5 }, 'helloGET /')).toEqual({
      data: 'hello',
      end: 5,
      done: true,
      problem: undefined,
    })
  })

  test('goes on until the last of them', () => {
    expect(follow({ kind: 'length', bytes: 5 }, 'hel', 'l')).toMatchObject({ data: 'hell', done: false })
    expect(follow({ kind: 'length', bytes: 5 }, 'hel', 'l', 'oX')).toMatchObject({
      data: 'hello',
      end: 5,
      done: true,
    })
  })

  test('may be larger than four gigabytes', () => {
    const tracker = trackBody({ kind: 'length', bytes: 999_999_999_999_999 })
    expect(tracker.feed(Buffer.alloc(65_536), 0)).toBe(65_536)
    expect(tracker.done).toBe(false)
  })
})

test('no body is done before the first byte', () => {
  const tracker = trackBody({ kind: 'none' })
  expect(tracker.done).toBe(true)
  expect(tracker.feed(bytes('GET /'), 0)).toBe(0)
})

test('a body until the close never ends by itself', () => {
  expect(follow({ kind: 'until-close' }, 'all ', 'of it')).toEqual({
    data: 'all of it',
    end: 9,
    done: false,
    problem: undefined,
  })
})

describe('a chunked body', () => {
  test.each([
    ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['several', '1\r\nh\r\n4\r\nello\r\n0\r\n\r\n', 'hello'],
    ['none', '0\r\n\r\n', ''],
    ['sizes in either case', 'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
    ['leading zeros', '0005\r\nhello\r\n00000000\r\n\r\n', 'hello'],
    ['data that looks like framing', '9\r\n\r\n0\r\n\r\n5\r\r\n0\r\n\r\n', '\r\n0\r\n\r\n5\r'],
  ])('with %s', (_, stream, data) => {
    expect(chunked(`${stream}POST /`)).toEqual({ data, end: stream.length, done: true, problem: undefined })
  })

  test.each([
    ['an extension', '5;a=b\r\nhello\r\n0\r\n\r\n'],
    ['an empty extension', '5;\r\nhello\r\n0\r\n\r\n'],
    ['an extension on the last chunk', '5\r\nhello\r\n0;a\r\n\r\n'],
    ['a quoted extension', '5;a="\r\n"\r\nhello\r\n0\r\n\r\n'],
    ['a space after the size', '5 \r\nhello\r\n0\r\n\r\n'],
    ['a tab after the size', '5\t\r\nhello\r\n0\r\n\r\n'],
    ['a space before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a sign', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a minus', '-5\r\nhello\r\n0\r\n\r\n'],
    ['0x', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['an underscore', '1_0\r\nhello\r\n0\r\n\r\n'],
    ['no size', '\r\nhello\r\n0\r\n\r\n'],
    ['nine digits', '000000005\r\nhello\r\n0\r\n\r\n'],
    ['a size that overflows 32 bits', '100000005\r\nhello\r\n0\r\n\r\n'],
    ['a size that overflows 64 bits', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
    ['LF after the size', '5\nhello\r\n0\r\n\r\n'],
    ['CR alone after the size', '5\rhello\r\n0\r\n\r\n'],
    ['LF after the data', '5\r\nhello\n0\r\n\r\n'],
    ['CR CR LF after the data', '5\r\nhello\r\r\n0\r\n\r\n'],
    ['nothing after the data', '5\r\nhello0\r\n\r\n'],
    ['more data than its size', '5\r\nhello!\r\n0\r\n\r\n'],
    ['a trailer', '5\r\nhello\r\n0\r\nX: y\r\n\r\n'],
    ['a trailer named like a framing field', '0\r\nContent-Length: 5\r\n\r\n'],
    ['LF at the end', '5\r\nhello\r\n0\r\n\n'],
    ['CR alone at the end', '5\r\nhello\r\n0\r\n\rGET /'],
    ['letters beyond f', 'g\r\nhello\r\n0\r\n\r\n'],
    ['a full-width digit', '\xef\xbc\x95\r\nhello\r\n0\r\n\r\n'],
    ['NUL', '\0\r\n\r\n'],
    ['a comma', '5,5\r\nhello\r\n0\r\n\r\n'],
  ])('with %s is refused', (_, stream) => {
    expect(chunked(stream)).toMatchObject({ done: false, problem: expect.any(String) })
  })

  test('is refused at the first byte that no chunk can have there', () => {
    expect(chunked('5\r\nhello\r\n3;x\r\nabc\r\n')).toMatchObject({ data: 'hello', end: 11 })
  })

  test('may announce four gigabytes in one chunk', () => {
    const { done, problem, data } = chunked('FFFFFFFF\r\n', 'data')
    expect({ done, problem, data }).toEqual({ done: false, problem: undefined, data: 'data' })
  })

  test('is followed from the middle of a piece', () => {
    const tracker = trackBody({ kind: 'chunked' })
    expect(tracker.feed(bytes('head5\r\nhello\r\n0\r\n\r\nnext'), 4)).toBe(19)
    expect(tracker.done).toBe(true)
  })
})
