/** How a check ends. */
export type Verdict =
  /** `note`: what its author should know all the same. */
  | { readonly kind: 'pass'; readonly note?: string }
  | { readonly kind: 'fail'; readonly finding: Finding }
  | { readonly kind: 'skip'; readonly because: string }

/** A fault of the adapter, in words for whoever has to mend it. */
export interface Finding {
  readonly sent: string
  readonly came: string
  readonly expected: string
  /** What to do about it. */
  readonly advice: string
}

export const PASS: Verdict = { kind: 'pass' }

export function passWith(note: string): Verdict {
  return { kind: 'pass', note }
}

export function skip(because: string): Verdict {
  return { kind: 'skip', because }
}

export function fail(finding: Finding): Verdict {
  return { kind: 'fail', finding }
}
