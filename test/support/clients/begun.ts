import type { Way } from './ways.ts'

/** For `docker exec` in a box that only sleeps: ends once it does. */
export const UNTIL_IT_SLEEPS = ['sh', '-c', 'until grep -q ^sleep /proc/1/cmdline; do sleep 0.05; done']

/**
 * Waits until a box that only sleeps does so. `docker run` comes back when runc has been told to go on, and runc's own
 * process, of several threads, may stand in the command's place for a while yet.
 */
export async function begun(way: Way, box: string): Promise<void> {
  await way.must(['exec', box, ...UNTIL_IT_SLEEPS])
}
