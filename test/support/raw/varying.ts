/** Masks what two identical exchanges never have in common. */

const DATE = /^Date: [A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT\r$/gm
/** A full id; a short one only where it is quoted or a word of its own. */
const ID = /\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b/g
const TIME = /\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})/g

/** Only the `Date` field: for answers that are the same to the byte otherwise. */
export function undated(bytes: string | Buffer): string {
  return text(bytes).replace(DATE, 'Date: *\r')
}

/** The date, ids and times. */
export function unvarying(bytes: string | Buffer): string {
  return undated(bytes).replace(ID, '<id>').replace(TIME, '<time>')
}

function text(bytes: string | Buffer): string {
  return typeof bytes === 'string' ? bytes : bytes.toString('latin1')
}
