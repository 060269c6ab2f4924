import fc from 'fast-check'
import { describeProblems } from '../../../src/config/describe.ts'
import { NO_BUILT_INS, parseConfig } from '../../../src/config/parse.ts'
import type { ConfigProblem } from '../../../src/config/problem.ts'

const GROUND = { builtIns: ['debug'] }

function problemsOf(text: string): readonly ConfigProblem[] {
  const parsed = parseConfig(text, 'x.yml', GROUND)
  return parsed.ok ? parsed.value.warnings : parsed.failure
}

/** Pieces that make a configuration, or the wreck of one. */
const SCRAPS = [
  ...[
    'version: 1\n',
    'endpoints:',
    'adapters:',
    'limits:',
    'plugins:',
    'pre:',
    'post:',
    'with:',
    'url:',
    'use: debug',
  ],
  ...[
    '"POST /*/containers/create":',
    '/x:',
    'weave',
    'waeve',
    'http://weave',
    'unix:///run/a.sock:/b',
    '5s',
    '4MiB',
  ],
  ...[
    ' ',
    '  ',
    '    ',
    '\n',
    '\n\n',
    '\t',
    '\r\n',
    '- ',
    ': ',
    ', ',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '|\n',
    '>-\n',
  ],
  ...[
    '&a ',
    '*a',
    '<<: *a',
    '? ',
    '!!str ',
    '!x ',
    '%YAML 1.1\n',
    '---\n',
    '...\n',
    '# c\n',
    '~',
    'null',
    '0x1F',
    '.nan',
  ],
  ...['\uFEFF', '\u0000', '\u2028', '名前', '🎉', '\uD800', '__proto__: ', 'constructor: '],
] as const

describe('any text', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.constantFrom(...SCRAPS)).map((all) => all.join('')),
  )

  test('gives a configuration or problems, never a throw', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const parsed = parseConfig(text, 'x.yml', GROUND)
        if (parsed.ok) return parsed.value.warnings.every(({ severity }) => severity === 'warning')
        return parsed.failure.some(({ severity }) => severity === 'error')
      }),
      { numRuns: 1500 },
    )
  })

  test('has its problems in order, each at a place that exists, and all of them described', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const problems = problemsOf(text)
        const lines = text.replace(/^\uFEFF/, '').split('\n')
        for (const { line, column, endColumn } of problems) {
          expect(line).toBeGreaterThanOrEqual(1)
          expect(line).toBeLessThanOrEqual(lines.length)
          expect(column).toBeGreaterThanOrEqual(1)
          expect(endColumn).toBeGreaterThanOrEqual(column)
          expect(endColumn).toBeLessThanOrEqual(Math.max(column, lines[line - 1]!.length + 1))
        }
        const places = problems.map(({ line, column }) => [line, column] as const)
        expect(places).toEqual(places.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]))
        const described = describeProblems(text, 'x.yml', problems).trimEnd().split('\n')
        expect(described).toHaveLength(problems.length * 3 + 1)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a configuration that was made up', () => {
  const name = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 })
  const endpoint = fc.tuple(
    fc.constantFrom('GET', 'POST', 'DELETE', '*'),
    fc.stringMatching(/^[a-z*?]{1,8}$/),
    fc.stringMatching(/^[a-z]{1,8}$/),
  )
  const made = fc.uniqueArray(name, { minLength: 1, maxLength: 6 }).chain((names) =>
    fc.record({
      names: fc.constant(names),
      rules: fc.uniqueArray(
        fc.record({
          key: endpoint.map(([method, first, second]) => `${method} /*/${first}/${second}`),
          pre: fc.array(fc.constantFrom(...names), { maxLength: 4 }),
          post: fc.array(fc.constantFrom(...names), { maxLength: 4 }),
        }),
        { selector: ({ key }) => key, maxLength: 5 },
      ),
    }),
  )

  test('is read back as it was, rule by rule and hook by hook', () => {
    fc.assert(
      fc.property(made, ({ names, rules }) => {
        // JSON is YAML, and quotes whatever a name may be made of.
        const text = JSON.stringify(
          {
            version: 1,
            endpoints: Object.fromEntries(rules.map(({ key, pre, post }) => [key, { pre, post }])),
            adapters: Object.fromEntries(names.map((each, index) => [each, `http://host-${index}/`])),
          },
          undefined,
          1,
        )
        const parsed = parseConfig(text, 'x.yml', GROUND)
        if (!parsed.ok) throw new Error(describeProblems(text, 'x.yml', parsed.failure))
        const { config } = parsed.value
        const read = config.rules.map(({ pattern, pre, post }) => ({
          key: pattern.text,
          pre: pre.map(({ adapter }) => adapter),
          post: post.map(({ adapter }) => adapter),
        }))
        expect(read).toEqual(rules)
        expect([...config.adapters.keys()].sort()).toEqual([...names].sort())
      }),
      { numRuns: 300 },
    )
  })

  test('is no longer read once one of its hooks is misspelt, and the message finds the name', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{6,10}$/), fc.nat(8), (adapter, at) => {
        const swapped = swapNeighbours(adapter, at % (adapter.length - 1))
        fc.pre(swapped !== adapter)
        const text = `endpoints: { "* *": { pre: [${adapter}, "${swapped}"] } }\nadapters: { "${adapter}": "http://a" }\n`
        const problems = problemsOf(text).filter(({ code }) => code === 'adapter-undefined')
        expect(problems).toHaveLength(1)
        expect(problems[0]?.fix?.replaceAll('"', '')).toBe(adapter)
      }),
    )
  })
})

