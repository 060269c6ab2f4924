/** Success or expected trouble, as a value. A throw is kept for bugs of our own. */
export type Result<T, F> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: F }

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}

export function failed<F>(failure: F): { readonly ok: false; readonly failure: F } {
  return { ok: false, failure }
}

/** For a case that the types rule out. Getting here is our bug, so it throws. */
export function impossible(value: never): never {
  throw new Error(`impossible case: ${JSON.stringify(value)}`)
}
