import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { compileGlob, globMatches } from '../../../src/route/fnmatch.ts'

function matches(pattern: string, text: string): boolean {
  return globMatches(compileGlob(pattern), text)
}

/** What Python's own function says, for each pair. Python before 3.11 finds some sets with backward ranges unreadable. */
const ORACLE = `
import fnmatch, json, re, sys, warnings
warnings.simplefilter('ignore')
def answer(pattern, text):
    try:
        return fnmatch.fnmatchcase(text, pattern)
    except re.error:
        return None
pairs = json.load(sys.stdin)
json.dump([answer(pattern, text) for pattern, text in pairs], sys.stdout)
`

type Pair = readonly [pattern: string, text: string]

function askPython(pairs: readonly Pair[]): readonly (boolean | null)[] {
  const python = spawnSync('python3', ['-c', ORACLE], {
    input: JSON.stringify(pairs),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (python.error !== undefined)
    throw new Error(`python3 is needed here: it is the specification (${python.error.message})`)
  if (python.status !== 0) throw new Error(`python3 failed: ${python.stderr}`)
  return JSON.parse(python.stdout) as (boolean | null)[]
}

/** Pairs on which the two disagree, and how often each answer was given. */
function compare(pairs: readonly Pair[]) {
  const answers = askPython(pairs)
  const disagreements = pairs.filter(
    ([pattern, text], index) => answers[index] !== null && answers[index] !== matches(pattern, text),
  )
  const count = (answer: boolean) => answers.filter((one) => one === answer).length
  return { disagreements, yes: count(true), no: count(false) }
}

describe("Python's fnmatch", () => {
  test('agrees on patterns full of sets, and texts of the same characters', () => {
    const unit = fc.constantFrom(...'[[[]]!!--^\\ab/?*.zA~&|é😀')
    const pairs = fc.sample(
      fc.tuple(fc.string({ unit, maxLength: 9 }), fc.string({ unit, maxLength: 4 })),
      6000,
    )
    const { disagreements, yes, no } = compare(pairs)
    expect(disagreements).toEqual([])
    expect(yes).toBeGreaterThan(50)
    expect(no).toBeGreaterThan(500)
  })

  test('agrees on every set of up to four characters from a small alphabet, for every character', () => {
    const alphabet = ['a', 'b', 'c', '-', '!', ']', '^']
    const contents = [1, 2, 3, 4].flatMap((length) => allStrings(alphabet, length))
    const pairs = contents.flatMap((content) =>
      ['a', 'b', '-', '!', ']'].map((text): Pair => [`[${content}]`, text]),
    )
    expect(compare(pairs).disagreements).toEqual([])
  })

  test('agrees where dropping a backward range brings another character to the front', () => {
    const patterns = [
      '[b-a!-c]',
      '[b-a!c-d]',
      '[b-a^c]',
      '[b-a-c]',
      '[!b-a-c]',
      '[b-a[c]',
      '[z-ab-Ac-d]',
      '[]-A!x]',
    ]
    const pairs = patterns.flatMap((pattern) => Array.from('-!^[]abcdxz+', (text): Pair => [pattern, text]))
    expect(compare(pairs).disagreements).toEqual([])
  })

  test('agrees on endpoints and requests', () => {
    const piece = fc.constantFrom(
      '/',
      '*',
      '?',
      'v1.',
      '[12]',
      '[!2]',
      '1',
      'containers',
      'json',
      ' ',
      'GET',
      '16',
    )
    const text = fc.constantFrom('/', '/v1.16', '/v1.2', '/containers', '/json', '/a b', '/1', '\n', '')
    const pairs = fc.sample(
      fc.tuple(
        fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
        fc.array(text, { maxLength: 4 }).map((pieces) => `GET ${pieces.join('')}`),
      ),
      4000,
    )
    const { disagreements, yes } = compare(pairs)
    expect(disagreements).toEqual([])
    expect(yes).toBeGreaterThan(50)
  })
})

function allStrings(alphabet: readonly string[], length: number): readonly string[] {
  if (length === 0) return ['']
  return allStrings(alphabet, length - 1).flatMap((start) => alphabet.map((next) => start + next))
}

test('a pattern full of stars is bounded work', () => {
  const glob = compileGlob(`${'*a'.repeat(30)}b`)
  // With backtracking over every star this is more steps than there are atoms in the sea.
  expect(globMatches(glob, 'a'.repeat(4000))).toBe(false)
  expect(globMatches(glob, `${'a'.repeat(4000)}b`)).toBe(true)
})
