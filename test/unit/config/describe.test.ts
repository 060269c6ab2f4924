import { describeProblems } from '../../../src/config/describe.ts'
import type { ConfigProblem } from '../../../src/config/problem.ts'

function problem(
  line: number,
  column: number,
  endColumn: number,
  rest: Partial<ConfigProblem> = {},
): ConfigProblem {
  return {
    severity: 'error',
    code: 'adapter-undefined',
    message: 'wrong',
    file: 'adapters.yml',
    line,
    column,
    endColumn,
    ...rest,
  }
}

describe('describeProblems', () => {
  test('shows place, message, line and caret, and counts at the end', () => {
    const text = 'endpoints:\n  "POST /*/containers/create":\n    pre: [flocker, waeve]\n'
    const message = 'adapter "waeve" is not defined; did you mean "weave"?'
    expect(describeProblems(text, 'adapters.yml', [problem(3, 20, 25, { message })])).toBe(
      [
        'adapters.yml:3:20  adapter "waeve" is not defined; did you mean "weave"?',
        '  3 |     pre: [flocker, waeve]',
        '    |                    ^^^^^',
        '1 error',
        '',
      ].join('\n'),
    )
  })

  test('names warnings and counts both kinds', () => {
    const text = 'a: 1\nb: 2\n'
    const problems = [problem(1, 1, 2, { severity: 'warning' }), problem(2, 1, 2), problem(2, 4, 5)]
    expect(describeProblems(text, 'x.yml', problems)).toBe(
      [
        'x.yml:1:1  warning: wrong',
        '  1 | a: 1',
        '    | ^',
        'x.yml:2:1  wrong',
        '  2 | b: 2',
        '    | ^',
        'x.yml:2:4  wrong',
        '  2 | b: 2',
        '    |    ^',
        '2 errors, 1 warning',
        '',
      ].join('\n'),
    )
  })

  test('says so when there is nothing to say', () => {
    expect(describeProblems('a: 1\n', 'x.yml', [])).toBe('no problems\n')
  })

  test('keeps the gutter straight under line numbers of several digits', () => {
    const text = `${'\n'.repeat(99)}a: b\n`
    expect(describeProblems(text, 'x.yml', [problem(100, 4, 5)])).toContain(
      ['  100 | a: b', '      |    ^'].join('\n'),
    )
  })

  test('sets the caret under what follows tabs', () => {
    const described = describeProblems('a:\tb\t\tc\n', 'x.yml', [problem(1, 7, 8)])
    expect(described).toContain(['  1 | a:  b       c', '    |             ^'].join('\n'))
  })

  test('counts two cells for ideographs and emoji, none for combining marks', () => {
    // Each base line below takes as many cells as the dots above its caret.
    const wide = describeProblems('名前🎉: x\n', 'x.yml', [problem(1, 7, 8)])
    expect(wide).toContain(['  1 | 名前🎉: x', '    |         ^'].join('\n'))
    const combining = describeProblems('cafe\u0301: x\n', 'x.yml', [problem(1, 8, 9)])
    expect(combining).toContain(['  1 | cafe\u0301: x', '    |       ^'].join('\n'))
    const joined = describeProblems('👩‍👩‍👧: x\n', 'x.yml', [problem(1, 11, 12)])
    expect(joined).toContain(['  1 | 👩‍👩‍👧: x', '    |     ^'].join('\n'))
  })

  test('puts two carets under a wide character', () => {
    expect(describeProblems('a: 名前\n', 'x.yml', [problem(1, 4, 6)])).toContain('    |    ^^^^\n')
  })

  test('shows a window of a long line', () => {
    const line = `${'a'.repeat(300)}MARK${'b'.repeat(300)}`
    const [, shown = '', carets = ''] = describeProblems(line, 'x.yml', [problem(1, 301, 305)]).split('\n')
    expect(shown).toMatch(/^ {2}1 \| …a{40}MARKb+…$/)
    expect(carets.indexOf('^')).toBe(shown.indexOf('MARK'))
    expect(carets.replaceAll(' ', '')).toBe('|^^^^')
    expect(shown.length).toBeLessThan(120)
  })

  test('marks as much of a long stretch as it shows', () => {
    const line = `key: ${'v'.repeat(5000)}`
    const [, shown = '', carets = ''] = describeProblems(line, 'x.yml', [problem(1, 6, 5006)]).split('\n')
    expect(shown).toMatch(/^ {2}1 \| key: v+…$/)
    expect(carets.length).toBe(shown.length - 1)
  })

  test('stays quick for many problems in one endless line', () => {
    const line = 'x'.repeat(1024 * 1024)
    const problems = Array.from({ length: 500 }, (_, index) => problem(1, index * 2000 + 1, index * 2000 + 2))
    const lines = describeProblems(line, 'x.yml', problems).split('\n')
    expect(lines).toHaveLength(500 * 3 + 2)
  })

  test('points behind the end of a line', () => {
    expect(describeProblems('a: [b\n', 'x.yml', [problem(1, 6, 6)])).toContain(
      ['  1 | a: [b', '    |      ^'].join('\n'),
    )
  })

  test('leaves out carriage returns and the byte order mark', () => {
    const described = describeProblems('\uFEFFa: b\r\n', 'x.yml', [problem(1, 4, 5)])
    expect(described).toContain(['  1 | a: b', '    |    ^', ''].join('\n'))
  })

  test('passes no escape sequence or change of direction on to the terminal', () => {
    const text = 'a: "\u001b[31mred\u202Eder"\n'
    const described = describeProblems(text, 'x\u001b.yml', [
      problem(1, 4, 5, { message: '\u001b]0;title\u0007' }),
    ])
    expect(described).not.toMatch(/[\u001b\u0007\u202E]/)
    expect(described).toContain('�[31mred�der')
  })

  test('shows no line for a file that could not be read', () => {
    const missing = problem(1, 1, 1, { code: 'file-missing', message: 'there is no such file' })
    expect(describeProblems('', 'x.yml', [missing])).toBe('x.yml  there is no such file\n1 error\n')
  })

  test('can point into an empty file', () => {
    expect(describeProblems('', 'x.yml', [problem(1, 1, 1)])).toBe(
      'x.yml:1:1  wrong\n  1 |\n    | ^\n1 error\n',
    )
  })
})
