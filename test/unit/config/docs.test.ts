import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeProblems } from '../../../src/config/describe.ts'
import { parseConfig } from '../../../src/config/parse.ts'
import { CONTENT_PROBLEM_CODES, FILE_PROBLEM_CODES, YAML_PROBLEM_CODES } from '../../../src/config/problem.ts'

const PAGE = readFileSync(join('docs', 'config.md'), 'utf8')
const GROUND = { builtIns: ['debug', 'sandbox'] }

interface Example {
  readonly line: number
  readonly text: string
  /** What the first line says must come of it: `refused` or `warned` with codes, `same`, or nothing. */
  readonly mark: string
  readonly codes: readonly string[]
}

const examples = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].map(({ 1: text = '', index }): Example => {
  const [, mark = '', codes = ''] = /^# (refused|warned|same)(?:: (.*))?\n/.exec(text) ?? []
  return {
    line: PAGE.slice(0, index).split('\n').length + 1,
    text,
    mark,
    codes: codes.split(' ').filter(Boolean),
  }
})

function codesFoundIn({ text }: Example): { accepted: boolean; codes: readonly string[]; words: string } {
  const parsed = parseConfig(text, 'config.md', GROUND)
  const problems = parsed.ok ? parsed.value.warnings : parsed.failure
  const words = describeProblems(text, 'config.md', problems)
  return { accepted: parsed.ok, codes: problems.map(({ code }) => code).sort(), words }
}

describe('docs/config.md', () => {
  test('has examples of every kind', () => {
    for (const mark of ['refused', 'warned', 'same', '']) {
      expect(examples.filter((example) => example.mark === mark)).not.toEqual([])
    }
  })

  test.each(examples)('line $line: $mark $codes', (example) => {
    const { accepted, codes, words } = codesFoundIn(example)
    expect({ accepted, codes, words }).toEqual({
      accepted: example.mark !== 'refused',
      codes: example.codes.toSorted(),
      words,
    })
  })

  test.each(examples.filter(({ mark }) => mark === 'same'))(
    'line $line: all adapters are alike',
    ({ text }) => {
      const parsed = parseConfig(text, 'config.md', GROUND)
      if (!parsed.ok) throw new Error('refused')
      const adapters = [...parsed.value.config.adapters.values()]
      const [first, ...others] = adapters.map(({ name, line, ...rest }) => rest)
      expect(others).not.toEqual([])
      for (const other of others) expect(other).toEqual(first)
    },
  )

  test('names the default limits', () => {
    const defaults = [...PAGE.matchAll(/^\| `(\w+)` +\| size +\| `(\w+)` +\|/gm)].map(
      ({ 1: key, 2: size }) => `${key}: ${size}`,
    )
    expect(defaults).toHaveLength(3)
    const sections = 'endpoints: {}\nadapters: {}\n'
    const written = parseConfig(`limits: { ${defaults.join(', ')} }\n${sections}`, 'config.md')
    const unwritten = parseConfig(sections, 'config.md')
    expect(written.ok && written.value.config).toEqual(unwritten.ok && unwritten.value.config)
  })

  test('explains every code, and no other', () => {
    const table = PAGE.slice(PAGE.indexOf('| Code'))
    const explained = [...table.matchAll(/^\| `([a-z0-9-]+)` +\| \S/gm)].map(({ 1: code }) => code)
    expect(explained).toEqual([...YAML_PROBLEM_CODES, ...CONTENT_PROBLEM_CODES, ...FILE_PROBLEM_CODES])
  })

  test('and the configuration cases, or the page itself, show every code that text can have', () => {
    const cases = join('test', 'config', 'cases')
    const shown = readdirSync(cases)
      .filter((file) => file.endsWith('.expected.json'))
      .flatMap((file) => [...readFileSync(join(cases, file), 'utf8').matchAll(/"code": "([^"]+)"/g)])
      .map(({ 1: code }) => code!)
      .concat(examples.flatMap(({ codes }) => codes))
    const possible = [...YAML_PROBLEM_CODES, ...CONTENT_PROBLEM_CODES]
    expect(possible.filter((code) => !shown.includes(code))).toEqual([])
  })
})
