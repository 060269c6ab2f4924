/**
 * Protocol 2, section 6, over random schedules: adapters that write each reservation into a ledger, in chains in which anything
 * fails. Whatever happens, the books are balanced in the end: what was reserved for a request that did not end well is given
 * back, latest first, each once; what was reserved for one that did is kept.
 */
import fc from 'fast-check'
import { runPre } from '../../../src/chain/pre.ts'
import { ChainRun, type RunTerms } from '../../../src/chain/run.ts'
import { unwind } from '../../../src/chain/unwind.ts'
import { runValidate } from '../../../src/chain/validate.ts'
import type { ChainNote } from '../../../src/model/event.ts'
import type { Answered, Hook, HookFailure, HookRequest, Outcome } from '../../../src/model/hook.ts'
import { failed, ok, type Result } from '../../../src/model/result.ts'

const REQUEST: HookRequest = { method: 'POST', target: '/containers/create', body: '{}', form: 'json' }

/** What a pre-hook does when it is called. `books`: it has reserved something by the time that it answers, or does not. */
const STEPS = {
  pass: { books: false },
  reserve: { books: true },
  deny: { books: false },
  'answer 500': { books: false },
  'book, then hang': { books: true },
  'book, then break off': { books: true },
  'book, then answer nonsense': { books: true },
  'book, then answer a wrong patch': { books: true },
  'be unreachable': { books: false },
  'book while the client leaves': { books: true },
} as const
type Step = keyof typeof STEPS

interface Schedule {
  readonly steps: readonly {
    readonly step: Step
    readonly ignore: boolean
    readonly undo: 'works' | 'fails'
  }[]
  readonly validate: 'allows' | 'denies' | 'fails'
  readonly engine: 201 | 409 | 'gone'
}

const schedule: fc.Arbitrary<Schedule> = fc.record({
  steps: fc.array(
    fc.record({
      // Going well is as frequent as all trouble together, so that chains get somewhere.
      step: fc.oneof(
        fc.constantFrom<Step>('pass', 'reserve'),
        fc.constantFrom(...(Object.keys(STEPS) as Step[])),
      ),
      ignore: fc.boolean(),
      undo: fc.constantFrom('works' as const, 'works' as const, 'fails' as const),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  // So often that in a thousand schedules far more than a hundred reservations are kept, whatever the seed.
  validate: fc.oneof(
    { weight: 4, arbitrary: fc.constant('allows' as const) },
    fc.constantFrom('denies' as const, 'fails' as const),
  ),
  engine: fc.oneof(
    { weight: 4, arbitrary: fc.constant(201 as const) },
    fc.constantFrom(409 as const, 'gone' as const),
  ),
})

type Reply = Result<Answered<Outcome>, HookFailure>
const PASS = { kind: 'pass' } as const
const remarks = { warnings: [], annotations: {}, compensate: true }

/** What the proxy makes of it, as `transport/` and `wire/` tell it. */
function replyTo(step: Step): Reply {
  switch (step) {
    case 'pass':
      return ok({ outcome: PASS, warnings: [] })
    case 'reserve':
      return ok({ outcome: PASS, warnings: [], remarks })
    case 'deny':
      return ok({ outcome: { kind: 'deny', status: 403, message: '' }, warnings: [] })
    case 'answer 500':
      return failed({ kind: 'broken', status: 502, message: '' })
    case 'book, then hang':
      return failed({ kind: 'deadline', deadlineMs: 1 })
    case 'book, then break off':
      return failed({ kind: 'unreachable', cause: 'reset', sent: true })
    case 'book, then answer nonsense':
      return failed({ kind: 'bad-reply', problem: 'no JSON', mayHaveActed: true })
    case 'book, then answer a wrong patch':
      return ok({
        outcome: { kind: 'replace', patch: { type: 'JSONPatch', text: '[]' } },
        warnings: [],
        remarks,
      })
    case 'be unreachable':
      return failed({ kind: 'unreachable', cause: 'refused' })
    case 'book while the client leaves':
      return failed({ kind: 'aborted' })
  }
}

/** Plays a schedule and gives the ledger: what is booked still, and in which order things were given back. */
async function play({ steps, validate, engine }: Schedule) {
  const booked: string[] = []
  const returned: string[] = []
  const attempts: string[] = []
  const notes: ChainNote[] = []
  const hooks = steps.map(
    ({ step, ignore, undo }, index): Hook => ({
      adapter: `a${index}`,
      onError: ignore ? 'ignore' : 'fail',
      onUnsupported: 'pass',
      requestRewrite: 'query',
      maxBodyBytes: 1000,
      terms: {
        endpoint: '*',
        index,
        length: steps.length,
        body: 'auto',
        onOversize: 'reject',
        original: false,
        mutableHeaders: [],
        sample: 1,
        dryRun: 'refuse',
      },
      async pre(_request, _signal, { uid }) {
        if (STEPS[step].books) booked.push(uid)
        return replyTo(step)
      },
      async validate() {
        if (validate === 'fails') return failed({ kind: 'broken', status: 502, message: '' })
        return ok({
          outcome: validate === 'denies' ? { kind: 'deny', status: 403, message: '' } : PASS,
          warnings: [],
        })
      },
      post: async () => ok({ outcome: PASS, warnings: [] }),
      async unwind(_request, _cause, _budgetMs, { uid }) {
        attempts.push(uid)
        if (undo === 'fails') return failed({ kind: 'broken', status: 502, message: 'locked' })
        returned.push(uid)
        return ok(undefined)
      },
    }),
  )
  const terms: RunTerms = {
    exchange: {
      operation: 'ContainerCreate',
      apiVersion: null,
      params: {},
      user: { name: null, authenticationMethod: null, peerAddress: null },
      listener: 'default',
      dryRun: false,
    },
    original: REQUEST,
    signal: new AbortController().signal,
    deadlineMs: Number.POSITIVE_INFINITY,
    note: (note) => notes.push(note),
  }
  const run = new ChainRun(terms)
  const pre = await runPre(hooks, REQUEST, run, {
    bodyWritable: true,
    readmitted: (changed) => ok(changed),
    patched: () => failed('it does not fit'),
  })
  const judge: Hook = { ...hooks[0]!, adapter: 'judge', onError: 'fail' }
  const wentOn = pre.kind === 'forward' && (await runValidate([judge], REQUEST, run)).kind === 'allowed'
  const endedWell = wentOn && engine === 201
  if (!endedWell)
    await unwind(
      run,
      { phase: 'engine', adapter: null, upstream: 'unknown', status: null, response: null },
      5_000,
    )
  return { booked, returned, attempts, notes, endedWell }
}

test('V2-6.8: 1,000 random schedules: the ledger balances every time', async () => {
  let unwound = 0
  let kept = 0
  await fc.assert(
    fc.asyncProperty(schedule, async (one) => {
      const { booked, returned, attempts, notes, endedWell } = await play(one)
      // Exactly the calls that may have acted are undone, the latest first, each once; none where all went well.
      expect(attempts).toEqual(endedWell ? [] : booked.toReversed())
      // What is booked still and should not be is told, each with its id, for repair by hand.
      const told = notes.flatMap((note) => (note.kind === 'unwind-failed' ? [note.uid] : []))
      const left = booked.filter((uid) => !returned.includes(uid))
      expect(told.toSorted()).toEqual(endedWell ? [] : left.toSorted())
      if (endedWell) kept += booked.length
      else unwound += returned.length
    }),
    { numRuns: 1_000 },
  )
  // The schedules were no empty ones.
  expect(unwound).toBeGreaterThan(100)
  expect(kept).toBeGreaterThan(100)
})
