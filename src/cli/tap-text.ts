/** A decision as a person at a terminal reads it. */
import { harmless } from '../config/cells.ts'
import type { StreamCounts } from '../model/event.ts'
import { type Json, printJson } from '../sdk/json.ts'
import type { Changed, Decision, HookDecision, UnwindDecision } from '../telemetry/decision.ts'
import type { Step } from '../telemetry/difference.ts'

/** What stands in for it where lines were missed. */
export interface Missed {
  readonly missed: number
}

/** Longest value of a change that is shown whole, in characters; `--json` has all of it. */
const VALUE_LENGTH = 160

type Paint = (style: Style, text: string) => string
type Style = 'bold' | 'faint' | 'red' | 'green' | 'yellow'

const CODES: Readonly<Record<Style, number>> = { bold: 1, faint: 2, red: 31, green: 32, yellow: 33 }

/** Lines, each with its line break. What comes from outside cannot move the cursor or colour anything. */
export function tapText(told: Decision | Missed, isColoured: boolean): string {
  const paint: Paint = (style, text) =>
    isColoured ? `\u001b[${CODES[style]}m${harmless(text)}\u001b[0m` : harmless(text)
  const lines =
    'missed' in told
      ? [paint('red', `${told.missed} exchanges were not shown: this tap reads more slowly than they end`)]
      : [
          headLine(told, paint),
          ...told.hooks.flatMap((hook) => hookLines(hook, paint)),
          ...undone(told, paint),
        ]
  return lines.map((line) => `${line}\n`).join('')
}

function headLine(decision: Decision, paint: Paint): string {
  const { time, request, status, fate, durationMs, user, detail } = decision
  const end = `${status ?? 'no answer'} ${fate}`
  return [
    paint('faint', time.slice(11, 23)),
    paint('bold', `${request.method} ${request.path}`),
    request.operation,
    paint(isGood(decision) ? 'green' : 'red', end),
    paint('faint', `${durationMs} ms`),
    ...(user.name === null ? [] : [harmless(user.name)]),
    ...(detail === undefined ? [] : [harmless(detail)]),
  ].join('  ')
}

function isGood({ status }: Decision): boolean {
  return status !== null && status < 400
}

const OUTCOMES: Readonly<Record<string, Style>> = {
  deny: 'red',
  failed: 'red',
  replace: 'yellow',
  skipped: 'faint',
}

function hookLines(hook: HookDecision, paint: Paint): string[] {
  const { adapter, phase, outcome, durationMs, failOpen, detail, warnings = [] } = hook
  const { annotations, metadata, stream } = hook
  const head = [
    `    ${phase.padEnd(8)} ${paint('bold', adapter)}`,
    paint(OUTCOMES[outcome] ?? 'green', failOpen ? `${outcome}, passed over` : outcome),
    paint('faint', `${durationMs} ms`),
    ...(detail === undefined ? [] : [harmless(detail)]),
  ].join('  ')
  return [
    head,
    ...(stream === undefined ? [] : [`        ${streamText(stream, paint)}`]),
    ...(hook.changed === undefined ? [] : changeLines(hook.changed, paint)),
    ...warnings.map((text) => `        ${paint('yellow', `warns: ${text}`)}`),
    ...Object.entries(annotations ?? {}).map(([key, text]) => `        ${paint('faint', `${key}: ${text}`)}`),
    ...(metadata === undefined ? [] : [`        ${paint('faint', `metadata ${valueText(metadata)}`)}`]),
  ]
}

function streamText({ events, dropped, replaced, inserted }: StreamCounts, paint: Paint): string {
  return paint('yellow', `${events} messages, ${dropped} dropped, ${replaced} replaced, ${inserted} inserted`)
}

function changeLines(
  { path, status, contentType, headers, patch = [], body }: Changed,
  paint: Paint,
): string[] {
  const turned = (what: string, from: unknown, to: unknown) =>
    `        ${paint('yellow', `~ ${what} ${String(from)} → ${String(to)}`)}`
  return [
    ...(path === undefined ? [] : [turned('path', path.from, path.to)]),
    ...(status === undefined ? [] : [turned('status', status.from, status.to)]),
    ...(contentType === undefined ? [] : [turned('content type', contentType.from, contentType.to)]),
    ...(headers?.remove ?? []).map((name) => `        ${paint('red', `- header ${name}`)}`),
    ...Object.entries(headers?.set ?? {}).map(
      ([name, value]) => `        ${paint('green', `+ header ${name}: ${value}`)}`,
    ),
    ...patch.map((step) => `        ${stepText(step, paint)}`),
    ...(body === undefined ? [] : [turned('body', `${body.from} bytes`, `${body.to} bytes`)]),
  ]
}

export function stepText({ op, path, value, was }: Step, paint: Paint): string {
  const place = path === '' ? 'the whole body' : path
  switch (op) {
    case 'add':
      return paint('green', `+ ${place} ${valueText(value)}`)
    case 'remove':
      return paint('red', `- ${place} ${valueText(was)}`)
    default:
      return paint('yellow', `~ ${place} ${valueText(was)} → ${valueText(value)}`)
  }
}

function undone({ unwound }: Decision, paint: Paint): string[] {
  return unwound.map(
    ({ adapter, result, durationMs }: UnwindDecision) =>
      `    unwind   ${paint('bold', adapter)}  ${paint(result === 'done' ? 'green' : 'red', result)}  ${paint('faint', `${durationMs} ms`)}`,
  )
}

function valueText(value: Json | undefined): string {
  const text = value === undefined ? '' : printJson(value)
  return text.length > VALUE_LENGTH ? `${text.slice(0, VALUE_LENGTH)}… (${text.length} characters)` : text
}
