/** Protocol 2, sections 9, 11 and 12: what adapters can count on in a configuration of version 2. */
import { parseConfig } from '../../src/config/parse.ts'

const parse = (text: string) =>
  parseConfig(text, 'adapters.yml', {
    builtIns: ['debug'],
    env: { HOST: 'adapter.example' },
    fileText: (file) => ({ ok: true, value: `content of ${file}` }),
  })
const good = (text: string) => {
  const parsed = parse(text)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.failure))
  return parsed.value
}
const problems = (text: string) => {
  const parsed = parse(text)
  return parsed.ok ? [] : parsed.failure
}
const warnings = (text: string) => good(text).warnings.map(({ code }) => code)

const TWO = `version: 2
adapters:
  a: { unix: /run/a.sock }
  debug: { use: debug }
endpoints:
  ContainerCreate: { pre: [a], post: [debug] }
`

test('V2-9.1, V2-9.2, V2-9.4, V2-6.5: the defaults', () => {
  const { config } = good(TWO)
  expect(config.rules[0]!.pre[0]!.settings).toMatchObject({
    timeoutMs: 10_000,
    timeoutV1Ms: 300_000,
    retries: 0,
  })
  expect(config.adapters.get('a')).toMatchObject({ maxQueue: 256, startupTimeoutMs: 30_000 })
  expect(config.options.chain).toEqual({ deadlineMs: 60_000, unwindTimeoutMs: 5_000 })
  expect(config.options.limits).toEqual({
    requestBodyBytes: 4 * 1024 ** 2,
    responseBodyBytes: 8 * 1024 ** 2,
    adapterReplyBytes: 32 * 1024 ** 2,
  })
})

test('V2-9.1: defaults.timeout is for protocol 2 only, a timeout of the adapter itself is for both', () => {
  const { config } = good(
    TWO.replace('adapters:', 'defaults: { timeout: 3s }\nadapters:')
      .replace('debug: { use: debug }', 'debug: { use: debug }\n  b: { unix: /run/b.sock, timeout: 7s }')
      .replace('pre: [a]', 'pre: [a, b, { use: b, timeout: 2s }]'),
  )
  expect(
    config.rules[0]!.pre.map(({ settings: { timeoutMs, timeoutV1Ms } }) => [timeoutMs, timeoutV1Ms]),
  ).toEqual([
    [3_000, 300_000],
    [7_000, 7_000],
    [2_000, 2_000],
  ])
})

test.each(['', 'unknown: 1\n', 'events: {}\n'])(
  'V2-12.1: under version 1 what is unknown is a warning: %j',
  (line) => {
    const old = `${line}endpoints: { "POST /*/containers/create": { pre: [a] } }\nadapters: { a: "http://127.0.0.1/" }\n`
    expect(good(old).config.version).toBe(1)
    expect(warnings(old)).toHaveLength(line === '' ? 0 : 1)
  },
)

test.each([
  TWO.replace('endpoints:', 'unknown: 1\nendpoints:'),
  TWO.replace('/run/a.sock }', '/run/a.sock, unknown: 1 }'),
  TWO.replace('pre: [a]', 'pre: [a], unknown: []'),
  TWO.replace('pre: [a]', 'pre: [{ use: a, unknown: 1 }]'),
  `${TWO}chain: { unknown: 1s }\n`,
])('V2-12.1: under version 2 it is an error', (text) => {
  expect(problems(text)).toMatchObject([{ severity: 'error', message: expect.stringContaining('unknown') }])
})

test.each([
  ['"POST /*/containers/create"', true],
  ['ContainerCreate', true],
  ['"ContainerStart | ContainerCreate"', true],
  ['"*"', true],
  ['"/^Container/"', false],
  ['ContainerCreat', false],
])('V2-12.2: the key %s', (key, accepted) => {
  expect(problems(TWO.replace('ContainerCreate', key)).length === 0).toBe(accepted)
})

test('V2-12.4: a use overrides its adapter, which overrides the defaults', () => {
  const { config } = good(
    TWO.replace('adapters:', 'defaults: { timeout: 3s, onError: ignore, maxBodyBytes: 1MiB }\nadapters:')
      .replace('/run/a.sock }', '/run/a.sock, timeout: 4s, onError: fail }')
      .replace('pre: [a]', 'pre: [{ use: a, timeout: 5s }]'),
  )
  expect(config.rules[0]!.pre[0]!.settings).toMatchObject({
    timeoutMs: 5_000,
    onError: 'fail',
    maxBodyBytes: 1024 ** 2,
  })
})

test('V2-12.6: a key twice is an error with both lines', () => {
  const [problem] = problems(`${TWO}  ContainerCreate: { post: [a] }\n`)
  expect(problem).toMatchObject({ file: 'adapters.yml', line: 7, column: 3 })
  expect(problem!.message).toContain('line 6')
})

test('V2-12.6: an unknown name gets the nearest spelling', () => {
  expect(problems(TWO.replace('pre: [a]', 'pre: [debgu]'))).toMatchObject([
    { line: 6, column: 28, message: expect.stringContaining('"debug"') },
  ])
  expect(problems(TWO.replace('ContainerCreate', 'ContainerCraete'))[0]!.message).toContain('ContainerCreate')
})

test('V2-12.7: durations and sizes have units', () => {
  expect(problems(TWO.replace('/run/a.sock }', '/run/a.sock, timeout: 5 }'))).toHaveLength(1)
  expect(problems(TWO.replace('/run/a.sock }', '/run/a.sock, maxBodyBytes: 4MB }'))).toHaveLength(1)
  const { config } = good(TWO.replace('/run/a.sock }', '/run/a.sock, timeout: 2m, maxBodyBytes: 4MiB }'))
  expect(config.rules[0]!.pre[0]!.settings).toMatchObject({ timeoutMs: 120_000, maxBodyBytes: 4 * 1024 ** 2 })
})

