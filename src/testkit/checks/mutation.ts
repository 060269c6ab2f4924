/** PS2-MUT: what an adapter makes of a body. */

import { type JsonNode, memberOf, readJson } from '../../gate/json.ts'
import { judgeBody } from '../../gate/request-body.ts'
import { bodyShape, type Shape } from '../../gate/shape.ts'
import { readObject } from '../../wire/json.ts'
import { FIXED_FIELDS } from '../../wire/v2/fields.ts'
import { describeCame } from '../caller.ts'
import { changedBody, fault, operationOf, type Seen, type Subject, shownBody } from '../subject.ts'
import { fail, PASS, skip, type Verdict } from '../verdict.ts'
import type { Check } from './check.ts'
import { fieldsOf } from './decision.ts'
import { NO_OBJECT, withMember } from './v1.ts'

export const MUTATION_CHECKS: readonly Check[] = [
  { id: 'PS2-MUT-01', title: 'gives patches that fit the body', run: patchesFit },
  { id: 'PS2-MUT-02', title: 'makes bodies that the engine takes', run: bodiesFit },
  { id: 'PS2-MUT-03', title: 'says the same to the same call', run: isSteady },
  { id: 'PS2-MUT-04', title: 'leaves header fields of the connection alone', run: leavesFraming },
  { id: 'PS2-MUT-05', title: 'keeps numbers to the last digit', run: keepsNumbers },
]

async function patchesFit(subject: Subject): Promise<Verdict> {
  const patching = (await subject.survey()).filter((seen) => fieldsOf(seen).Patch !== undefined)
  if (patching.length === 0) return skip('it patched none of the samples')
  for (const seen of patching) {
    const changed = changedBody(seen)
    const problem = !seen.read.ok ? seen.read.failure : changed.ok ? undefined : changed.failure
    if (problem !== undefined)
      return fault(
        seen,
        `a patch that can be applied to the body: ${problem}`,
        'Paths are relative to the body; what is replaced or removed must be there, and every object on the way. To be sure, test for it or add the whole object.',
      )
  }
  return PASS
}

async function bodiesFit(subject: Subject): Promise<Verdict> {
  let count = 0
  for (const seen of await subject.survey()) {
    const changed = changedBody(seen)
    if (!changed.ok || changed.value === undefined) continue
    count++
    const problem = objection(seen, changed.value)
    if (problem !== undefined)
      return fault(
        seen,
        `a body that Docker's API describes: ${problem}`,
        'Look the field up in Docker’s API description: the engine passes over names that it does not know and refuses values of another kind.',
      )
  }
  return count === 0 ? skip('it changed the body of none of the samples') : PASS
}

/** What is wrong with a body that the adapter made; nothing about what it has only let through. */
function objection({ question }: Seen, body: string): string | undefined {
  if (question.hook === 'post-hook') return undefined
  const operation = operationOf(question.request)
  const judged = judgeBody(body, operation)
  if (!judged.ok) return judged.failure.message
  const before = readJson(shownBody(question) ?? '{}')
  const after = readJson(judged.value)
  if (!before.ok || !after.ok) return undefined
  return misfit(after.value, bodyShape(operation).shape, before.value, '')
}

function misfit(
  node: JsonNode,
  shape: Shape,
  before: JsonNode | undefined,
  path: string,
): string | undefined {
  if (node.kind === 'null' || shape.kind === 'any') return undefined
  if (shape.kind === 'list' || shape.kind === 'texts') {
    if (node.kind !== 'list') return `${path} is a list in Docker's API`
    const items = shape.kind === 'list' ? shape.items : undefined
    if (items === undefined) return undefined
    return firstOf(node.items, (item, at) => misfit(item, items, undefined, `${path}[${at}]`))
  }
  if (node.kind !== 'object') return `${path} is an object in Docker's API`
  return firstOf(node.members, ({ key, value }) => {
    const there = memberOf(before, key)?.value
    const within = path === '' ? key : `${path}.${key}`
    if (shape.kind === 'map') return misfit(value, shape.values, there, within)
    const field = shape.fields.get(key)
    if (field !== undefined) return misfit(value, field.shape, there, within)
    return there === undefined ? `${within} is unknown there` : undefined
  })
}

