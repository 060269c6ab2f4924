/**
 * The same bytes for our reader and for node's. What we accept, llhttp must accept with the same method, target, fields,
 * body and end of message: where two strict readers of one language differ, a third one in the engine may as well.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { ANSWERS, foundInputs, REQUESTS } from './corpus.ts'
import { answerStreams, Dice, damaged, requestStreams } from './generated.ts'
import { type AnswerCase, type NodeAnswer, NodeServer, readWithNodeClients } from './llhttp.ts'
import { bytes, type ReadAnswer, type ReadRequests, readAnswer, readRequests } from './read-stream.ts'

const SEED = 20_150_401
/** Each takes some 40 µs. */
const GENERATED_RUNS = 8_000
const DAMAGED_RUNS = 24_000
const DAMAGED_ANSWER_RUNS = 6_000

const node = new NodeServer()

interface Tally {
  /** Requests that both have read alike. */
  alike: number
  /** Streams that ended in a refusal of ours. */
  refused: number
  readonly rules: Set<string>
}

const tally = (): Tally => ({ alike: 0, refused: 0, rules: new Set() })

/** What the two differ in, or undefined. */
function difference(text: string, counts: Tally): string | undefined {
  const stream = bytes(text)
  const { requests, end } = upToLastForNode(readRequests([stream]))
  if (end.kind === 'refused') {
    counts.refused++
    counts.rules.add(end.rule)
    if (!/^PS-(?:FRAME-0(?:0[1-9]|1[0-3])|PATH-004)$/.test(end.rule) || end.status < 400)
      return `refused without a rule: ${end.rule}`
  }
  const last = requests.at(-1)
  if (last === undefined) return undefined

  // Up to the byte before the last one of the last message, then that byte: its end must be seen there and not sooner.
  const upTo = last.end ?? stream.length
  const theirs = node.read([stream.subarray(0, upTo - 1), stream.subarray(upTo - 1, upTo)])
  const garbled = last.end === undefined && end.kind === 'refused'
  if (theirs.problem !== undefined && !garbled) return `node refuses: ${theirs.problem}`
  if (theirs.requests.length < requests.length)
    return `node reads ${theirs.requests.length} requests, we ${requests.length}`
  if (theirs.requests.length > requests.length && !garbled)
    return `node reads ${theirs.requests.length} requests, we ${requests.length}`

  for (const [i, ours] of requests.entries()) {
    const other = theirs.requests[i]!
    const { method, target, minor, rawHeaders } = other
    if (
      !isDeepStrictEqual(
        [method, target, minor, rawHeaders],
        [ours.method, ours.target, ours.minor, ours.rawHeaders],
      )
    )
      return `heads differ: ${JSON.stringify(other)} and ours ${JSON.stringify(ours)}`
    const bodiesAgree = garbled && ours === last ? other.body.startsWith(ours.body) : other.body === ours.body
    if (!bodiesAgree)
      return `bodies differ: ${JSON.stringify(other.body)} and ours ${JSON.stringify(ours.body)}`
    if (!garbled && other.complete !== (ours.end !== undefined))
      return `complete: ${other.complete}, ours ends at ${ours.end}`
    counts.alike++
  }
  if (
    last.end !== undefined &&
    theirs.completeAfter[0] === true &&
    theirs.requests.length === requests.length
  )
    return endsSooner(stream, upTo)
  return undefined
}

/**
 * Node reads no request behind one that asks for an upgrade; here such a wish is either deleted, or what follows it waits
 * (PS-UPGRADE-001 and -002). And llhttp takes `Proxy-Connection`, which no standard knows, for another spelling of
 * `Connection`; Go, and so the engine, ignores it. Neither has a part in where the request itself ends.
 */
function upToLastForNode(read: ReadRequests): ReadRequests {
  const last = read.requests.findIndex(({ rawHeaders }) =>
    rawHeaders.some((name, i) => i % 2 === 0 && /^(?:upgrade|proxy-connection)$/i.test(name)),
  )
  const isLast = last === -1 || last === read.requests.length - 1
  return isLast ? read : { requests: read.requests.slice(0, last + 1), end: { kind: 'closes' } }
}

/** The newest request of all but the last byte may be the one before. */
function endsSooner(stream: Buffer, upTo: number): string | undefined {
  const before = node.read([stream.subarray(0, upTo - 1)]).requests.length
  const after = node.read([stream.subarray(0, upTo)]).requests.length
  return before === after ? `node sees the end of the last message before offset ${upTo}` : undefined
}