test('V2-12.7: variables and files stand in values only', () => {
  const variable = (name: string) => ['$', '{', name, '}'].join('')
  const { config } = good(
    TWO.replace(
      '{ unix: /run/a.sock }',
      `{ url: "https://${variable('HOST')}/", with: { token: "${variable('file:token')}" } }`,
    ),
  )
  expect(config.adapters.get('a')).toMatchObject({ url: 'https://adapter.example/' })
  expect(config.rules[0]!.pre[0]!.settings.with).toEqual({ token: 'content of token' })
  // As a key it is a name like any other, and stands for nothing.
  expect(problems(TWO.replace('  a: {', `  "${variable('HOST')}": {`)).map(({ message }) => message)).toEqual(
    [expect.stringContaining('"a" is not defined')],
  )
})

test.each([
  ['glob-versioned', TWO.replace('ContainerCreate', '"POST /v1.41/containers/create"')],
  ['glob-for-operation', TWO.replace('ContainerCreate', '"POST /*/containers/create"')],
  ['onError: ignore on validate', TWO.replace('pre: [a]', 'validate: [{ use: a, onError: ignore }]')],
  ['an unused adapter', TWO.replace('adapters:', 'adapters:\n  unused: { unix: /run/u.sock }')],
  [
    'a post-hook of protocol 1 on what has no end',
    TWO.replace('{ unix: /run/a.sock }', 'http://127.0.0.1/').replace(
      'ContainerCreate: { pre: [a], post: [debug] }',
      '"GET /*/events": { post: [a] }',
    ),
  ],
  ['V2-11.4: plain http', TWO.replace('{ unix: /run/a.sock }', '{ url: "http://far.example/" }')],
])('V2-12.9: check warns of %s', (_what, text) => {
  const plain = warnings(TWO)
  expect(warnings(text).filter((code) => !plain.includes(code))).not.toEqual([])
})

test('V2-11.4: plain http beyond this machine is warned of, and refused under security.strict', () => {
  const far = TWO.replace('{ unix: /run/a.sock }', '{ url: "http://far.example/" }')
  const near = TWO.replace('{ unix: /run/a.sock }', '{ url: "http://127.0.0.1/" }')
  expect(warnings(far)).toContain('plain-http')
  expect(warnings(near)).not.toContain('plain-http')
  const strict = 'security: { strict: true }\n'
  expect(problems(far + strict)).toMatchObject([{ code: 'plain-http' }])
  expect(problems(near + strict)).toEqual([])
})

test('PS-UPGRADE-003: check warns of builds that BuildKit carries past the hooks of ImageBuild', () => {
  const build = (more: string) =>
    warnings(
      TWO.replace(
        'ContainerCreate: { pre: [a], post: [debug] }',
        `ImageBuild: { pre: [a], post: [debug] }${more}`,
      ),
    )
  expect(build('')).toContain('build-doors')
  expect(build('\n  Session: { pre: [a] }')).toContain('build-doors')
  expect(build('\n  "Session | Grpc": { pre: [a] }')).not.toContain('build-doors')
  expect(build('\n  "POST *": { pre: [a] }')).not.toContain('build-doors')
})

describe('PS-ADAPTER-005: an adapter that refuses is asked last', () => {
  const among = (endpoints: string, version = 2) =>
    parseConfig(
      `version: ${version}
adapters:
  sandbox: { use: sandbox }
  image: { use: restrict-image, with: { allow: [acme] } }
  debug: { use: debug }
  labels: http://127.0.0.1:9001/
endpoints: ${endpoints}
`,
      'adapters.yml',
      { builtIns: ['debug', 'restrict-image', 'sandbox'] },
    )
  const early = (endpoints: string, version?: number) => {
    const parsed = among(endpoints, version)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.failure))
    return parsed.value.warnings.filter(({ code }) => code === 'judges-early').map(({ message }) => message)
  }

  test.each([
    ['{ ContainerCreate: { pre: [image, labels] } }', 2, '"image" judges before "labels"'],
    [
      '{ "POST /*/containers/create": { pre: [sandbox, debug, labels] } }',
      1,
      '"sandbox" judges before "labels"',
    ],
    [
      '{ "* *": { pre: [sandbox] }, ContainerCreate: { pre: [labels] } }',
      2,
      '"sandbox" judges before "labels"',
    ],
    [
      '{ ContainerCreate: { pre: [image, sandbox], validate: [sandbox] } }',
      2,
      '"image" judges before "sandbox"',
    ],
  ])('%s in version %i: a warning, once', (endpoints, version, says) => {
    expect(early(endpoints, version)).toEqual([expect.stringContaining(says)])
  })

  test.each([
    ['{ ContainerCreate: { pre: [labels, sandbox, image] } }', 2],
    ['{ ContainerCreate: { pre: [sandbox, labels], validate: [sandbox] } }', 2],
    ['{ "* *": { pre: [sandbox], validate: [sandbox] }, ContainerCreate: { pre: [labels] } }', 2],
    ['{ ContainerCreate: { pre: [image] }, ContainerStart: { pre: [labels] } }', 2],
    ['{ "POST /*/containers/create": { pre: [image, debug] } }', 1],
    ['{ "POST /*/containers/create": { pre: [sandbox, labels, sandbox] } }', 1],
  ])('%s in version %i: none', (endpoints, version) => {
    expect(early(endpoints, version)).toEqual([])
  })
})
