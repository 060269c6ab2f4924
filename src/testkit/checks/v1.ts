/** PS1: what an adapter of protocol 1 has to bear. */
import { readJson, readObject } from '../../wire/json.ts'
import { describeCame } from '../caller.ts'
import type { Question, Twist } from '../dialect.ts'
import { jsonAnswer, sampleRequest } from '../samples.ts'
import { changedBody, endOf, fault, type Seen, type Subject, sameEnd } from '../subject.ts'
import { fail, PASS, passWith, skip, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'

export const V1_CHECKS: readonly Check[] = [
  {
    id: 'PS1-CORE-01',
    title: 'answers a pre-hook with a decision',
    run: (subject) => decides(subject, 'pre-hook', (operation) => subject.about(operation, 'pre-hook')),
  },
  {
    id: 'PS1-CORE-02',
    title: 'answers a post-hook with a decision',
    run: (subject) => decides(subject, 'post-hook', (operation) => subject.about(operation, 'post-hook')),
  },
  {
    id: 'PS1-CORE-03',
    title: 'takes null for a body that is not there',
    run: (subject) =>
      decides(subject, 'pre-hook', () => ({
        hook: 'pre-hook',
        what: 'without a body',
        request: { ...sampleRequest('ContainerStart'), body: null },
      })),
  },
  {
    id: 'PS1-CORE-04',
    title: 'answers a post-hook about an error of the engine',
    run: (subject) =>
      decides(subject, 'post-hook', (operation) => ({
        ...subject.about(operation, 'post-hook'),
        what: 'an answer of 404',
        response: jsonAnswer(404, { message: 'No such image: busybox:latest' }),
      })),
  },
  { id: 'PS1-CORE-05', title: 'keeps path and query of the request', run: keepsTarget },
  {
    id: 'PS1-CORE-06',
    title: 'reads as much as Content-Length says, however it arrives',
    run: readsByLength,
  },
  { id: 'PS1-ROB-01', title: 'passes over fields that it does not know', run: passesOverFields },
  { id: 'PS1-ROB-02', title: 'returns text of any language as it was', run: keepsUnicode },
  { id: 'PS1-ROB-03', title: 'takes a body of 1 MB', run: (subject) => takesLarge(subject, 1_000_000) },
  { id: 'PS1-ROB-04', title: 'answers 50 calls at one time, each with its own', run: answersInParallel },
  { id: 'PS1-ROB-05', title: 'outlives a hook type that it does not know', run: outlivesUnknownType },
  {
    id: 'PS1-ROB-06',
    title: 'takes an answer that is empty',
    run: (subject) =>
      decides(subject, 'post-hook', () => ({
        hook: 'post-hook',
        what: 'an answer of 204 without a body',
        request: { ...sampleRequest('ContainerStart'), body: null },
        response: { status: 204, contentType: null, body: '' },
      })),
  },
]

async function decides(
  subject: Subject,
  hook: 'pre-hook' | 'post-hook',
  about: (operation: string) => Question,
): Promise<Verdict> {
  if (!subject.has(hook)) return skip(`it is not asked as a ${hook} (--hooks)`)
  const seen = await subject.ask(about(subject.operations[0]!))
  if (!seen.read.ok)
    return fault(
      seen,
      'a decision: 200 with JSON in which each Modified… that is given has fields of the right types, 204, or 4xx to refuse',
      'Let it answer {"PowerstripProtocolVersion":1} where it wants nothing; bodies are strings, codes are numbers.',
    )
  const { outcome, warnings } = seen.read.value
  if (warnings.length > 0) return passWith(warnings.join(' '))
  return outcome.kind === 'deny' ? passWith(`It refused: ${outcome.status} ${outcome.message}`.trim()) : PASS
}

async function keepsTarget(subject: Subject): Promise<Verdict> {
  if (!subject.has('pre-hook')) return skip('it is not asked as a pre-hook (--hooks)')
  const usual = sampleRequest(subject.operations[0]!)
  const target = `${usual.target}${usual.target.includes('?') ? '&' : '?'}note=a%2Fb%20c`
  const seen = await subject.ask({ hook: 'pre-hook', request: { ...usual, target } })
  if (!seen.read.ok) return fault(seen, 'a decision', 'See PS1-CORE-01.')
  if (endOf(seen) === 'refused') return skip('it refused the request, so there is none to keep')
  const returned = returnedTarget(seen)
  if (returned === undefined || returned === target) return PASS
  if (typeof returned !== 'string')
    return fault(seen, 'Request as a string', 'Return the Request that came, or leave it out.')
  const [path, query = ''] = returned.split('?')
  if (path !== target.split('?')[0])
    return fault(
      seen,
      `the path as it was: ${target}`,
      'Return the Request that came, or leave it out. Another path is never used, and the proxy warns about it.',
    )
  const kept = new URLSearchParams(query)
  const lost = [...new URLSearchParams(target.split('?')[1])]
    .map(([name]) => name)
    .filter((name) => !kept.has(name))
  if (lost.length === 0) return PASS
  return fault(
    seen,
    `the query with all of its parameters: ${lost.join(', ')} would be gone`,
    'Return the Request that came, query included, or leave it out.',
  )
}

function returnedTarget({ came }: Seen): unknown {
  if (came.kind === 'nothing') return undefined
  const modified = readObject(readObject(readJson(came.reply.body ?? ''))?.ModifiedClientRequest)
  return modified?.Request ?? undefined
}

async function readsByLength(subject: Subject): Promise<Verdict> {
  const before = await subject.ask(subject.plain())
  const seen = await subject.ask({ ...subject.plain(), what: 'in pieces' }, { inPieces: true })
  if (sameEnd(before, seen)) return PASS
  return fault(
    seen,
    `the same as when the call arrives at once: ${describeCame(before.came)}`,
    'Read until as many bytes are there as Content-Length says: one read may bring fewer, and the connection stays open.',
  )
}

async function passesOverFields(subject: Subject): Promise<Verdict> {
  const before = await subject.ask(subject.plain())
  const twist = (text: string) =>
    text
      .replace('{', '{"FutureField":{"of":["any",1,null]},')
      .replace('"ClientRequest":{', '"ClientRequest":{"FutureField":"x",')
  const seen = await subject.ask({ ...subject.plain(), what: 'with fields that nobody knows yet' }, { twist })
  if (sameEnd(before, seen)) return PASS
  return fault(
    seen,
    `the same as without them: ${describeCame(before.came)}`,
    'Read the fields that you need and pass over all others: later versions will have more.',
  )
}

/** Letters of two, three and four bytes, both directions of writing, a combining mark, an escape and a quote. */
const WORDS = 'Grüße, Ελλάδα, שלום, 日本語, 🐳, e\u0301, \u2028, "quoted" \\ tab\t'

export async function keepsUnicode(subject: Subject): Promise<Verdict> {
  if (!subject.carriesObject) return skip(NO_OBJECT)
  const before = await subject.ask(subject.plain())
  const body = (text: string) => withNote(text, WORDS)
  const seen = await subject.ask({ ...subject.withBody(body), what: 'text of many languages' })
  if (!sameEnd(before, seen))
    return fault(
      seen,
      `the same as for plain English: ${describeCame(before.came)}`,
      'Messages are UTF-8, in both directions, and Content-Length counts bytes, not characters.',
    )
  const changed = changedBody(seen)
  const note = changed.ok ? noteIn(changed.value) : undefined
  if (note === undefined || note === WORDS) return PASS
  return fault(
    seen,
    `the text as it was: ${JSON.stringify(WORDS)}`,
    'Read the call as UTF-8, not as Latin-1, and write the reply as UTF-8.',
  )
}

export async function takesLarge(subject: Subject, bytes: number): Promise<Verdict> {
  if (!subject.carriesObject) return skip(NO_OBJECT)
  const before = await subject.ask(subject.plain())
  const filler = 'x'.repeat(bytes)
  const body = (text: string) => withNote(text, filler)
  const seen = await subject.ask({ ...subject.withBody(body), what: `a body of ${bytes} bytes` })
  if (!sameEnd(before, seen))
    return fault(
      seen,
      `the same as for a small one: ${describeCame(before.came)}`,
      'Raise the limit of your web framework for request bodies; the proxy shows 4 MiB of a request and 8 MiB of an answer unless told otherwise.',
    )
  const changed = changedBody(seen)
  const note = changed.ok ? noteIn(changed.value) : undefined
  if (note === undefined || note === filler) return PASS
  return fault(seen, 'the body whole', 'Something on the way cuts long texts.')
}

/** As many as a busy host may have in hand. */
const AT_ONE_TIME = 50

export async function answersInParallel(subject: Subject): Promise<Verdict> {
  const before = await subject.ask(subject.plain())
  const questions = Array.from({ length: AT_ONE_TIME }, (_, at) =>
    subject.carriesObject ? subject.withBody((text) => withNote(text, `call ${at}`)) : subject.plain(),
  )
  const all = await Promise.all(questions.map((question) => subject.ask(question)))
  const bad = all.find((seen) => !sameEnd(before, seen))
  if (bad !== undefined)
    return fault(
      bad,
      `the same as for one call at a time: ${describeCame(before.came)}`,
      'Serve calls side by side (a threading server, no limit on connections below 50), and share nothing between them without a lock.',
    )
  for (const [at, seen] of all.entries()) {
    const changed = changedBody(seen)
    const note = changed.ok ? noteIn(changed.value) : undefined
    if (note !== undefined && note !== `call ${at}`)
      return fault(
        seen,
        `the body of its own call, with the note "call ${at}"`,
        'What belongs to one call is kept in a place that other calls use as well: keep it in local variables.',
      )
  }
  return PASS
}

async function outlivesUnknownType(subject: Subject): Promise<Verdict> {
  const before = await subject.ask(subject.plain())
  const { text: unknown, fields } = subject.dialect.write(subject.plain(), ofType('future-hook'))
  const came = await subject.say(unknown, fields)
  const now = await subject.changedSince(before)
  if (now === undefined) return PASS
  return fail({
    sent: `${unknown}\nand then the plain call again`,
    came: `${describeCame(came)}\nand then ${describeCame(now.came)}`,
    expected: `any reply to the unknown type, and for the plain call what came before it: ${describeCame(before.came)}`,
    advice: 'Answer a Type that you do not know with an error status, and let no exception end the process.',
  })
}

export function ofType(type: string): Twist {
  return (text) => text.replace(/"Type":"[a-z-]+"/, `"Type":"${type}"`)
}

export const NO_OBJECT =
  'the operations that it is asked about carry no JSON object; name others with --operations'

/** One member more in the object that the text begins with. */
export function withMember(object: string, key: string, value: string): string {
  const rest = object.trimStart().slice(1).trimStart()
  return `{${JSON.stringify(key)}:${value}${rest.startsWith('}') ? '' : ','}${rest}`
}

/** A text in a body: as a label, where there are some, for any label is as good as another. */
export function withNote(object: string, note: string): string {
  const labels = '"Labels":{'
  const at = object.indexOf(labels)
  if (at === -1) return withMember(object, NOTE, JSON.stringify(note))
  const inside = at + labels.length - 1
  return object.slice(0, inside) + withMember(object.slice(inside), NOTE, JSON.stringify(note))
}

const NOTE = 'note'

function noteIn(body: string | undefined): string | undefined {
  const fields = body === undefined ? undefined : readObject(readJson(body))
  const note = (readObject(fields?.Labels) ?? fields)?.[NOTE]
  return typeof note === 'string' ? note : undefined
}
