import { duration, flag, options, text, texts } from 'powerstrip/sdk'

const read = options({
  root: text(),
  engine: text('unix:///e'),
  delay: duration('1s'),
  full: flag(),
  allow: texts([]),
})

describe('options of an adapter', () => {
  test('are read, with what is left out filled in', () => {
    expect(read({ root: '/x' })).toEqual({
      root: '/x',
      engine: 'unix:///e',
      delay: 1000,
      full: false,
      allow: [],
    })
    expect(read({ root: '/x', engine: 'tcp://e:1', delay: '250ms', full: true, allow: ['a'] })).toEqual({
      root: '/x',
      engine: 'tcp://e:1',
      delay: 250,
      full: true,
      allow: ['a'],
    })
  })

  test.each([
    [{}, '"root": is missing'],
    [{ root: '' }, '"root": is text'],
    [{ root: 1 }, '"root": is text'],
    [{ root: '/x', delay: 1 }, '"delay": is a whole number with ms, s or m'],
    [{ root: '/x', delay: '1h' }, '"delay"'],
    [{ root: '/x', full: 'yes' }, '"full": is true or false'],
    [{ root: '/x', allow: 'a' }, '"allow": is a list of texts'],
    [{ root: '/x', allow: ['a', 1] }, '"allow"'],
    [{ root: '/x', rot: 1 }, 'there is no option "rot"; there are: root, engine, delay, full, allow'],
    [[], 'the options are a map'],
    [null, 'the options are a map'],
  ])('%j is refused: %s', (value, message) => {
    expect(() => read(value)).toThrow(message)
  })

  test('of an adapter that has none', () => {
    expect(options({})({})).toEqual({})
    expect(() => options({})({ a: 1 })).toThrow('there are none')
  })
})
