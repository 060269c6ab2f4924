import { failed, ok, type Result } from '../model/result.ts'
import { describeProblems } from './describe.ts'
import { type FileText, readText } from './file-text.ts'
import { type FileGround, NO_BUILT_INS, type ParsedConfig, parseConfig } from './parse.ts'
import type { ConfigProblem } from './problem.ts'

export { FILE_LIMIT_BYTES } from './file-text.ts'

/** The files that a configuration includes or takes values from, by the names that messages show. */
export type OtherFiles = ReadonlyMap<string, FileText>

export interface LoadedConfig extends ParsedConfig {
  readonly file: string
  /** The text that it was read from, for excerpts, and for telling later whether the file has changed. */
  readonly text: string
  readonly others: OtherFiles
  /** The warnings as `describeProblems` puts them; nothing when there are none. */
  readonly described: string
}

export interface RefusedConfig {
  readonly file: string
  /** Absent when the file could not be read as text. */
  readonly text: string | undefined
  readonly others: OtherFiles
  readonly problems: readonly ConfigProblem[]
  /** The problems as `describeProblems` puts them. */
  readonly described: string
}

/** Reads a configuration file. Whatever is wrong with the file or in it comes back as problems. */
export async function readConfigFile(
  file: string,
  ground: FileGround = NO_BUILT_INS,
): Promise<Result<LoadedConfig, RefusedConfig>> {
  return judgeText(file, await readText(file), ground)
}

/**
 * Which other files a configuration needs is known only when it has been parsed, and they may include more: it is parsed
 * again until nothing is missing. Each pass reads at least one more file, and `parseConfig` bounds their number.
 */
export async function judgeText(
  file: string,
  read: FileText,
  ground: FileGround,
  readOther: (file: string) => Promise<FileText> = readText,
): Promise<Result<LoadedConfig, RefusedConfig>> {
  if (!read.ok) return failed(refuse(file, undefined, new Map(), [read.failure]))
  const text = read.value
  const others = new Map<string, FileText>()
  for (;;) {
    const missing = new Set<string>()
    const used = new Set<string>()
    const fileText = (name: string) => {
      used.add(name)
      const other = others.get(name)
      if (other === undefined) missing.add(name)
      return other
    }
    const parsed = parseConfig(text, file, { ...ground, fileText })
    if (missing.size === 0) {
      for (const name of others.keys()) if (!used.has(name)) others.delete(name)
      return judged(file, text, others, parsed)
    }
    for (const name of missing) others.set(name, await readOther(name))
  }
}

function judged(
  file: string,
  text: string,
  others: OtherFiles,
  parsed: Result<ParsedConfig, readonly ConfigProblem[]>,
): Result<LoadedConfig, RefusedConfig> {
  if (!parsed.ok) return failed(refuse(file, text, others, parsed.failure))
  const { config, warnings } = parsed.value
  const described = warnings.length === 0 ? '' : describeProblems(text, file, warnings, textsOf(others))
  return ok({ file, text, others, config, warnings, described })
}

function refuse(
  file: string,
  text: string | undefined,
  others: OtherFiles,
  problems: readonly ConfigProblem[],
): RefusedConfig {
  const described = describeProblems(text ?? '', file, problems, textsOf(others))
  return { file, text, others, problems, described }
}

function textsOf(others: OtherFiles): ReadonlyMap<string, string> {
  return new Map([...others].flatMap(([name, read]) => (read.ok ? [[name, read.value]] : [])))
}