function report(text: string, what: string): never {
  throw new Error(`${what}\nstream: ${JSON.stringify(text)}`)
}

describe('requests', () => {
  test.each(Object.entries({ ...REQUESTS, ...foundInputs('request') }))('%s', (_, text) => {
    expect(difference(text, tally())).toBeUndefined()
  })

  test('by a grammar', () => {
    const counts = tally()
    fc.assert(
      fc.property(requestStreams, (text) => {
        const differing = difference(text, counts)
        if (differing !== undefined) report(text, differing)
      }),
      { seed: SEED, numRuns: GENERATED_RUNS },
    )
    // Or else nothing was compared.
    expect(counts.alike).toBeGreaterThan(GENERATED_RUNS / 4)
    expect(counts.refused).toBeGreaterThan(GENERATED_RUNS / 4)
    expect([...counts.rules].sort()).toEqual(
      ['001', '002', '003', '004', '005', '006', '007', '008', '009', '010', '013']
        .map((id) => `PS-FRAME-${id}`)
        .concat('PS-PATH-004'),
    )
  })

  test('by damage to known ones', async () => {
    const counts = tally()
    const dice = new Dice(SEED)
    const known = Object.values(REQUESTS)
    for (let run = 0; run < DAMAGED_RUNS; run++) {
      const text = damaged(dice.pick(known), dice)
      const differing = difference(text, counts)
      if (differing !== undefined) report(text, differing)
      // Node leaves work behind for the next turn of the event loop.
      if (run % 500 === 0) await new Promise(setImmediate)
    }
    expect(counts.alike).toBeGreaterThan(DAMAGED_RUNS / 4)
    expect(counts.refused).toBeGreaterThan(DAMAGED_RUNS / 4)
  })
})

describe('answers', () => {
  const BATCH = 200

  /** What the two differ in, or undefined. */
  function differ(ours: ReadAnswer, theirs: NodeAnswer): string | undefined {
    if (ours.terms === undefined) return undefined
    const told = JSON.stringify({ ours, theirs })
    if (theirs.status !== ours.terms.status) return `status differs: ${told}`
    if (!isDeepStrictEqual(theirs.interim, ours.interim)) return `interim answers differ: ${told}`
    if (ours.end === 'garbled')
      return theirs.body.startsWith(ours.body) ? undefined : `bodies differ: ${told}`
    if (theirs.problem !== undefined) return `node refuses: ${told}`
    if (theirs.body !== ours.body) return `bodies differ: ${told}`
    if (theirs.completeAfter[0] === true) return `node sees its end sooner: ${told}`
    if ((theirs.completeAfter[1] === true) !== (ours.end === 'complete')) return `its end differs: ${told}`
    return undefined
  }

  async function compareAll(
    cases: ReadonlyArray<{ readonly text: string; readonly method: string }>,
  ): Promise<number> {
    let compared = 0
    for (let from = 0; from < cases.length; from += BATCH) {
      const batch = cases.slice(from, from + BATCH)
      const ours = batch.map(({ text, method }) => readAnswer([bytes(text)], method))
      const fed = batch.map(({ text, method }, i): AnswerCase => {
        const { end, length } = ours[i]!
        const stream = bytes(text)
        const upTo = end === 'complete' ? length : stream.length
        return {
          method,
          pieces: [stream.subarray(0, Math.max(0, upTo - 1)), stream.subarray(Math.max(0, upTo - 1), upTo)],
        }
      })
      const theirs = await readWithNodeClients(fed)
      for (const [i, { text, method }] of batch.entries()) {
        const differing = differ(ours[i]!, theirs[i]!)
        if (differing !== undefined) report(text, `to ${method}: ${differing}`)
        if (ours[i]!.terms !== undefined) compared++
      }
    }
    return compared
  }

  test.each(Object.entries({ ...ANSWERS, ...foundInputs('answer') }))('%s', async (_, text) => {
    await compareAll(['GET', 'HEAD'].map((method) => ({ text, method })))
  })

  test('by a grammar and by damage', async () => {
    const dice = new Dice(SEED)
    const known = Object.values(ANSWERS)
    const texts = [
      ...fc.sample(answerStreams, { seed: SEED, numRuns: GENERATED_RUNS / 2 }),
      ...Array.from({ length: DAMAGED_ANSWER_RUNS }, () => damaged(dice.pick(known), dice)),
    ]
    const compared = await compareAll(
      texts.map((text) => ({ text, method: dice.roll(6) === 0 ? 'HEAD' : 'GET' })),
    )
    expect(compared).toBeGreaterThan(texts.length / 4)
  })
})
