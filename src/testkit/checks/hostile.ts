/**
 * PS2-HOS: bodies that somebody wrote to do harm.
 *
 * The proxy's gate keeps most of them from hooks in requests; in answers of the engine, and from other callers, they may
 * come. What the adapter says to them is its own affair: it must go on as before.
 */
import { describeCame } from '../caller.ts'
import type { Twist } from '../dialect.ts'
import { endOf, fault, type Seen, type Subject } from '../subject.ts'
import { PASS, skip, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'
import { contentOf } from './mutation.ts'
import { afterTrouble } from './time-and-size.ts'
import { NO_OBJECT, withMember } from './v1.ts'

export const HOSTILE_CHECKS: readonly Check[] = [
  {
    id: 'PS2-HOS-01',
    title: 'outlives keys that stand twice, or in another case',
    run: (subject) => outlives(subject, TWICE, 'Read such bodies without assuming which of two keys counts.'),
  },
  {
    id: 'PS2-HOS-02',
    title: 'is not changed by __proto__',
    run: (subject) =>
      outlives(
        subject,
        PROTOTYPES,
        'Never merge what came into other objects key by key; use Map, Object.create(null), or pass over the key "__proto__".',
      ),
  },
  { id: 'PS2-HOS-03', title: 'bears bodies that are nested deeply', run: bearsDepth },
  { id: 'PS2-HOS-04', title: 'bears numbers that are large', run: bearsNumbers },
]

const TWICE: readonly Twist[] = [
  (text) => withMember(text, 'Image', '"evil"'),
  (text) => withMember(text, 'hostConfig', '{"privileged":true,"Privileged":false}'),
  (text) => withMember(text, 'Ho\u017ftConfig', '[]'),
]

const HARM = '{"Privileged":true,"Allowed":false,"Labels":{"polluted":"yes"},"polluted":"yes","Image":"evil"}'
const PROTOTYPES: readonly Twist[] = [
  (text) => withMember(text, '__proto__', HARM),
  (text) => withMember(text, 'constructor', `{"prototype":${HARM}}`),
  (text) => text.replace('"HostConfig":{', `"HostConfig":{"__proto__":${HARM},`),
  (text) => text.replace('"Labels":{', `"Labels":{"__proto__":${HARM},`),
]

async function outlives(subject: Subject, twists: readonly Twist[], advice: string): Promise<Verdict> {
  if (!subject.carriesObject) return skip(NO_OBJECT)
  const before = await subject.ask(subject.plain())
  const isSteady = contentOf(await subject.ask(subject.plain())) === contentOf(before)
  for (const twist of twists) {
    const hostile = await subject.ask(subject.withBody(twist))
    const now = await subject.ask(before.question)
    const isSame = isSteady ? contentOf(now) === contentOf(before) : endOf(now) === endOf(before)
    if (!isSame) return afterTrouble(hostile.sent, before, now, advice)
  }
  return PASS
}

/** What the gate lets through, less what stands around it. */
const ALLOWED_DEPTH = 60

async function bearsDepth(subject: Subject): Promise<Verdict> {
  if (!subject.carriesObject) return skip(NO_OBJECT)
  const before = await subject.ask(subject.plain())
  const nested = (depth: number) => (text: string) =>
    withMember(text, 'Deep', `${'['.repeat(depth)}${']'.repeat(depth)}`)
  const allowed = await subject.ask({
    ...subject.withBody(nested(ALLOWED_DEPTH)),
    what: `${ALLOWED_DEPTH} levels`,
  })
  const unlike = undecided(before, allowed, 'Bear 64 levels: so many pass the gate of the proxy.')
  if (unlike !== undefined) return unlike
  const hostile = await subject.ask({ ...subject.withBody(nested(10_000)), what: '10,000 levels' })
  const now = await subject.changedSince(before)
  return now === undefined
    ? PASS
    : afterTrouble(
        `10,000 levels of lists, to which it said ${describeCame(hostile.came)}`,
        before,
        now,
        'A reader of JSON that calls itself for each level needs a limit: answer with an error status, and go on serving.',
      )
}

async function bearsNumbers(subject: Subject): Promise<Verdict> {
  if (!subject.carriesObject) return skip(NO_OBJECT)
  const before = await subject.ask(subject.plain())
  const large = '[9007199254740993,9223372036854775808,18446744073709551616,-9223372036854775809,1e30]'
  const seen = await subject.ask({
    ...subject.withBody((text) => withMember(text, 'Big', large)),
    what: 'large numbers',
  })
  const unlike = undecided(
    before,
    seen,
    'Read numbers that you do not need as whatever holds them; Docker’s own go up to 2^64.',
  )
  if (unlike !== undefined) return unlike
  await subject.ask(subject.withBody((text) => withMember(text, 'Big', `[1e999,${'9'.repeat(5000)}]`)))
  const now = await subject.changedSince(before)
  return now === undefined
    ? PASS
    : afterTrouble(
        'a number that no type holds',
        before,
        now,
        'Answer with an error status, and go on serving.',
      )
}

/** It may refuse what it does not know, but has to decide. */
function undecided(before: Seen, seen: Seen, advice: string): Verdict | undefined {
  if (seen.read.ok) return undefined
  return fault(seen, `a decision, as without them: ${describeCame(before.came)}`, advice)
}
