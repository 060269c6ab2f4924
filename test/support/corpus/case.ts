/** Cases of `test/corpus`: one file each, or one file for a row of them that differ in a few words. */
import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { EngineKind } from '../engine/index.ts'

export interface Case {
  /** `mounts/binds-root`, and the row where there are several. */
  readonly name: string
  readonly rule: string
  readonly why: string
  /** For the sandbox, under `with`. */
  readonly policy: Readonly<Record<string, unknown>>
  readonly engines: readonly EngineKind[]
  /** Done before, by somebody whom no policy binds, or by the client itself. */
  readonly setup: readonly Step[]
  /** The same for cases that may be played in one set-up: rows of a file that differ in what is tried alone. */
  readonly scene: string | undefined
  /** What the client does. */
  readonly attempt: readonly Step[]
  /** How to see in the engine that it has happened; one of them is enough. */
  readonly effect: readonly Probe[]
  /** The rule that the refusal names; `rule` unless told. */
  readonly named: string
  /** Whether powerstrip says no, naming the rule; otherwise it lets the request pass without its effect. */
  readonly refused: boolean
  /** Something like it that the policy allows. */
  readonly benign: { readonly attempt: readonly Step[]; readonly effect: readonly Probe[] } | undefined
}

export type Step =
  | {
      /** `POST /containers/create?name=NAME`. */
      readonly call: string
      readonly json?: unknown
      /** A body as it is. */
      readonly text?: string
      /** A body by its kind, made by the runner. */
      readonly tar?: Readonly<Record<string, string>>
      readonly fields?: Readonly<Record<string, string>>
      /** Asked again until the answer holds this text: for what the engine does in its own time. Not for an `attempt`. */
      readonly until?: string
      /** In a setup: through powerstrip, as the client does it. */
      readonly client?: boolean
    }
  | { readonly docker: readonly string[]; readonly stdin?: string; readonly client?: boolean }
  /** Bytes on a connection of their own. `toEnd`: until the engine ends it, and not one answer only. */
  | { readonly raw: string; readonly toEnd?: boolean; readonly client?: boolean }
  /** Runs on this machine. */
  | { readonly host: readonly string[]; readonly client?: boolean }

export type Probe =
  | {
      readonly inspect: string
      /** Path within the answer: `HostConfig.Binds`. Without it, the answer alone counts. */
      readonly at?: string
      readonly is?: unknown
      /** A text, or an entry of a list, that contains this. */
      readonly has?: string
      readonly not?: unknown
    }
  | { readonly gone: string }
  /** The client was told this. */
  | { readonly told: string }
  | { readonly file: string }
  | { readonly pushed: string }

const FOLDER = 'test/corpus'

export function readCorpus(): readonly Case[] {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yml'))
    .sort()
    .flatMap((file) => casesIn(file.replace(/\.yml$/, ''), readFileSync(`${FOLDER}/${file}`, 'utf8')))
}

interface Written extends Partial<Omit<Case, 'name' | 'rule' | 'why' | 'attempt' | 'effect'>> {
  readonly rule: string
  readonly why: string
  readonly attempt: readonly Step[]
  readonly effect: readonly Probe[]
  /** By its name, what stands for `$WORD` in it. */
  readonly rows?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

function casesIn(name: string, text: string): Case[] {
  const written = parse(text) as Written
  const { rows, ...plain } = written
  if (rows === undefined) return [whole(name, plain)]
  return Object.entries(rows).map(([row, words], at) => {
    const filled = filledIn(plain, words) as Written
    // What is allowed does not differ from row to row: one twin is enough.
    const scene = JSON.stringify([name, filled.setup, filled.policy])
    return whole(`${name}: ${row}`, {
      ...(at === 0 ? filled : { ...filled, benign: undefined }),
      // Of several steps some may go through before the one that does not.
      scene: filled.attempt.length === 1 ? scene : undefined,
    })
  })
}

function whole(name: string, written: Written): Case {
  // Through powerstrip it must not come, and nobody waits for that.
  if (written.attempt.some((step) => 'until' in step)) throw new Error(`${name}: an attempt does not wait`)
  return {
    policy: {},
    engines: ['old', 'new'],
    setup: [],
    scene: undefined,
    refused: true,
    benign: undefined,
    named: written.rule,
    ...written,
    name,
  }
}

/** Whether what a client does leaves everything as it was, so that it can be done again in the same place. */
export function onlyLooks({ attempt }: Case): boolean {
  return attempt.every((step) => 'call' in step && step.call.startsWith('GET '))
}

/** `$WORD` alone becomes the value, within text its text. */
export function filledIn(value: unknown, words: Readonly<Record<string, unknown>>, mark = '$'): unknown {
  if (typeof value === 'string') {
    for (const [word, filling] of Object.entries(words)) if (value === mark + word) return filling
    return Object.entries(words).reduce(
      (text, [word, filling]) => text.replaceAll(mark + word, String(filling)),
      value,
    )
  }
  if (Array.isArray(value)) return value.map((item) => filledIn(item, words, mark))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      String(filledIn(key, words, mark)),
      filledIn(item, words, mark),
    ]),
  )
}
