import type { Ended } from '../engine/index.ts'

/**
 * What a docker CLI said without the log lines of its own, which tell of calls that it took back itself. Whether there
 * are any depends on what was faster, at an engine as much as through powerstrip.
 */
export function withoutClientLog(ended: Ended): Ended {
  return { ...ended, stderr: ended.stderr.replace(/^time="[^"]*" level=.*\n/gm, '') }
}
