/// <reference lib="es2024.string" />
/** What adapters say in their own words, made fit for a client's terminal. */
import { readJson, readObject } from './json.ts'

/** A reason is a sentence or two. What is longer is a page or a trace, and nothing for the person running `docker`. */
const REASON_LIMIT_BYTES = 1024

/** Where servers of Docker's world put a reason: the engine itself, and its plugins. */
const REASON_FIELDS = ['message', 'Err', 'Msg']

/**
 * The part of an error reply that may be quoted to the client: a reason within JSON, cut to its limit, or a whole body
 * that is short and no HTML. Empty where there is none.
 */
export function adapterText(body: string | undefined): string {
  if (body === undefined) return ''
  const reasons = reasonsIn(body)
  if (reasons.length > 0) return printable(cut(reasons.find((reason) => reason !== '') ?? ''))
  const text = body.trim()
  return text.startsWith('<') || cut(body) !== body ? '' : printable(text)
}

/** A reason that was said as such, and not as the body of a reply: an exception's message, a denial's. */
export function reasonText(reason: string): string {
  return printable(cut(reason))
}

/** What was thrown, in words. Anything can be thrown: what has no words of its own must not throw once more when it is asked. */
export function thrownText(thrown: unknown): string {
  try {
    return reasonText(String(thrown instanceof Error ? thrown.message : thrown))
  } catch {
    return 'something was thrown that cannot be put into words'
  }
}

function reasonsIn(body: string): readonly string[] {
  if (!/^\s*\{/.test(body)) return []
  const fields = readObject(readJson(body)) ?? {}
  return REASON_FIELDS.map((name) => fields[name]).filter((value) => typeof value === 'string')
}

function cut(text: string): string {
  // A code unit is at most three bytes of UTF-8, so most texts need no counting.
  if (text.length * 3 <= REASON_LIMIT_BYTES) return text
  const room = new Uint8Array(REASON_LIMIT_BYTES)
  const { read } = new TextEncoder().encodeInto(text.slice(0, REASON_LIMIT_BYTES + 1), room)
  return text.slice(0, read)
}

/** Without the control characters that would let an adapter write anywhere on the client's terminal. */
function printable(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
    .trim()
    .toWellFormed()
}

/** A value of the adapter's within a sentence of ours. */
export function quoted(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}…` : text
  return JSON.stringify(short)
}
