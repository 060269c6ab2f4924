/** What holds for every body there is: what hooks see means to the engine what the client's own text meant. */
import fc from 'fast-check'
import { BODIES } from '../../../src/gate/bodies.ts'
import { utf8Text } from '../../../src/gate/media.ts'
import { judgeBody } from '../../../src/gate/request-body.ts'
import { bodyShape, type Shape } from '../../../src/gate/shape.ts'
import { documentsOf } from './documents.ts'
import { decodeAsGo, decodeAsScript, readRaw, type Value, write } from './go-decoder.ts'

const RUNS = process.env.POWERSTRIP_LONG === '1' ? 5000 : 150
if (process.env.POWERSTRIP_LONG === '1')
  console.log(`properties of the gate: ${RUNS} bodies for each operation`)

/** A create is compared after its stray fields have found their place; that has tests of its own. */
const operations = Object.keys(BODIES)

const written = (shape: Shape) =>
  fc
    .tuple(documentsOf(shape), fc.infiniteStream(fc.nat()))
    .map(([raw, numbers]) => write(raw, (below) => numbers.next().value % below))

describe.each(operations)('%s', (operation) => {
  const { shape } = bodyShape(operation)

  test('what hooks see decodes to what the engine makes of the client’s text', () => {
    let accepted = 0
    fc.assert(
      fc.property(written(shape), (text) => {
        const judged = judgeBody(text, operation)
        if (!judged.ok) return
        accepted++
        const before = gathered(decodeAsGo(readRaw(text), shape), operation)
        const raw = readRaw(judged.value)
        expect(gathered(decodeAsGo(raw, shape), operation)).toEqual(before)
        // An adapter, which knows nothing of folding or merging, reads the same.
        expect(gathered(decodeAsScript(raw, shape), operation)).toEqual(before)
      }),
      { numRuns: RUNS },
    )
    expect(accepted).toBeGreaterThan(RUNS / 20)
  })

  test('judging once more changes nothing', () => {
    fc.assert(
      fc.property(written(shape), (text) => {
        const once = judgeBody(text, operation)
        if (!once.ok) return
        expect(judgeBody(once.value, operation)).toEqual(once)
      }),
      { numRuns: RUNS },
    )
  })
})

/** What is compared of a create: the fields of HostConfig wherever they stand, as the engine puts them together. */
function gathered(value: Value, operation: string): Value {
  const { shape } = bodyShape(operation)
  if (operation !== 'ContainerCreate' || shape.kind !== 'struct' || !isFields(value)) return value
  const own: Record<string, Value> = {}
  const astray: Record<string, Value> = {}
  for (const [key, member] of Object.entries(value))
    if (shape.fields.get(key)?.astray === true) astray[key] = member
    else own[key] = member
  const { HostConfig: inner = null, ...rest } = own
  if (inner !== null && !isFields(inner)) return { ...rest, HostConfig: inner }
  const host: Record<string, Value> = { ...(inner ?? astray) }
  if (inner === null) delete host.Cpuset
  const has = inner !== null || Object.keys(host).length > 0
  if (inner !== null)
    for (const key of ['Memory', 'MemorySwap', 'CpuShares', 'CpusetCpus', 'VolumeDriver'])
      if (isNothing(host[key]) && !isNothing(astray[key])) host[key] = astray[key]!
  if (has && isNothing(host.CpusetCpus) && !isNothing(astray.Cpuset)) host.CpusetCpus = astray.Cpuset!
  return has ? { ...rest, HostConfig: host } : rest
}

function isFields(value: Value): value is Record<string, Value> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('number' in value)
}

function isNothing(value: Value | undefined): boolean {
  if (value === undefined || value === null || value === '') return true
  return typeof value === 'object' && 'number' in value && Number(value.number) === 0
}

/**
 * The keys of an object are compared one by one while they are few, and by a set when there are many. Which one makes no difference.
 */
describe('PS-JSON-002: a map is refused exactly where one of its keys stands twice', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\u{1f600}', '.'), maxLength: 3 })
  const quoted = fc
    .tuple(word, fc.boolean())
    .map(([key, escaped]) =>
      escaped
        ? `"${Array.from({ length: key.length }, (_, at) => unit(key, at)).join('')}"`
        : JSON.stringify(key),
    )
  const unit = (key: string, at: number) => `\\u${key.charCodeAt(at).toString(16).padStart(4, '0')}`

  test.each(['as they come', 'in order', 'in order but for the last'])('%s', (how) => {
    let refused = 0
    fc.assert(
      fc.property(fc.array(quoted, { maxLength: 16 }), (keys) => {
        const list = how === 'as they come' ? keys : keys.toSorted(byMeaning)
        if (how === 'in order but for the last' && list.length > 1) list.push(list.shift()!)
        const text = `{"Labels":{${list.map((key) => `${key}:"x"`).join(',')}}}`
        const isTwice = new Set(list.map((key) => JSON.parse(key) as string)).size < list.length
        if (isTwice) refused++
        const judged = judgeBody(text, 'ContainerCreate')
        expect(judged.ok ? undefined : judged.failure.rule).toBe(isTwice ? 'PS-JSON-002' : undefined)
      }),
      { numRuns: 10 * RUNS },
    )
    expect(refused).toBeGreaterThan(RUNS)
  })

  function byMeaning(one: string, other: string): number {
    const [a, b] = [JSON.parse(one) as string, JSON.parse(other) as string]
    return a < b ? -1 : a > b ? 1 : 0
  }
})

test('PS-JSON-006: bytes are text exactly where a strict decoder says so', () => {
  const bytes = fc.array(
    fc.constantFrom(0x00, 0x41, 0x7f, 0x80, 0xa9, 0xbd, 0xbf, 0xc3, 0xe2, 0xef, 0xf0, 0x9f, 0xff),
    {
      maxLength: 8,
    },
  )
  fc.assert(
    fc.property(bytes, (list) => {
      const data = Buffer.from(list)
      let text: string | undefined
      try {
        text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
      } catch {
        text = undefined
      }
      expect(utf8Text(data)).toBe(text)
    }),
    { numRuns: 20 * RUNS },
  )
})
