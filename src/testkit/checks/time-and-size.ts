/** PS2-DLN and PS2-LIM: time limits and large bodies. */
import { describeCame } from '../caller.ts'
import { fault, type Seen, type Subject } from '../subject.ts'
import { fail, PASS, skip, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'
import { NO_OBJECT, takesLarge, withNote } from './v1.ts'

export const DEADLINE_CHECKS: readonly Check[] = [
  { id: 'PS2-DLN-01', title: 'answers within TimeoutMs', run: answersInTime },
  { id: 'PS2-DLN-02', title: 'outlives callers that hang up', run: outlivesHangUps },
]

export const LIMIT_CHECKS: readonly Check[] = [
  {
    id: 'PS2-LIM-01',
    title: 'outlives a body that is too large for it, and decides on one not shown',
    run: outlivesOversize,
  },
  { id: 'PS2-LIM-02', title: 'takes bodies as large as the proxy shows them', run: takesLargest },
]

/** Enough for an adapter that has nothing to wait for. */
const SHORT_MS = 1_000

async function answersInTime(subject: Subject): Promise<Verdict> {
  const ask = () => subject.ask({ ...subject.plain(), timeoutMs: SHORT_MS })
  const isInTime = ({ came }: Seen) => came.kind === 'reply' && came.tookMs <= SHORT_MS
  if (isInTime(await ask())) return PASS
  // Once more: a machine with much else to do may have had no turn for either side.
  const seen = await ask()
  if (isInTime(seen)) return PASS
  return fault(
    seen,
    `a reply within ${SHORT_MS} ms, as TimeoutMs says, once in two calls; it took ${Math.round(seen.came.tookMs)} ms`,
    'Look at TimeoutMs and give up in time: a reply that comes later is thrown away, and what was done is undone.',
  )
}

/** Once within the head, once within the body, once when all was sent. */
const SHARES = [0.1, 0.6, 1]

async function outlivesHangUps(subject: Subject): Promise<Verdict> {
  const before = await subject.ask(subject.plain())
  for (const share of SHARES) {
    const { text, fields } = subject.dialect.write(subject.plain())
    await subject.caller.hangUp({ method: 'POST', fields, body: text }, share)
  }
  const now = await subject.changedSince(before)
  return now === undefined
    ? PASS
    : afterTrouble('three calls whose caller hung up', before, now, HANG_UP_ADVICE)
}

const HANG_UP_ADVICE =
  'A client that leaves ends the call in hand. Serve each connection in a thread or task of its own, and let no broken connection end the process.'

async function outlivesOversize(subject: Subject): Promise<Verdict> {
  const before = await subject.ask(subject.plain())
  if (subject.carriesObject) {
    const limit = subject.abilities?.maxBodyBytes ?? 5 * MIB
    const filler = 'x'.repeat(Math.min(limit, 32 * MIB))
    await subject.ask(subject.withBody((text) => withNote(text, filler)))
    const now = await subject.changedSince(before)
    if (now !== undefined)
      return afterTrouble(
        `a body of more than ${limit} bytes`,
        before,
        now,
        'Refuse what is too large with an error status (413), and go on serving.',
      )
  }
  const { hook, request, response } = subject.plain()
  const omitted = { body: null, form: 'omitted' } as const
  const seen = await subject.ask({
    hook,
    what: 'a body that is not shown',
    request: { ...request, ...omitted },
    ...(response === undefined ? {} : { response: { ...response, body: '', form: 'omitted' as const } }),
  })
  if (seen.read.ok) return PASS
  return fault(
    seen,
    'a decision: Body is null and BodyEncoding "omitted" where a body is not shown',
    'Look at BodyEncoding before you look into Body. What cannot be judged may be refused, with Allowed false.',
  )
}

const MIB = 1024 * 1024

async function takesLargest(subject: Subject): Promise<Verdict> {
  const { maxBodyBytes } = subject.abilities ?? {}
  const bytes = Math.min(maxBodyBytes ?? 4 * MIB, 4 * MIB) - ROOM
  if (bytes <= 0) return skip('its MaxBodyBytes leave no room for a body')
  return subject.carriesObject ? takesLarge(subject, bytes) : skip(NO_OBJECT)
}

/** For what else is in the body, in bytes. */
const ROOM = 2048

export function afterTrouble(trouble: string, before: Seen, now: Seen, advice: string): Verdict {
  return fail({
    sent: `${trouble}, and then the plain call again: ${now.sent}`,
    came: describeCame(now.came),
    expected: `the same as before: ${describeCame(before.came)}`,
    advice,
  })
}
