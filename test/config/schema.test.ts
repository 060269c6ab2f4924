/** The schema for editors says of every case what can be said without knowing what stands elsewhere. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config/parse.ts'
import { configSchema } from '../../src/config/schema.ts'

const CASES = join('test', 'config', 'cases')
const accepts = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false }).compile(
  configSchema(),
)

const cases = readdirSync(CASES)
  .filter((file) => /^v2-.*\.yml$/.test(file))
  .map((file) => {
    const expected = readFileSync(join(CASES, file.replace('.yml', '.expected.json')), 'utf8')
    return {
      name: file.replace('.yml', ''),
      value: parse(readFileSync(join(CASES, file), 'utf8'), { merge: true }) as unknown,
      accepted: (JSON.parse(expected) as { accepted: boolean }).accepted,
    }
  })

/** What is wrong in these lies between two keys, in a name, or in another file. */
const BEYOND_A_SCHEMA: readonly string[] = [
  'v2-rejects-an-engine-with-tls-on-a-socket',
  'v2-rejects-an-include-that-is-no-yaml',
  'v2-rejects-globs-that-match-nothing',
  'v2-rejects-missing-sections',
  'v2-rejects-plain-http-where-it-is-strict',
  'v2-rejects-post-hooks-on-what-never-ends',
  'v2-rejects-stream-hooks-that-would-never-be-called',
  'v2-rejects-values-from-elsewhere-without-showing-them',
  'v2-rejects-variables-that-are-not-there',
]

test.each(cases.filter(({ accepted }) => accepted))('$name: accepted', ({ value }) => {
  expect({ accepted: accepts(value), errors: accepts.errors }).toEqual({ accepted: true, errors: null })
})

test('the others are refused, but for those that a schema cannot judge', () => {
  const passed = cases.filter(({ accepted, value }) => !accepted && accepts(value)).map(({ name }) => name)
  expect(passed).toEqual(BEYOND_A_SCHEMA)
})

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What the reader makes of a file: the codes of what is wrong in it. */
function refusals(text: string, env: Readonly<Record<string, string>> = {}): readonly string[] {
  const parsed = parseConfig(text, 'adapters.yml', {
    builtIns: ['debug', 'labels'],
    env,
    // Every file is there, and says nothing that matters.
    fileText: () => ({ ok: true, value: 'adapters: {}\n' }),
  })
  if (parsed.ok) return []
  return parsed.failure.filter(({ severity }) => severity === 'error').map(({ code }) => code)
}

const REST = 'adapters: {}\nendpoints: {}\n'
const listening = (line: string) => `listeners: { a: { unix: /run/a.sock, ${line} } }\n${REST}`
const adapting = (line: string) =>
  `adapters: { a: { unix: /run/a.sock, ${line} } }\nendpoints: { ContainerCreate: { observe: [a] } }\n`

test.each<[taken: boolean, text: string]>([
  [true, listening('group: docker')],
  [true, listening('group: 999')],
  [true, listening('group: "999"')],
  [true, listening('owner: 4294967294')],
  [false, listening('owner: 4294967295')],
  [false, listening('group: 1.5')],
  [false, listening('group: -1')],
  [false, listening('group: 1e21')],
  [false, listening('group: ""')],
  [false, listening('group:')],
  [false, listening('group: true')],
  [true, listening('mode: 0660')],
  [true, listening('mode: "0660"')],
  [true, listening(`mode: "\${MODE}"`)],
  [false, listening('mode: "0999"')],
  [false, listening('mode: rw')],
  [true, `listeners: { a: { unix: "\${SOCKET}" } }\n${REST}`],
  [false, `listeners: { a: { unix: run/a.sock } }\n${REST}`],
  [false, `listeners: { a: { tcp: localhost } }\n${REST}`],
  [true, `admin: { tcp: 127.0.0.1:9000 }\n${REST}`],
  [false, `admin: { tcp: localhost }\n${REST}`],
  [false, `admin: { tcp: "" }\n${REST}`],
  [true, `include: []\n${REST}`],
  [true, `include: [more.yml]\n${REST}`],
  [false, `include: [""]\n${REST}`],
  [false, `include:\n${REST}`],
  [false, `include: more.yml\n${REST}`],
  [false, `include: ["a\\0b"]\n${REST}`],
  [true, adapting(`protocol: "\${PROTOCOL}"`)],
  [true, adapting('protocol: "2"')],
  [false, adapting('protocol: 3')],
  [true, adapting('concurrency: "32"')],
  [true, adapting(`concurrency: "\${MANY}"`)],
  [false, adapting('concurrency: many')],
  [false, adapting('concurrency: 65536')],
  [true, adapting('sample: "0.5"')],
  [false, adapting('sample: half')],
  [true, adapting('timeout: 250ms')],
  [false, adapting('timeout: 0s')],
  [false, adapting('timeout: 5')],
  [true, adapting('maxBodyBytes: 4096')],
  [false, adapting('maxBodyBytes: 0B')],
  [false, adapting('headers: { forward: ["a b"] }')],
  [false, `adapters: { a: tcp://x }\nendpoints: {}\n`],
  [false, `adapters: { a: { url: localhost } }\nendpoints: {}\n`],
  [true, `security: { minApiVersion: 1.24 }\n${REST}`],
  [false, `security: { minApiVersion: v1.24 }\n${REST}`],
])('the schema and the reader agree: %s, %s', (taken, more) => {
  const text = `version: 2\n${more}`
  const env = { MODE: '0600', SOCKET: '/run/a.sock', PROTOCOL: '2', MANY: '8' }
  expect([accepts(parse(text)), refusals(text, env)]).toEqual([taken, taken ? [] : [expect.any(String)]])
})