function firstOf<T>(
  items: readonly T[],
  judge: (item: T, at: number) => string | undefined,
): string | undefined {
  for (const [at, item] of items.entries()) {
    const found = judge(item, at)
    if (found !== undefined) return found
  }
  return undefined
}

async function isSteady(subject: Subject): Promise<Verdict> {
  const first = await subject.ask(subject.plain())
  const second = await subject.ask(subject.plain())
  if (contentOf(first) === contentOf(second)) return PASS
  return fail({
    sent: `${first.question.hook}, twice the same but for the Uid: ${first.sent}`,
    came: `${describeCame(first.came)}\nand then ${describeCame(second.came)}`,
    expected: 'the same both times',
    advice:
      'Decide by what the call says. What has to differ from call to call (a time, a counter, a random name) makes repetitions and dry runs tell something else than what happens.',
  })
}

/** All that a reply says, but for the call that it belongs to. */
export function contentOf(seen: Seen): string {
  if (seen.came.kind === 'nothing') return `nothing: ${seen.came.why}`
  const { status, body = '' } = seen.came.reply
  return `${status} ${body.replaceAll(seen.uid, '')}`
}

async function leavesFraming(subject: Subject): Promise<Verdict> {
  let count = 0
  for (const seen of await subject.survey()) {
    const mutation = readObject(fieldsOf(seen).HeaderMutation)
    if (mutation === undefined) continue
    count++
    const removed = Array.isArray(mutation.RemoveHeaders) ? mutation.RemoveHeaders : []
    const names = [...Object.keys(readObject(mutation.SetHeaders) ?? {}), ...removed].map(String)
    const framing = names.find((name) => FIXED_FIELDS.has(name.toLowerCase()))
    if (framing !== undefined)
      return fault(
        seen,
        `no change of ${framing}`,
        'Length, framing and routing belong to the proxy, which counts anew whatever you change.',
      )
    if (!seen.read.ok) return fault(seen, 'header fields that can stand in a head', seen.read.failure)
  }
  return count === 0 ? skip('it changed the header fields of none of the samples') : PASS
}

/** Beyond what a double holds: read as one and written again, each becomes another number. */
const LARGE = ['9007199254740993', '1152921504606846977'] as const

/** In the bodies of samples. */
const USUAL_NUMBER = '67108864'

async function keepsNumbers(subject: Subject): Promise<Verdict> {
  if (!subject.carriesObject) return skip(NO_OBJECT)
  const body = (text: string) =>
    text.includes(USUAL_NUMBER)
      ? text.replace(USUAL_NUMBER, LARGE[0])
      : withMember(text, 'Numbers', `[${LARGE.join(',')}]`)
  const seen = await subject.ask({ ...subject.withBody(body), what: 'numbers above 2^53' })
  const changed = changedBody(seen)
  if (!seen.read.ok || !changed.ok || changed.value === undefined) return PASS
  const digits: string[] = changed.value.match(/[0-9]{16,}/g) ?? []
  // Whatever it has replaced on purpose is its own affair; what is only nearly the same is not.
  const spoilt = digits.find((text) => LARGE.some((sent) => sent !== text && Number(sent) === Number(text)))
  const written = /[0-9.]+e\+?[0-9]{2}/i.exec(changed.value)?.[0]
  if (spoilt === undefined && written === undefined) return PASS
  return fault(
    seen,
    `the numbers digit for digit: ${LARGE.join(', ')} (it wrote ${spoilt ?? written})`,
    'Read JSON with a reader that keeps large integers, or send a patch, which leaves everything else as it was written.',
  )
}
