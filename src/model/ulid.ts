/**
 * Ids for exchanges and calls: a ULID, which sorts by the time it was made, in Crockford's base 32.
 *
 * Random bytes are fetched for many ids at once: one at a time they cost more than everything else here.
 */
export function ulid(): string {
  let text = timeText(Date.now())
  if (used + RANDOM_LENGTH > pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  for (let at = 0; at < RANDOM_LENGTH; at++) text += LETTERS[pool[used++]! & 31]
  return text
}

/** Many ids are made within one millisecond. */
function timeText(now: number): string {
  if (now !== lastTime) {
    lastText = ''
    for (let rest = now, at = 0; at < TIME_LENGTH; at++) {
      lastText = LETTERS[rest % 32]! + lastText
      rest = Math.floor(rest / 32)
    }
    lastTime = now
  }
  return lastText
}

const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_LENGTH = 10
const RANDOM_LENGTH = 16

const pool = new Uint8Array(RANDOM_LENGTH * 256)
let used = pool.length
let lastTime = -1
let lastText = ''
