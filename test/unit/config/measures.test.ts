import { parseDuration } from '../../../src/config/duration.ts'
import { formatSize, parseSize } from '../../../src/config/size.ts'

const GIB = 1024 ** 3

describe('a duration', () => {
  test.each([
    ['1ms', 1],
    ['300s', 300_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['007s', 7_000],
  ])('%s is %d ms', (text, durationMs) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: durationMs })
  })

  test.each([
    '',
    '0s',
    '25h',
    '5',
    '1.5s',
    '-1s',
    '1e3s',
    '5 s',
    '5S',
    '5min',
    's',
    '99999999999999999s',
    '1m30s',
    'Infinity',
  ])('%j is refused', (text) => {
    expect(parseDuration(text).ok).toBe(false)
  })

  test('without a unit is answered with what was probably meant', () => {
    expect(parseDuration('300')).toMatchObject({ ok: false, failure: { fix: '300s' } })
  })
})

describe('a size', () => {
  test.each([
    ['1B', 1],
    ['1', 1],
    ['4KiB', 4096],
    ['4MiB', 4_194_304],
    ['1GiB', GIB],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text, GIB)).toEqual({ ok: true, value: bytes })
  })

  test.each(['', '0', '0MiB', '2GiB', '4mib', '1.5MiB', '-1', '1e3', '4 MiB', 'MiB', '0x10', '4MB', '4M'])(
    '%j is refused',
    (text) => {
      expect(parseSize(text, GIB).ok).toBe(false)
    },
  )

  test.each([
    ['4MB', '4MiB'],
    ['4M', '4MiB'],
    ['16k', '16KiB'],
    ['4mib', '4MiB'],
    ['2GiB', '1GiB'],
  ])('%s is answered with %s', (text, fix) => {
    expect(parseSize(text, GIB)).toMatchObject({ ok: false, failure: { fix } })
  })

  test.each([
    [1, '1B'],
    [1023, '1023B'],
    [1024, '1KiB'],
    [4 * 1024 ** 2, '4MiB'],
    [4 * 1024 ** 2 + 1024, '4097KiB'],
    [GIB, '1GiB'],
  ])('of %d bytes is written %s, which is read as the same', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text)
    expect(parseSize(text, GIB)).toEqual({ ok: true, value: bytes })
  })
})
