import { randomBytes } from 'node:crypto'

/**
 * What a suite has to put on everything it makes in an engine that is not its own: `--label ${runLabel()}`. Only what
 * carries it is removed at the end.
 */
export function runLabel(): string {
  // In the environment, so that the workers of one run agree.
  process.env.POWERSTRIP_TEST_RUN ??= randomBytes(4).toString('hex')
  return `powerstrip.test=${process.env.POWERSTRIP_TEST_RUN}`
}
