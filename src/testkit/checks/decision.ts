/** PS2-DEC: decisions and their shape. */
import { readJson, readObject } from '../../wire/json.ts'
import { describeCame } from '../caller.ts'
import { newUid } from '../dialect.ts'
import { fault, type Seen, type Subject } from '../subject.ts'
import { fail, PASS, passWith, skip, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'

export const DECISION_CHECKS: readonly Check[] = [
  { id: 'PS2-DEC-01', title: 'answers every hook that it implements with a decision', run: decides },
  { id: 'PS2-DEC-02', title: 'refuses with Allowed false and a reason', run: refusesProperly },
  { id: 'PS2-DEC-03', title: 'gives codes within their ranges', run: givesCodes },
  { id: 'PS2-DEC-04', title: 'returns the Uid of the call, if any', run: returnsUid },
]

async function decides(subject: Subject): Promise<Verdict> {
  const survey = await subject.survey()
  const bad = survey.find((seen) => !seen.read.ok && !saysNoByStatus(seen))
  if (bad !== undefined)
    return fault(
      bad,
      '204, or 200 with a JSON object whose fields this hook type may use',
      'To leave all as it is answer 204; to refuse answer 200 with "Allowed": false.',
    )
  for (const hook of ['observe-hook'] as const) {
    if (!subject.has(hook)) continue
    const seen = await subject.ask({ ...subject.about(subject.operations[0]!, 'post-hook'), hook })
    if (!seen.read.ok)
      return fault(seen, '204 or 200', 'Nothing is asked of an observe-hook but to take note.')
  }
  return survey.length === 0 ? skip('it implements no hook that decides anything') : PASS
}

function statusOf({ came }: Seen): number {
  return came.kind === 'reply' ? came.reply.status : 0
}

/** What refuses in protocol 1 is a failure in protocol 2. */
function saysNoByStatus(seen: Seen): boolean {
  return [400, 401, 402, 403, 406, 409, 410, 412, 422, 423, 428, 451].includes(statusOf(seen))
}

async function refusesProperly(subject: Subject): Promise<Verdict> {
  const survey = await subject.survey()
  const byStatus = survey.find(saysNoByStatus)
  if (byStatus !== undefined)
    return fault(
      byStatus,
      '200 with {"Allowed": false, "Status": {"Code": …, "Message": …}}',
      'In protocol 2 an error status is a failure of the adapter, not a refusal: the client is told that the adapter failed, and onError: ignore lets the request pass.',
    )
  const refusals = survey.filter((seen) => allowedOf(seen) !== undefined && allowedOf(seen) !== true)
  if (refusals.length === 0) return skip('it refused none of the samples')
  for (const seen of refusals) {
    const fields = fieldsOf(seen)
    const status = readObject(fields.Status)
    if (fields.Allowed !== false)
      return fault(seen, 'Allowed: false', 'Allowed is true or false; anything else is a failure.')
    const said = status?.Message ?? status?.Reason
    if (typeof said !== 'string' || said === '')
      return fault(
        seen,
        'a Status with a Message that says why',
        'The Message is what docker prints; without it people cannot know what to change.',
      )
    const change = CHANGES.find((name) => fields[name] !== undefined && fields[name] !== null)
    if (change !== undefined)
      return fault(seen, `no ${change} beside a refusal`, `Leave ${change} out: nothing is done with it.`)
  }
  return PASS
}

const CHANGES = [
  'Patch',
  'ModifiedClientRequest',
  'ModifiedServerResponse',
  'HeaderMutation',
  'ImmediateResponse',
]

async function givesCodes(subject: Subject): Promise<Verdict> {
  const survey = await subject.survey()
  let count = 0
  for (const seen of survey) {
    const { Status, ImmediateResponse, ModifiedServerResponse, Allowed } = fieldsOf(seen)
    const codes: readonly [name: string, value: unknown, lowest: number][] = [
      ['Status.Code', Allowed === false ? readObject(Status)?.Code : undefined, 400],
      ['ImmediateResponse.Code', readObject(ImmediateResponse)?.Code, 200],
      ['ModifiedServerResponse.Code', readObject(ModifiedServerResponse)?.Code, 200],
    ]
    for (const [name, value, lowest] of codes) {
      if (value === undefined || value === null) continue
      count++
      const isGood = typeof value === 'number' && Number.isInteger(value) && value >= lowest && value <= 599
      if (!isGood)
        return fault(
          seen,
          `${name} as a whole number from ${lowest} to 599`,
          'Use the number of an HTTP status.',
        )
      if (
        name === 'Status.Code' &&
        value === 404 &&
        seen.question.request.target.includes('/containers/create')
      )
        return passWith(
          'It refused a create with 404: docker then pulls the image and tries again. Better use 403.',
        )
    }
  }
  return count === 0 ? skip('none of its replies has a code') : PASS
}

async function returnsUid(subject: Subject): Promise<Verdict> {
  const uids = [newUid(), newUid(), newUid()]
  const seen = await Promise.all(uids.map((uid) => subject.ask({ ...subject.plain(), uid })))
  const all = [...(await subject.survey()), ...seen]
  for (const one of all) {
    const { Uid } = fieldsOf(one)
    if (Uid !== undefined && Uid !== one.uid)
      return fail({
        sent: `${one.question.hook} with the Uid ${one.uid}`,
        came: describeCame(one.came),
        expected: `the Uid ${one.uid}, or none`,
        advice:
          'Take the Uid from the call that is being answered: with another one the reply is thrown away.',
      })
  }
  return all.some((one) => fieldsOf(one).Uid !== undefined)
    ? PASS
    : skip('none of its replies has a Uid, which is allowed')
}

function allowedOf(seen: Seen): unknown {
  return fieldsOf(seen).Allowed ?? undefined
}

export function fieldsOf({ came }: Seen): { readonly [name: string]: unknown } {
  return came.kind === 'reply' && came.reply.status === 200
    ? (readObject(readJson(came.reply.body ?? '')) ?? {})
    : {}
}
