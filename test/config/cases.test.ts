import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../src/config/config.ts'
import { describeProblems } from '../../src/config/describe.ts'
import { type ParsedConfig, parseConfig } from '../../src/config/parse.ts'
import type { ConfigProblem } from '../../src/config/problem.ts'

/** One configuration case: `cases/NAME.yml`, and what must come of it in `cases/NAME.expected.json`. */
type Expected =
  | { accepted: true; config: ExpectedConfig; warnings: readonly ExpectedProblem[] }
  | { accepted: false; problems: readonly ExpectedProblem[] }

interface ExpectedConfig {
  readonly rules: readonly unknown[]
  /** Every adapter by name; of each only the fields that the case is about. */
  readonly adapters: Readonly<Record<string, object>>
  readonly limits?: object
}

interface ExpectedProblem {
  /** `line:column-endColumn`. */
  readonly at: string
  readonly code: string
  /** `error` where it is not written. */
  readonly severity?: string
  /** What the message must contain. The rest of its wording is free. */
  readonly says: readonly string[]
  readonly fix?: string
}

const CASES = join('test', 'config', 'cases')
const BUILT_INS = ['debug', 'null']

const names = readdirSync(CASES)
  .filter((file) => file.endsWith('.yml'))
  .map((file) => file.replace(/\.yml$/, ''))

describe('each configuration case', () => {
  test.each(names)('%s', (name) => {
    const text = readFileSync(join(CASES, `${name}.yml`), 'utf8')
    const expected = JSON.parse(readFileSync(join(CASES, `${name}.expected.json`), 'utf8')) as Expected

    const parsed = parseConfig(text, `${name}.yml`, { builtIns: BUILT_INS })

    const problems = parsed.ok ? parsed.value.warnings : parsed.failure
    expectProblems(text, problems, expected.accepted ? expected.warnings : expected.problems)
    expect(parsed.ok).toBe(expected.accepted)
    if (parsed.ok && expected.accepted) expectConfig(parsed.value, expected.config)
  })
})

test('every case has its expected outcome', () => {
  const expected = readdirSync(CASES).filter((file) => file.endsWith('.expected.json'))
  expect(expected.map((file) => file.replace(/\.expected\.json$/, ''))).toEqual(names)
})

function expectProblems(
  text: string,
  problems: readonly ConfigProblem[],
  expected: readonly ExpectedProblem[],
): void {
  const found = problems.map(({ severity, code, line, column, endColumn }) => ({
    at: `${line}:${column}-${endColumn}`,
    code,
    severity,
  }))
  const wanted = expected.map(({ at, code, severity = 'error' }) => ({ at, code, severity }))
  // Compared together with the words, so that a failing case shows what its user would have read.
  const words = describeProblems(text, 'case.yml', problems)
  expect({ words, found }).toEqual({ words, found: wanted })

  for (const [index, { says, fix }] of expected.entries()) {
    for (const phrase of says) expect(problems[index]?.message).toContain(phrase)
    if (fix !== undefined) expect(problems[index]?.fix).toBe(fix)
  }
}

function expectConfig({ config }: ParsedConfig, expected: ExpectedConfig): void {
  expect(config.version).toBe(1)
  expect(rulesOf(config)).toEqual(expected.rules)
  const adapters = Object.fromEntries(
    [...config.adapters].map(([name, { settings, ...adapter }]) => [name, { ...adapter, ...settings }]),
  )
  expect(Object.keys(adapters).sort()).toEqual(Object.keys(expected.adapters).sort())
  expect(adapters).toMatchObject(expected.adapters)
  if (expected.limits) expect(config.options.limits).toEqual(expected.limits)
}

function rulesOf({ rules }: Config): readonly unknown[] {
  return rules.map(({ pattern, pre, post, line }) => ({
    pattern: pattern.text,
    pre: pre.map(({ adapter }) => adapter),
    post: post.map(({ adapter }) => adapter),
    line,
  }))
}
