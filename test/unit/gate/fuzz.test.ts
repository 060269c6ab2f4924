/**
 * Broken and odd texts against Node's own reader: what the gate accepts, that reads too, and as the same value; what it
 * alone refuses carries a rule. Nothing makes it throw, hang or grow. What is worth keeping stays in `found/`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { judgeJson, readJson } from '../../../src/gate/json.ts'
import { judgeBody } from '../../../src/gate/request-body.ts'
import { bodyShape } from '../../../src/gate/shape.ts'
import { documentsOf } from './documents.ts'
import { write } from './go-decoder.ts'

const RUNS = process.env.POWERSTRIP_LONG === '1' ? 300_000 : 3000
if (process.env.POWERSTRIP_LONG === '1') console.log(`fuzzing the gate: ${RUNS} texts`)

/** Rules by which the gate refuses what is JSON for Node. */
const STRICTER = ['PS-JSON-002', 'PS-JSON-006', 'PS-JSON-007', 'PS-JSON-008']

function compare(text: string): void {
  let value: unknown
  let reads = true
  try {
    value = JSON.parse(text)
  } catch {
    reads = false
  }
  const judged = judgeJson(text)
  if (!judged.ok) {
    expect(judged.failure.offset).toBeGreaterThanOrEqual(0)
    expect(judged.failure.offset).toBeLessThanOrEqual(text.length)
    if (reads) expect([text, STRICTER.includes(judged.failure.rule)]).toEqual([text, true])
    // Nodes are read where case is data, too.
    if (judged.failure.rule !== 'PS-JSON-002') expect(readJson(text).ok).toBe(false)
    return
  }
  expect([text, reads]).toEqual([text, true])
  const body = judgeBody(text, 'ContainerCreate')
  if (body.ok) {
    expect(judgeBody(body.value, 'ContainerCreate')).toEqual(body)
    JSON.parse(body.value)
  }
  const nodes = readJson(text)
  if (!nodes.ok) throw new Error(`read by one and not by the other: ${JSON.stringify(text)}`)
  expect(JSON.parse(text.slice(nodes.value.start, nodes.value.end))).toEqual(value)
}

/** A body that was good, cut, doubled and sprinkled with what readers stumble over. */
const mutated = fc
  .tuple(
    documentsOf(bodyShape('ContainerCreate').shape, 3),
    fc.infiniteStream(fc.nat()),
    fc.array(
      fc.constantFrom(
        '"',
        '\\',
        '\\u',
        '\\ud800',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '\0',
        '\ufeff',
        '\u2028',
        '-',
        '+',
        '0',
        '.',
        'e',
        'NaN',
        '/*',
        '//',
        "'",
        ' ',
        '\n',
        '\u017f',
        '\ud800',
        'true',
        'null',
        '"__proto__":',
      ),
      { maxLength: 4 },
    ),
  )
  .map(([raw, numbers, pieces]) => {
    const roll = (below: number) => (below === 0 ? 0 : numbers.next().value % below)
    let text = write(raw, roll)
    for (const piece of pieces) {
      const at = roll(text.length + 1)
      const cut = roll(3) === 0 ? roll(4) : 0
      text = text.slice(0, at) + piece + text.slice(at + cut)
    }
    return text
  })

test('generated and broken bodies', () => {
  fc.assert(fc.property(mutated, compare), { numRuns: RUNS })
})

test('any text', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), compare), { numRuns: RUNS })
})

test('a good body, cut at every character', () => {
  const body =
    '{"Image":"a\\u00e9\\ud83d\\ude00","HostConfig":{"Binds":["/a:/b"],"Memory":-1.5e+3,"x":[true,false,null,{}]}}'
  for (let end = 0; end <= body.length; end++) compare(body.slice(0, end))
})

const FOUND = join('test', 'unit', 'gate', 'found')

test.each(readdirSync(FOUND).filter((name) => name.endsWith('.json.txt')))('found: %s', (name) => {
  // As in a JSON string, so that every character can be seen.
  compare(JSON.parse(`"${readFileSync(join(FOUND, name), 'utf8').trimEnd()}"`) as string)
})

test.each([
  ['lists within lists', '['.repeat(4_000_000)],
  ['objects within objects', '{"a":'.repeat(800_000)],
  ['a string without end', `"${'a'.repeat(4_000_000)}`],
  ['backslashes', `"${'\\\\'.repeat(2_000_000)}`],
  ['a number without end', '1'.repeat(4_000_000)],
  ['white space', ' '.repeat(4_000_000)],
  ['many keys', `{${Array.from({ length: 300_000 }, (_, n) => `"k${n}":1`)}}`],
  ['many objects', `[${Array(1_300_000).fill('{}')}]`],
  ['keys that all fold', `{${Array.from({ length: 100_000 }, (_, n) => `"\u017f${n}":1`)}}`],
])('%s of 4 MiB take neither long nor much', (_what, text) => {
  const before = process.memoryUsage().heapUsed
  const since = process.cpuUsage()
  judgeBody(text, 'ContainerCreate')
  const { user, system } = process.cpuUsage(since)
  // Generous by ten: what would be wrong here is quadratic, and takes minutes.
  expect((user + system) / 1e6).toBeLessThan(10)
  expect((process.memoryUsage().heapUsed - before) / 1e6).toBeLessThan(300)
})
