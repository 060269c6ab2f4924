/**
 * Peers that are looked after at regular intervals, all on one timer: one for each hooked exchange cost more than the looking.
 */

export interface Watched {
  lookAfter(): void
}

/**
 * How often a peer is looked after, in milliseconds. A client that was killed must not hold an engine connection for more than
 * a second or two.
 */
const INTERVAL_MS = 500

const watched = new Set<Watched>()
let timer: NodeJS.Timeout | undefined

/** It is looked after from now on, for the first time within one interval. */
export function watch(peer: Watched): void {
  watched.add(peer)
  timer ??= setInterval(goRound, INTERVAL_MS).unref()
}

export function stopWatching(peer: Watched): void {
  watched.delete(peer)
}

/** The timer ends when there was nobody to look after for a whole interval: between two exchanges there is nobody either. */
function goRound(): void {
  if (watched.size === 0) {
    clearInterval(timer)
    timer = undefined
  }
  for (const peer of watched) peer.lookAfter()
}
