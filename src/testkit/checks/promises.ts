/** PS2-IDM, PS2-DRY and PS2-STR: what an adapter need not do, and must keep to if it says that it does. */
import { describeCame } from '../caller.ts'
import { newUid } from '../dialect.ts'
import { jsonAnswer, sampleRequest } from '../samples.ts'
import { fault, type Subject, sameEnd } from '../subject.ts'
import { fail, PASS, skip, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'
import { fieldsOf } from './decision.ts'
import { contentOf } from './mutation.ts'

export const IDEMPOTENCY_CHECKS: readonly Check[] = [
  { id: 'PS2-IDM-01', title: 'says the same to a call that is repeated', run: repeats },
  { id: 'PS2-IDM-02', title: 'takes a call again whose first reply nobody read', run: repeatsUnread },
]

export const DRY_RUN_CHECKS: readonly Check[] = [
  { id: 'PS2-DRY-01', title: 'decides in a dry run as otherwise', run: decidesDry },
  { id: 'PS2-DRY-02', title: 'reserves nothing in a dry run', run: reservesNothing },
]

export const STREAM_CHECKS: readonly Check[] = [
  { id: 'PS2-STR-01', title: 'answers the beginning, each batch and the end of a stream', run: answersParts },
  {
    id: 'PS2-STR-02',
    title: 'takes batches of 64 events, and events of kinds that it does not know',
    run: takesBatches,
  },
]

const NOT_IDEMPOTENT = 'it does not say that it is Idempotent'

async function repeats(subject: Subject): Promise<Verdict> {
  if (subject.abilities?.idempotent !== true) return skip(NOT_IDEMPOTENT)
  const uid = newUid()
  const first = await subject.ask({ ...subject.plain(), uid })
  const second = await subject.ask({ ...subject.plain(), uid, attempt: 2, what: 'Attempt 2' })
  if (contentOf(first) === contentOf(second)) return PASS
  return fail({
    sent: `${first.sent}\nand then the same as Attempt 2`,
    came: `${describeCame(first.came)}\nand then ${describeCame(second.came)}`,
    expected: 'the same reply to the same Uid',
    advice: 'Remember by Uid and Type what was done, or do not say that the adapter is Idempotent.',
  })
}

async function repeatsUnread(subject: Subject): Promise<Verdict> {
  if (subject.abilities?.idempotent !== true) return skip(NOT_IDEMPOTENT)
  const before = await subject.ask(subject.plain())
  const question = { ...subject.plain(), uid: newUid() }
  const { text, fields } = subject.dialect.write(question)
  await subject.caller.hangUp({ method: 'POST', fields, body: text }, 1)
  const seen = await subject.ask({
    ...question,
    attempt: 2,
    what: 'Attempt 2, after the first was hung up on',
  })
  if (sameEnd(before, seen)) return PASS
  return fault(
    seen,
    `the same as to a call that comes once: ${describeCame(before.came)}`,
    'A repeated Uid is not a mistake of the caller: its first reply was lost.',
  )
}

async function decidesDry(subject: Subject): Promise<Verdict> {
  if (hasEffects(subject)) return skip(EFFECTS)
  const before = await subject.ask(subject.plain())
  const dry = await subject.ask({ ...subject.plain(), dryRun: true, what: 'DryRun' })
  if (sameEnd(before, dry)) return PASS
  return fault(
    dry,
    `the decision of a real call: ${describeCame(before.came)}`,
    'A dry run tells people what would happen, so decide as always and leave out only what has effects.',
  )
}

async function reservesNothing(subject: Subject): Promise<Verdict> {
  if (hasEffects(subject)) return skip(EFFECTS)
  if (!subject.has('pre-hook')) return skip('it implements no pre-hook')
  const reserving = (await subject.survey()).find((seen) => fieldsOf(seen).Compensate === true)
  const question = reserving?.question ?? subject.about(subject.operations[0]!, 'pre-hook')
  const dry = await subject.ask({ ...question, dryRun: true, what: 'DryRun' })
  if (fieldsOf(dry).Compensate !== true) return PASS
  return fault(
    dry,
    'no Compensate: SideEffects says that a dry run has no effects, so there is nothing to undo',
    'Reserve nothing where DryRun is true, or say "SideEffects": "Some".',
  )
}

function hasEffects({ abilities }: Subject): boolean {
  return abilities === undefined || abilities.sideEffects === 'Some'
}

const EFFECTS = 'its SideEffects are Some, so it is not called in dry runs'

const EVENTS = [
  '{"Type":"container","Action":"start","Actor":{"ID":"4f1c","Attributes":{"name":"web"}},"time":1700000000,"timeNano":1700000000000000001}',
  '{"Type":"network","Action":"connect","Actor":{"ID":"4f1d","Attributes":{"name":"bridge"}},"time":1700000001}',
]

const NO_STREAMS = 'it implements no stream-hook'

async function answersParts(subject: Subject): Promise<Verdict> {
  if (!subject.has('stream-hook')) return skip(NO_STREAMS)
  const parts = [
    { part: 'open', seq: 0, events: [] },
    { part: 'data', seq: 1, events: EVENTS },
    { part: 'close', seq: 2, events: [] },
  ] as const
  const about = streamQuestion()
  for (const stream of parts) {
    const seen = await subject.ask({ ...about, stream, what: `the part ${stream.part}` })
    if (!seen.read.ok) return fault(seen, STREAM_REPLY, STREAM_ADVICE)
  }
  return PASS
}

async function takesBatches(subject: Subject): Promise<Verdict> {
  if (!subject.has('stream-hook')) return skip(NO_STREAMS)
  const strange = ['{"Type":"future","Action":"happen","Of":[null]}', '{}']
  const events = Array.from(
    { length: 64 },
    (_, at) => [...EVENTS, ...strange][at % (EVENTS.length + strange.length)]!,
  )
  const about = streamQuestion()
  await subject.ask({ ...about, stream: { part: 'open', seq: 0, events: [] } })
  const stream = { part: 'data', seq: 1, events } as const
  const seen = await subject.ask({ ...about, stream, what: '64 events' })
  await subject.ask({ ...about, stream: { part: 'close', seq: 2, events: [] } })
  return seen.read.ok ? PASS : fault(seen, STREAM_REPLY, STREAM_ADVICE)
}

const STREAM_REPLY = '204, or 200 with Events and Insert whose indices lie within the batch'
const STREAM_ADVICE =
  'Events that are not named pass; each that is named has its Index, counted from 0 in this batch, and Action pass, drop or replace with an Event.'

/** All parts of a stream are about one request. */
function streamQuestion() {
  return {
    requestId: newUid(),
    hook: 'stream-hook',
    request: sampleRequest('SystemEvents'),
    response: jsonAnswer(200, ''),
  } as const
}
