/**
 * Warnings of adapters on their way to the people at the client: where Docker's own answer has a list of warnings, `docker`
 * prints it; everywhere else they stand in the head, for whoever looks.
 */

import type { ClientWarning } from './chain/run.ts'
import { memberOf, readJson } from './gate/json.ts'
import { splice } from './gate/splice.ts'
import type { HookResponse } from './model/hook.ts'

export type AnswerWarnings = readonly ClientWarning[]

/** Operations whose answers have a `Warnings` list that clients print. */
const WARNING_LISTS: ReadonlySet<string> = new Set([
  'ContainerCreate',
  'ContainerUpdate',
  'ServiceCreate',
  'ServiceUpdate',
  'SystemInfo',
])

export function warnsInBody(operation: string | undefined): boolean {
  return operation !== undefined && WARNING_LISTS.has(operation)
}

/** The answer with the warnings in it; itself where it has no place for them. */
export function withWarnings(
  response: HookResponse,
  operation: string | undefined,
  warnings: AnswerWarnings,
): { readonly response: HookResponse; readonly fields: AnswerWarnings } {
  if (warnings.length === 0) return { response, fields: [] }
  const body = response.status < 400 && warnsInBody(operation) ? listed(response.body, warnings) : undefined
  return body === undefined ? { response, fields: warnings } : { response: { ...response, body }, fields: [] }
}

/** Lines of a head that say so. The code 299 has no meaning but that (RFC 7234, section 5.5.7). */
export function warningLines(warnings: AnswerWarnings): string {
  return warnings.map((warning) => `Warning: 299 powerstrip "${quotable(textOf(warning))}"\r\n`).join('')
}

/** The engine's head with the warnings behind its own fields. */
export function withWarningFields(head: string, warnings: AnswerWarnings): Buffer {
  return Buffer.from(`${head.slice(0, -2)}${warningLines(warnings)}\r\n`, 'latin1')
}

/** Nothing: the text is no object, or its `Warnings` are no list. */
function listed(text: string, warnings: AnswerWarnings): string | undefined {
  const read = readJson(text)
  if (!read.ok || read.value.kind !== 'object') return undefined
  const root = read.value
  const added = warnings.map((warning) => JSON.stringify(textOf(warning))).join(',')
  const list = memberOf(root, 'Warnings')?.value
  if (list?.kind === 'list') {
    const at = list.end - 1
    return splice(text, [{ start: at, end: at, text: list.items.length === 0 ? added : `,${added}` }])
  }
  if (list?.kind === 'null') return splice(text, [{ start: list.start, end: list.end, text: `[${added}]` }])
  if (list !== undefined) return undefined
  const at = root.end - 1
  const comma = root.members.length === 0 ? '' : ','
  return splice(text, [{ start: at, end: at, text: `${comma}"Warnings":[${added}]` }])
}

function textOf({ adapter, text }: AnswerWarnings[number]): string {
  return `adapter "${adapter}": ${text}`
}

/** Within the quotes of a header value: visible ASCII, the rest percent-encoded. */
function quotable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character))
    .replace(/["\\]/g, '\\$&')
}
