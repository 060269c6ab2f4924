/**
 * Protocol 2, section 6, over real sockets: random chains of real adapters in which anything fails, each with a ledger of what it has
 * reserved. The same as `test/unit/chain/ledger.test.ts` does with values, with everything between the hooks and the wire.
 */
import fc from 'fast-check'
import { answering, type EngineScript } from '../../support/cases/engine.ts'
import { request } from '../../support/raw/box.ts'
import type { RawPeer } from '../../support/raw/peer.ts'
import { type HeldLimits, holdLimits } from '../../support/time-limits.ts'
import type { Behaviour, Said, SeenCall } from '../../support/two/adapter.ts'
import { type Cast, CREATE, created, setTwo } from '../../support/two/stage.ts'

/** 1,000 schedules take a minute or two; CI plays the first of them, which are others each time. */
const SCHEDULES = process.env.POWERSTRIP_LONG === '1' ? 1_000 : 100
/** At once, because it takes half a second to be sure that a client has left. */
const AT_ONCE = 5

const RESERVE = { Compensate: true, Metadata: { booked: true } }

/** What a pre-hook says. `books`: by then it has reserved something, and written it down. */
const STEPS = {
  pass: { books: false, says: undefined },
  reserve: { books: true, says: RESERVE },
  'reserve and change': { books: true, says: { ...RESERVE, Patch: [{ op: 'add', path: '/X', value: 1 }] } },
  deny: { books: false, says: { Allowed: false } },
  'answer 500': { books: false, says: { status: 500 } },
  'book, then hang': { books: true, says: 'silence' },
  'book, then break off': { books: true, says: 'crash' },
  'book, then answer nonsense': { books: true, says: '{' },
  'book, then answer a wrong patch': {
    books: true,
    says: { ...RESERVE, Patch: [{ op: 'remove', path: '/Nope' }] },
  },
  'book, then answer in the engine’s place': {
    books: true,
    says: { ...RESERVE, ImmediateResponse: { Code: 200, Body: {} } },
  },
  'book, then answer with an error': {
    books: true,
    says: { ...RESERVE, ImmediateResponse: { Code: 409, Body: {} } },
  },
  'be unreachable': { books: false, says: undefined },
  'book while the client leaves': { books: true, says: 'silence' },
} as const satisfies Record<string, { readonly books: boolean; readonly says: Said }>
type Step = keyof typeof STEPS

const ENGINES = {
  creates: created,
  'says that the name is taken': answering(409, 'application/json', '{"message":"in use"}'),
  'closes without an answer': (_request, response) => void response.socket?.destroy(),
  'breaks off in its head': (_request, response) => void response.socket?.end('HTTP/1.1 201 Crea'),
  'is silent while the client leaves': () => {},
} as const satisfies Record<string, EngineScript>

const POSTS = {
  pass: undefined,
  deny: { Allowed: false },
  'answer 500': { status: 500 },
  'break off': 'crash',
  'make an error of it': { ModifiedServerResponse: { Code: 500 } },
  'make a success of it': { ModifiedServerResponse: { Code: 200, Body: '{}' } },
  'be silent while the client leaves': 'silence',
} as const satisfies Record<string, Said>

/** One that hangs is waited for so long, and a millisecond more than the one before: it hangs until the test ends that very limit. */
const HANG_MS = 3_600_000
let hanging = 0

const UNDOING = { works: undefined, fails: { status: 500 }, 'breaks off': 'crash' } as const

interface Schedule {
  readonly steps: readonly {
    readonly step: Step
    readonly ignore: boolean
    readonly undo: keyof typeof UNDOING
  }[]
  readonly engine: keyof typeof ENGINES
  readonly post: keyof typeof POSTS
  /** Which of the hooks does that after the engine. */
  readonly postAt: number
}

/** Going well is as frequent as all trouble together, so that chains get somewhere. */
const often = <T extends string>(usual: readonly T[], all: object) =>
  fc.oneof(fc.constantFrom(...usual), fc.constantFrom(...(Object.keys(all) as T[])))

