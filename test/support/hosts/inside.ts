import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/**
 * Starts a program inside a host: it has the host's network, sees what the host's engine has mounted, and is the
 * returned process itself. It ends with the host at the latest.
 */
export function startInside(
  keeperPid: number,
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  const { cwd = process.cwd(), ...rest } = options
  return spawn('nsenter', insideArgs(keeperPid, program, args, `${cwd}`), rest)
}

/** Arguments of `nsenter`, which becomes the program. */
export function insideArgs(
  keeperPid: number,
  program: string,
  args: readonly string[],
  cwd: string,
): readonly string[] {
  return ['--target', `${keeperPid}`, '--mount', '--net', `--wdns=${cwd}`, '--', program, ...args]
}
