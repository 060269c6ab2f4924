/**
 * Time limits that are over when the test says so. A short one would have to be long enough for all that comes before it on a machine
 * with much else to do, and nobody knows how long that is; so limits are of an hour or more, and while they are held no timer
 * of half an hour or more ends by itself. All shorter ones run as usual.
 */
export interface HeldLimits extends Disposable {
  /** Ends those that run now; with `ms` only those of exactly that length. */
  end(ms?: number): void
}

const LONG_MS = 30 * 60_000

/** The longest that a timer of Node's can run. */
const LONGEST_MS = 2 ** 31 - 1

/** `longMs`: which timers are held. */
export function holdLimits(longMs = LONG_MS): HeldLimits {
  const { setTimeout: start, clearTimeout: stop } = globalThis
  const held = new Map<unknown, { readonly ms: number; readonly expire: () => void }>()
  const hold = (expire: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    if (ms < longMs) return start(expire, ms, ...args)
    // It stands in for the timer, and does nothing.
    const timer = start(() => {}, LONGEST_MS).unref()
    held.set(timer, { ms, expire: () => expire(...args) })
    return timer
  }
  const release = (timer: NodeJS.Timeout | undefined) => {
    held.delete(timer)
    stop(timer)
  }
  Object.assign(globalThis, { setTimeout: hold, clearTimeout: release })
  return {
    end(only) {
      for (const [timer, { ms, expire }] of [...held]) {
        if (only !== undefined && ms !== only) continue
        release(timer as NodeJS.Timeout)
        expire()
      }
    },
    [Symbol.dispose]() {
      for (const timer of held.keys()) stop(timer as NodeJS.Timeout)
      Object.assign(globalThis, { setTimeout: start, clearTimeout: stop })
    },
  }
}
