import type { Json, Query } from 'powerstrip/sdk'

/** A request as the doors see it. The body is a draft. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Json
  /** `null`: there is no body, or none that hooks may see. */
  readonly text: string | null
}

/** Whether the engine takes a value of the query for true: anything but these words. */
export function isOn(value: string | null): boolean {
  return !['', '0', 'no', 'false', 'none'].includes((value ?? '').trim().toLowerCase())
}