/** Wrong between two keys, by a name, by an address, or by a bound of what is written as text. */
const BEYOND_ONE_VALUE: ReadonlySet<string> = new Set([
  'adapter-undefined',
  'address',
  'built-in-unknown',
  'condition',
  'duration',
  'key-conflict',
  'key-missing',
  'listener-open',
  'needs-protocol-2',
  'number',
  'operation-unknown',
  'plain-http',
  'post-not-shown',
  'size',
  'stream-not-framed',
  'url-credentials',
  'url-unreadable',
])

/** A schema sees numbers and no digits, has no list of the headers that nobody gets, and looks at no options of adapters. */
const LISTED_ELSEWHERE = /\.(?:mode|headers\.[a-z]+|with\.[a-z]+)(?:\.[0-9]+)?$/

const ODD: readonly Json[] = [
  ...[null, true, 0, 1, 2, 1.5, -1, 65_536, 1e21, '', ' ', 'x', 'a b', '/x', 'x\0', '0', '2', '1.5', 'auto'],
  ...['5s', '0s', '25h', '4MiB', '0B', '0660', '888', 'http://x/', 'https://u:p@x/', 'tcp://x:1', 'x:1'],
  ...['fail', 'none', '*', 'ContainerCreate', 'Authorization', 'registry', 'true && 1', [], {}, [''], [1]],
  ...[[null], [{}], { x: 1 }, { file: '' }, { use: 'debug' }],
]

function* placesIn(
  value: Json,
  at: readonly (string | number)[] = [],
): Generator<readonly (string | number)[]> {
  yield at
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) yield* placesIn(inner, [...at, key])
}

/** The same with another value at a place, or without it. */
function changed(
  value: Json,
  [key, ...below]: readonly (string | number)[],
  to: (was: Json) => Json | undefined,
): Json | undefined {
  if (key === undefined) return to(value)
  const entries = Object.entries(value as { readonly [key: string]: Json }).flatMap(([each, inner]) => {
    const after = each === String(key) ? changed(inner, below, to) : inner
    return after === undefined ? [] : [[each, after] as const]
  })
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
}

test('they agree whatever stands in place of a value, without it, with one too many, or where a variable stands for it', () => {
  const bases = [
    'v2-accepts-every-key-of-the-specification',
    'v2-accepts-an-engine-behind-tls',
    'v2-accepts-includes-before-its-own',
  ].map((name) => cases.find((one) => one.name === name)!)
  const disagreements: string[] = []
  let looked = 0
  const look = (what: string, value: Json | undefined, env: Readonly<Record<string, string>> = {}) => {
    if (value === undefined) return
    looked++
    const codes = new Set(refusals(JSON.stringify(value), env))
    const taken = accepts(value)
    if (taken && LISTED_ELSEWHERE.test(what)) codes.delete('value-not-allowed')
    const beyond = [...codes].every((code) => BEYOND_ONE_VALUE.has(code))
    if (taken ? !beyond : codes.size === 0)
      disagreements.push(`${what}: ${[...codes].join(', ') || 'taken by the reader'}`)
  }
  for (const { name, value } of bases) {
    for (const at of placesIn(value as Json)) {
      // Another version has a schema of its own.
      if (at[0] === 'version') continue
      const what = `${name}.${at.join('.')}`
      for (const odd of ODD)
        look(
          what,
          changed(value as Json, at, () => odd),
        )
      if (at.length > 0)
        look(
          `without ${what}`,
          changed(value as Json, at, () => undefined),
        )
      let was: Json = null
      const more = changed(value as Json, at, (present) => {
        was = present
        return typeof present === 'object' && !Array.isArray(present) ? { ...present, odd: 1 } : present
      })
      look(`more in ${what}`, more)
      if (typeof was !== 'object')
        look(
          what,
          changed(value as Json, at, () => `\${VALUE}`),
          { VALUE: String(was) },
        )
    }
  }
  expect(disagreements).toEqual([])
  expect(looked).toBeGreaterThan(5_000)
})

test('V2-12.10: is published as it is', () => {
  const published = JSON.parse(readFileSync('schemas/config.v2.json', 'utf8')) as unknown
  expect(published).toEqual(configSchema())
})