const schedule: fc.Arbitrary<Schedule> = fc.record({
  steps: fc.array(
    fc.record({
      step: often<Step>(['pass', 'reserve', 'reserve and change', 'reserve'], STEPS),
      ignore: fc.boolean(),
      undo: often<keyof typeof UNDOING>(['works'], UNDOING),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  engine: often<keyof typeof ENGINES>(['creates'], ENGINES),
  post: often<keyof typeof POSTS>(['pass'], POSTS),
  postAt: fc.nat(5),
})

const chainOf = (undo: keyof typeof UNDOING, ...steps: Step[]): Schedule => ({
  steps: steps.map((step) => ({ step, ignore: false, undo })),
  engine: 'creates',
  post: 'pass',
  postAt: 0,
})

/** What a hundred by chance would lack now and then: one for each end, and reservations of each fate. */
const SURE: readonly Schedule[] = [
  chainOf('works', ...Array<Step>(6).fill('reserve and change')),
  chainOf('works', ...Array<Step>(5).fill('reserve'), 'deny'),
  chainOf('fails', ...Array<Step>(5).fill('reserve'), 'answer 500'),
  chainOf('works', ...Array<Step>(5).fill('reserve'), 'book while the client leaves'),
  chainOf('breaks off', 'reserve', 'reserve', 'book, then answer in the engine’s place'),
]

async function play({ steps, engine, post, postAt }: Schedule, limits: HeldLimits) {
  const booked: string[] = []
  const returned = new Set<string>()
  let client: RawPeer | undefined
  // Nobody waits for a client that is told to go; what it asked ends by itself.
  const leave = () => client?.destroy()

  const cast = steps.map(({ step, ignore, undo }, index): [string, Cast] => {
    const onError = ignore ? 'ignore' : 'fail'
    if (step === 'be unreachable') return [`a${index}`, { unix: '/nowhere/a.sock', protocol: 2, onError }]
    const hangMs = HANG_MS + hanging++
    const does: Behaviour = ({ type, uid }) => {
      if (type === 'post-hook') {
        if (index !== postAt % steps.length) return undefined
        if (post === 'be silent while the client leaves') leave()
        return POSTS[post]
      }
      if (type === 'unwind-hook') {
        if (undo === 'works') returned.add(uid)
        return UNDOING[undo]
      }
      // A call that is repeated is the same one.
      if (STEPS[step].books && !booked.includes(uid)) booked.push(uid)
      if (step === 'book while the client leaves') leave()
      if (step === 'book, then hang') limits.end(hangMs)
      return STEPS[step].says
    }
    return [`a${index}`, { does, onError, timeout: step === 'book, then hang' ? `${hangMs}ms` : '20s' }]
  })
  const names = cast.map(([name]) => name)
  await using scene = await setTwo({
    adapters: Object.fromEntries(cast),
    endpoints: { ContainerCreate: { pre: names, post: names } },
    more: { chain: { deadline: '20h' } },
    engine: (seen, response) => {
      if (engine === 'is silent while the client leaves') leave()
      ENGINES[engine](seen, response)
    },
  })
  client = await scene.connect()
  client.write(request('POST', CREATE, {}))
  const status = await client.answer('POST').then(
    (answer) => answer.status,
    () => undefined,
  )
  const { fate, chain } = await scene.ended()
  // Not before everything is undone.
  await scene.proxy.drain(0)
  await client[Symbol.asyncDispose]()
  const told = scene.notes('unwind-failed').map((note) => ('uid' in note ? note.uid : ''))
  return { booked, returned, status, fate, records: chain?.unwound ?? [], told, timeline: scene.timeline }
}

function expectBalance({ booked, returned, status, fate, told, timeline }: Awaited<ReturnType<typeof play>>) {
  const calls = (type: string) => timeline.filter((call) => call.type === type)
  const firstTries = calls('unwind-hook').filter(({ message }) => message.Attempt === 1)
  // All is kept where the client was told that all went well. Whoever answered in the engine's place keeps its own.
  const last = calls('pre-hook').at(-1)?.uid
  const endedWell = status !== undefined && status < 400
  const kept = endedWell ? booked.filter((uid) => fate !== 'answered' || uid === last) : []
  const due = booked.filter((uid) => !kept.includes(uid))
  // Exactly the calls that may have acted, the latest first, once each.
  expect(firstTries.map(({ uid }) => uid)).toEqual(due.toReversed())
  // What is not given back is told.
  const left = due.filter((uid) => !returned.has(uid))
  expect(told.toSorted()).toEqual(left.toSorted())
  for (const uid of booked) expectOneLastWord(timeline, uid, kept.includes(uid))
  return { kept: kept.length, undone: due.length - left.length, lost: left.length }
}

/** Each call that booked is followed by its adapter's post, or by its unwinding, and by nothing after that. */
function expectOneLastWord(timeline: readonly SeenCall[], uid: string, isKept: boolean): void {
  const { adapter } = timeline.find((call) => call.uid === uid)!
  const words = timeline.filter((call) => call.adapter === adapter && call.type !== 'pre-hook')
  const types = words.filter(({ message }) => message.Attempt === 1).map(({ type }) => type)
  expect(types.filter((type) => type === 'unwind-hook')).toHaveLength(isKept ? 0 : 1)
  expect(types.filter((type) => type === 'post-hook').length).toBeLessThanOrEqual(1)
  expect(types.at(-1)).toBe(isKept ? 'post-hook' : 'unwind-hook')
}

test(
  'V2-6.2, V2-6.3, V2-6.8: random schedules over real sockets: the ledger balances every time',
  async () => {
    using limits = holdLimits()
    const sum = { kept: 0, undone: 0, lost: 0 }
    const fates = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(fc.array(schedule, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (some) => {
        for (const played of await Promise.all(some.map((one) => play(one, limits)))) {
          const { kept, undone, lost } = expectBalance(played)
          sum.kept += kept
          sum.undone += undone
          sum.lost += lost
          fates.set(played.fate, (fates.get(played.fate) ?? 0) + 1)
        }
      }),
      { numRuns: SCHEDULES / AT_ONCE, examples: [[[...SURE]]] },
    )
    console.log(`${SCHEDULES} schedules`, sum, Object.fromEntries(fates))
    // The schedules were no empty ones.
    for (const count of Object.values(sum)) expect(count).toBeGreaterThan(SCHEDULES / 20)
    for (const fate of ['changed', 'denied', 'hook-failed', 'aborted', 'answered'])
      expect([...fates.keys()]).toContain(fate)
  },
  SCHEDULES * 3_000,
)
