/**
 * What adapters say, read like what clients send: by the gate's reader (PS-ADAPTER-003). `{"Allowed":false,"Allowed":true}`
 * is a refusal to one reader and consent to another, so it is neither, and the hook has failed.
 */
import { describeFault, judgeJson, MAX_DEPTH } from '../gate/json.ts'
import type { StructShape } from '../gate/shape.ts'
import { type Edit, splice } from '../gate/splice.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { type JsonFields, readJson, readObject } from './json.ts'
import { quoted } from './text.ts'

/** A JSON object. */
export interface StrictReading {
  /** Its known keys spelled as the protocol spells them. */
  readonly text: string
  readonly fields: JsonFields
  /** For the adapter's author. */
  readonly warnings: readonly string[]
}

/** The levels of a message that may stand around a body: an event, in the list of them, in a reply. */
const LEVELS_AROUND = 3

/** `named`: how a failure calls it. Spread over lines and with keys that nobody knows it may be. */
export function readStrictly(text: string, shape: StructShape, named: string): Result<StrictReading, string> {
  const json = readJson(text)
  if (json === undefined) return failed(`${named} is not JSON`)
  const fields = readObject(json)
  if (fields === undefined) return failed(`${named} is JSON but not an object`)
  const judged = judgeJson(text, shape, MAX_DEPTH + LEVELS_AROUND)
  if (!judged.ok)
    return failed(`${named} is not acceptable: ${describeFault(judged.failure)} (${judged.failure.rule})`)
  const { edits } = judged.value
  if (edits.length === 0) return ok({ text, fields, warnings: [] })
  const respelled = splice(text, edits)
  return ok({
    text: respelled,
    fields: readJson(respelled) as JsonFields,
    warnings: edits.flatMap((edit) => respelling(text, edit)),
  })
}

/** An escape in a key is one spelling of it; other letters are another key to most readers. */
function respelling(text: string, { start, end, text: meant }: Edit): string[] {
  const written = JSON.parse(text.slice(start, end)) as string
  return JSON.stringify(written) === meant
    ? []
    : [`It wrote the key ${quoted(written)}, which is spelled ${meant}; it was taken for that.`]
}
