/** Every check there is, in the order in which it is run and reported. */
import { AUTH_CHECKS } from './auth.ts'
import type { Check } from './check.ts'
import { DECISION_CHECKS } from './decision.ts'
import { HANDSHAKE_CHECKS } from './handshake.ts'
import { HOSTILE_CHECKS } from './hostile.ts'
import { MUTATION_CHECKS } from './mutation.ts'
import { DRY_RUN_CHECKS, IDEMPOTENCY_CHECKS, STREAM_CHECKS } from './promises.ts'
import { DEADLINE_CHECKS, LIMIT_CHECKS } from './time-and-size.ts'
import { UNWIND_CHECKS } from './unwind.ts'
import { V1_CHECKS } from './v1.ts'

export interface Category {
  readonly name: string
  readonly protocol: 1 | 2
  readonly checks: readonly Check[]
}

export const CATEGORIES: readonly Category[] = [
  { name: 'V1-CORE', protocol: 1, checks: V1_CHECKS.filter(({ id }) => id.startsWith('PS1-CORE-')) },
  { name: 'V1-ROBUST', protocol: 1, checks: V1_CHECKS.filter(({ id }) => id.startsWith('PS1-ROB-')) },
  { name: 'V2-HANDSHAKE', protocol: 2, checks: HANDSHAKE_CHECKS },
  { name: 'V2-DECISION', protocol: 2, checks: DECISION_CHECKS },
  { name: 'V2-MUTATION', protocol: 2, checks: MUTATION_CHECKS },
  { name: 'V2-UNWIND', protocol: 2, checks: UNWIND_CHECKS },
  { name: 'V2-DEADLINE', protocol: 2, checks: DEADLINE_CHECKS },
  { name: 'V2-LIMITS', protocol: 2, checks: LIMIT_CHECKS },
  { name: 'V2-HOSTILE', protocol: 2, checks: HOSTILE_CHECKS },
  { name: 'V2-IDEMPOTENCY', protocol: 2, checks: IDEMPOTENCY_CHECKS },
  { name: 'V2-DRYRUN', protocol: 2, checks: DRY_RUN_CHECKS },
  { name: 'V2-STREAM', protocol: 2, checks: STREAM_CHECKS },
  { name: 'V2-AUTH', protocol: 2, checks: AUTH_CHECKS },
]
