/** PS2-HSK: what an adapter says of itself. */
import { HOOK_TYPES, type HookType } from '../../model/call.ts'
import { OPERATIONS } from '../../route/operations.ts'
import { readJson, readObject } from '../../wire/json.ts'
import { encodePreHook } from '../../wire/v1.ts'
import { V2_TYPE } from '../../wire/v2/fields.ts'
import { decodeAbilities } from '../../wire/v2/handshake.ts'
import { type Caller, type Came, describeCame, shortened } from '../caller.ts'
import { OPTIONS_FIELDS } from '../dialect.ts'
import { sampleRequest } from '../samples.ts'
import type { Subject } from '../subject.ts'
import { fail, PASS, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'
import { ofType } from './v1.ts'

export const HANDSHAKE_CHECKS: readonly Check[] = [
  { id: 'PS2-HSK-01', title: 'answers OPTIONS with the media type of protocol 2', run: hasMediaType },
  { id: 'PS2-HSK-02', title: 'says what it is in fields of the right types', run: hasFields },
  { id: 'PS2-HSK-03', title: 'speaks the versions that it names', run: speaksVersions },
  { id: 'PS2-HSK-04', title: 'refuses hook types that it does not implement', run: refusesUndeclared },
]

/** Asks the adapter what it can do. */
export function askAbilities(caller: Caller): Promise<Came> {
  const proof = caller.target.auth?.kind === 'bearer' ? caller.auth.fieldsFor('', '') : {}
  return caller.send({ method: 'OPTIONS', fields: { ...OPTIONS_FIELDS, ...proof }, body: null }, false)
}

async function hasMediaType({ caller }: Subject): Promise<Verdict> {
  const came = await askAbilities(caller)
  const type = came.kind === 'reply' ? came.reply.fields['content-type'] : undefined
  if (came.kind === 'reply' && came.reply.status === 200 && mediaTypeOf(type) === V2_TYPE) return PASS
  return fail({
    sent: SENT,
    came: describeCame(came),
    expected: `200 with Content-Type: ${V2_TYPE}`,
    advice:
      'Answer OPTIONS on the path of the hook URL. With any other status or type the proxy takes the adapter for one of protocol 1.',
  })
}

function mediaTypeOf(field: string | string[] | undefined): string | undefined {
  return typeof field === 'string' ? field.split(';', 1)[0]!.trim().toLowerCase() : undefined
}

const SENT = `OPTIONS with Accept: ${V2_TYPE}`

async function hasFields({ caller }: Subject): Promise<Verdict> {
  const came = await askAbilities(caller)
  const problem = problemWith(came)
  if (problem === undefined) return PASS
  return fail({
    sent: SENT,
    came: `${describeCame(came)}\n${problem}`,
    expected: 'the fields of schemas/abilities.v2.json',
    advice:
      'PowerstripProtocolVersion 2, Name and Implements must be there; Operations are ids of Docker’s API, such as ContainerCreate.',
  })
}

function problemWith(came: Came): string | undefined {
  if (came.kind === 'nothing') return came.why
  const { reply } = came
  const read = decodeAbilities(reply, V2_TYPE)
  if (!read.ok) return read.failure.kind === 'old' ? `it answered ${reply.status}` : read.failure.problem
  const fields = readObject(readJson(reply.body ?? '')) ?? {}
  if (fields.PowerstripProtocolVersion !== 2) return 'its PowerstripProtocolVersion is not 2'
  const types = fields.Implements as readonly string[]
  const noType = types.find((type) => !HOOK_TYPES.some((known) => known === type))
  if (noType !== undefined) return `its Implements names ${JSON.stringify(noType)}, which is no hook type`
  if (types.length === 0) return 'its Implements is empty, so it is never called'
  const noOperation = (read.value.operations ?? []).find((id) => !OPERATIONS.some((known) => known.id === id))
  if (noOperation !== undefined)
    return `its Operations names ${JSON.stringify(noOperation)}, which is no operation of Docker's API`
  for (const [name, allowed] of Object.entries(CLOSED_LISTS)) {
    const value = fields[name]
    if (value !== undefined && !(Array.isArray(value) && value.every((item) => allowed.includes(item))))
      return `its ${name} is not a list of ${allowed.join(', ')}`
  }
  if (fields.Idempotent !== undefined && typeof fields.Idempotent !== 'boolean')
    return 'its Idempotent is neither true nor false'
  return undefined
}

const CLOSED_LISTS: Readonly<Record<string, readonly string[]>> = {
  PatchTypes: ['JSONPatch', 'JSONMergePatch'],
  BodyEncodings: ['json', 'utf8', 'base64'],
}

async function speaksVersions(subject: Subject): Promise<Verdict> {
  const { caller } = subject
  const came = await askAbilities(caller)
  const fields = came.kind === 'reply' ? readObject(readJson(came.reply.body ?? '')) : undefined
  const versions = fields?.ProtocolVersions ?? [2]
  const isList = Array.isArray(versions) && versions.every((version) => version === 1 || version === 2)
  if (!isList || !versions.includes(2))
    return fail({
      sent: SENT,
      came: describeCame(came),
      expected: 'ProtocolVersions [2], or [2, 1]',
      advice:
        'Name the protocols that the adapter speaks, as numbers; without 2 it cannot be used as one of protocol 2.',
    })
  if (!versions.includes(1) || !subject.has('pre-hook')) return PASS
  const text = encodePreHook(sampleRequest(subject.operations[0]!))
  const old = await caller.send(
    { method: 'POST', fields: { 'Content-Type': 'application/json' }, body: text },
    true,
  )
  const status = old.kind === 'reply' ? old.reply.status : 0
  const reply = old.kind === 'reply' ? readObject(readJson(old.reply.body || '{}')) : undefined
  const isOld = reply !== undefined && reply.Patch === undefined && reply.Allowed === undefined
  // What a good reply of protocol 1 is like, the checks PS1 ask in detail.
  if (isOld && (status === 200 || status === 204 || status === 403)) return PASS
  return fail({
    sent: `pre-hook of protocol 1: ${shortened(text)}`,
    came: describeCame(old),
    expected: 'a reply of protocol 1: it says that it speaks 1 as well',
    advice: 'Leave 1 out of ProtocolVersions, or look at PowerstripProtocolVersion of each call.',
  })
}

async function refusesUndeclared(subject: Subject): Promise<Verdict> {
  const declared = subject.abilities?.implements ?? []
  const question = subject.about(subject.operations[0]!)
  const types: string[] = [...HOOK_TYPES.filter((type) => !declared.includes(type)), 'future-hook']
  for (const type of types) {
    const asked = isHookType(type) ? { ...question, hook: type } : question
    const { text: sent, fields } = subject.dialect.write(asked, ofType(type))
    const came = await subject.say(sent, fields)
    const agreed = came.kind === 'reply' && (came.reply.status === 200 || came.reply.status === 204)
    if (agreed)
      return fail({
        sent: `${type}: ${shortened(sent)}`,
        came: describeCame(came),
        expected: 'an error status: Implements does not name this hook type',
        advice:
          'Answer 400 or 501 to types that you do not know. A reply that looks like consent lets a hook pass that nobody wrote.',
      })
  }
  return PASS
}

function isHookType(type: string): type is HookType {
  return HOOK_TYPES.some((known) => known === type)
}
