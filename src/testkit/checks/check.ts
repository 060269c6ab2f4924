import type { Subject } from '../subject.ts'
import type { Verdict } from '../verdict.ts'

/** One thing that an adapter must get right. */
export interface Check {
  /** Permanent: never given to another check, and never changed. */
  readonly id: string
  /** What a good adapter does. */
  readonly title: string
  readonly run: (subject: Subject) => Promise<Verdict>
}