function swapNeighbours(word: string, at: number): string {
  return word.slice(0, at) + word.charAt(at + 1) + word.charAt(at) + word.slice(at + 2)
}

describe('a configuration cannot be made expensive', () => {
  // Each of these ends the process, or takes minutes, when it is read without care.
  test.each([
    ['nested lists without end', '- '.repeat(200_000)],
    ['nested brackets without end', '['.repeat(200_000)],
    ['nested keys without end', '? '.repeat(100_000)],
    ['one line of aliases', `a: &a [1]\nb: [${'*a,'.repeat(100_000)}]`],
    ['a map merged into the next one, and so on', mergeChain(3000)],
    ['one line of errors', '{a:b c, '.repeat(50_000)],
    ['one line of unknown adapters', `endpoints: { "* *": { pre: [${'x,'.repeat(50_000)}] } }\nadapters: {}`],
    ['thousands of misspelt adapters', misspeltAdapters(3000)],
  ])('%s', (_, text) => {
    expect(parseConfig(text, 'x.yml', GROUND).ok).toBe(false)
  })
})

function mergeChain(length: number): string {
  const maps = Array.from({ length }, (_, index) =>
    index === 0 ? 'm0: &m0 { k0: 0 }' : `m${index}: &m${index} { <<: *m${index - 1}, k${index}: 0 }`,
  )
  return `${maps.join('\n')}\n`
}

function misspeltAdapters(count: number): string {
  const numbers = Array.from({ length: count }, (_, index) => index)
  const uses = numbers.map((index) => `adaptor-${index}`)
  const adapters = numbers.map((index) => `adapter-${index}: "http://a"`)
  return `endpoints: { "* *": { pre: [${uses.join(',')}] } }\nadapters: { ${adapters.join(',')} }\n`
}

describe('what an in-process adapter is told', () => {
  function optionsOf(text: string): unknown {
    const parsed = parseConfig(
      `endpoints: {}\nadapters: { a: { use: debug, with: ${text} } }`,
      'x.yml',
      GROUND,
    )
    if (!parsed.ok) throw new Error('the configuration was refused')
    return parsed.value.config.adapters.get('a')?.settings.with
  }

  test('cannot be changed by it, at any depth', () => {
    const options = optionsOf('{ list: [{ x: 1 }] }') as { list: [{ x: number }] }
    expect(Object.isFrozen(options)).toBe(true)
    expect(Object.isFrozen(options.list)).toBe(true)
    expect(Object.isFrozen(options.list[0])).toBe(true)
  })

  test('has keys such as "constructor" as plain keys', () => {
    expect(Object.entries(optionsOf('{ constructor: 1, toString: 2 }') as object)).toEqual([
      ['constructor', 1],
      ['toString', 2],
    ])
  })
})

test('the socket of an adapter is found from the file that names it', () => {
  const socketOf = (unix: string) => {
    const text = JSON.stringify({ version: 2, adapters: { a: { unix, path: '/hook' } }, endpoints: {} })
    const parsed = parseConfig(text, '/etc/powerstrip/adapters.yml', NO_BUILT_INS)
    const adapter = parsed.ok ? parsed.value.config.adapters.get('a') : undefined
    return adapter?.kind === 'url' ? adapter.address : undefined
  }
  expect(socketOf('./a.sock')).toMatchObject({ socketPath: '/etc/powerstrip/a.sock', path: '/hook' })
  expect(socketOf('../run/a.sock')).toMatchObject({ socketPath: '/etc/run/a.sock' })
  expect(socketOf('/run/a.sock')).toMatchObject({ socketPath: '/run/a.sock' })
  for (const none of ['', 'unix:///run/a.sock', 'http://a/']) expect(socketOf(none)).toBe(undefined)
})
