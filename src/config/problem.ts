import { quote } from './tree.ts'

/** The text is not one readable YAML document. */
export const YAML_PROBLEM_CODES = [
  'yaml-syntax',
  'yaml-several-documents',
  'yaml-too-deep',
  'yaml-tag',
  'alias-unknown',
  'alias-cycle',
  'alias-limit',
  'merge-not-map',
  'duplicate-key',
  'key-not-text',
] as const

/** The YAML can be read and asks for something that does not exist or makes no sense. */
export const CONTENT_PROBLEM_CODES = [
  'config-not-map',
  'version-unsupported',
  'key-missing',
  'key-renamed',
  'key-unknown',
  'key-conflict',
  'value-not-map',
  'value-not-list',
  'value-not-allowed',
  'hook-not-name',
  'pattern-impossible',
  'pattern-fixed-version',
  'post-not-shown',
  'stream-not-framed',
  'adapter-name',
  'adapter-not-url',
  'adapter-undefined',
  'adapter-unused',
  'built-in-unknown',
  'url-without-scheme',
  'url-other-scheme',
  'url-unreadable',
  'url-credentials',
  'duration',
  'size',
  'limit-out-of-reach',
  'variable-unset',
  'variable-unreadable',
  'include-cycle',
  'include-unreadable',
  'include-key',
  'needs-protocol-2',
  'condition',
  'operation-unknown',
  'pattern-has-operation',
  'number',
  'address',
  'path',
  'listener-open',
  'hooks-bypassed',
  'plain-http',
  'fails-open',
  'build-doors',
  'judges-early',
  'endpoints-unused',
  'http2-unseen',
  'group-cycle',
  'name-taken',
] as const

/** The file could not be read as text at all. Such a problem belongs to no line; it carries line 1, column 1. */
export const FILE_PROBLEM_CODES = [
  'file-missing',
  'file-directory',
  'file-not-regular',
  'file-forbidden',
  'file-too-large',
  'file-not-utf8',
  'file-unreadable',
] as const

export type FileProblemCode = (typeof FILE_PROBLEM_CODES)[number]

/**
 * What can be wrong with a configuration. A code never changes its meaning, so scripts and tests may rely on it; the
 * message is for people and may be reworded at any time. `docs/config.md` explains every code.
 */
export type ConfigProblemCode =
  | (typeof YAML_PROBLEM_CODES)[number]
  | (typeof CONTENT_PROBLEM_CODES)[number]
  | FileProblemCode

/**
 * A stretch of one line. Everything counts from 1; columns count UTF-16 units, as editors do. Something that goes on
 * over several lines is marked on its first one.
 */
export interface Span {
  /** As messages name it: the configuration, or a file that it includes. */
  readonly file: string
  readonly line: number
  readonly column: number
  /** The column after the last one marked; equal to `column` where there is nothing to mark. */
  readonly endColumn: number
}

/** The place for what is kept of a configuration after it has been read. */
export function placeIn({ file, line }: Span): { readonly file: string; readonly line: number } {
  return { file, line }
}

export interface ConfigProblem extends Span {
  /** An error keeps the configuration from being used; a warning does not. */
  readonly severity: 'error' | 'warning'
  readonly code: ConfigProblemCode
  readonly message: string
  /** What to write in place of the marked stretch, where that is known. */
  readonly fix?: string
}

/** Why some text is not taken, and what to write instead where that can be told. */
export interface Misfit {
  readonly message: string
  readonly fix?: string
}

export function firstPosition(file: string): Span {
  return { file, line: 1, column: 1, endColumn: 1 }
}

/** Gathers what the readers of one configuration find. */
export class Problems {
  // What is written once may be read several times, through aliases and merge keys; it is still one problem.
  readonly #found = new Map<string, ConfigProblem>()
  /** In the order in which they are read: the configuration itself, then what it includes. */
  readonly #files: string[]
  /** Where `${...}` stood: the text that took its place, which no message may show, and what is written there. */
  readonly #replaced = new Map<string, { readonly text: string; readonly written: string }>()

  constructor(file: string) {
    this.#files = [file]
  }

  reads(file: string): void {
    if (!this.#files.includes(file)) this.#files.push(file)
  }

  hides(at: Span, text: string, written: string): void {
    this.#replaced.set(placeId(at), { text, written })
  }

  error(code: ConfigProblemCode, at: Span, message: string, fix?: string): void {
    this.#add('error', code, at, message, fix)
  }

  warn(code: ConfigProblemCode, at: Span, message: string, fix?: string): void {
    this.#add('warning', code, at, message, fix)
  }

  get anyError(): boolean {
    return this.inOrder().some((problem) => problem.severity === 'error')
  }

  anyErrorIn(file: string): boolean {
    return this.inOrder().some((problem) => problem.severity === 'error' && problem.file === file)
  }

  /** By file and position; those of one position in the order in which they were found. */
  inOrder(): readonly ConfigProblem[] {
    const fileOf = ({ file }: ConfigProblem) => this.#files.indexOf(file)
    return [...this.#found.values()].sort(
      (a, b) => fileOf(a) - fileOf(b) || a.line - b.line || a.column - b.column,
    )
  }

  #add(
    severity: ConfigProblem['severity'],
    code: ConfigProblemCode,
    at: Span,
    message: string,
    fix?: string,
  ): void {
    const replaced = this.#replaced.get(placeId(at))
    if (replaced !== undefined) return this.#put(severity, code, at, shownAsWritten(message, replaced))
    this.#put(severity, code, at, message, fix)
  }

  #put(
    severity: ConfigProblem['severity'],
    code: ConfigProblemCode,
    at: Span,
    message: string,
    fix?: string,
  ): void {
    const id = `${placeId(at)} ${code} ${message}`
    if (this.#found.has(id)) return
    const { file, line, column, endColumn } = at
    const problem: ConfigProblem = { severity, code, message, file, line, column, endColumn }
    this.#found.set(id, fix === undefined ? problem : { ...problem, fix })
  }
}

function placeId({ file, line, column }: Span): string {
  return `${file}:${line}:${column}`
}

/** A message about text that came from elsewhere, with what the file says instead of what came. */
function shownAsWritten(
  message: string,
  { text, written }: { readonly text: string; readonly written: string },
): string {
  if (text === '') return message
  return message.replaceAll(quote(text), quote(written)).replaceAll(text, written)
}
