/**
 * Ids for exchanges and calls: a ULID, which sorts by the time it was made, in Crockford's base 32.
 *
 * The last four letters of the random part are counted, the others are drawn anew when all of those have been used: drawing and
 * writing each letter of each id cost more than everything else that a call is told of.
 */
export function ulid(): string {
  const now = Date.now()
  if (count === COUNTED) {
    letters.set(drawn(), TIME_LENGTH)
    count = 0
  }
  if (now !== time) {
    time = now
    writeTime(now)
  }
  writeCount(count++)
  return letters.toString('latin1')
}

const CODES = Array.from('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (letter) => letter.charCodeAt(0))
const TIME_LENGTH = 10
/** 60 bits. */
const DRAWN_LENGTH = 12
const COUNTED_LENGTH = 4
/** As many as four letters can say. */
const COUNTED = 32 ** COUNTED_LENGTH

/** Those of the last id: a text made of them in one go is flat, and pieces put together are not, which costs whoever reads it. */
const letters = Buffer.alloc(TIME_LENGTH + DRAWN_LENGTH + COUNTED_LENGTH)
let count = COUNTED
let time = Number.NaN

function drawn(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(DRAWN_LENGTH)).map((byte) => CODES[byte & 31]!)
}

function writeTime(now: number): void {
  for (let rest = now, at = TIME_LENGTH - 1; at >= 0; at--) {
    letters[at] = CODES[rest % 32]!
    rest = Math.floor(rest / 32)
  }
}

function writeCount(counted: number): void {
  for (let rest = counted, at = letters.length - 1; at >= TIME_LENGTH + DRAWN_LENGTH; at--) {
    letters[at] = CODES[rest & 31]!
    rest >>= 5
  }
}
