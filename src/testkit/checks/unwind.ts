/** PS2-UNW: undoing. */
import { describeCame } from '../caller.ts'
import { newUid, type Question } from '../dialect.ts'
import { fault, type Seen, type Subject } from '../subject.ts'
import { fail, PASS, skip, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'
import { fieldsOf } from './decision.ts'

export const UNWIND_CHECKS: readonly Check[] = [
  { id: 'PS2-UNW-01', title: 'undoes what its pre-hook did', run: undoes },
  { id: 'PS2-UNW-02', title: 'bears being told twice', run: undoesTwice },
  { id: 'PS2-UNW-03', title: 'bears a Uid that it never saw', run: undoesNothing },
  { id: 'PS2-UNW-04', title: 'says nothing else when it undoes', run: saysNothingElse },
]

const NO_UNWIND = 'it implements no unwind-hook'

async function undoes(subject: Subject): Promise<Verdict> {
  const reserving = (await subject.survey()).find((seen) => fieldsOf(seen).Compensate === true)
  if (!subject.has('unwind-hook')) {
    if (reserving === undefined) return skip(NO_UNWIND)
    return fault(
      reserving,
      'unwind-hook among its Implements: the reply asks for Compensate',
      'Name unwind-hook in Implements and undo there what the pre-hook of the same Uid did.',
    )
  }
  const { before, after } = await preThenUnwind(subject, reserving?.question)
  return after.read.ok ? PASS : undone(before, after)
}

async function undoesTwice(subject: Subject): Promise<Verdict> {
  if (!subject.has('unwind-hook')) return skip(NO_UNWIND)
  const { before, after } = await preThenUnwind(subject)
  if (!after.read.ok) return undone(before, after)
  const again = await subject.ask(after.question)
  if (again.read.ok) return PASS
  return fault(again, '204 or 200, as at the first time', 'What is undone already is undone: answer 204.')
}

async function undoesNothing(subject: Subject): Promise<Verdict> {
  if (!subject.has('unwind-hook')) return skip(NO_UNWIND)
  const seen = await subject.ask({
    ...unwindOf(subject.plain()),
    uid: newUid(),
    what: 'a Uid that was never called',
  })
  if (seen.read.ok) return PASS
  return fault(
    seen,
    '204 or 200',
    'A pre-hook call may have been lost on its way, and is undone all the same: where there is nothing to undo, answer 204. Metadata is missing then.',
  )
}

async function saysNothingElse(subject: Subject): Promise<Verdict> {
  if (!subject.has('unwind-hook')) return skip(NO_UNWIND)
  const { before, after } = await preThenUnwind(subject)
  if (!after.read.ok) return undone(before, after)
  const said = Object.keys(fieldsOf(after)).filter(
    (name) => name !== 'Uid' && name !== 'PowerstripProtocolVersion',
  )
  if (said.length === 0) return PASS
  return fault(
    after,
    `204, or 200 without ${said.join(', ')}`,
    'The client has its answer already: an unwind-hook changes nothing, so answer 204.',
  )
}

async function preThenUnwind(subject: Subject, question = subject.about(subject.operations[0]!, 'pre-hook')) {
  const before = await subject.ask({ ...question, uid: newUid() })
  const { Metadata: metadata } = fieldsOf(before)
  const after = await subject.ask({
    ...unwindOf(question),
    uid: before.uid,
    metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
  })
  return { before, after }
}

function unwindOf({ request }: Question): Question {
  return { hook: 'unwind-hook', request }
}

function undone(before: Seen, after: Seen): Verdict {
  return fail({
    sent: `${before.sent}\nand then ${after.sent}`,
    came: `${describeCame(before.came)}\nand then ${describeCame(after.came)}`,
    expected: '204 or 200 to the unwind-hook',
    advice:
      'Undo what the pre-hook of this Uid did, and answer 204. Everything needed for it is in Metadata.',
  })
}
