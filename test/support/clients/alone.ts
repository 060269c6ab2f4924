import { runLabel } from '../engine/index.ts'

/** What containers are started with on an engine without a network of its own, which may be somebody else's engine. */
export const ALONE: readonly string[] = ['--network', 'none', '--label', runLabel()]

/**
 * A command for a container, or an exec, whose output is looked at: a script, behind which it stays for a moment. Engine 26.1 itself loses the
 * output of about every hundredth container that ends at once. It ends as its script does, unless an exit code is told.
 */
export function lingering(script: string, exitCode: number | '$status' = '$status'): readonly string[] {
  return ['sh', '-c', `${script}; status=$?; sleep 0.3; exit ${exitCode}`]
}
