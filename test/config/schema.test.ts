/** The schema for editors says of every case what can be said without knowing what stands elsewhere. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
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

test('V2-12.10: is published as it is', () => {
  const published = JSON.parse(readFileSync('schemas/config.v2.json', 'utf8')) as unknown
  expect(published).toEqual(configSchema())
})
