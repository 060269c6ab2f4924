/** One line for the person who waits. On standard error, so that a demo's or a benchmark's output stays its own. */
export function tell(line: string): void {
  process.stderr.write(`[engine] ${line}\n`)
}

/** For what may make a result misleading, and so must not scroll by unseen. */
export function warn(line: string): void {
  process.stderr.write(`[engine] WARNING: ${line}\n`)
}
