/**
 * A value that may be there already.
 *
 * Most hooks that run in process answer at once. A promise for each of their answers, and for each function that hands one on,
 * with a timer beside it, cost more than the hooks do.
 */
export type Soon<T> = T | PromiseLike<T>

export function isLater<T>(value: Soon<T>): value is PromiseLike<T> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function'
}

/** What `go` makes of the value, at once where it is there. Throws what `go` throws then, and rejects with it otherwise. */
export function whenThere<T, U>(value: Soon<T>, go: (value: T) => Soon<U>): Soon<U> {
  return isLater(value) ? value.then(go) : go(value)
}

/**
 * What `go` makes of what `run` gives, or `thrown` of what either of them throws or rejects with; at once where nothing is waited
 * for. What `thrown` throws itself is the caller's.
 */
export function attempt<T, U>(
  run: () => Soon<T>,
  go: (value: T) => U,
  thrown: (problem: unknown) => U,
): Soon<U> {
  try {
    const value = run()
    return isLater(value) ? Promise.resolve(value).then(go).catch(thrown) : go(value)
  } catch (problem) {
    return thrown(problem)
  }
}
