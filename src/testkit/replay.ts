/** Recorded exchanges played at an adapter: what it would do with them. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { HookType } from '../model/call.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { type Json, parseJson } from '../sdk/json.ts'
import { difference, type Step } from '../telemetry/difference.ts'
import { describeCame, type Target } from './caller.ts'
import { type ConformanceTerms, meeting } from './conformance.ts'
import type { Question } from './dialect.ts'
import { type Fixture, readFixture } from './fixture.ts'
import { changedBody, type Seen, type Subject, shownBody } from './subject.ts'

/** A line of a file of fixtures. */
export interface Recorded {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly fixture: Fixture
}

/** What the adapter would do in one phase of one recorded exchange. */
export interface Played {
  /** `ContainerCreate-1.45.ndjson:3`. */
  readonly place: string
  readonly hook: HookType
  readonly method: string
  readonly target: string
  readonly did: Deed
}

export type Deed =
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'changed'
      /** Of the body. */
      readonly steps: readonly Step[]
      readonly target?: string
      readonly code?: number
      readonly contentType?: string
    }
  | { readonly kind: 'refused'; readonly code: number; readonly message: string }
  | { readonly kind: 'answered'; readonly code: number }
  | { readonly kind: 'failed'; readonly problem: string }

/** All lines of a file, or of the `.ndjson` files of a folder. The failure names the first line that cannot be read. */
export async function readRecorded(path: string): Promise<Result<readonly Recorded[], string>> {
  try {
    const found = await stat(path)
    const names = found.isDirectory()
      ? (await readdir(path)).filter((name) => name.endsWith('.ndjson')).sort()
      : undefined
    const recorded: Recorded[] = []
    for (const name of names ?? ['']) {
      const file = name === '' ? path : join(path, name)
      for (const [at, text] of documentsIn(await readFile(file, 'utf8'))) {
        const read = readFixture(text)
        if (!read.ok) return failed(`${file}:${at + 1}: ${read.failure}`)
        recorded.push({ file, line: at + 1, fixture: read.value })
      }
    }
    return recorded.length === 0 ? failed(`${path} holds no fixtures`) : ok(recorded)
  } catch (problem) {
    return failed(`${path} cannot be read: ${(problem as Error).message}`)
  }
}

/** One a line, with their line numbers from 0, or one that is written over many lines. */
function documentsIn(text: string): readonly (readonly [at: number, text: string])[] {
  const lines = [...text.split('\n').entries()].filter(([, line]) => line.trim() !== '')
  return lines.length > 1 && readFixture(text).ok ? [[0, text]] : lines
}

export type ReplayTerms = Pick<ConformanceTerms, 'protocol' | 'hooks' | 'timeoutMs' | 'with'> & {
  /** Told of each when it is there. */
  readonly tell?: (played: Played) => void
}

/** The failure is why the adapter cannot be asked at all. */
export function replay(
  target: Target,
  recorded: readonly Recorded[],
  { tell, ...terms }: ReplayTerms = {},
): Promise<Result<readonly Played[], string>> {
  return meeting(target, terms, async ({ subjects }) => {
    // The newest that it speaks.
    const subject = subjects.get(2) ?? subjects.get(1)!
    const all: Played[] = []
    for (const one of recorded)
      for (const question of questionsOf(one.fixture, subject)) {
        const seen = await subject.ask(question)
        const { request } = one.fixture
        const place = `${one.file}:${one.line}`
        const played = {
          place,
          hook: question.hook,
          method: request.method,
          target: request.target,
          did: deedOf(seen),
        }
        all.push(played)
        tell?.(played)
      }
    return ok(all)
  })
}

const BEFORE: readonly HookType[] = ['pre-hook', 'validate-hook']

function questionsOf({ request, response }: Fixture, subject: Subject): Question[] {
  const before = BEFORE.filter((hook) => subject.has(hook)).map((hook): Question => ({ hook, request }))
  return response !== undefined && subject.has('post-hook')
    ? [...before, { hook: 'post-hook', request, response }]
    : before
}

function deedOf(seen: Seen): Deed {
  if (!seen.read.ok) return { kind: 'failed', problem: `${seen.read.failure} (${describeCame(seen.came)})` }
  const { outcome } = seen.read.value
  switch (outcome.kind) {
    case 'pass':
      return { kind: 'unchanged' }
    case 'deny':
      return { kind: 'refused', code: outcome.status, message: outcome.message }
    case 'respond':
      return { kind: 'answered', code: outcome.status }
    case 'replace': {
      const changed = changedBody(seen)
      if (!changed.ok) return { kind: 'failed', problem: changed.failure }
      const { target, status: code, contentType } = outcome
      const steps = changed.value === undefined ? [] : stepsTo(shownBody(seen.question), changed.value)
      if (steps.length === 0 && target === undefined && code === undefined && contentType === undefined)
        return { kind: 'unchanged' }
      return {
        kind: 'changed',
        steps,
        ...(target === undefined ? {} : { target }),
        ...(code === undefined ? {} : { code }),
        ...(contentType === undefined ? {} : { contentType }),
      }
    }
  }
}

function stepsTo(before: string | null, after: string): readonly Step[] {
  return difference(valueIn(before ?? ''), valueIn(after))
}

/** What is no JSON is a text. */
function valueIn(text: string): Json {
  try {
    return parseJson(text)
  } catch {
    return text
  }
}
