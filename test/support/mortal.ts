import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/**
 * As `spawn`, for a program that must not outlive the tests: the kernel kills it when this process ends, however suddenly.
 * `setpriv` becomes the program, so the child is the program itself.
 */
export function spawnMortal(
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], options)
}
