import { Composer, type CST, type ParsedNode, Parser, type YAMLParseError } from 'yaml'
import { Places } from './places.ts'
import type { Problems } from './problem.ts'
import { quote } from './tree.ts'

/**
 * How deep collections may be nested. The longest path that the configuration knows has five levels, and `with` gets as
 * many as a JSON body may have (64, `docs/protocol-v2.md`). The reason for a limit at all is the composer, which descends by
 * recursion: 200 kB of `- - - …` end the whole process there, in a way that cannot be caught.
 */
const DEPTH_LIMIT = 64

// `* *:` and `*/containers/create:` look like patterns and are aliases to YAML.
export const STAR_ADVICE = 'text that starts with "*" is written in quotes'

export interface YamlDocument {
  readonly contents: ParsedNode | null
  readonly places: Places
}

/**
 * Reads text as one YAML document. Nothing comes back when it is not one: what the composer makes of broken YAML is a
 * guess, and problems found in a guess would only hide the real ones.
 */
export function readDocument(text: string, file: string, problems: Problems): YamlDocument | undefined {
  const places = new Places(text, file)
  const tokens = [...new Parser().parse(text)]

  const tooDeep = tooDeepIn(tokens)
  if (tooDeep !== undefined) {
    const message = `nested more than ${DEPTH_LIMIT} levels deep`
    problems.error('yaml-too-deep', places.span(tooDeep, tooDeep + 1), message)
    return undefined
  }

  // Duplicate keys and merge keys are looked at by `build-tree.ts`, which knows the place of each.
  const composer = new Composer({ version: '1.2', schema: 'core', merge: true, uniqueKeys: false })
  const [document, second] = [...composer.compose(tokens, true, text.length)]
  if (document === undefined) throw new Error('the composer gave no document although it was told to')

  reportErrors(document.errors, tokens, places, problems)
  for (const { pos, message, code } of document.warnings) {
    const at = places.span(...pos)
    const isTag = code === 'TAG_RESOLVE_FAILED'
    if (isTag) problems.error('yaml-tag', at, `the tag ${quote(text.slice(...pos))} has no meaning here`)
    else problems.warn('yaml-syntax', at, lowerFirst(message))
  }
  if (second !== undefined) {
    const start = second.contents?.range[0] ?? second.range[0]
    const message = 'a second YAML document starts here; the configuration is one document'
    problems.error('yaml-several-documents', places.span(start, start), message)
  }
  return problems.anyErrorIn(file) ? undefined : { contents: document.contents, places }
}

function reportErrors(
  errors: readonly YAMLParseError[],
  tokens: readonly CST.Token[],
  places: Places,
  problems: Problems,
): void {
  for (const [index, { pos, code, message }] of errors.entries()) {
    // Once the parser has lost its place it says so of every token that follows.
    if (index > 0 && message.includes('in YAML stream')) continue
    const advice = code === 'BAD_ALIAS' ? `; ${STAR_ADVICE}` : ''
    const opening = message.startsWith('Missing closing') ? openingQuote(tokens, pos[0]) : undefined
    const [start, end] = opening ?? pos
    problems.error(
      'yaml-syntax',
      places.span(start, end),
      `this is not YAML: ${lowerFirst(message)}${advice}`,
    )
  }
}

/** Where the quote was opened that is missed at `missedAt`, often at the end of the file. */
function openingQuote(tokens: readonly CST.Token[], missedAt: number): readonly [number, number] | undefined {
  for (const { token } of everyToken(tokens)) {
    const isQuoted = token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar'
    if (!isQuoted || token.offset + token.source.length !== missedAt) continue
    if (token.source.length > 1 && token.source.endsWith(token.source.charAt(0))) continue
    return [token.offset, missedAt]
  }
  return undefined
}

/** The offset of a collection that is nested too deep. */
function tooDeepIn(tokens: readonly CST.Token[]): number | undefined {
  for (const { token, depth } of everyToken(tokens)) {
    if (depth === DEPTH_LIMIT && 'items' in token) return token.offset
  }
  return undefined
}

/** All tokens, each with the number of collections around it; without recursion, for the reason of `DEPTH_LIMIT`. */
function* everyToken(tokens: readonly CST.Token[]): Generator<{ token: CST.Token; depth: number }> {
  const waiting = tokens.map((token) => ({ token, depth: 0 }))
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next
    const { token, depth } = next
    if (token.type === 'document') {
      if (token.value) waiting.push({ token: token.value, depth })
    } else if ('items' in token) {
      for (const { key, value } of token.items) {
        if (key) waiting.push({ token: key, depth: depth + 1 })
        if (value) waiting.push({ token: value, depth: depth + 1 })
      }
    }
  }
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}
