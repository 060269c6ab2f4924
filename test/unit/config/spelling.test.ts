import { nearest, suggest } from '../../../src/config/spelling.ts'

describe('nearest', () => {
  const known = ['weave', 'flocker', 'slowreq', 'pre']

  test.each([
    ['waeve', 'weave', 'two letters swapped'],
    ['weve', 'weave', 'a letter too few'],
    ['weavve', 'weave', 'a letter too many'],
    ['wwave', 'weave', 'a wrong letter'],
    ['WEAVE', 'weave', 'other case'],
    ['flokcre', 'flocker', 'two swaps in a longer word'],
    ['prae', 'pre', 'a short word'],
  ])('%s is %s (%s)', (written, meant) => {
    expect(nearest(written, known)).toBe(meant)
  })

  test.each(['', 'p', 'debug', 'weaving', 'lock', 'x'.repeat(1000)])('%j is none of them', (written) => {
    expect(nearest(written, known)).toBeUndefined()
  })

  test('the nearest wins, and the first of equals', () => {
    expect(nearest('abcdef', ['abcxyf', 'abcdxf', 'abcdeg'])).toBe('abcdxf')
  })
})

describe('suggest', () => {
  test('names what was meant, else what there is, else that there is nothing', () => {
    expect(suggest('weave', ['weave'], 'adapters')).toBe('; did you mean "weave"?')
    expect(suggest(undefined, ['a', 'b'], 'adapters')).toBe('; adapters: "a", "b"')
    expect(suggest(undefined, [], 'adapters')).toBe('; there are no adapters')
  })

  test('does not list hundreds', () => {
    const many = Array.from({ length: 500 }, (_, index) => `adapter-${index}`)
    expect(suggest(undefined, many, 'adapters').length).toBeLessThan(250)
  })
})
