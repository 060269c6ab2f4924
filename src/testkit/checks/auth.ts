/** PS2-AUT: whether an adapter that is meant to know its caller looks. */
import { describeCame, type Fields, shortened } from '../caller.ts'
import type { Subject } from '../subject.ts'
import { fail, PASS, skip, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'

export const AUTH_CHECKS: readonly Check[] = [
  {
    id: 'PS2-AUT-01',
    title: 'refuses calls without proof',
    run: (subject) => refuses(subject, 'no proof', () => ({})),
  },
  {
    id: 'PS2-AUT-02',
    title: 'refuses calls with a wrong proof',
    run: (subject) => refuses(subject, 'a wrong proof', wrong),
  },
  { id: 'PS2-AUT-03', title: 'signs its replies', run: signsReplies },
  { id: 'PS2-AUT-04', title: 'refuses a signature of another time or body', run: refusesReplays },
]

const NO_AUTH = 'no --bearer and no --hmac was given'
const NO_HMAC = 'no --hmac was given'
const PROOF_FIELDS = ['authorization', 'webhook-timestamp', 'webhook-signature']

async function refuses(subject: Subject, what: string, proof: (fields: Fields) => Fields): Promise<Verdict> {
  if (subject.caller.target.auth === undefined) return skip(NO_AUTH)
  const { text, fields } = subject.dialect.write(subject.plain())
  return refusesCall(subject, what, text, { ...without(fields), ...proof(fields) })
}

async function refusesCall(subject: Subject, what: string, text: string, fields: Fields): Promise<Verdict> {
  const came = await subject.say(text, fields)
  if (came.kind === 'reply' && came.reply.status !== 200 && came.reply.status !== 204) return PASS
  return fail({
    sent: `a call with ${what}: ${shortened(text)}`,
    came: describeCame(came),
    expected: '401 or 403',
    advice:
      'Check the proof of every call before you look at anything else in it, in time that does not depend on where it differs.',
  })
}

function without(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([name]) => !PROOF_FIELDS.includes(name.toLowerCase())),
  )
}

/** The right kind of proof with another content. */
function wrong(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([name]) => PROOF_FIELDS.includes(name.toLowerCase()))
      .map(([name, value]) =>
        name.toLowerCase() === 'webhook-timestamp'
          ? [name, value]
          : [
              name,
              name.toLowerCase() === 'authorization'
                ? 'Bearer wrong'
                : `v1,${Buffer.alloc(32).toString('base64')}`,
            ],
      ),
  )
}

async function signsReplies(subject: Subject): Promise<Verdict> {
  if (subject.caller.target.auth?.kind !== 'hmac') return skip(NO_HMAC)
  const seen = await subject.ask(subject.plain())
  if (seen.came.kind === 'reply') {
    const { body = '', fields } = seen.came.reply
    const objection = subject.caller.auth.objection(seen.uid, body, fields)
    if (objection === undefined) return PASS
    return fail({
      sent: `a signed call: ${shortened(seen.sent)}`,
      came: `${describeCame(seen.came)}\n${objection}`,
      expected: 'webhook-id, webhook-timestamp and webhook-signature over id.timestamp.body of the reply',
      advice: 'Sign every reply, the empty ones too, with the Uid of the call as webhook-id.',
    })
  }
  return fail({
    sent: `a signed call: ${shortened(seen.sent)}`,
    came: describeCame(seen.came),
    expected: 'a signed reply',
    advice: 'Sign every reply.',
  })
}

async function refusesReplays(subject: Subject): Promise<Verdict> {
  if (subject.caller.target.auth?.kind !== 'hmac') return skip(NO_HMAC)
  const { text, fields, uid } = subject.dialect.write(subject.plain())
  const other = await refusesCall(
    subject,
    'the signature of another body',
    text.replace('"Attempt":1', '"Attempt":2'),
    fields,
  )
  if (other.kind !== 'pass') return other
  const old = subject.caller.auth.fieldsFor(uid, text, Date.now() - 3_600_000)
  return refusesCall(subject, 'a signature that is an hour old', text, { ...fields, ...old })
}
