/** When a call is made again (protocol 2, section 9). */
import type { HookFailure } from '../../../src/model/hook.ts'
import { failed, ok } from '../../../src/model/result.ts'
import { type RepeatTerms, retryPauseMs } from '../../../src/transport/retry.ts'

const cause = 'it is gone'
const unreachable = (more: object = {}) => failed<HookFailure>({ kind: 'unreachable', cause, ...more })
const status = (code: number, fields = {}) => ok({ status: code, body: '', fields })
const IDEMPOTENT: RepeatTerms = { retries: 2, idempotent: true }
const ONCE: RepeatTerms = { retries: 2, idempotent: false }

test.each<[string, Parameters<typeof retryPauseMs>[0], RepeatTerms, (number | undefined)[]]>([
  ['a refused connection', unreachable(), ONCE, [100, 200, undefined]],
  [
    'an idle connection that broke, nothing read',
    unreachable({ sent: true, stale: true }),
    ONCE,
    [0, 0, undefined],
  ],
  ['a new connection that broke', unreachable({ sent: true }), ONCE, [undefined]],
  [
    'a new connection that broke, to an idempotent adapter',
    unreachable({ sent: true }),
    IDEMPOTENT,
    [100, 200, undefined],
  ],
  ['a time limit', failed<HookFailure>({ kind: 'deadline', deadlineMs: 1 }), IDEMPOTENT, [undefined]],
  [
    'a reply that cannot be read',
    failed<HookFailure>({ kind: 'bad-reply', problem: '' }),
    IDEMPOTENT,
    [undefined],
  ],
  ['503', status(503), ONCE, [undefined]],
  ['503 of an idempotent adapter', status(503), IDEMPOTENT, [100, 200, undefined]],
  ['429 that says when', status(429, { 'retry-after': '3' }), IDEMPOTENT, [3000, 3000, undefined]],
  ['500', status(500), IDEMPOTENT, [undefined]],
  ['a refused connection, of a stream', unreachable(), { retries: 'never', idempotent: true }, [undefined]],
])('V2-9.3: %s', (_what, reply, terms, expected) => {
  for (const [index, most] of expected.entries()) {
    const pauseMs = retryPauseMs(reply, index + 1, terms)
    if (most === undefined) expect(pauseMs).toBeUndefined()
    else {
      // Half of it is up to chance.
      expect(pauseMs).toBeGreaterThanOrEqual(most / 2)
      expect(pauseMs).toBeLessThanOrEqual(most)
    }
  }
})
