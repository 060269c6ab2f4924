import { dockerCli } from '../engine/index.ts'
import { python } from './python.ts'
import type { Way } from './ways.ts'

/** What somebody does at a terminal. */
export type TerminalStep =
  /** Waits until the screen has shown this, behind what was expected before. */
  | { readonly expect: string }
  | { readonly type: string }
  /** Rows and columns of the window. */
  | { readonly resize: readonly [number, number] }

export interface Scene {
  readonly exitCode: number
  /** Everything that came out of the terminal. */
  readonly screen: string
}

/** Runs the CLI on a pseudo-terminal of 24 rows and 80 columns until it ends by itself. */
export async function atTerminal(
  way: Way,
  args: readonly string[],
  steps: readonly TerminalStep[],
): Promise<Scene> {
  const cli = await dockerCli(way.cli)
  const env = { DOCKER_HOST: way.host, DOCKER_CONFIG: cli.configDir, TERM: 'xterm' }
  return (await python('terminal.py', [JSON.stringify(steps), cli.bin, ...args], env)) as Scene
}
