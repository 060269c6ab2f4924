/**
 * Peers that are looked after at regular intervals, all on one timer: one for each hooked exchange cost more than the looking.
 */

export interface Watched {
  lookAfter(): void
  /** Where it stands in the list, which alone changes it; -1: it does not. */
  watchPlace: number
}

/**
 * How often a peer is looked after, in milliseconds. A client that was killed must not hold an engine connection for more than
 * a second or two.
 */
const INTERVAL_MS = 500

/** In any order: one that goes gives its place to the last one. A set would grow and shrink with every exchange. */
const watched: Watched[] = []
let timer: NodeJS.Timeout | undefined

/** It is looked after from now on, for the first time within one interval. */
export function watch(peer: Watched): void {
  if (peer.watchPlace >= 0) return
  peer.watchPlace = watched.length
  watched.push(peer)
  timer ??= setInterval(goRound, INTERVAL_MS).unref()
}

export function stopWatching(peer: Watched): void {
  const place = peer.watchPlace
  if (place < 0) return
  peer.watchPlace = -1
  const last = watched.pop()!
  if (last === peer) return
  watched[place] = last
  last.watchPlace = place
}

/** The timer ends when there was nobody to look after for a whole interval: between two exchanges there is nobody either. */
function goRound(): void {
  if (watched.length === 0) {
    clearInterval(timer)
    timer = undefined
  }
  // One that is found gone may leave the list meanwhile.
  for (const peer of [...watched]) if (peer.watchPlace >= 0) peer.lookAfter()
}
